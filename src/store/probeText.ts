import { parseJson, parseJsonPrefix } from "../formats/jsonText";
import type { FileHead } from "../formats/format";
import type { JsonValue } from "../model/json";
import { beheadedStart, textStart } from "./arrayText";
import type { ByteSource } from "./containers/byteSource";

/** What is looked at of every file. */
export const HEAD_BYTES = 64 * 1024;
/** A first record longer than this is looked at by its beginning alone. */
export const WHOLE_RECORD_BYTES = 16 * 1024 * 1024;

/** Container and first record of a text file; undefined when it is not JSON. */
export function probeText(
  path: string,
  source: ByteSource,
): Pick<FileHead, "container" | "firstRecord" | "array"> | undefined {
  const bytes = source.read(0, HEAD_BYTES);
  const { size } = source;
  const start = textStart(bytes);
  const first = bytes[start];
  const beheaded = beheadedStart(bytes);
  if (beheaded !== undefined) {
    const rest = source.read(beheaded, Math.min(size - beheaded, HEAD_BYTES)).toString("utf8");
    const value = parseJsonPrefix(`[${rest}`);
    return {
      container: "json",
      array: true,
      ...withRecord(Array.isArray(value) ? (value as readonly JsonValue[])[0] : undefined),
    };
  }
  // The first lines of a log may be null, where its writer had nothing to say.
  const nulls = /^(?:null\s*\n)+(?=\s*[{[])/.exec(bytes.toString("latin1", start, start + 256));
  if (nulls !== null) {
    const next = firstLine(bytes, start + nulls[0].length);
    const record = next === undefined ? undefined : tryParse(next.text);
    return { container: "jsonl", ...withRecord(isContainer(record) ? record : laterLine(bytes, start)) };
  }
  if (first !== 0x7b && first !== 0x5b) return undefined;
  // A bracket that no value can follow is a text's own, such as a tag at the beginning of a log.
  if (first === 0x5b && /^\[\s*[^\s"{[\]\-\dtfnNI]/.test(bytes.toString("latin1", start, start + 256)))
    return undefined;
  const whole =
    size <= WHOLE_RECORD_BYTES ? source.read(0, WHOLE_RECORD_BYTES) : wholeFirstLine(source, bytes);
  if (first === 0x5b) {
    // A list that is alone on its line may be a JSONL line of a list; then the next line starts another one.
    const line = firstLine(whole, start);
    if (
      line !== undefined &&
      line.next !== undefined &&
      tryParse(line.text) !== undefined &&
      whole[textStart(whole.subarray(line.next)) + line.next] === 0x5b
    ) {
      return { container: "jsonl", ...withRecord(tryParse(line.text)) };
    }
    const value = tryParse(whole.toString("utf8", start)) ?? parseJsonPrefix(whole.toString("utf8", start));
    return {
      container: "json",
      array: true,
      ...withRecord(Array.isArray(value) ? (value as readonly JsonValue[])[0] : undefined),
    };
  }
  // JSON lines, whatever the extension: the first line parses alone.
  const line = firstLine(whole, start);
  const value = line === undefined ? undefined : tryParse(line.text);
  if (line !== undefined && isContainer(value)) {
    const onlyLine =
      line.next === undefined || textStart(whole.subarray(line.next)) + line.next >= whole.length;
    // One line alone: a JSON document if it is called so, otherwise the first line of a file that will grow.
    return {
      container: onlyLine && whole.length === size && /\.(json|traj)$/i.test(path) ? "json" : "jsonl",
      firstRecord: value,
    };
  }
  const document = tryParse(whole.toString("utf8", start));
  if (document !== undefined) return { container: "json", firstRecord: document };
  // A broken first line, and whole ones after it; a document spread over lines has none that ends where it began.
  const later = laterLine(whole, line?.next);
  if (later !== undefined) return { container: "jsonl", firstRecord: later };
  const prefix = parseJsonPrefix(
    whole.toString("utf8", start, Math.min(whole.length, start + WHOLE_RECORD_BYTES)),
  );
  // A first line cut in two by the end of the file is a JSONL file whose writer has just begun.
  const oneLine = whole.indexOf(0x0a, start) < 0;
  return { container: oneLine && !/\.json$/i.test(path) ? "jsonl" : "json", ...withRecord(prefix) };
}

/** The head of a large file, grown to hold its first line and what follows, where that line ends within reach. */
function wholeFirstLine(source: ByteSource, head: Buffer): Buffer {
  if (head.indexOf(0x0a, textStart(head)) >= 0) return head;
  for (let bytes = 16 * HEAD_BYTES; bytes <= WHOLE_RECORD_BYTES; bytes *= 4) {
    const longer = source.read(0, bytes);
    const newline = longer.indexOf(0x0a, textStart(longer));
    if (newline >= 0) return longer.subarray(0, newline + HEAD_BYTES);
  }
  return head;
}

/** The first record among the next lines that is an object with several keys and starts its line. */
function laterLine(bytes: Buffer, from: number | undefined): JsonValue | undefined {
  let at = from;
  for (let attempt = 0; attempt < 20 && at !== undefined; attempt++) {
    const line = firstLine(bytes, at);
    if (line === undefined) return undefined;
    const value = line.text.startsWith("{") ? tryParse(line.text) : undefined;
    if (isContainer(value) && Object.keys(value).length >= 2) return value;
    at = line.next;
  }
  return undefined;
}

function isContainer(
  value: JsonValue | undefined,
): value is Exclude<JsonValue, string | number | boolean | null> {
  return typeof value === "object" && value !== null;
}

function withRecord(value: JsonValue | undefined): Pick<FileHead, "firstRecord"> {
  return value === undefined ? {} : { firstRecord: value };
}

/** The line that starts at `start`, and where the next one does. */
export function firstLine(
  bytes: Buffer,
  start: number,
): { readonly text: string; readonly next: number | undefined } | undefined {
  if (start >= bytes.length) return undefined;
  const newline = bytes.indexOf(0x0a, start);
  if (newline < 0) return { text: bytes.toString("utf8", start), next: undefined };
  return { text: bytes.toString("utf8", start, newline), next: newline + 1 };
}

function tryParse(text: string): JsonValue | undefined {
  try {
    return parseJson(text.trim());
  } catch {
    return undefined;
  }
}
