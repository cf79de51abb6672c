import type { Format, FormatRecord } from "../../formats/format";
import { parseDocument, parseJson } from "../../formats/jsonText";
import { Failure } from "../../model/failure";
import type { JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { jsonProblem, textOf } from "../textBytes";
import { arrayElements, isArrayText, textStart } from "../arrayText";
import { FileBytes } from "./byteSource";
import { expandedCopy, storedForm } from "./compressed";
import { each, LARGEST_DOCUMENT, oneRecord, ROWS_AT_ONCE, unreadable, type Opened } from "./openedRecords";

/** Text records of a compressed file (or of a plain one, for readers without an index). */
export async function textRecords(path: string, container: string, format: Format): Promise<Opened> {
  const compression = container.startsWith("compressed") ? storedForm(path) : undefined;
  const copy = compression === undefined ? { path, notes: [] } : await expandedCopy(path, compression);
  const source = FileBytes.of(copy.path);
  const parse = (start: number, end: number): FormatRecord | undefined => {
    if (end - start > LARGEST_DOCUMENT)
      throw new Failure("long-line", "is longer than 400 MB", "It is left out.");
    const text = textOf(source.read(start, end - start)).replace(/^[\ufeff\0]+/, "");
    if (text.trim() === "") return undefined;
    try {
      return { kind: "value", value: parseJson(text) };
    } catch (error) {
      const problem = jsonProblem(text);
      if (problem === undefined) throw error;
      throw new Failure("malformed-line", `it is not valid JSON (${problem})`, "It is left out.");
    }
  };
  if (container.endsWith("jsonl") && format.wholeDocument !== true) {
    const starts = lineStarts(source);
    const count = starts.length - 1;
    return {
      count,
      batch: ROWS_AT_ONCE,
      notes: copy.notes,
      read: async (start, end) =>
        each(start, Math.min(end, count), (row) => parse(starts[row] as number, starts[row + 1] as number)),
    };
  }
  if (source.size > LARGEST_DOCUMENT)
    throw new Failure(
      "long-document",
      `${path} is one JSON document of ${Math.round(source.size / 2 ** 20)} MB.`,
      "Documents of up to 400 MB can be read; convert it to JSON lines.",
    );
  const bytes = source.read(0, source.size);
  if (isArrayText(bytes) && format.wholeDocument !== true) {
    const { elements, end } = arrayElements(bytes);
    return {
      count: elements.length,
      batch: ROWS_AT_ONCE,
      notes: end < 0 ? [...copy.notes, tornDocument(path)] : copy.notes,
      read: async (start, stop) =>
        each(start, Math.min(stop, elements.length), (row) => parse(...(elements[row] as [number, number]))),
    };
  }
  let parsed: { readonly value: JsonValue; readonly broken: readonly number[] };
  try {
    parsed = parseDocument(bytes.toString("utf8", textStart(bytes)));
  } catch (error) {
    const failure = unreadable(error);
    return oneRecord(async () => {
      throw failure;
    });
  }
  const { value, broken } = parsed;
  return {
    ...oneRecord(async () => ({ kind: "value", value })),
    notes: [
      ...copy.notes,
      ...broken.slice(0, 100).map((line) => ({
        code: "broken-line",
        message: `Line ${line} of ${path} is not JSON; it is left out.`,
        where: `${path}:${line}`,
      })),
    ],
  };
}

function tornDocument(path: string): Note {
  return {
    code: "torn-document",
    message: `${path} ends in the middle of its JSON: what is whole is shown.`,
    where: path,
  };
}

/** First bytes of all lines, and the end of the last one. */
function lineStarts(source: FileBytes): readonly number[] {
  const starts: number[] = [0];
  for (let at = 0; at < source.size; at += 4 * 2 ** 20) {
    const piece = source.read(at, 4 * 2 ** 20);
    for (let found = piece.indexOf(0x0a); found >= 0; found = piece.indexOf(0x0a, found + 1))
      starts.push(at + found + 1);
  }
  if (starts.at(-1) !== source.size) starts.push(source.size);
  return starts;
}
