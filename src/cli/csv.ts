import { csvFormatRows } from "d3-dsv";
import { numberText, terminalText } from "./text";
import type { Cell } from "./table";

/** Rows with a heading each, for a spreadsheet or a data frame. */
export interface Sheet {
  readonly headings: readonly string[];
  readonly rows: Iterable<readonly (Cell | boolean | bigint)[]>;
}

/**
 * The sheet as CSV (RFC 4180, line feeds): numbers to the last digit, nothing where a number is absent or null, `NaN`
 * where it is NaN. Control characters of texts are shown as \xNN.
 */
export const csvText = ({ headings, rows }: Sheet): string =>
  csvFormatRows([[...headings], ...Array.from(rows, (row) => row.map(cellText))]);

function cellText(cell: Cell | boolean | bigint): string {
  if (cell === undefined || cell === null) return "";
  return typeof cell === "number" ? numberText(cell) : terminalText(String(cell));
}
