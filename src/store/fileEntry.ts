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

/**
 * Columns of `store.files` as `fileEntryOf` reads them. The texts come as one: decoding eight of each of 100,000 files takes twice
 * as long as all the rest of opening them.
 */
export const FILE_COLUMNS = `concat_ws(chr(0), path, relative_path, dataset_id, hash, container, head_hash, tail_hash, companions),
  file_no, bytes, mtime_ms, inode, indexed_bytes, records, open_end, torn_bytes, last_group, last_group_key, revision`;

/** The entry of a row of `store.files`, given its FILE_COLUMNS. */
export function fileEntryOf(row: readonly DuckDBValue[]): FileEntry {
  const [texts, fileNo, bytes, mtimeMs, inode, indexedBytes, records, openEnd, tornBytes, ...groups] = row;
  const [path, relativePath, datasetId, hash, container, headHash, tailHash, companions] = (
    texts as string
  ).split("\0");
  const [lastGroup, lastGroupKey, revision] = groups;
  return {
    fileNo: fileNo as number,
    datasetId: datasetId as string,
    path: path as string,
    relativePath: relativePath as string,
    hash: hash as string,
    container: container as FileEntry["container"],
    bytes: bytes as number,
    mtimeMs: mtimeMs as number,
    inode: inode as number,
    headHash: headHash as string,
    tailHash: tailHash as string,
    indexedBytes: indexedBytes as number,
    records: records as number,
    openEnd: openEnd as boolean,
    tornBytes: tornBytes as number,
    companions: companions as string,
    revision: revision as number,
    lastGroup: (lastGroup as bigint | null) ?? undefined,
    lastGroupKey: (lastGroupKey as bigint | null) ?? undefined,
  };
}

/** Orders `2.jsonl` before `10.jsonl`: runs of digits are padded. */
export function sortKey(relativePath: string): string {
  return relativePath.replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}
