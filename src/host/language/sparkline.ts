import { digits } from "../ui/numbers";

const width = 240;
const height = 40;
const pad = 4;
/** Mid-tones that stand out on light and dark hovers alike; a picture cannot take the theme's variables. */
const colours = { line: "#3794ff", axis: "#808080" };

/**
 * A small line chart as a Markdown picture; its text twin is the picture's alternative text.
 * @param values oldest first; NaN leaves a gap
 */
export function sparklinePicture(values: readonly number[]): string {
  const finite = values.filter((value) => Number.isFinite(value));
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low;
  const x = (index: number): number =>
    pad + (values.length < 2 ? 0 : (index * (width - 2 * pad)) / (values.length - 1));
  const y = (value: number): number =>
    span === 0 ? height / 2 : height - pad - ((value - low) * (height - 2 * pad)) / span;
  let path = "";
  let pen = false;
  for (const [index, value] of values.entries()) {
    if (!Number.isFinite(value)) {
      pen = false;
      continue;
    }
    path += `${pen ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = true;
  }
  const dots = values
    .map((value, index) =>
      Number.isFinite(value)
        ? `<circle cx="${x(index).toFixed(1)}" cy="${y(value).toFixed(1)}" r="${index === values.length - 1 ? 3 : 1.4}" fill="${colours.line}"/>`
        : "",
    )
    .join("");
  const zero =
    low < 0 && low + span > 0
      ? `<path d="M0 ${y(0).toFixed(1)}H${width}" stroke="${colours.axis}" stroke-dasharray="2 3" fill="none"/>`
      : "";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${zero}<path d="${path}" fill="none" stroke="${colours.line}" stroke-width="1.8" stroke-linejoin="round"/>${dots}</svg>`;
  const words = values.map((value) => digits(value)).join(", ");
  return `![${words}](data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")})`;
}
