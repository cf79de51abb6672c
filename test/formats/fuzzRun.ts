import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Failure } from "../../src/model/failure";
import type { FuzzInput } from "./fuzzInputs";
import { probe } from "../../src/store/probe";
import { summariseDocument } from "../../src/store/textDocument";
import { summariseLines } from "../../src/store/textLines";
import { readTextRecord } from "../../src/store/textRecord";
import { readFile, readParts } from "./readFile";

/** What became of one damaged file. */
export interface FuzzOutcome {
  readonly name: string;
  readonly kind: FuzzInput["kind"];
  /** `read`: records without a word; `warned`: records and words; `refused`: words alone; `left`: not taken for data. */
  readonly result: "read" | "warned" | "refused" | "left";
  readonly trajectories: number;
  /** What went wrong in the reader itself; a good reader has none. */
  readonly faults: readonly string[];
  readonly ms: number;
}

/** Longer files are taken in as one stretch. */
const LARGEST_STRETCHED = 2 ** 24;
/** Longest that one damaged file may take. */
const SLOWEST_MS = 20_000;
const known = new Map<string, { readonly bytes: Buffer; readonly trajectories: number }>();

/** Lines and documents as the index takes them in: whole and in stretches alike, each row at the place that is kept of it. */
async function indexFaults(path: string): Promise<readonly string[]> {
  const found = await probe(path);
  if (found.kind !== "readable" || (found.stored !== "jsonl" && found.stored !== "json")) return [];
  const { format, stored } = found;
  const limit = statSync(path).size;
  const job = { path, relativePath: basename(path), formatId: format.id } as const;
  if (stored === "json") {
    summariseDocument({ kind: "document", ...job }, format);
    return [];
  }
  const rowsOf = (stretch: number): string => {
    const rows: string[] = [];
    let base = 0;
    for (let start = 0; start < limit; start += stretch) {
      const end = Math.min(limit, start + stretch);
      const lines = {
        kind: "lines",
        ...job,
        start,
        end,
        limit,
        atLineStart: start === 0,
        summed: true,
      } as const;
      const { block } = summariseLines(lines, format);
      for (let row = 0; row < block.count; row++)
        rows.push(`${base + (block.row[row] ?? 0)}:${block.byteOffset[row]}:${block.byteLength[row]}`);
      base += block.records;
    }
    return rows.join(" ");
  };
  const whole = rowsOf(Math.max(1, limit));
  const places = whole.split(" ").slice(0, 20);
  for (const place of whole === "" ? [] : places) {
    const [, offset, length] = place.split(":").map(Number) as [number, number, number];
    try {
      readTextRecord(path, offset, length, format.wholeDocument === true);
    } catch (error) {
      return [`a row cannot be read back (${error instanceof Error ? error.message : String(error)})`];
    }
  }
  return limit > LARGEST_STRETCHED || rowsOf(Math.ceil(limit / 7)) === whole
    ? []
    : ["stretches of the file give other rows than all of it"];
}

/** Reads a file as the store does. Errors that are no Failure are the reader's own faults. */
async function readAll(path: string): Promise<{
  readonly trajectories: number;
  readonly words: readonly string[];
  readonly faults: readonly string[];
  readonly known: boolean;
}> {
  const faults: string[] = [];
  const words: string[] = [];
  let trajectories = 0;
  try {
    const { format, problems, notes, why } = await readFile(path, (record, format) => {
      trajectories += readParts(record, format).length;
    });
    faults.push(...(await indexFaults(path)));
    for (const { row, message, error } of problems) {
      words.push(`record ${row}: ${message}`);
      // A syntax error of JSON is the store's own word for a line.
      if (!(error instanceof Failure) && !(error instanceof SyntaxError))
        faults.push(
          `record ${row}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
        );
    }
    words.push(...notes.map(({ message }) => message));
    if (format === undefined) words.push(why);
    return { trajectories, words, faults, known: format !== undefined };
  } catch (error) {
    if (!(error instanceof Failure))
      faults.push(
        error instanceof Error
          ? `${error.name}: ${error.message}\n${error.stack?.split("\n")[1] ?? ""}`
          : String(error),
      );
    return {
      trajectories,
      words: [...words, error instanceof Error ? error.message : String(error)],
      faults,
      known: true,
    };
  }
}

/** True when nothing in a cut file tells that it is cut: between lines, and between fields or records of one length. */
function endsWhole(name: string, bytes: Buffer, original: Buffer): boolean {
  if (/\.(?:csv|tfrecord)$/.test(name)) return true;
  return bytes.length === 0 || bytes.at(-1) === 0x0a || original[bytes.length] === 0x0a;
}

/** Writes one damaged file, reads it, and says what became of it. */
export async function runFuzz(input: FuzzInput, folder: string): Promise<FuzzOutcome> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, input.fileName);
  let original = input.source === undefined ? undefined : known.get(input.source);
  if (input.source !== undefined && original === undefined) {
    const bytes = readFileSync(input.source);
    const own = join(folder, basename(input.source));
    writeFileSync(own, bytes);
    original = { bytes, trajectories: (await readAll(own)).trajectories };
    rmSync(own);
    known.set(input.source, original);
  }
  const bytes = input.bytes(original?.bytes ?? Buffer.alloc(0));
  writeFileSync(path, bytes);
  for (let times = 0; times < (input.repeat?.times ?? 0); times++)
    appendFileSync(path, input.repeat?.piece ?? "");
  const started = performance.now();
  const read = await readAll(path);
  const ms = performance.now() - started;
  rmSync(path, { force: true });
  const faults = [...read.faults];
  if (ms > SLOWEST_MS) faults.push(`took ${Math.round(ms)} ms`);
  if (
    input.kind === "truncation" &&
    original !== undefined &&
    read.trajectories < original.trajectories &&
    read.words.length === 0 &&
    !endsWhole(input.fileName, bytes, original.bytes)
  )
    faults.push(`${read.trajectories} of ${original.trajectories} trajectories and no word about it`);
  if (input.kind === "extension" && original !== undefined && read.trajectories !== original.trajectories)
    faults.push(`${read.trajectories} of ${original.trajectories} trajectories under another name`);
  return {
    name: input.name,
    kind: input.kind,
    result: !read.known
      ? "left"
      : read.trajectories === 0
        ? "refused"
        : read.words.length > 0
          ? "warned"
          : "read",
    trajectories: read.trajectories,
    faults,
    ms,
  };
}
