import { parseJson } from "../formats/jsonText";
import type { JsonValue } from "../model/json";
import { arrowRows } from "./containers/arrowFile";
import { FileBytes } from "./containers/byteSource";
import { inflatedHead, storedForm } from "./containers/compressed";
import { csvTable } from "./containers/csvFile";
import type { StoredContainer } from "./containers/recordSource";
import { parquetRows } from "./parquet";
import { arrayElements, textStart } from "./arrayText";

/** Records that are looked at where the first one alone does not tell what a file holds. */
const SAMPLED = 12;
const SAMPLED_BYTES = 2 * 2 ** 20;

/**
 * The first records of a file whose records are rows, lines or elements, those that parse; none for other files. A file's
 * first record may be the odd one out: a header, an error, a task that was not begun.
 * Throws what the file system throws.
 */
export async function sampledRecords(
  path: string,
  container: StoredContainer,
  array: boolean,
): Promise<readonly JsonValue[]> {
  switch (container) {
    case "parquet":
      return parquetRows(path, 0, SAMPLED);
    case "arrow":
      return (await arrowRows(path)).read(0, SAMPLED);
    case "csv":
      return (await csvTable(path)).read(0, SAMPLED);
    case "jsonl":
      return lines(FileBytes.of(path).read(0, SAMPLED_BYTES));
    case "json":
      return array ? elements(FileBytes.of(path).read(0, SAMPLED_BYTES)) : [];
    case "compressed-jsonl":
      return lines(await inflatedBeginning(path));
    case "compressed-json":
      return array ? elements(await inflatedBeginning(path)) : [];
    default:
      return [];
  }
}

async function inflatedBeginning(path: string): Promise<Buffer> {
  const compression = storedForm(path);
  return compression === undefined ? Buffer.alloc(0) : inflatedHead(path, compression, SAMPLED_BYTES);
}

function lines(bytes: Buffer): readonly JsonValue[] {
  const found: JsonValue[] = [];
  let start = textStart(bytes);
  // More lines than records are tried, so that a damaged beginning is passed over.
  for (let tried = 0; tried < 4 * SAMPLED && found.length < SAMPLED && start < bytes.length; tried++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    found.push(...parsed(bytes, start, end));
    start = end + 1;
  }
  return found;
}

function elements(bytes: Buffer): readonly JsonValue[] {
  return arrayElements(bytes)
    .elements.slice(0, SAMPLED)
    .flatMap(([start, end]) => parsed(bytes, start, end));
}

function parsed(bytes: Buffer, start: number, end: number): readonly JsonValue[] {
  const text = bytes.toString("utf8", start, end).trim();
  if (text === "") return [];
  try {
    return [parseJson(text)];
  } catch {
    return [];
  }
}
