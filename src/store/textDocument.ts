import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { parseDocument, parseJson } from "../formats/jsonText";
import type { Format } from "../formats/format";
import { Failure } from "../model/failure";
import { arrayElements, beheadedStart, isArrayText, textStart } from "./arrayText";
import { LONGEST_RECORD, type LinesResult } from "./textLines";
import { placeOf, summariseRecord, summariseText } from "./summariseRecord";
import { SummaryBlockBuilder } from "./summaryBlockBuilder";
import { textOf } from "./textBytes";

/** A whole JSON file to summarise: the elements of an array, or one document. */
export interface DocumentJob {
  readonly kind: "document";
  readonly path: string;
  readonly relativePath: string;
  readonly formatId: string;
}

/** Summarises a whole JSON file. An array that was cut keeps the elements before the cut. */
export function summariseDocument(job: DocumentJob, format: Format): LinesResult {
  const builder = new SummaryBlockBuilder();
  const place = placeOf(job, format);
  const bytes = readWhole(job.path);
  let records = 0;
  let torn = 0;
  if (isArrayText(bytes) && format.wholeDocument !== true) {
    const { elements, end } = arrayElements(bytes);
    if (beheadedStart(bytes) !== undefined) {
      builder.note({
        row: 0,
        code: "lost-beginning",
        reason: `is cut off at its beginning by ${textStart(bytes).toLocaleString("en")} NUL bytes, and those before it are lost`,
      });
      records = 1;
    }
    for (const [start, stop] of elements) {
      summariseText(
        builder,
        format,
        textOf(bytes.subarray(start, stop)),
        records,
        start,
        stop - start,
        place,
      );
      records++;
    }
    if (end < 0) torn = bytes.length - (elements.at(-1)?.[1] ?? 0);
  } else {
    const start = textStart(bytes);
    const text = textOf(bytes.subarray(start));
    try {
      const { value, broken } =
        format.wholeDocument === true ? parseDocument(text) : { value: parseJson(text), broken: [] };
      for (const line of broken)
        builder.note({ row: 0, code: "broken-line", reason: `has a line ${line} that is not JSON` });
      summariseRecord(builder, format, { kind: "value", value }, 0, start, bytes.length - start, place);
      records = 1;
    } catch {
      torn = bytes.length;
    }
  }
  return { block: builder.pack(records), endOffset: bytes.length, tornBytes: torn, open: false };
}

function readWhole(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const size = fstatSync(file).size;
    if (size > LONGEST_RECORD)
      throw new Failure(
        "long-document",
        `${path} is one JSON document of ${Math.round(size / 2 ** 20)} MB.`,
        "Documents up to 400 MB can be read; convert it to JSON lines.",
      );
    const bytes = Buffer.allocUnsafe(size);
    let held = 0;
    while (held < size) {
      const got = readSync(file, bytes, held, size - held, held);
      if (got === 0) break;
      held += got;
    }
    return bytes.subarray(0, held);
  } finally {
    closeSync(file);
  }
}
