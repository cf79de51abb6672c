import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import type { Grouping } from "../formats/format";
import type { Note } from "../model/trajectory";
import { loadDuckdb } from "./duckdb";
import { hash64 } from "./ids";
import { Recorded, type CodedTexts, type SummaryBlock } from "./summaryBlock";

/** DuckDB's own vector size: data chunks hold at most this many rows. */
const CHUNK_ROWS = 2048;

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
   * Appends a block behind what the file has so far. `update` changes the file's state; both are kept or neither.
   * @returns the number of trajectories added
   */
  async append(file: FileEntry, block: SummaryBlock, grouping: Grouping, update: (file: FileEntry) => void, notes: readonly Note[] = []): Promise<number> {
    return this.transaction(async (connection) => {
      const before = { ...file };
      const tno = this.nextTno;
      try {
        const baseRow = file.records;
        if (block.count > 0) {
          await this.appendRows(connection, file, block, grouping, baseRow);
          await this.appendComponents(connection, block, tno);
          await this.appendSteps(connection, block, tno);
          this.nextTno = tno + BigInt(block.count);
        }
        file.records = baseRow + block.records;
        update(file);
        await this.writeFileState(connection, file);
        for (const note of notes) await insertWarning(connection, file.fileNo, file.datasetId, note);
        return block.count;
      } catch (error) {
        Object.assign(file, before);
        this.nextTno = tno;
        throw error;
      }
    });
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

  private async appendRows(connection: DuckDBConnection, file: FileEntry, block: SummaryBlock, grouping: Grouping, baseRow: number): Promise<void> {
    const groups = groupNumbers(file, block, grouping, baseRow);
    const { DuckDBDataChunk, BIGINT, BOOLEAN, DOUBLE, INTEGER, UBIGINT, UTINYINT, VARCHAR } = await loadDuckdb();
    const types = [
      BIGINT, INTEGER, INTEGER, INTEGER, DOUBLE, DOUBLE, VARCHAR, VARCHAR, VARCHAR, UBIGINT, VARCHAR, DOUBLE, VARCHAR, VARCHAR, DOUBLE,
      BOOLEAN, BOOLEAN, VARCHAR, DOUBLE, INTEGER, DOUBLE, DOUBLE, UTINYINT,
    ];
    const appender = await connection.createAppender("rows", "store");
    const { flags } = block;
    for (let start = 0; start < block.count; start += CHUNK_ROWS) {
      const size = Math.min(CHUNK_ROWS, block.count - start);
      const column = (value: (index: number) => DuckDBValue): DuckDBValue[] => {
        const out = new Array<DuckDBValue>(size);
        for (let offset = 0; offset < size; offset++) out[offset] = value(start + offset);
        return out;
      };
      const flagged = (bit: number, values: Float64Array): DuckDBValue[] => column((i) => (((flags[i] ?? 0) & bit) === 0 ? null : (values[i] ?? null)));
      const chunk = DuckDBDataChunk.create(types, size);
      chunk.setColumns([
        column((i) => this.nextTno + BigInt(i)),
        column(() => file.fileNo),
        column((i) => baseRow + (block.row[i] ?? 0)),
        column((i) => block.part[i] ?? 0),
        column((i) => block.byteOffset[i] ?? 0),
        column((i) => block.byteLength[i] ?? 0),
        column((i) => block.member[i] ?? null),
        column((i) => block.ownId[i] ?? null),
        column((i) => decoded(block.parentOwnId, i)),
        column((i) => groups[i] ?? null),
        column((i) => decoded(block.groupGuess, i)),
        flagged(Recorded.trainingStep, block.trainingStep),
        column((i) => decoded(block.split, i)),
        column((i) => block.title[i] ?? ""),
        flagged(Recorded.reward, block.reward),
        column((i) => (((flags[i] ?? 0) & Recorded.success) === 0 ? null : ((flags[i] ?? 0) & Recorded.successTrue) !== 0)),
        column((i) => (((flags[i] ?? 0) & Recorded.truncated) === 0 ? null : ((flags[i] ?? 0) & Recorded.truncatedTrue) !== 0)),
        column((i) => decoded(block.stopReason, i)),
        flagged(Recorded.advantage, block.advantage),
        column((i) => block.stepCount[i] ?? 0),
        flagged(Recorded.tokenCount, block.tokenCount),
        flagged(Recorded.responseCharacters, block.responseCharacters),
        column((i) => {
          const bits = flags[i] ?? 0;
          return ((bits & Recorded.rewardNull) === 0 ? 0 : 1) | ((bits & Recorded.successNull) === 0 ? 0 : 2) | ((bits & Recorded.advantageNull) === 0 ? 0 : 4);
        }),
      ]);
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
  }

  private async appendComponents(connection: DuckDBConnection, block: SummaryBlock, tno: bigint): Promise<void> {
    if (block.components.length === 0) return;
    const { DuckDBDataChunk, BIGINT, DOUBLE, VARCHAR } = await loadDuckdb();
    const appender = await connection.createAppender("components", "store");
    let rows: [bigint[], string[], (number | null)[]] = [[], [], []];
    const flush = (): void => {
      if (rows[0].length === 0) return;
      const chunk = DuckDBDataChunk.create([BIGINT, VARCHAR, DOUBLE], rows[0].length);
      chunk.setColumns(rows);
      appender.appendDataChunk(chunk);
      rows = [[], [], []];
    };
    for (const { name, values, state } of block.components) {
      for (let index = 0; index < block.count; index++) {
        const kind = state[index];
        if (kind === 0) continue;
        rows[0].push(tno + BigInt(index));
        rows[1].push(name);
        rows[2].push(kind === 1 ? null : (values[index] ?? null));
        if (rows[0].length === CHUNK_ROWS) flush();
      }
    }
    flush();
    appender.closeSync();
  }

  private async appendSteps(connection: DuckDBConnection, block: SummaryBlock, tno: bigint): Promise<void> {
    const { steps } = block;
    if (steps === undefined) return;
    const { DuckDBDataChunk, BIGINT, DOUBLE, INTEGER } = await loadDuckdb();
    const appender = await connection.createAppender("steps", "store");
    const total = steps.trajectory.length;
    for (let start = 0; start < total; start += CHUNK_ROWS) {
      const size = Math.min(CHUNK_ROWS, total - start);
      const chunk = DuckDBDataChunk.create([BIGINT, INTEGER, DOUBLE, DOUBLE, DOUBLE], size);
      const indices = Array.from({ length: size }, (_, offset) => start + offset);
      chunk.setColumns([
        indices.map((i) => tno + BigInt(steps.trajectory[i] ?? 0)),
        indices.map((i) => steps.step[i] ?? 0),
        indices.map((i) => (((steps.flags[i] ?? 0) & 1) === 0 ? null : (steps.reward[i] ?? null))),
        indices.map((i) => (((steps.flags[i] ?? 0) & 4) === 0 ? null : (steps.value[i] ?? null))),
        indices.map((i) => (((steps.flags[i] ?? 0) & 16) === 0 ? null : (steps.advantage[i] ?? null))),
      ]);
      appender.appendDataChunk(chunk);
    }
    appender.closeSync();
  }
}

/** Group numbers of a block's trajectories, unique over all datasets. Carries the run of consecutive rows on in `file`. */
function groupNumbers(file: FileEntry, block: SummaryBlock, grouping: Grouping, baseRow: number): (bigint | undefined)[] {
  const numbers = new Array<bigint | undefined>(block.count);
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

function decoded(column: CodedTexts, index: number): string | null {
  const code = column.codes[index] ?? -1;
  return code < 0 ? null : (column.texts[code] ?? null);
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
