import type { Format } from "../../formats/format";
import { parseJson } from "../../formats/jsonText";
import { Failure } from "../../model/failure";
import type { JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { FileBytes } from "./byteSource";
import { inflated, storedForm } from "./compressed";
import { bestRows, heldRows, type HeldRows } from "./heldRows";
import { jsonOfPlain } from "./jsonOfPlain";
import { LastContents } from "./lastContents";
import { LARGEST_DOCUMENT, ROWS_AT_ONCE, type Opened } from "./openedRecords";
import { plainContent } from "./plainContent";

interface Unwrapped {
  readonly held: readonly HeldRows[];
  readonly notes: readonly Note[];
}

const contents = new LastContents<Unwrapped>(1);

/**
 * The rows that a file may hold which is one document to formats: JSON with its rows under a key, documents that follow each
 * other, pickled lists of dicts.
 * @throws Failure when the file cannot be read
 */
export async function unwrapped(path: string, kind: "json" | "pickle"): Promise<Unwrapped> {
  const { key, content } = contents.find(path);
  return content ?? contents.keep(key, kind === "json" ? await ofJson(path) : await ofPickle(path));
}

/** The rows of a format, as records. */
export async function unwrappedRecords(
  path: string,
  kind: "json" | "pickle",
  format: Format,
): Promise<Opened> {
  const { held, notes } = await unwrapped(path, kind);
  const rows = bestRows(held, [format], { path, bytes: 0, siblings: [] })?.held.rows ?? [];
  return {
    count: rows.length,
    batch: ROWS_AT_ONCE,
    notes,
    read: async (start, end) => rows.slice(start, end).map((value) => ({ kind: "value", value }) as const),
  };
}

async function ofPickle(path: string): Promise<Unwrapped> {
  const { value, notes } = await plainContent(path);
  return { held: heldRows(jsonOfPlain(value)), notes };
}

async function ofJson(path: string): Promise<Unwrapped> {
  const source = FileBytes.of(path);
  const compression = storedForm(path);
  const { bytes, notes } =
    compression === undefined
      ? { bytes: readWhole(path, source), notes: [] as readonly Note[] }
      : await inflated(path, compression);
  const text = bytes.toString("utf8").replace(/^\ufeff/, "");
  try {
    return { held: heldRows(parseJson(text)), notes };
  } catch {
    const { values, rest } = followingDocuments(text);
    const torn: readonly Note[] =
      rest === ""
        ? []
        : [
            {
              code: "torn-document",
              message: `${path} ends in the middle of its JSON: the documents before are shown.`,
              where: path,
            },
          ];
    return { held: heldRows(values), notes: [...notes, ...torn] };
  }
}

function readWhole(path: string, source: FileBytes): Buffer {
  if (source.size > LARGEST_DOCUMENT)
    throw new Failure(
      "long-document",
      `${path} is one JSON document of ${Math.round(source.size / 2 ** 20)} MB.`,
      "Documents of up to 400 MB can be read; convert it to JSON lines.",
    );
  return source.read(0, source.size);
}

/** Documents that follow each other with nothing, white space or commas between them. */
function followingDocuments(text: string): { readonly values: readonly JsonValue[]; readonly rest: string } {
  const values: JsonValue[] = [];
  for (let start = 0; ;) {
    const end = documentEnd(text, start);
    const document = text.slice(start, end < 0 ? text.length : end).replace(/^[\s,]+/, "");
    if (end < 0) return { values, rest: document.trim() };
    try {
      values.push(parseJson(document));
    } catch {
      return { values, rest: document };
    }
    start = end;
  }
}

/** Where the object or list that begins next in a JSON text ends; -1 where the text ends before. */
export function documentEnd(text: string, start: number): number {
  let depth = 0;
  let inString = false;
  for (let index = start; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) depth++;
    else if ((code === 0x7d || code === 0x5d) && --depth <= 0) return index + 1;
  }
  return -1;
}
