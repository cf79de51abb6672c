/** Three significant digits, as in the views: 1.00, 0.540, -1.21, 187. Full precision stays in the data. */
export function digits(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (value === 0) return "0.00";
  const rounded = Number(value.toPrecision(3));
  const magnitude = Math.abs(rounded);
  if (magnitude >= 1e5 || magnitude < 1e-4) return rounded.toExponential(2);
  return magnitude >= 1000 ? value.toFixed(0) : rounded.toPrecision(3);
}

/** As {@link digits}, always with a sign: advantages. */
export const signedDigits = (value: number): string =>
  value > 0 || Object.is(value, 0) ? `+${digits(value)}` : digits(value);

/** A number that may be absent, null or NaN; the three look different. */
export function recorded(value: number | null | undefined): string | undefined {
  if (value === undefined) return undefined;
  return value === null ? "null" : digits(value);
}

/** 0.0934 -> "9%". Shares that are neither nothing nor all never round to 0% or 100%. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  if (rounded === 0 && share > 0) return "<1%";
  if (rounded === 100 && share < 1) return ">99%";
  return `${rounded}%`;
}

/** 12345 -> "12,345". */
export const count = (value: number): string => value.toLocaleString("en-US");

/** "1 step", "12 steps". */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** Bytes in powers of 1,000, as file managers show them: "3.1 MB". */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? scaled : scaled.toPrecision(scaled >= 100 ? 3 : 2)} ${units[unit]}`;
}
