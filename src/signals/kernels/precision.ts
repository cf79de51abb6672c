/** Width of the arithmetic: what the framework that produced a number used. */
export type Precision = "float64" | "float32";

/** Rounds to the nearest value of the given width; float64 is left as it is. */
export function rounding(precision: Precision): (value: number) => number {
  return precision === "float32" ? Math.fround : (value) => value;
}

const bits = new DataView(new ArrayBuffer(4));

/** Nearest bfloat16 value (8 significant bits), ties to even. */
export function bfloat16(value: number): number {
  if (!Number.isFinite(value)) return value;
  bits.setFloat32(0, value);
  const word = bits.getUint32(0);
  bits.setUint32(0, (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000);
  return bits.getFloat32(0);
}
