import { closeSync, openSync, readSync } from "node:fs";
import type { Companions, Format, FormatRecord } from "../formats/format";
import { formatById } from "../formats/index";
import { parseDocument, parseJson } from "../formats/jsonText";
import type { SearchPattern } from "../protocol/storeCalls";
import { companionsOf } from "./containers/companions";
import { trajectoryIdOf } from "./ids";
import { searchTrajectory, type TrajectoryHits } from "./searchTrajectory";
import { TextMatcher } from "./textMatcher";

/** A file whose records are searched. */
export interface SearchedFile {
  readonly path: string;
  readonly relativePath: string;
  readonly datasetId: string;
  readonly formatId: string;
  readonly fileHash: string;
}

/** A record with its trajectories. */
export interface SearchedRecord {
  readonly row: number;
  readonly offset: number;
  readonly length: number;
  readonly parts: readonly number[];
  readonly member?: string;
}

/** Records of a JSON or JSONL file to look through, in a worker thread. */
export interface SearchJob {
  readonly kind: "search";
  readonly file: SearchedFile;
  readonly records: readonly SearchedRecord[];
  readonly pattern: SearchPattern;
  readonly hitsPerTrajectory: number;
}

export interface SearchResult {
  readonly found: readonly TrajectoryHits[];
  /** Records that could not be read any more. */
  readonly unreadable: number;
}

let compiled: { readonly key: string; readonly matcher: TextMatcher } | undefined;

/** Jobs of one search share its compiled pattern. @throws Failure for a pattern that cannot be used */
export function matcherOf(pattern: SearchPattern): TextMatcher {
  const key = JSON.stringify(pattern);
  if (compiled?.key !== key) compiled = { key, matcher: new TextMatcher(pattern) };
  return compiled.matcher;
}

/** Looks through the trajectories of one record. @returns those with matches; undefined when it cannot be read */
export function searchRecord(
  record: FormatRecord,
  { row, parts, member, offset, length }: SearchedRecord,
  file: SearchedFile,
  format: Format,
  companions: Companions | undefined,
  matcher: TextMatcher,
  most: number,
): readonly TrajectoryHits[] | undefined {
  const found: TrajectoryHits[] = [];
  try {
    for (const part of parts) {
      const inMember = member === undefined ? {} : { member };
      const trajectory = format.read(
        record,
        {
          id: trajectoryIdOf(file.fileHash, row, part),
          datasetId: file.datasetId,
          source: {
            path: file.path,
            row,
            part,
            ...(length === 0 ? {} : { byteOffset: offset, byteLength: length }),
            ...inMember,
          },
        },
        {
          path: file.path,
          relativePath: file.relativePath,
          row,
          ...inMember,
          ...(companions === undefined ? {} : { companions }),
        },
      );
      const hits = searchTrajectory(trajectory, matcher, most);
      if (hits.matches > 0) found.push(hits);
    }
  } catch {
    return undefined;
  }
  return found;
}

/** Does a search job in this thread. */
export function searchRecords(job: SearchJob): SearchResult {
  const { file, records, pattern, hitsPerTrajectory } = job;
  const format = formatById(file.formatId);
  if (format === undefined) return { found: [], unreadable: records.length };
  const matcher = matcherOf(pattern);
  const companions = companionsOf(format, file.path);
  const found: TrajectoryHits[] = [];
  let unreadable = 0;
  const opened = openSync(file.path, "r");
  try {
    for (const record of records) {
      const bytes = Buffer.allocUnsafe(record.length);
      let hits: readonly TrajectoryHits[] | undefined;
      if (readSync(opened, bytes, 0, record.length, record.offset) === record.length) {
        try {
          const text = bytes.toString("utf8");
          const value = format.wholeDocument === true ? parseDocument(text).value : parseJson(text);
          hits = searchRecord(
            { kind: "value", value },
            record,
            file,
            format,
            companions,
            matcher,
            hitsPerTrajectory,
          );
        } catch {
          // Rewritten since it was indexed; counted below.
        }
      }
      if (hits === undefined) unreadable++;
      else found.push(...hits);
    }
  } finally {
    closeSync(opened);
  }
  return { found, unreadable };
}
