import type { DuckDBValue } from "@duckdb/node-api";
import type { StoredContainer } from "./containers/recordSource";

/** What the index knows of a file. */
export interface FileEntry {
  readonly fileNo: number;
  readonly datasetId: string;
  readonly path: string;
  readonly relativePath: string;
  readonly hash: string;
  container: StoredContainer;
  bytes: number;
  /** Time of the file when it was read; negative while a reading that began at that time has not been finished. */
  mtimeMs: number;
  inode: number;
  headHash: string;
  tailHash: string;
  /** First byte not yet taken in (text containers). */
  indexedBytes: number;
  /** Records passed so far: the row of the next one. */
  records: number;
  /** True when the last line taken in had no line end yet. */
  openEnd: boolean;
  tornBytes: number;
  /** State of the files beside it from which its rows were made as well; see `companionState`. */
  companions: string;
  /** Grows whenever rows of the file are added or dropped. */
  revision: number;
  lastGroup: bigint | undefined;
  lastGroupKey: bigint | undefined;
}

/** The entry of a row of `store.files`. */
export function fileEntryOf(row: Readonly<Record<string, DuckDBValue>>): FileEntry {
  return {
    fileNo: row["file_no"] as number,
    datasetId: row["dataset_id"] as string,
    path: row["path"] as string,
    relativePath: row["relative_path"] as string,
    hash: row["hash"] as string,
    container: row["container"] as FileEntry["container"],
    bytes: row["bytes"] as number,
    mtimeMs: row["mtime_ms"] as number,
    inode: row["inode"] as number,
    headHash: row["head_hash"] as string,
    tailHash: row["tail_hash"] as string,
    indexedBytes: row["indexed_bytes"] as number,
    records: row["records"] as number,
    openEnd: row["open_end"] as boolean,
    tornBytes: row["torn_bytes"] as number,
    companions: row["companions"] as string,
    revision: row["revision"] as number,
    lastGroup: (row["last_group"] as bigint | null) ?? undefined,
    lastGroupKey: (row["last_group_key"] as bigint | null) ?? undefined,
  };
}

/** Orders `2.jsonl` before `10.jsonl`: runs of digits are padded. */
export function sortKey(relativePath: string): string {
  return relativePath.replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}
