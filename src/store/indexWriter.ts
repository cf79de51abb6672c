import type { DuckDBConnection } from "@duckdb/node-api";
import type { Grouping } from "../formats/format";
import type { Note } from "../model/trajectory";
import { loadDuckdb } from "./duckdb";
import { hash64 } from "./ids";
import { Recorded, type CodedTexts, type SummaryBlock } from "./summaryBlock";
import { ColumnAppender, type AppendColumn } from "./vectors";

/** What the index knows of a file. */
export interface FileEntry {
  readonly fileNo: number;
  readonly datasetId: string;
  readonly path: string;
  readonly relativePath: string;
  readonly hash: string;
  container: "jsonl" | "json" | "parquet" | "hdf5";
  bytes: number;
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
  lastGroup: bigint | undefined;
  lastGroupKey: bigint | undefined;
}

/** Writes blocks of summaries and file states, each block with its file's state in one transaction. */
export class IndexWriter {
  private nextTno: bigint;
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly connection: DuckDBConnection,
    nextTno: bigint,
  ) {
    this.nextTno = nextTno;
  }

  static async create(connection: DuckDBConnection): Promise<IndexWriter> {
    const result = await connection.runAndReadAll("SELECT coalesce(max(tno), -1) + 1 FROM store.rows");
    return new IndexWriter(connection, BigInt(result.getRows()[0]?.[0] as bigint));
  }

  /** Runs statements in one transaction, after everything that was queued before. */
  transaction<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const next = this.queue.then(async () => {
      await this.connection.run("BEGIN TRANSACTION");
      try {
        const result = await work(this.connection);
        await this.connection.run("COMMIT");
        return result;
      } catch (error) {
        await this.connection.run("ROLLBACK").catch(() => undefined);
        throw error;
      }
    });
    this.queue = next.catch(() => undefined);
    return next;
  }

  /**
   * Appends blocks behind what the file has so far. `update` changes the file's state; all are kept or none.
   * @param notesOf notes of a block whose first record is the file's record `base`
   * @returns the number of trajectories added
   */
  async append(file: FileEntry, blocks: readonly SummaryBlock[], grouping: Grouping, update: (file: FileEntry) => void, notesOf: (block: SummaryBlock, base: number) => readonly Note[]): Promise<number> {
    return this.transaction(async (connection) => {
      const before = { ...file };
      const tno = this.nextTno;
      try {
        await this.appendBlocks(connection, file, blocks, grouping, notesOf);
        update(file);
        await this.writeFileState(connection, file);
        return Number(this.nextTno - tno);
      } catch (error) {
        Object.assign(file, before);
        this.nextTno = tno;
        throw error;
      }
    });
  }

  private async appendBlocks(connection: DuckDBConnection, file: FileEntry, blocks: readonly SummaryBlock[], grouping: Grouping, notesOf: (block: SummaryBlock, base: number) => readonly Note[]): Promise<void> {
    const has = (test: (block: SummaryBlock) => boolean): boolean => blocks.some(test);
    const rows = has((block) => block.count > 0) ? await ColumnAppender.open(connection, "rows", rowTypes) : undefined;
    const components = has((block) => block.components.length > 0) ? await ColumnAppender.open(connection, "components", ({ BIGINT, DOUBLE, VARCHAR }) => [BIGINT, VARCHAR, DOUBLE]) : undefined;
    const steps = has((block) => block.steps !== undefined) ? await ColumnAppender.open(connection, "steps", ({ BIGINT, DOUBLE, INTEGER }) => [BIGINT, INTEGER, DOUBLE, DOUBLE, DOUBLE]) : undefined;
    const notes: Note[] = [];
    for (const block of blocks) {
      notes.push(...notesOf(block, file.records));
      if (rows !== undefined) appendRows(rows, file, block, grouping, file.records, this.nextTno);
      if (components !== undefined) appendComponents(components, block, this.nextTno);
      if (steps !== undefined) appendSteps(steps, block, this.nextTno);
      this.nextTno += BigInt(block.count);
      file.records += block.records;
    }
    rows?.close();
    components?.close();
    steps?.close();
    for (const note of notes) await insertWarning(connection, file.fileNo, file.datasetId, note);
  }

  /** Drops the rows of a file, and the scores of its trajectories, before it is read anew. */
  async clearFile(file: FileEntry): Promise<void> {
    await this.transaction(async (connection) => {
      await deleteRows(connection, file.fileNo);
      await connection.run("DELETE FROM store.scores WHERE trajectory_id LIKE $1", [`${file.hash}:%`]);
      file.indexedBytes = 0;
      file.records = 0;
      file.openEnd = false;
      file.tornBytes = 0;
      file.lastGroup = undefined;
      file.lastGroupKey = undefined;
      await this.writeFileState(connection, file);
    });
  }

  async removeFile(file: FileEntry): Promise<void> {
    await this.transaction(async (connection) => {
      await deleteRows(connection, file.fileNo);
      await connection.run("DELETE FROM store.files WHERE file_no = $1", [file.fileNo]);
    });
  }

  async addFile(file: FileEntry): Promise<void> {
    await this.transaction((connection) => this.writeFileState(connection, file));
  }

  async replaceWarnings(file: FileEntry, codes: readonly string[], notes: readonly Note[]): Promise<void> {
    await this.transaction(async (connection) => {
      for (const code of codes) await connection.run("DELETE FROM store.warnings WHERE file_no = $1 AND code = $2", [file.fileNo, code]);
      for (const note of notes) await insertWarning(connection, file.fileNo, file.datasetId, note);
    });
  }

  private async writeFileState(connection: DuckDBConnection, file: FileEntry): Promise<void> {
    const { BOOLEAN, DOUBLE, INTEGER, UBIGINT, VARCHAR } = await loadDuckdb();
    await connection.run("DELETE FROM store.files WHERE file_no = $1", [file.fileNo], [INTEGER]);
    await connection.run(
      "INSERT INTO store.files VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
      [
        file.fileNo, file.datasetId, file.path, file.relativePath, file.hash, sortKey(file.relativePath), file.container, file.bytes, file.mtimeMs,
        file.inode, file.headHash, file.tailHash, file.indexedBytes, file.records, file.openEnd, file.tornBytes, file.lastGroup ?? null, file.lastGroupKey ?? null,
      ],
      [INTEGER, VARCHAR, VARCHAR, VARCHAR, VARCHAR, VARCHAR, VARCHAR, DOUBLE, DOUBLE, DOUBLE, VARCHAR, VARCHAR, DOUBLE, INTEGER, BOOLEAN, DOUBLE, UBIGINT, UBIGINT],
    );
  }
}

function rowTypes({ BIGINT, BOOLEAN, DOUBLE, INTEGER, UBIGINT, UTINYINT, VARCHAR }: Parameters<Parameters<typeof ColumnAppender.open>[2]>[0]): ReturnType<Parameters<typeof ColumnAppender.open>[2]> {
  return [
    BIGINT, INTEGER, INTEGER, INTEGER, DOUBLE, DOUBLE, VARCHAR, VARCHAR, VARCHAR, UBIGINT, VARCHAR, DOUBLE, VARCHAR, VARCHAR, DOUBLE,
    BOOLEAN, BOOLEAN, VARCHAR, DOUBLE, INTEGER, DOUBLE, DOUBLE, UTINYINT,
  ];
}

function appendRows(appender: ColumnAppender, file: FileEntry, block: SummaryBlock, grouping: Grouping, baseRow: number, tno: bigint): void {
  const { count, flags } = block;
  const groups = groupNumbers(file, block, grouping, baseRow);
  const bit = (index: number, mask: number): boolean => ((flags[index] ?? 0) & mask) !== 0;
  const numbers = (data: Extract<AppendColumn, { kind: "numbers" }>["data"]): AppendColumn => ({ kind: "numbers", data });
  const flagged = (data: Float64Array | Uint8Array, mask: number): AppendColumn => (anyFlag(flags, mask) ? { kind: "numbers", data, isNull: (row) => !bit(row, mask) } : { kind: "nulls" });
  const texts = (values: readonly (string | null)[]): AppendColumn => (values.every((value) => value === null) ? { kind: "nulls" } : { kind: "texts", text: (row) => values[row] ?? null });
  const coded = ({ texts: words, codes }: CodedTexts): AppendColumn => (words.length === 0 ? { kind: "nulls" } : { kind: "texts", text: (row) => words[codes[row] ?? -1] ?? null });
  const nulls = Uint8Array.from(flags, (bits) => ((bits & Recorded.rewardNull) === 0 ? 0 : 1) | ((bits & Recorded.successNull) === 0 ? 0 : 2) | ((bits & Recorded.advantageNull) === 0 ? 0 : 4));
  appender.append(
    [
      numbers(BigInt64Array.from({ length: count }, (_, index) => tno + BigInt(index))),
      numbers(new Int32Array(count).fill(file.fileNo)),
      numbers(block.row.map((row) => baseRow + row)),
      numbers(block.part),
      numbers(block.byteOffset),
      numbers(block.byteLength),
      texts(block.member),
      texts(block.ownId),
      coded(block.parentOwnId),
      grouping === "none" || !anyFlag(flags, Recorded.group) ? { kind: "nulls" } : { kind: "numbers", data: groups, isNull: (row) => !bit(row, Recorded.group) },
      coded(block.groupGuess),
      flagged(block.trainingStep, Recorded.trainingStep),
      coded(block.split),
      { kind: "texts", text: (row) => block.title[row] ?? "" },
      flagged(block.reward, Recorded.reward),
      flagged(Uint8Array.from(flags, (bits) => ((bits & Recorded.successTrue) === 0 ? 0 : 1)), Recorded.success),
      flagged(Uint8Array.from(flags, (bits) => ((bits & Recorded.truncatedTrue) === 0 ? 0 : 1)), Recorded.truncated),
      coded(block.stopReason),
      flagged(block.advantage, Recorded.advantage),
      numbers(block.stepCount),
      flagged(block.tokenCount, Recorded.tokenCount),
      flagged(block.responseCharacters, Recorded.responseCharacters),
      numbers(nulls),
    ],
    count,
  );
}

function appendComponents(appender: ColumnAppender, block: SummaryBlock, tno: bigint): void {
  for (const { name, values, state } of block.components) {
    const present = Int32Array.from(state.keys()).filter((index) => state[index] !== 0);
    appender.append(
      [
        { kind: "numbers", data: BigInt64Array.from(present, (index) => tno + BigInt(index)) },
        { kind: "texts", text: () => name },
        { kind: "numbers", data: Float64Array.from(present, (index) => values[index] ?? 0), isNull: (row) => state[present[row] ?? 0] === 1 },
      ],
      present.length,
    );
  }
}

function appendSteps(appender: ColumnAppender, block: SummaryBlock, tno: bigint): void {
  const { steps } = block;
  if (steps === undefined) return;
  const unless = (data: Float64Array, bit: number): AppendColumn => ({ kind: "numbers", data, isNull: (row) => ((steps.flags[row] ?? 0) & bit) === 0 });
  appender.append(
    [
      { kind: "numbers", data: BigInt64Array.from(steps.trajectory, (index) => tno + BigInt(index)) },
      { kind: "numbers", data: steps.step },
      unless(steps.reward, 1),
      unless(steps.value, 4),
      unless(steps.advantage, 16),
    ],
    steps.step.length,
  );
}

function anyFlag(flags: Uint32Array, mask: number): boolean {
  return flags.some((bits) => (bits & mask) !== 0);
}

/** Group numbers of a block's trajectories, unique over all datasets. Carries the run of consecutive rows on in `file`. */
function groupNumbers(file: FileEntry, block: SummaryBlock, grouping: Grouping, baseRow: number): BigUint64Array {
  const numbers = new BigUint64Array(block.count);
  const datasetHash = hash64(file.datasetId);
  for (let index = 0; index < block.count; index++) {
    if (((block.flags[index] ?? 0) & Recorded.group) === 0 || grouping === "none") continue;
    const key = block.group[index] ?? 0n;
    const row = baseRow + (block.row[index] ?? 0);
    if (grouping === "key") numbers[index] = key ^ datasetHash;
    else if (grouping === "record") numbers[index] = hash64(`${file.hash}:${row}`);
    else {
      if (file.lastGroup === undefined || file.lastGroupKey !== key) file.lastGroup = hash64(`${file.hash}:${row}`);
      file.lastGroupKey = key;
      numbers[index] = file.lastGroup;
    }
  }
  return numbers;
}

async function deleteRows(connection: DuckDBConnection, fileNo: number): Promise<void> {
  await connection.run("DELETE FROM store.components WHERE tno IN (SELECT tno FROM store.rows WHERE file_no = $1)", [fileNo]);
  await connection.run("DELETE FROM store.steps WHERE tno IN (SELECT tno FROM store.rows WHERE file_no = $1)", [fileNo]);
  await connection.run("DELETE FROM store.rows WHERE file_no = $1", [fileNo]);
  await connection.run("DELETE FROM store.warnings WHERE file_no = $1", [fileNo]);
}

async function insertWarning(connection: DuckDBConnection, fileNo: number, datasetId: string, note: Note): Promise<void> {
  await connection.run("INSERT INTO store.warnings VALUES ($1, $2, $3, $4, $5)", [fileNo, datasetId, note.code, note.message, note.where ?? null]);
}

/** Orders `2.jsonl` before `10.jsonl`: runs of digits are padded. */
export function sortKey(relativePath: string): string {
  return relativePath.replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}
