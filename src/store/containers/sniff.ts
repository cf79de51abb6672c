import type { FileHead, Hdf5Group } from "../../formats/format";
import { Failure } from "../../model/failure";
import type { JsonValue } from "../../model/json";
import type { Note } from "../../model/trajectory";
import { openHdf5 } from "../hdf5";
import { parquetColumns } from "../parquet";
import { isTar } from "./archiveEntries";
import { arrowColumns, isArrow } from "./arrowFile";
import { FileBytes, MemoryBytes, type ByteSource } from "./byteSource";
import { compressionOf, inflatedHead } from "./compressed";
import { csvColumns, looksLikeTable } from "./csvFile";
import { isMatlab } from "./matlabFile";
import { isMessagePack } from "./messagePackFile";
import { isNpy } from "./npyArray";
import { plainContent } from "./plainContent";
import type { StoredContainer } from "./recordSource";
import { isTfRecord, tfRecords } from "./tfRecordFile";
import { isSqlite, SqliteFile } from "./sqliteFile";
import { textFormOf } from "./textForms";
import { isTorchArchive } from "./torchFile";
import { isYaml, readYaml } from "./yamlFile";
import { ZipArchive } from "./zipArchive";

/** What the content of a file says, before a format is asked. */
export interface Sniffed {
  readonly stored: StoredContainer;
  readonly parts: Pick<FileHead, "container"> &
    Partial<
      Pick<FileHead, "columns" | "tables" | "hdf5" | "plain" | "archive" | "text" | "firstRecord" | "array">
    >;
  /** Damage that was met on the way. */
  readonly notes?: readonly Note[];
  /** Open while formats look at the head. */
  readonly archive?: ZipArchive;
  close?(): void;
}

/** The beginning of a compressed text that is looked at. */
const INFLATED_BYTES = 16 * 2 ** 20;
const TEXT_BYTES = 64 * 1024;

/** Finds JSON in a text. */
export type TextProbe = (
  path: string,
  source: ByteSource,
) => Pick<FileHead, "container" | "firstRecord" | "array"> | undefined;

/** Looks at the first bytes of a file, never at its name alone. Undefined for content of no container that is read here. */
export async function sniff(path: string, head: Buffer, probeText: TextProbe): Promise<Sniffed | undefined> {
  const magic = head.toString("latin1", 0, 8);
  if (magic.startsWith("PAR1"))
    return { stored: "parquet", parts: { container: "parquet", columns: await parquetColumns(path) } };
  if (magic === "\x89HDF\r\n\x1a\n" || head.toString("latin1", 512, 520) === "\x89HDF\r\n\x1a\n")
    return hdf5(path);
  if (magic.startsWith("PK\x03\x04") || magic.startsWith("PK\x05\x06")) return archive(path);
  if (isSqlite(head)) return database(path);
  if (isNpy(head) || isMatlab(head)) return plain(path, "arrays");
  if (isPickle(path, head)) return plain(path, "pickle");
  if (isMessagePack(head)) return plain(path, "pickle");
  if (isArrow(head)) return { stored: "arrow", parts: { container: "arrow", columns: arrowColumns(path) } };
  if (isTar(head)) return TAR;
  const compression = compressionOf(head) ?? textFormOf(head, head.length === FileBytes.of(path).size);
  if (compression !== undefined) {
    const content = await inflatedHead(path, compression, INFLATED_BYTES);
    if (content.length === 0)
      throw new Failure(
        "torn-compression",
        `${path} gives nothing when it is decompressed: it is empty, cut off or damaged.`,
        "Write or fetch it again.",
      );
    if (isTar(content)) return TAR;
    if (isNpy(content)) return plain(path, "arrays");
    if (isPickle(path, content.subarray(0, TEXT_BYTES), false) || isMessagePack(content))
      return plain(path, "pickle");
    const json = probeText(path.replace(/\.(?:gz|zst|zstd)$/i, ""), new MemoryBytes(content));
    if (json !== undefined)
      return { stored: json.container === "jsonl" ? "compressed-jsonl" : "compressed-json", parts: json };
    const text = textOf(content.subarray(0, TEXT_BYTES));
    return text !== undefined && looksLikeTable(path, text) ? table(path, text) : undefined;
  }
  // TensorBoard's logs are records too: curves, and no trajectories.
  if (isTfRecord(head)) return head.includes("brain.Event:") ? undefined : records(path);
  const json = probeText(path, FileBytes.of(path));
  if (json !== undefined) return { stored: json.container, parts: json };
  const text = textOf(head);
  if (text === undefined) return undefined;
  const value = isYaml(path, text) ? yamlValue(path, text) : undefined;
  if (typeof value === "object" && value !== null) {
    const list = Array.isArray(value) ? (value as readonly JsonValue[]) : undefined;
    const [first] = list ?? [value];
    return {
      stored: "yaml",
      parts: {
        container: "json",
        ...(list === undefined ? {} : { array: true }),
        ...(first === undefined ? {} : { firstRecord: first }),
      },
    };
  }
  if (looksLikeTable(path, text)) {
    const found = await table(path, text).catch((error: unknown) => {
      // A file that is called a table deserves a word; a text that looked like one is a text.
      if (/\.(?:csv|tsv)$/i.test(path)) throw error;
      return undefined;
    });
    if (found !== undefined) return found;
  }
  return { stored: "text", parts: { container: "text", text } };
}

/** What a YAML file holds; undefined for a table under the name of one, which YAML takes for a text or cannot read. */
function yamlValue(path: string, text: string): JsonValue | undefined {
  try {
    return readYaml(path).value;
  } catch (error) {
    if (looksLikeTable(path, text)) return undefined;
    throw error;
  }
}

/** No format reads these: their files are read one by one. */
const TAR: Sniffed = { stored: "tar", parts: { container: "tar" } };

async function hdf5(path: string): Promise<Sniffed> {
  const file = await openHdf5(path);
  const root: Hdf5Group = file.root;
  return { stored: "hdf5", parts: { container: "hdf5", hdf5: root }, close: () => file.close() };
}

async function database(path: string): Promise<Sniffed> {
  const file = await SqliteFile.open(path);
  return { stored: "sqlite", parts: { container: "sqlite", tables: file.tables }, close: () => file.close() };
}

async function archive(path: string): Promise<Sniffed> {
  const opened = await ZipArchive.open(path);
  const names = opened.names;
  if (isTorchArchive(opened)) return plain(path, "pickle");
  const all = opened.torn === undefined ? names : [...names, opened.torn.name];
  if (all.length > 0 && all.every((name) => name.endsWith(".npy"))) return plain(path, "arrays");
  return { stored: "zip", parts: { container: "zip", archive: names }, archive: opened, notes: opened.notes };
}

async function plain(path: string, container: "pickle" | "arrays"): Promise<Sniffed> {
  const { value, notes } = await plainContent(path);
  return { stored: container, parts: { container, plain: value }, notes };
}

async function table(path: string, text: string): Promise<Sniffed> {
  return { stored: "csv", parts: { container: "csv", columns: await csvColumns(path), text } };
}

function records(path: string): Sniffed {
  const { read, count } = tfRecords(path);
  if (count === 0)
    throw new Failure("torn-records", `${path} holds no whole record.`, "It may still be written.");
  try {
    return { stored: "tfrecord", parts: { container: "tfrecord", plain: read(0) } };
  } catch {
    // The first record alone may be damaged.
    return { stored: "tfrecord", parts: { container: "tfrecord", plain: count > 1 ? read(1) : null } };
  }
}

/** Protocols 2 to 5 begin with their number; older ones with the first of a few instructions, and all end with STOP. */
function isPickle(path: string, head: Buffer, whole = true): boolean {
  if (head[0] === 0x80 && head[1] !== undefined && head[1] >= 2 && head[1] <= 5) return true;
  if (
    !/^(?:\((?:[cid]|lp?|dp?)|\(S'|\(I\d|c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n|[\]}]q[\0-\xff]|[(]K)/.test(
      head.toString("latin1", 0, 200),
    )
  )
    return false;
  if (!whole) return true;
  const source = FileBytes.of(path);
  return source.read(source.size - 1, 1)[0] === 0x2e;
}

/** The text of a head; undefined for bytes that are none. */
function textOf(head: Buffer): string | undefined {
  if (head.subarray(0, 8192).includes(0)) return undefined;
  const text = head.toString("utf8").replace(/^\ufeff/, "");
  let broken = 0;
  for (const letter of text) if (letter === "\ufffd") broken++;
  return broken * 50 > text.length ? undefined : text;
}
