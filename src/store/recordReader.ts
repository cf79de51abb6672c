import { companionsOf } from "./containers/companions";
import { openRecords, type StoredContainer } from "./containers/recordSource";
import type { RecordSource } from "./containers/openedRecords";
import type { Format, FormatRecord, RecordContext } from "../formats/format";
import { Failure } from "../model/failure";
import { readTextRecord } from "./textRecord";

/** Where the index says that a trajectory's record is. */
export interface Located {
  readonly path: string;
  readonly relativePath: string;
  readonly container: StoredContainer;
  readonly datasetId: string;
  readonly fileHash: string;
  readonly row: number;
  readonly part: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly member: string | undefined;
  readonly groupNumber: bigint | undefined;
  readonly mtimeMs: number;
  readonly format: Format;
}

/** Large documents hold many trajectories; the last ones read stay parsed. */
const KEPT_RECORDS = 4;
const KEPT_BYTES = 64 * 1024 * 1024;
/** Consecutive records of a container that are read with one question to it. */
const TOGETHER = 16;

/** Reads records back from their files. */
export class RecordReader {
  private readonly kept = new Map<string, FormatRecord & { kind: "value" }>();

  /** @throws Failure when the record is not there any more or cannot be read */
  async one<T>(located: Located, use: (record: FormatRecord, context: RecordContext) => T): Promise<T> {
    const [value] = await this.several([located], (_place, record, context) => use(record, context));
    return value!;
  }

  /**
   * What `use` makes of each record, in order. Places of one container that follow each other open it once, and
   * consecutive rows are asked for together.
   * @throws Failure when a record is not there any more or cannot be read
   */
  async several<T>(
    places: readonly Located[],
    use: (place: Located, record: FormatRecord, context: RecordContext) => T,
  ): Promise<T[]> {
    const made: T[] = [];
    for (let start = 0; start < places.length;) {
      const first = places[start]!;
      let end = start + 1;
      if (!isText(first))
        while (end < places.length && places[end]!.path === first.path && !isText(places[end]!)) end++;
      const run = places.slice(start, end);
      try {
        if (isText(first)) made.push(this.fromText(first, use));
        else made.push(...(await fromContainer(first, run, use)));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT")
          throw new Failure(
            "missing-file",
            `${first.path} is no longer there.`,
            "Refresh the Trajectories view.",
          );
        throw error;
      }
      start = end;
    }
    return made;
  }

  private fromText<T>(
    place: Located,
    use: (place: Located, record: FormatRecord, context: RecordContext) => T,
  ): T {
    const companions = companionsOf(place.format, place.path);
    return use(place, this.textRecord(place), {
      ...contextOf(place),
      ...(companions === undefined ? {} : { companions }),
    });
  }

  private textRecord(located: Located): FormatRecord {
    const key = `${located.path}\n${located.mtimeMs}\n${located.byteOffset}`;
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const record = {
      kind: "value",
      value: readTextRecord(
        located.path,
        located.byteOffset,
        located.byteLength,
        located.format.wholeDocument === true,
      ),
    } as const;
    if (located.byteLength <= KEPT_BYTES) {
      this.kept.set(key, record);
      if (this.kept.size > KEPT_RECORDS) this.kept.delete(this.kept.keys().next().value ?? "");
    }
    return record;
  }
}

const isText = ({ container }: Located): boolean => container === "jsonl" || container === "json";

const contextOf = ({ path, relativePath, row, member }: Located): RecordContext => ({
  path,
  relativePath,
  row,
  ...(member === undefined ? {} : { member }),
});

async function fromContainer<T>(
  first: Located,
  places: readonly Located[],
  use: (place: Located, record: FormatRecord, context: RecordContext) => T,
): Promise<T[]> {
  const source = await openRecords(first.path, first.container, first.format);
  try {
    const { companions, plainCompanions } = source;
    const made: T[] = [];
    let read: Awaited<ReturnType<RecordSource["read"]>> = [];
    let [from, to] = [0, 0];
    for (const [index, place] of places.entries()) {
      if (place.row < from || place.row >= to) {
        from = place.row;
        to = lastOfRun(places, index, Math.min(TOGETHER, source.batch)) + 1;
        read = await source.read(from, to);
      }
      const record = read[place.row - from];
      if (record === undefined || source.member(place.row) !== place.member)
        throw new Failure(
          "changed-file",
          `${place.path} no longer holds ${place.member ?? `record ${place.row + 1}`}.`,
          "Refresh the Trajectories view to read it again.",
        );
      if (record instanceof Failure) throw record;
      made.push(
        use(place, record, {
          ...contextOf(place),
          ...(companions === undefined ? {} : { companions }),
          ...(plainCompanions === undefined ? {} : { plainCompanions }),
        }),
      );
    }
    return made;
  } finally {
    source.close();
  }
}

/** The last row of those that follow the place without a gap, at most `most` rows in all. */
function lastOfRun(places: readonly Located[], index: number, most: number): number {
  const first = places[index]!.row;
  let last = first;
  for (const { row } of places.slice(index + 1)) {
    if (row !== last && row !== last + 1) break;
    if (row >= first + Math.max(1, most)) break;
    last = row;
  }
  return last;
}
