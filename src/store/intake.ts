import type { Stats } from "node:fs";
import { basename } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FileHead, Format, RecordContext } from "../formats/format";
import { Failure } from "../model/failure";
import type { Note } from "../model/trajectory";
import { companionsWithTables } from "./containers/companions";
import { openRecords, type StoredContainer } from "./containers/recordSource";
import type { FileEntry } from "./fileEntry";
import type { IndexWriter } from "./indexWriter";
import { parquetBatches } from "./parquet";
import { Reading } from "./reading";
import { parquetRun, parquetRuns } from "./rowRuns";
import { summarise } from "./summariseWorker";
import type { BlockNote, SummaryBlock } from "./summaryBlock";
import { SummaryBlockBuilder } from "./summaryBlockBuilder";
import { NOT_UTF8, type LinesResult } from "./textLines";
import type { WorkerPool } from "./workerPool";

/** The first stretch of a file is small, so that its rows are there at once. */
const FIRST_STRETCH = 256 * 1024;
const STRETCH = 4 * 1024 * 1024;
/** What is at most this long is parsed in this thread: waking a worker would cost more. */
const INLINE_BYTES = 1024 * 1024;
const RUNS_AT_ONCE = 64;
const ROWS_PER_TURN = 128;
/** A transaction costs as much as thousands of rows, so stretches are written together up to this many rows or stretches. */
const ROWS_AT_ONCE = 20_000;
const STRETCHES_AT_ONCE = 16;
const WARNINGS_PER_FILE = 100;

/** What a record of a container is called in a remark on it. */
const UNITS: Readonly<Record<StoredContainer, string>> = {
  jsonl: "Line",
  "compressed-jsonl": "Line",
  json: "Element",
  "compressed-json": "Element",
  parquet: "Row",
  csv: "Row",
  arrow: "Row",
  hdf5: "Episode",
  zip: "Member",
  tar: "Member",
  pickle: "Record",
  arrays: "Record",
  tfrecord: "Record",
  text: "Text",
  sqlite: "Record",
  yaml: "Element",
  folder: "Folder",
  "rows-in-json": "Element",
  "rows-in-pickle": "Element",
  "rows-in-table": "Row",
};

/** Takes the records of a file into the index, container by container. */
export class Intake {
  /** Files of which it was told that they are not all UTF-8. */
  private readonly notUtf8 = new Set<string>();

  constructor(
    private readonly writer: IndexWriter,
    private readonly pool: WorkerPool,
    private readonly changed: (datasetId: string, addedRows: number) => void,
  ) {}

  /**
   * Takes in a file of which the index holds nothing yet.
   * @returns false when the file was rewritten under the reading, so that it has to be read again
   */
  async takeIn(
    file: FileEntry,
    format: Format,
    head: FileHead,
    stats: Stats,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const notes = format.notes?.(head) ?? [];
    if (notes.length > 0)
      await this.writer.replaceWarnings(
        file,
        notes.map((note) => note.code),
        notes,
      );
    this.notUtf8.delete(file.path);
    if (file.container === "jsonl") return this.appendLines(file, format, stats, signal);
    if (file.container === "json") await this.takeDocument(file, format, stats);
    else if (file.container === "parquet") await this.takeTable(file, format, stats, signal);
    else await this.takeRecords(file, format, stats, signal);
    return true;
  }

  /**
   * Takes in what follows the lines that the index holds.
   * @param stats from before anything is read
   * @returns false when the file was rewritten, before or under the reading: then what the index holds of it is worth nothing
   */
  async appendLines(
    file: FileEntry,
    format: Format,
    stats: Stats,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const limit = stats.size;
    const reading = Reading.begin(file, stats);
    if (reading === undefined) return false;
    let start = file.indexedBytes;
    if (file.openEnd && start < limit) {
      const lineEnd = reading.passLineEnd();
      if (lineEnd === 0) return false;
      start += lineEnd;
    }
    const job = {
      kind: "lines",
      path: file.path,
      relativePath: file.relativePath,
      formatId: format.id,
      limit,
      summed: reading.summed,
    } as const;
    const append = async (results: readonly LinesResult[], last: boolean): Promise<boolean> => {
      for (const { span } of results) if (span !== undefined) reading.add(span);
      if (!reading.joined || (last && !(await reading.holds()))) return false;
      const fingerprint = reading.fingerprint();
      const added = await this.writer.append(
        file,
        results.map((result) => result.block),
        format.grouping,
        (state) => {
          for (const result of results) {
            if (result.endOffset < 0) continue;
            state.indexedBytes = result.endOffset;
            state.openEnd = result.open;
            state.tornBytes = result.tornBytes;
          }
          Object.assign(state, fingerprint);
          state.inode = stats.ino;
          // The size is kept only once all of it is in; a negative time is that of a file whose reading was not finished.
          if (last) state.bytes = stats.size;
          state.mtimeMs = last ? stats.mtimeMs : -stats.mtimeMs;
        },
        (block, base) => this.notesOf(file, block, base),
      );
      this.changed(file.datasetId, added);
      return true;
    };
    // The first stretch alone, at once; then the rest in worker threads, or here when it is small.
    const firstEnd = limit - start <= INLINE_BYTES ? limit : start + FIRST_STRETCH;
    const first = summarise({ ...job, start, end: firstEnd, atLineStart: true });
    const isAll = firstEnd >= limit || first.endOffset >= limit || first.tornBytes > 0;
    const held = await append([first], isAll);
    if (isAll) return held;
    await nextTurn();
    const pending: Promise<LinesResult>[] = [];
    let ready: LinesResult[] = [];
    let readyRows = 0;
    let next = first.endOffset;
    let atLineStart = true;
    while (pending.length > 0 || next < limit) {
      if (signal?.aborted === true) {
        await Promise.allSettled(pending);
        throw new Failure("cancelled", "Indexing was cancelled.", "Index again to go on where it stopped.");
      }
      while (next < limit && pending.length < 2 * this.pool.size + 2) {
        const end = Math.min(limit, next + STRETCH);
        const work = this.pool.run({ ...job, start: next, end, atLineStart });
        work.catch(() => undefined);
        pending.push(work);
        next = end;
        atLineStart = false;
      }
      const result = await (pending.shift() as (typeof pending)[number]);
      ready.push(result);
      readyRows += result.block.count;
      const last = pending.length === 0 && next >= limit;
      if (!last && readyRows < ROWS_AT_ONCE && ready.length < STRETCHES_AT_ONCE) continue;
      if (!(await append(ready, last))) return false;
      ready = [];
      readyRows = 0;
    }
    return true;
  }

  private async takeDocument(file: FileEntry, format: Format, stats: Stats): Promise<void> {
    const job = {
      kind: "document",
      path: file.path,
      relativePath: file.relativePath,
      formatId: format.id,
    } as const;
    const result = stats.size <= INLINE_BYTES ? summarise(job) : await this.pool.run(job);
    const notes: Note[] = [];
    if (result.tornBytes > 0)
      notes.push({
        code: "torn-document",
        message: `${basename(file.path)} ends in the middle of its JSON: what is whole is shown.`,
        where: file.path,
      });
    await this.finish(file, format, stats, [result.block], notes);
  }

  private async takeTable(
    file: FileEntry,
    format: Format,
    stats: Stats,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (format.episodeColumns !== undefined) {
      await this.takeRuns(file, format, format.episodeColumns, stats, signal);
      return;
    }
    const context = await tableContext(file, format);
    let ready: SummaryBlock[] = [];
    let readyRows = 0;
    let start = 0;
    const notes: Note[] = [];
    // What is ready is written while the next rows are being read.
    let writing: Promise<unknown> = Promise.resolve();
    try {
      for await (const rows of parquetBatches(file.path)) {
        if (signal?.aborted === true)
          throw new Failure("cancelled", "Indexing was cancelled.", "Index again to go on.");
        const first = start;
        const builder = new SummaryBlockBuilder();
        for (const [offset, value] of rows.entries()) {
          addTo(
            builder,
            offset,
            () => format.summarise({ kind: "value", value }, { ...context, row: first + offset }),
            format,
          );
          // Writing, telling and answering go on between a few rows: each of their steps would wait for a whole batch.
          if (offset % ROWS_PER_TURN === ROWS_PER_TURN - 1) await nextTurn();
        }
        start += rows.length;
        ready.push(builder.pack(rows.length));
        readyRows += rows.length;
        if (first > 0 && readyRows < ROWS_AT_ONCE) continue;
        await writing;
        const blocks = ready;
        writing = this.writer
          .append(
            file,
            blocks,
            format.grouping,
            () => undefined,
            (own, base) => this.notesOf(file, own, base),
          )
          .then((added) => this.changed(file.datasetId, added));
        writing.catch(() => undefined);
        // The first rows at once.
        if (first === 0) await writing;
        ready = [];
        readyRows = 0;
      }
    } catch (error) {
      // Damage in the middle of a table: what was read before it stays. Damage at its head is the caller's to tell.
      if (signal?.aborted === true || start === 0 || !(error instanceof Failure)) throw error;
      notes.push({
        code: error.code,
        message: `${error.message} The ${start} rows before are shown.`,
        where: file.path,
      });
    } finally {
      await writing;
    }
    await this.finish(file, format, stats, ready, notes);
  }

  /** A table whose rows are steps: each run of rows is a record. */
  private async takeRuns(
    file: FileEntry,
    format: Format,
    columns: NonNullable<Format["episodeColumns"]>,
    stats: Stats,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const context = await tableContext(file, format);
    const runs = await parquetRuns(file.path, columns, stats.mtimeMs);
    for (let start = 0; start < runs.length || start === 0; start += RUNS_AT_ONCE) {
      if (signal?.aborted === true)
        throw new Failure("cancelled", "Indexing was cancelled.", "Index again to go on.");
      const builder = new SummaryBlockBuilder();
      const some = runs.slice(start, start + RUNS_AT_ONCE);
      for (const [offset, run] of some.entries()) {
        const value = await parquetRun(file.path, run);
        addTo(
          builder,
          offset,
          () => format.summarise({ kind: "value", value }, { ...context, row: start + offset }),
          format,
        );
      }
      const block = builder.pack(some.length);
      if (start + RUNS_AT_ONCE >= runs.length) await this.finish(file, format, stats, [block], []);
      else
        this.changed(
          file.datasetId,
          await this.writer.append(
            file,
            [block],
            format.grouping,
            () => undefined,
            (own, base) => this.notesOf(file, own, base),
          ),
        );
    }
  }

  /** Takes in the records of any other container, batch by batch. */
  private async takeRecords(
    file: FileEntry,
    format: Format,
    stats: Stats,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const source = await openRecords(file.path, file.container, format);
    const { count, batch, companions, plainCompanions } = source;
    try {
      for (let start = 0; start < count || start === 0; start += batch) {
        if (signal?.aborted === true)
          throw new Failure("cancelled", "Indexing was cancelled.", "Index again to go on.");
        const builder = new SummaryBlockBuilder();
        const end = Math.min(count, start + batch);
        for (const [offset, record] of (await source.read(start, end)).entries()) {
          if (record instanceof Failure)
            builder.note({ row: offset, code: record.code, reason: `cannot be read: ${record.message}` });
          if (record === undefined || record instanceof Failure) continue;
          const row = start + offset;
          const member = source.member(row);
          const context = {
            path: file.path,
            relativePath: file.relativePath,
            row,
            ...(member === undefined ? {} : { member }),
            ...(companions === undefined ? {} : { companions }),
            ...(plainCompanions === undefined ? {} : { plainCompanions }),
          };
          addTo(
            builder,
            offset,
            () => {
              const summaries = format.summarise(record, context);
              return member === undefined ? summaries : summaries.map((summary) => ({ ...summary, member }));
            },
            format,
          );
        }
        const block = builder.pack(end - start);
        if (end >= count) await this.finish(file, format, stats, [block], source.notes);
        else
          this.changed(
            file.datasetId,
            await this.writer.append(
              file,
              [block],
              format.grouping,
              () => undefined,
              (own, base) => this.notesOf(file, own, base),
            ),
          );
        await nextTurn();
      }
    } finally {
      source.close();
    }
  }

  private async finish(
    file: FileEntry,
    format: Format,
    stats: Stats,
    blocks: readonly SummaryBlock[],
    notes: readonly Note[],
  ): Promise<void> {
    const added = await this.writer.append(
      file,
      blocks,
      format.grouping,
      (state) => {
        state.bytes = stats.size;
        state.mtimeMs = stats.mtimeMs;
        state.inode = stats.ino;
        state.indexedBytes = stats.size;
      },
      (own, base) => this.notesOf(file, own, base),
      notes,
    );
    this.changed(file.datasetId, added);
  }

  /** Notes of records that could not be read, with the file and line named. */
  private notesOf(file: FileEntry, block: SummaryBlock, base: number): Note[] {
    const unit = UNITS[file.container];
    const name = basename(file.path);
    const asNote = ({ row, code, reason }: BlockNote): Note => ({
      code,
      message: `${unit} ${base + row + 1} of ${name} ${reason.replace(/\.$/, "")}; it is left out.`,
      where: `${file.path}:${base + row + 1}`,
    });
    const notes = block.notes
      .filter(({ code }) => code !== NOT_UTF8)
      .slice(0, WARNINGS_PER_FILE)
      .map(asNote);
    const broken = block.notes.find(({ code }) => code === NOT_UTF8);
    if (broken !== undefined && !this.notUtf8.has(file.path)) {
      this.notUtf8.add(file.path);
      notes.push({
        code: NOT_UTF8,
        message: `${name} is not all UTF-8 (first in line ${base + broken.row + 1}): bytes that are none are read as Latin-1 where that makes sense, and shown as \ufffd elsewhere.`,
        where: `${file.path}:${base + broken.row + 1}`,
      });
    }
    if (block.moreNotes > 0)
      notes.push({
        code: "more-warnings",
        message: `${block.moreNotes} more records of ${name} could not be read.`,
        where: file.path,
      });
    return notes;
  }
}

/** What all rows of a table know of their surroundings. */
async function tableContext(file: FileEntry, format: Format): Promise<Omit<RecordContext, "row">> {
  const companions = await companionsWithTables(format, file.path);
  return {
    path: file.path,
    relativePath: file.relativePath,
    ...(companions === undefined ? {} : { companions }),
  };
}

function addTo(
  builder: SummaryBlockBuilder,
  row: number,
  summaries: () => Parameters<SummaryBlockBuilder["add"]>[3],
  format: Format,
): void {
  try {
    builder.add(row, 0, 0, summaries());
  } catch (error) {
    builder.note({
      row,
      code: error instanceof Failure ? error.code : "unfit-record",
      reason: `does not fit ${format.title}: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}
