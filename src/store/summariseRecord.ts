import { parseJson } from "../formats/jsonText";
import type { Format, FormatRecord, RecordContext } from "../formats/format";
import { cutLongTexts } from "../formats/longText";
import { Failure } from "../model/failure";
import { companionsOf } from "./containers/companions";
import type { SummaryBlockBuilder } from "./summaryBlockBuilder";
import { jsonProblem } from "./textBytes";

/** What all records of a file know of their surroundings. One object for all of them, with the row of each in turn. */
export type Place = Omit<RecordContext, "row"> & { row: number };

/** The surroundings of a file, its companions read. */
export function placeOf(
  { path, relativePath }: Pick<RecordContext, "path" | "relativePath">,
  format: Format,
): Place {
  const companions = companionsOf(format, path);
  return { path, relativePath, row: 0, ...(companions === undefined ? {} : { companions }) };
}

/** Adds the summaries of one record, given as JSON text; one that is no JSON, or does not fit, is noted instead. */
export function summariseText(
  builder: SummaryBlockBuilder,
  format: Format,
  text: string,
  row: number,
  offset: number,
  length: number,
  place: Place,
): void {
  let record: ValueRecord;
  try {
    record = recordOf(text, format);
  } catch (error) {
    const reason = jsonProblem(text) ?? shortReason(error);
    builder.note({ row, code: "malformed-line", reason: `is not valid JSON (${reason})` });
    return;
  }
  summariseRecord(builder, format, record, row, offset, length, place);
}

type ValueRecord = Extract<FormatRecord, { kind: "value" }>;

function recordOf(text: string, format: Format): ValueRecord {
  const cut = format.longFields === undefined ? undefined : cutLongTexts(text, format.longFields);
  return cut === undefined
    ? { kind: "value", value: parseJson(text) }
    : { kind: "value", value: parseJson(cut.rest), long: cut.long };
}

/** Adds the summaries of one record, or the note why the format cannot take it. */
export function summariseRecord(
  builder: SummaryBlockBuilder,
  format: Format,
  record: ValueRecord,
  row: number,
  offset: number,
  length: number,
  place: Place,
): void {
  try {
    place.row = row;
    builder.add(row, offset, length, format.summarise(record, place));
  } catch (error) {
    if (error instanceof SyntaxError) {
      builder.note({ row, code: "malformed-line", reason: `is not valid JSON (${shortReason(error)})` });
      return;
    }
    builder.note({
      row,
      code: error instanceof Failure ? error.code : "unfit-record",
      reason: `does not fit ${format.title}: ${shortReason(error)}`,
    });
  }
}

/** The engine's message without the text it quotes, and without its line, which is one within the row: newer engines tell it. */
function shortReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = (message.split("\n", 1)[0] ?? message).replace(/ \(line \d+ column \d+\)$/, "");
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
