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

/** Orders `2.jsonl` before `10.jsonl`: runs of digits are padded. */
export function sortKey(relativePath: string): string {
  return relativePath.replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}
