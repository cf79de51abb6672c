/** Text from a trajectory made safe for a terminal: control characters (colours, cursor moves, title changes) are shown, not obeyed. */
export const terminalText = (text: string): string =>
  text
    .replace(/\r\n/g, "\n")
    .replace(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );

/** The text on one line, safe for a terminal. */
export const oneLine = (text: string): string => terminalText(text).replace(/\s+/g, " ").trim();

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
