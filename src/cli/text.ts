/** Text from a trajectory made safe for a terminal: control characters (colours, cursor moves, title changes) are shown, not obeyed. */
export const terminalText = (text: string): string =>
  text
    .replace(/\r\n/g, "\n")
    .replace(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );

/** The first `length` characters on one line. */
export function oneLine(text: string, length: number): string {
  const flat = terminalText(text).replace(/\s+/g, " ").trim();
  return flat.length <= length ? flat : `${flat.slice(0, length - 3)}...`;
}

/** Shortest text that reads back as the same number; absent, null and NaN stay apart. */
export function numberText(value: number | null | undefined): string {
  if (value === undefined) return "-";
  if (value === null) return "null";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** As {@link numberText} with six significant digits, which is what a table can be read with; `--json` has all of them. */
export const tableNumber = (value: number | null | undefined): string =>
  numberText(
    typeof value === "number" && Number.isFinite(value) && !Number.isInteger(value)
      ? Number(value.toPrecision(6))
      : value,
  );

/** Columns aligned under their headings; numbers to the right, with six significant digits. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | number | null | undefined)[])[],
): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === "string" ? oneLine(cell, 200) : tableNumber(cell))),
  );
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => (row[column] ?? "").length)),
  );
  const numeric = headings.map(
    (_heading, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== "string"),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(headings), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}
