import type { Recorded } from "../../src/model/trajectory";

/** How an absent number is written. */
export const ABSENT = "-";

/**
 * Three significant digits with trailing zeros, so that columns line up; exponents beyond 1e5 and below 1e-4.
 * Absent, null and NaN stay apart: "-", "null", "NaN".
 */
export function significant(value: Recorded): string {
  if (value === undefined) return ABSENT;
  if (value === null) return "null";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return "0.00";
  const rounded = Number(value.toPrecision(3));
  const magnitude = Math.abs(rounded);
  if (magnitude >= 1e5 || magnitude < 1e-4) return rounded.toExponential(2);
  if (magnitude >= 1000) return value.toFixed(0);
  return rounded.toPrecision(3);
}

/** Like `significant` with the sign always written; used for every advantage. */
export function withSign(value: Recorded): string {
  const text = significant(value);
  return typeof value === "number" && (value > 0 || Object.is(value, 0)) ? `+${text}` : text;
}

/** Three digits, with the sign where the quantity has one. */
export function valueText(value: Recorded, signed: boolean): string {
  return signed ? withSign(value) : significant(value);
}

/**
 * Like `significant`, with as many decimals as the largest number of its column needs for three and a half digits
 * (1.234, 2.34, 12.3), so that the points stand below each other; a number too small for that keeps its own digits.
 */
export function aligned(value: number, largest: number, signed: boolean): string {
  const exponent = Math.floor(Math.log10(Math.abs(largest)));
  const decimals = 2 - exponent + (Math.abs(largest) / 10 ** exponent < 2 ? 1 : 0);
  if (!Number.isFinite(value) || !Number.isFinite(decimals) || decimals < 0 || decimals > 6)
    return valueText(value, signed);
  const text = value.toFixed(decimals);
  if (Number(text) === 0 && value !== 0) return valueText(value, signed);
  return signed && value >= 0 && !Object.is(value, -0) ? `+${text}` : text;
}

/** Full precision: what the double holds, for titles and for copying. */
export function exact(value: Recorded): string {
  if (value === undefined) return "not recorded";
  if (value === null) return "null";
  return Object.is(value, -0) ? "-0" : String(value);
}

const grouped = new Intl.NumberFormat("en-US");

/** A whole number with thousands separators. */
export function count(value: number): string {
  return grouped.format(value);
}

/** "1 step", "12 steps", "2 trajectories". */
export function plural(value: number, noun: string): string {
  const many = /[^aeiou]y$/.test(noun)
    ? `${noun.slice(0, -1)}ies`
    : /(s|sh|ch|x)$/.test(noun)
      ? `${noun}es`
      : `${noun}s`;
  return `${count(value)} ${value === 1 ? noun : many}`;
}

/** A share as a percentage: whole numbers from 10 % up, one decimal below; 0 and 100 only when exactly so. */
export function percent(share: number | undefined): string {
  if (share === undefined || Number.isNaN(share)) return ABSENT;
  const value = share * 100;
  if (value === 0 || value === 100) return `${value}%`;
  if (value < 0.1) return "<0.1%";
  if (value > 99.9) return ">99.9%";
  return value < 10 || value > 99 ? `${value.toFixed(1)}%` : `${value.toFixed(0)}%`;
}

/** Bytes in powers of 1,000, as the Trajectories view writes them: "3.1 MB". */
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

/** Text on one line, cut at `limit` characters, for lists. */
export function oneLine(text: string, limit = 160): string {
  const line = text
    .slice(0, limit * 2)
    .replace(/\s+/g, " ")
    .trim();
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
}

/** A token as a reader must see it: spaces and line ends made visible. */
export function visibleToken(text: string): string {
  if (text === "") return "∅";
  return text
    .replace(/\r/g, "␍")
    .replace(/\n/g, "⏎")
    .replace(/\t/g, "⇥")
    .replace(/^[ ▁Ġ]+|[ ▁Ġ]+$/g, (run) => "·".repeat(run.length));
}
