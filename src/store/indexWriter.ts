import type { DuckDBConnection } from "@duckdb/node-api";
import type { Grouping } from "../formats/format";
import type { Note } from "../model/trajectory";
import type { FileEntry } from "./fileEntry";
import { writeFileStates } from "./fileStates";
import { ComponentSets } from "./componentSets";
import { appendRows, appendSteps, rowTypes } from "./rowColumns";
import type { SummaryBlock } from "./summaryBlock";
import { ColumnAppender } from "./vectors";

/** Rows after which what DuckDB has logged is brought into its file, once nothing is being written for a while. */
const ROWS_TO_SETTLE = 20_000;
const SETTLE_MS = 500;

/** A transaction costs as much as thousands of rows, so what waits is written together, up to this. */
const TOGETHER = 256;
/** Dropping looks at all rows each time, so that more files together are cheaper. */
const DROPPED_TOGETHER = 4096;

interface PendingDrop {
  readonly file: FileEntry;
  /** True when the file itself is forgotten, not only what was read of it. */
  readonly forget: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

interface PendingAppend {
  readonly file: FileEntry;
  readonly blocks: readonly SummaryBlock[];
  readonly grouping: Grouping;
  update(file: FileEntry): void;
  notesOf(block: SummaryBlock, base: number): readonly Note[];
  readonly fileNotes: readonly Note[];
  resolve(added: number): void;
  reject(error: unknown): void;
}

/** Writes blocks of summaries and file states, each block with its file's state in one transaction. */
export class IndexWriter {
  private nextTno: bigint;
  private queue: Promise<unknown> = Promise.resolve();
  private readonly pending: PendingAppend[] = [];
  private readonly drops: PendingDrop[] = [];
  private sets: ComponentSets | undefined;
  private unsettledRows = 0;
  private settling: NodeJS.Timeout | undefined;

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
   * Appends that wait at the same time, of several files, share a transaction.
   * @param notesOf notes of a block whose first record is the file's record `base`
   * @param fileNotes notes of the file as a whole
   * @returns the number of trajectories added
   */
  append(
    file: FileEntry,
    blocks: readonly SummaryBlock[],
    grouping: Grouping,
    update: (file: FileEntry) => void,
    notesOf: (block: SummaryBlock, base: number) => readonly Note[],
    fileNotes: readonly Note[] = [],
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      this.pending.push({ file, blocks, grouping, update, notesOf, fileNotes, resolve, reject });
      if (this.pending.length === 1) void this.writePending();
    });
  }

  private async writePending(): Promise<void> {
    let taken: PendingAppend[] = [];
    const before: (() => void)[] = [];
    const added: number[] = [];
    try {
      await this.transaction(async (connection) => {
        taken = this.pending.splice(0, TOGETHER);
        if (taken.length === 0) return;
        if (this.pending.length > 0) queueMicrotask(() => void this.writePending());
        const tno = this.nextTno;
        before.push(() => (this.nextTno = tno));
        for (const { file } of taken) {
          const state = { ...file };
          before.push(() => Object.assign(file, state));
        }
        added.push(...(await this.appendAll(connection, taken)));
      });
    } catch (error) {
      for (const restore of before) restore();
      // What was numbered in a transaction that failed is numbered anew.
      this.sets = undefined;
      for (const { reject } of taken) reject(error);
      return;
    }
    for (const [index, { resolve }] of taken.entries()) resolve(added[index] ?? 0);
    this.unsettledRows += added.reduce((sum, count) => sum + count, 0);
    clearTimeout(this.settling);
    if (this.unsettledRows < ROWS_TO_SETTLE) return;
    this.settling = setTimeout(() => this.settle(), SETTLE_MS);
    this.settling.unref();
  }

  /** Does between two transactions what DuckDB would do during them, so that a process that is killed later reopens at once. */
  private settle(): void {
    this.unsettledRows = 0;
    this.queue = this.queue.then(async () => {
      // Refused while something else writes, or after closing: DuckDB then does it at its own time.
      await this.connection.run("CHECKPOINT").catch(() => undefined);
    });
  }

  private async appendAll(
    connection: DuckDBConnection,
    appends: readonly PendingAppend[],
  ): Promise<number[]> {
    const blocks = appends.flatMap((append) => append.blocks);
    const sets = (this.sets ??= await ComponentSets.load(connection));
    const rows = blocks.some((block) => block.count > 0)
      ? await ColumnAppender.open(connection, "rows", rowTypes)
      : undefined;
    const steps = blocks.some((block) => block.steps !== undefined)
      ? await ColumnAppender.open(connection, "steps", ({ BIGINT, DOUBLE, INTEGER }) => [
          BIGINT,
          INTEGER,
          DOUBLE,
          DOUBLE,
          DOUBLE,
        ])
      : undefined;
    const notes: { readonly file: FileEntry; readonly note: Note }[] = [];
    const added: number[] = [];
    for (const { file, blocks: own, grouping, update, notesOf, fileNotes } of appends) {
      const first = this.nextTno;
      notes.push(...fileNotes.map((note) => ({ file, note })));
      for (const block of own) {
        notes.push(...notesOf(block, file.records).map((note) => ({ file, note })));
        if (rows !== undefined) appendRows(rows, file, block, grouping, file.records, this.nextTno, sets);
        if (steps !== undefined) appendSteps(steps, block, this.nextTno);
        this.nextTno += BigInt(block.count);
        file.records += block.records;
      }
      file.revision++;
      update(file);
      added.push(Number(this.nextTno - first));
    }
    rows?.close();
    await sets.write(connection);
    steps?.close();
    await writeFileStates(connection, [...new Set(appends.map(({ file }) => file))]);
    for (const { file, note } of notes) await insertWarning(connection, file.fileNo, file.datasetId, note);
    return added;
  }

  /** Drops the rows of a file, and the scores of its trajectories, before it is read anew. */
  clearFile(file: FileEntry): Promise<void> {
    return this.drop(file, false);
  }

  /** Drops the rows of a file, and the file. Scores stay: a file that was moved away may come back. */
  removeFile(file: FileEntry): Promise<void> {
    return this.drop(file, true);
  }

  /** Files that go at the same time share a transaction: a run of thousands that is removed or written anew is one of them. */
  private drop(file: FileEntry, forget: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.drops.push({ file, forget, resolve, reject });
      if (this.drops.length === 1) void this.writeDrops();
    });
  }

  private async writeDrops(): Promise<void> {
    let taken: PendingDrop[] = [];
    const before: (() => void)[] = [];
    try {
      await this.transaction(async (connection) => {
        taken = this.drops.splice(0, DROPPED_TOGETHER);
        if (taken.length === 0) return;
        if (this.drops.length > 0) queueMicrotask(() => void this.writeDrops());
        for (const { file } of taken) {
          const state = { ...file };
          before.push(() => Object.assign(file, state));
        }
        await dropFiles(connection, taken);
      });
    } catch (error) {
      for (const restore of before) restore();
      for (const { reject } of taken) reject(error);
      return;
    }
    for (const { resolve } of taken) resolve();
  }

  async replaceWarnings(file: FileEntry, codes: readonly string[], notes: readonly Note[]): Promise<void> {
    await this.transaction(async (connection) => {
      for (const code of codes)
        await connection.run("DELETE FROM store.warnings WHERE file_no = $1 AND code = $2", [
          file.fileNo,
          code,
        ]);
      for (const note of notes) await insertWarning(connection, file.fileNo, file.datasetId, note);
    });
  }
}

async function dropFiles(connection: DuckDBConnection, drops: readonly PendingDrop[]): Promise<void> {
  const numbers = drops.map(({ file }) => file.fileNo).join(", ");
  await connection.run(
    `DELETE FROM store.steps WHERE tno IN (SELECT tno FROM store.rows WHERE file_no IN (${numbers}))`,
  );
  await connection.run(`DELETE FROM store.rows WHERE file_no IN (${numbers})`);
  await connection.run(`DELETE FROM store.warnings WHERE file_no IN (${numbers})`);
  const cleared = drops.filter(({ forget }) => !forget).map(({ file }) => file);
  if (cleared.length > 0) {
    const hashes = cleared.map(({ hash }) => `'${hash}'`).join(", ");
    await connection.run(`DELETE FROM store.scores WHERE split_part(trajectory_id, ':', 1) IN (${hashes})`);
    for (const file of cleared) {
      file.revision++;
      file.indexedBytes = 0;
      file.records = 0;
      file.openEnd = false;
      file.tornBytes = 0;
      file.lastGroup = undefined;
      file.lastGroupKey = undefined;
    }
    await writeFileStates(connection, cleared);
  }
  if (cleared.length < drops.length) {
    const forgotten = drops.filter(({ forget }) => forget).map(({ file }) => file.fileNo);
    await connection.run(`DELETE FROM store.files WHERE file_no IN (${forgotten.join(", ")})`);
  }
}

async function insertWarning(
  connection: DuckDBConnection,
  fileNo: number,
  datasetId: string,
  note: Note,
): Promise<void> {
  await connection.run("INSERT INTO store.warnings VALUES ($1, $2, $3, $4, $5)", [
    fileNo,
    datasetId,
    note.code,
    note.message,
    note.where ?? null,
  ]);
}
