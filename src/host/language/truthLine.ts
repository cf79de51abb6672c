/** Stretches that are listed before the rest is only counted. */
const LISTED = 6;
/** Steps drawn one by one. */
const DRAWN = 60;

/**
 * Truth over steps in words: "true at 5 of 9 steps: 0-2, 4, 8", with a picture of short ones and a word on what is unknown.
 *
 * @param truth 1, 0, NaN = unknown; one entry a step
 */
export function truthLine(truth: Float64Array): string {
  if (truth.length === 0) return "no steps";
  const stretches: [number, number][] = [];
  let count = 0;
  let unknown = 0;
  truth.forEach((value, step) => {
    if (Number.isNaN(value)) unknown++;
    if (value !== 1) return;
    count++;
    const last = stretches.at(-1);
    if (last && last[1] === step - 1) last[1] = step;
    else stretches.push([step, step]);
  });
  const listed = stretches
    .slice(0, LISTED)
    .map(([from, to]) => (from === to ? String(from) : `${from}-${to}`))
    .join(", ");
  const more = stretches.length > LISTED ? `, and ${stretches.length - LISTED} more stretches` : "";
  const where = count === 0 ? "" : count === truth.length ? ": all" : `: ${listed}${more}`;
  const open = unknown === 0 ? "" : `; unknown at ${unknown}`;
  const picture =
    truth.length > DRAWN
      ? ""
      : ` ${[...truth].map((value) => (Number.isNaN(value) ? "?" : value === 1 ? "▮" : "▯")).join("")}`;
  return `true at ${count} of ${truth.length} steps${where}${open}${picture}`;
}
