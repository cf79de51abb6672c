import type { Companions, FormatRecord } from "../../formats/format";
import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";

/** How many rows of a table or lines of a text are read at once. */
export const ROWS_AT_ONCE = 2048;
/** JSON beyond this is left out: V8 holds no longer strings. */
export const LARGEST_DOCUMENT = 400 * 2 ** 20;

/** Records of one file, read by their row. */
export interface RecordSource {
  readonly count: number;
  /** How many records are read at once while a file is indexed. */
  readonly batch: number;
  /** What is damaged or missing of the file as a whole. */
  readonly notes: readonly Note[];
  readonly companions: Companions | undefined;
  readonly plainCompanions?: ReadonlyMap<string, PlainValue>;
  /** Records [start, end): a Failure for one that cannot be read, undefined for a blank line. */
  read(start: number, end: number): Promise<readonly (FormatRecord | Failure | undefined)[]>;
  /** Name of the HDF5 group or of the archive's member of a row. */
  member(row: number): string | undefined;
  close(): void;
}

/** A source without what is the same for most. */
export type Opened = Pick<RecordSource, "count" | "batch" | "read"> &
  Partial<Pick<RecordSource, "notes" | "companions" | "plainCompanions" | "member" | "close">>;

export function each(
  start: number,
  end: number,
  read: (row: number) => FormatRecord | undefined,
): (FormatRecord | Failure | undefined)[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, offset) => {
    try {
      return read(start + offset);
    } catch (error) {
      return error instanceof Failure ? error : unreadable(error);
    }
  });
}

export function unreadable(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return new Failure("unreadable-record", message.split("\n", 1)[0]?.slice(0, 200) ?? "", "It is left out.");
}

export function oneRecord(read: () => Promise<FormatRecord>): Opened {
  return {
    count: 1,
    batch: 1,
    async read(start, end) {
      if (start > 0 || end < 1) return [];
      try {
        return [await read()];
      } catch (error) {
        return [error instanceof Failure ? error : unreadable(error)];
      }
    },
  };
}
