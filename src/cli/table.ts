import stringWidth from "string-width";
import { oneLine, tableNumber } from "./text";

export type Cell = string | number | null | undefined;

/** Mark of a cell that was cut. */
const CUT = "…";
const GAP = 2;
/** Texts are cut to the first width before headings are, and not below the second: an id fits, and columns go first. */
const SHORT_TEXT = 24;
const LEAST_TEXT = 16;
const LEAST_HEADING = 6;

const segmenter = new Intl.Segmenter();
const characters = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment);

/** Columns aligned under their headings; numbers to the right, with six significant digits, and never cut. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  /** Columns of the terminal; undefined = as wide as it gets, nothing is cut. */
  width?: number,
): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === "string" ? oneLine(cell) : tableNumber(cell))),
  );
  const numeric = headings.map(
    (_heading, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== "string"),
  );
  const own = headings.map((_heading, column) =>
    Math.max(0, ...cells.map((row) => stringWidth(row[column] ?? ""))),
  );
  const natural = headings.map((heading, column) => Math.max(stringWidth(heading), own[column]!));
  const least = headings.map((heading, column) =>
    numeric[column]
      ? Math.max(own[column]!, Math.min(stringWidth(heading), LEAST_HEADING))
      : Math.min(natural[column]!, LEAST_TEXT),
  );
  const shown = width === undefined ? headings.length : columnsThatFit(least, width);
  const [only] = cells;
  if (shown < headings.length && cells.length === 1 && only) return record(headings, only, width);
  const widths = fitted(natural.slice(0, shown), least.slice(0, shown), numeric, width);
  const line = (row: readonly string[]): string =>
    widths
      .map((size, column) => {
        const cell = cut(row[column] ?? "", size, headings[column] === "path" || undefined);
        const space = " ".repeat(Math.max(0, size - stringWidth(cell)));
        return numeric[column] ? space + cell : cell + space;
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  return [
    line(headings),
    line(widths.map((size) => "-".repeat(size))),
    ...cells.map(line),
    ...(shown < headings.length
      ? [
          `(${headings.length - shown} more ${headings.length - shown === 1 ? "column does" : "columns do"} not fit: ${headings.slice(shown).join(", ")}; --wide shows them)`,
        ]
      : []),
  ].join("\n");
}

/** How many columns, from the first, fit at their smallest; at least one. */
function columnsThatFit(least: readonly number[], width: number): number {
  let used = -GAP;
  const over = least.findIndex((size) => (used += GAP + size) > width);
  return over < 0 ? least.length : Math.max(1, over);
}

/** Natural widths, the widest texts brought down to one width, and the headings over numbers, until the line fits. */
function fitted(
  natural: readonly number[],
  least: readonly number[],
  numeric: readonly boolean[],
  width: number | undefined,
): readonly number[] {
  if (width === undefined) return natural;
  const space = width - GAP * (natural.length - 1);
  const limits = { text: Math.max(1, ...natural), heading: Math.max(1, ...natural) };
  const at = (): number[] =>
    natural.map((size, column) =>
      Math.max(least[column]!, Math.min(size, numeric[column] ? limits.heading : limits.text)),
    );
  const total = (widths: readonly number[]): number => widths.reduce((sum, size) => sum + size, 0);
  while (total(at()) > space && limits.text > 1)
    if (limits.text <= SHORT_TEXT && limits.heading > LEAST_HEADING) limits.heading--;
    else limits.text--;
  const widths = at();
  // What the common width leaves over goes to the first of the cut columns.
  for (let column = 0, left = space - total(widths); column < widths.length && left > 0; column++) {
    const more = Math.min(left, natural[column]! - widths[column]!);
    widths[column] = widths[column]! + more;
    left -= more;
  }
  return widths;
}

/** A single row with more columns than fit, one below the other. */
function record(headings: readonly string[], row: readonly string[], width: number | undefined): string {
  const names = Math.max(...headings.map((heading) => stringWidth(heading)));
  return headings
    .map((heading, column) => {
      const start = heading + " ".repeat(names - stringWidth(heading) + GAP);
      const cell = row[column] ?? "";
      return start + (width === undefined ? cell : cut(cell, Math.max(LEAST_TEXT, width - names - GAP)));
    })
    .join("\n");
}

/** The text in at most `size` columns. Of a path the end tells more than the beginning. */
function cut(text: string, size: number, path = isPath(text)): string {
  if (stringWidth(text) <= size) return text;
  const parts = characters(text);
  if (path) parts.reverse();
  const kept: string[] = [];
  let used = stringWidth(CUT);
  for (const part of parts) {
    used += stringWidth(part);
    if (used > size) break;
    kept.push(part);
  }
  return path ? CUT + kept.reverse().join("") : kept.join("") + CUT;
}

const isPath = (text: string): boolean => /^\S*[/\\]\S*$/u.test(text);
