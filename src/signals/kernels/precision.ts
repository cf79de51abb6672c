/** Width of the arithmetic: what the framework that produced a number used. */
export type Precision = "float64" | "float32";

/** Rounds to the nearest value of the given width; float64 is left as it is. */
export function rounding(precision: Precision): (value: number) => number {
  return precision === "float32" ? Math.fround : (value) => value;
}
