// Other ways to write the same records: what a reader takes for granted of the files it was made with shows here.
import { gzipSync } from "node:zlib";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseJson } from "../../src/formats/jsonText";
import type { Format } from "../../src/formats/format";
import type { JsonValue } from "../../src/model/json";
import { readFile } from "./readFile";

/** What must stay the same of a file, however it is written. */
export interface Reading {
  readonly format: string | undefined;
  readonly trajectories: number;
  readonly rewards: readonly string[];
  readonly problems: readonly string[];
}

export interface Variant {
  readonly name: string;
  /** Name of the file, and of a folder that it lies in. */
  readonly file: string;
  readonly content: Buffer;
  /** How many of the file's records are left; all unless said otherwise. */
  readonly keeps?: "all" | "others";
}

/** The records of a text file, and how they are written. */
export interface Source {
  readonly path: string;
  readonly records: readonly JsonValue[];
  readonly written: "lines" | "array" | "document";
}

/** A text file's records; undefined for other files, and for those with a line that does not parse. */
export function sourceOf(path: string): Source | undefined {
  const text = readFileSync(path, "utf8").replace(/^\ufeff/, "");
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value = parseJson(text);
    return Array.isArray(value)
      ? { path, records: value as readonly JsonValue[], written: "array" }
      : { path, records: [value], written: "document" };
  } catch {
    try {
      const records = text
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map(parseJson);
      return { path, records, written: "lines" };
    } catch {
      return undefined;
    }
  }
}

/** Objects in a record that are not maps from ids: their keys have an order that nobody promised. */
function turned(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(turned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, JsonValue>)
      .reverse()
      .map(([key, own]) => [key, turned(own)]),
  );
}

const isObject = (value: JsonValue): value is Record<string, JsonValue> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const widened = (value: JsonValue): JsonValue =>
  isObject(value) ? { zz_remark: "added by a fork", ...value, zz_more: { of: ["it"] } } : value;

const lines = (records: readonly JsonValue[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("");
const array = (records: readonly JsonValue[], space?: number): string => JSON.stringify(records, null, space);

function text(source: Source, records: readonly JsonValue[] = source.records): string {
  return source.written === "lines"
    ? lines(records)
    : source.written === "array"
      ? array(records, 1)
      : JSON.stringify(records[0] ?? null, null, 2);
}

/** The name without what names may tell: numbers, folders, and words of the format. */
function neutral(source: Source): string {
  return source.written === "lines" ? "export.jsonl" : "export.json";
}

/** Variants of a file that say the same. */
export function variantsOf(source: Source, format: Format): readonly Variant[] {
  const { records, written } = source;
  const name = basename(source.path);
  const whole = format.wholeDocument === true;
  const plain = text(source);
  const out: Variant[] = [];
  const add = (
    variant: string,
    content: string | Buffer,
    file = name,
    keeps: Variant["keeps"] = "all",
  ): void => {
    out.push({
      name: variant,
      file,
      content: typeof content === "string" ? Buffer.from(content) : content,
      keeps,
    });
  };
  add("keys in another order", text(source, records.map(turned)));
  add("unknown keys", text(source, records.map(widened)));
  add("another name", plain, neutral(source));
  add("CR LF", plain.replaceAll("\n", "\r\n"));
  add("byte order mark", `\ufeff${plain}`);
  add("gzip", gzipSync(plain), `${name}.gz`);
  add("no line end", plain.trimEnd());
  if (written === "document") {
    add("on one line", JSON.stringify(records[0]));
    add("as a list of one", array(records, 2));
    return out;
  }
  add("as an array", array(records), "export.json");
  add("as a printed array", array(records, 4), "export.json");
  add("as lines", lines(records), "export.jsonl");
  add("as lines called json", lines(records), "export.json");
  if (!whole && records.length > 1) {
    add("rows reversed", text(source, [...records].reverse()));
    add("first row removed", text(source, records.slice(1)), name, "others");
    add("an error first", text(source, [{ error: "the worker died" }, ...records]));
    add(
      "a header first",
      text(source, [{ run: "a", created: "2026-01-02", settings: { n: 4 } }, ...records]),
    );
    add("null first", text(source, [null, ...records]));
  }
  return out;
}

/** For each field of the records: the first record without it, and with null in it. */
export function gapsOf(source: Source): readonly Variant[] {
  const { records } = source;
  const [first, ...rest] = records;
  if (first === undefined || !isObject(first) || rest.length === 0) return [];
  return Object.keys(first).flatMap((key): Variant[] => {
    const { [key]: _gone, ...without } = first;
    const of = (record: JsonValue): Buffer => Buffer.from(text(source, [record, ...rest]));
    return [
      { name: `first without ${key}`, file: basename(source.path), content: of(without), keeps: "others" },
      {
        name: `first with null ${key}`,
        file: basename(source.path),
        content: of({ ...first, [key]: null }),
        keeps: "others",
      },
    ];
  });
}

export async function reading(path: string): Promise<Reading> {
  const result = await readFile(path);
  const summaries = result.records.flatMap((record) => record.summaries);
  return {
    format: result.format?.id,
    trajectories: summaries.length,
    rewards: summaries.map(({ reward }) => String(reward)).sort(),
    problems: result.problems.map(({ message }) => message),
  };
}

/** What a variant changed that it should not have; undefined when all is well. */
export async function difference(
  variant: Variant,
  expected: Reading,
  folder: string,
): Promise<string | undefined> {
  const own = mkdtempSync(join(folder, "v-"));
  const path = join(own, variant.file);
  writeFileSync(path, variant.content);
  try {
    const found = await reading(path);
    if (found.format !== expected.format)
      return `${variant.name}: read as ${String(found.format)}, not ${String(expected.format)}`;
    if (variant.keeps === "others") return undefined;
    if (found.trajectories !== expected.trajectories)
      return `${variant.name}: ${found.trajectories} trajectories, not ${expected.trajectories}${found.problems[0] === undefined ? "" : ` (${found.problems[0]})`}`;
    return found.rewards.join() === expected.rewards.join()
      ? undefined
      : `${variant.name}: rewards ${found.rewards.slice(0, 5).join(" ")}, not ${expected.rewards.slice(0, 5).join(" ")}`;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** A folder for variants that is gone afterwards. */
export async function inScratch<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "variants-"));
  mkdirSync(folder, { recursive: true });
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
