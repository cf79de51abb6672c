import { closeSync, openSync, readSync, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FileHead, Format } from "../formats/format";
import { formatById } from "../formats/index";
import { Failure, failureData } from "../model/failure";
import type { Note } from "../model/trajectory";
import { datasetPlace } from "./datasetPaths";
import { fingerprint, isUnchanged } from "./fingerprint";
import { openHdf5 } from "./hdf5";
import { fileHashOf } from "./ids";
import type { IndexDatabase } from "./indexDatabase";
import type { FileEntry } from "./fileEntry";
import type { IndexWriter } from "./indexWriter";
import { parquetRowCount, parquetRows } from "./parquet";
import type { LinesResult } from "./textRecords";
import { probe } from "./probe";
import { SummaryBlockBuilder, type BlockNote, type SummaryBlock } from "./summaryBlock";
import { summarise } from "./summariseWorker";
import type { WorkerPool } from "./workerPool";

/** The first stretch of a file is small, so that its rows are there at once. */
const FIRST_STRETCH = 256 * 1024;
const STRETCH = 4 * 1024 * 1024;
/** What is at most this long is parsed in this thread: waking a worker would cost more. */
const INLINE_BYTES = 1024 * 1024;
const TABLE_ROWS = 2048;
/** A transaction costs as much as thousands of rows, so stretches are written together up to this many rows or stretches. */
const ROWS_AT_ONCE = 20_000;
const STRETCHES_AT_ONCE = 16;
const WARNINGS_PER_FILE = 100;

/** Names that promise data: what is not data behind them deserves a word. */
const DATA_NAME = /\.(?:jsonl?|ndjson|parquet|hdf5|h5|traj)$/i;

export interface DatasetEntry {
  readonly datasetId: string;
  readonly path: string;
  readonly name: string;
  readonly format: string;
  readonly shards: string;
}

export interface IndexerEvents {
  /** Rows of a dataset have changed. */
  changed(datasetId: string, addedRows: number): void;
  removed(datasetId: string): void;
  warning(note: Note): void;
}

/** Brings files into the index and keeps them up to date. One file is worked on by one caller at a time. */
export class Indexer {
  readonly files = new Map<string, FileEntry>();
  readonly datasets = new Map<string, DatasetEntry>();
  /** Files looked at and left alone, with the state in which that was decided. */
  private readonly leftAlone = new Map<string, { readonly state: string; readonly note: Note | undefined }>();
  private readonly busy = new Map<string, Promise<unknown>>();
  private nextFileNo = 1;

  constructor(
    private readonly database: IndexDatabase,
    private readonly writer: IndexWriter,
    private readonly pool: WorkerPool,
    private readonly events: IndexerEvents,
  ) {}

  /** Loads what the index knows of files and datasets. */
  async load(): Promise<void> {
    const files = await this.database.reader.runAndReadAll("SELECT * FROM store.files");
    for (const row of files.getRowObjects()) {
      const file: FileEntry = {
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
        lastGroup: (row["last_group"] as bigint | null) ?? undefined,
        lastGroupKey: (row["last_group_key"] as bigint | null) ?? undefined,
      };
      this.files.set(file.path, file);
      this.nextFileNo = Math.max(this.nextFileNo, file.fileNo + 1);
    }
    const datasets = await this.database.reader.runAndReadAll("SELECT dataset_id, path, name, format, shards FROM store.datasets");
    for (const [datasetId, path, name, format, shards] of datasets.getRows() as [string, string, string, string, string][]) {
      this.datasets.set(datasetId, { datasetId, path, name, format, shards });
    }
  }

  /** Files that are followed: those in the index, and those that could become data. */
  followedFiles(): string[] {
    return [...this.files.keys(), ...this.leftAlone.keys()];
  }

  /** True when a file has never been looked at. */
  isNew(path: string): boolean {
    return !this.files.has(path) && !this.leftAlone.has(path);
  }

  /** Notes of files that were looked at and left alone. */
  looseNotes(): Note[] {
    return [...this.leftAlone.values()].flatMap(({ note }) => (note === undefined ? [] : [note]));
  }

  /** Note of a file that was looked at and left alone, if there is something to say. */
  noteOf(path: string): Note | undefined {
    return this.leftAlone.get(path)?.note;
  }

  /**
   * Looks at one file and takes in what is new: nothing, the appended end, or all of it.
   * @param asked true when a user named this very file, so that even "unknown" deserves a word
   */
  refresh(path: string, stats: Stats | undefined, asked: boolean, signal?: AbortSignal): Promise<void> {
    const before = this.busy.get(path) ?? Promise.resolve();
    const work = before.then(() => this.refreshNow(path, stats, asked, signal));
    const settled = work.catch(() => undefined).then(() => {
      if (this.busy.get(path) === settled) this.busy.delete(path);
    });
    this.busy.set(path, settled);
    return work;
  }

  private async refreshNow(path: string, known: Stats | undefined, asked: boolean, signal: AbortSignal | undefined): Promise<void> {
    let stats: Stats;
    try {
      stats = known ?? (await stat(path));
    } catch {
      await this.remove(path);
      return;
    }
    const entry = this.files.get(path);
    const state = `${stats.size}:${stats.mtimeMs}:${stats.ino}`;
    if (entry === undefined) {
      const left = this.leftAlone.get(path);
      if (left?.state === state && !(asked && left.note === undefined)) return;
      await this.addNew(path, stats, asked, state, signal);
      return;
    }
    const unfinished = entry.container === "jsonl" && entry.indexedBytes + entry.tornBytes < stats.size;
    if (entry.bytes === stats.size && entry.mtimeMs === stats.mtimeMs && !unfinished) return;
    try {
      if (entry.container === "jsonl" && stats.size >= entry.indexedBytes && (stats.size > entry.bytes || unfinished) && isUnchanged(path, entry.indexedBytes, entry)) {
        const format = this.formatOf(entry);
        if (format !== undefined && (await this.appendLines(entry, format, stats, signal))) return;
      }
      await this.reread(entry, stats, asked, state, signal);
    } catch (error) {
      this.report(path, error);
    }
  }

  private formatOf(entry: FileEntry): Format | undefined {
    return formatById(this.datasets.get(entry.datasetId)?.format ?? "");
  }

  /** Forgets a file that is gone. */
  async remove(path: string): Promise<void> {
    this.leftAlone.delete(path);
    const entry = this.files.get(path);
    if (entry === undefined) return;
    this.files.delete(path);
    await this.writer.removeFile(entry);
    if ([...this.files.values()].some((file) => file.datasetId === entry.datasetId)) {
      this.events.changed(entry.datasetId, 0);
      return;
    }
    this.datasets.delete(entry.datasetId);
    await this.writer.transaction((connection) => connection.run("DELETE FROM store.datasets WHERE dataset_id = $1", [entry.datasetId]));
    this.events.removed(entry.datasetId);
  }

  private async addNew(path: string, stats: Stats, asked: boolean, state: string, signal: AbortSignal | undefined): Promise<void> {
    let note: Note | undefined;
    try {
      const found = await probe(path);
      if (found.kind === "readable") {
        this.leftAlone.delete(path);
        await this.add(path, stats, found.head, found.format, signal);
        return;
      }
      if (found.kind === "false-friend") note = asked || DATA_NAME.test(path) ? found.note : undefined;
      else if (asked) note = { code: "unknown-format", message: `${basename(path)} is of no format that is known here.`, where: path };
    } catch (error) {
      if (signal?.aborted === true) throw error;
      note = { code: failureData(error).code, message: sentence(error), where: path };
    }
    this.leftAlone.set(path, { state, note });
    if (note !== undefined) this.events.warning(note);
  }

  private async add(path: string, stats: Stats, head: FileHead, format: Format, signal: AbortSignal | undefined): Promise<void> {
    const place = datasetPlace(path, format);
    if (!this.datasets.has(place.datasetId)) {
      const dataset: DatasetEntry = { datasetId: place.datasetId, path: place.path, name: place.name, format: format.id, shards: place.shards };
      this.datasets.set(place.datasetId, dataset);
      await this.writer.transaction((connection) => connection.run("INSERT INTO store.datasets VALUES ($1, $2, $3, $4, $5)", [dataset.datasetId, dataset.path, dataset.name, dataset.format, dataset.shards]));
    }
    const file: FileEntry = {
      fileNo: this.nextFileNo++,
      datasetId: place.datasetId,
      path,
      relativePath: place.relativePath,
      hash: fileHashOf(place.datasetId, place.relativePath),
      container: head.container,
      bytes: 0,
      mtimeMs: 0,
      inode: stats.ino,
      headHash: "",
      tailHash: "",
      indexedBytes: 0,
      records: 0,
      openEnd: false,
      tornBytes: 0,
      lastGroup: undefined,
      lastGroupKey: undefined,
    };
    this.files.set(path, file);
    await this.takeIn(file, format, head, stats, signal);
  }

  private async reread(entry: FileEntry, stats: Stats, asked: boolean, state: string, signal: AbortSignal | undefined): Promise<void> {
    const found = await probe(entry.path);
    const place = found.kind === "readable" ? datasetPlace(entry.path, found.format) : undefined;
    if (found.kind !== "readable" || place?.datasetId !== entry.datasetId) {
      await this.remove(entry.path);
      await this.addNew(entry.path, stats, asked, state, signal);
      return;
    }
    entry.container = found.head.container;
    await this.writer.clearFile(entry);
    await this.takeIn(entry, found.format, found.head, stats, signal);
  }

  private async takeIn(file: FileEntry, format: Format, head: FileHead, stats: Stats, signal: AbortSignal | undefined): Promise<void> {
    const notes = format.notes?.(head) ?? [];
    if (notes.length > 0) await this.writer.replaceWarnings(file, [], notes);
    if (file.container === "jsonl") await this.appendLines(file, format, stats, signal);
    else if (file.container === "json") await this.takeDocument(file, format, stats);
    else if (file.container === "parquet") await this.takeTable(file, format, stats, signal);
    else await this.takeHdf5(file, format, stats, signal);
  }

  /** @returns false when what follows the last line is not its line end, so that the file must have been rewritten */
  private async appendLines(file: FileEntry, format: Format, stats: Stats, signal: AbortSignal | undefined): Promise<boolean> {
    const limit = stats.size;
    let start = file.indexedBytes;
    if (file.openEnd && start < limit) {
      const lineEnd = lineEndAt(file.path, start);
      if (lineEnd === 0) return false;
      start += lineEnd;
    }
    const job = { kind: "lines", path: file.path, relativePath: file.relativePath, formatId: format.id, limit } as const;
    const append = async (results: readonly LinesResult[], last: boolean): Promise<void> => {
      const added = await this.writer.append(file, results.map((result) => result.block), format.grouping, (state) => {
        for (const result of results) {
          if (result.endOffset < 0) continue;
          state.indexedBytes = result.endOffset;
          state.openEnd = result.open;
          state.tornBytes = result.tornBytes;
        }
        Object.assign(state, fingerprint(file.path, state.indexedBytes));
        state.inode = stats.ino;
        // Sizes and times are kept only once all of it is in: a crash before leaves the file to be looked at again.
        if (last) {
          state.bytes = stats.size;
          state.mtimeMs = stats.mtimeMs;
        }
      }, (block, base) => this.notesOf(file, block, base));
      this.events.changed(file.datasetId, added);
    };
    // The first stretch alone, at once; then the rest in worker threads, or here when it is small.
    const firstEnd = limit - start <= INLINE_BYTES ? limit : start + FIRST_STRETCH;
    const first = summarise({ ...job, start, end: firstEnd, atLineStart: true });
    await append([first], firstEnd >= limit || first.endOffset >= limit || first.tornBytes > 0);
    if (firstEnd >= limit || first.endOffset >= limit || first.tornBytes > 0) return true;
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
      await append(ready, last);
      ready = [];
      readyRows = 0;
    }
    return true;
  }

  private async takeDocument(file: FileEntry, format: Format, stats: Stats): Promise<void> {
    const job = { kind: "document", path: file.path, relativePath: file.relativePath, formatId: format.id } as const;
    const result = stats.size <= INLINE_BYTES ? summarise(job) : await this.pool.run(job);
    const notes: Note[] = [];
    if (result.tornBytes > 0) notes.push({ code: "torn-document", message: `${basename(file.path)} ends in the middle of its JSON: what is whole is shown.`, where: file.path });
    await this.finish(file, format, stats, result.block, notes);
  }

  private async takeTable(file: FileEntry, format: Format, stats: Stats, signal: AbortSignal | undefined): Promise<void> {
    const total = await parquetRowCount(file.path);
    for (let start = 0; start < total || start === 0; start += TABLE_ROWS) {
      if (signal?.aborted === true) throw new Failure("cancelled", "Indexing was cancelled.", "Index again to go on.");
      const builder = new SummaryBlockBuilder();
      const rows = await parquetRows(file.path, start, start + TABLE_ROWS);
      for (const [offset, value] of rows.entries()) {
        addTo(builder, offset, () => format.summarise({ kind: "value", value }, { path: file.path, relativePath: file.relativePath, row: start + offset }), format);
      }
      const block = builder.pack(rows.length);
      if (start + TABLE_ROWS >= total) await this.finish(file, format, stats, block, []);
      else this.events.changed(file.datasetId, await this.writer.append(file, [block], format.grouping, () => undefined, (own, base) => this.notesOf(file, own, base)));
    }
  }

  private async takeHdf5(file: FileEntry, format: Format, stats: Stats, signal: AbortSignal | undefined): Promise<void> {
    const { root, close } = await openHdf5(file.path);
    try {
      const members = format.members?.(root) ?? [];
      for (let start = 0; start < members.length || start === 0; start += 100) {
        if (signal?.aborted === true) throw new Failure("cancelled", "Indexing was cancelled.", "Index again to go on.");
        const builder = new SummaryBlockBuilder();
        const names = members.slice(start, start + 100);
        for (const [offset, member] of names.entries()) {
          addTo(builder, offset, () => {
            const group = root.group(member);
            if (group === undefined) throw new Failure("missing-group", `group ${member} is not there`, "The file may be cut off.");
            const summaries = format.summarise({ kind: "hdf5", group }, { path: file.path, relativePath: file.relativePath, row: start + offset, member });
            return summaries.map((summary) => ({ ...summary, member }));
          }, format);
        }
        const block = builder.pack(names.length);
        if (start + 100 >= members.length) await this.finish(file, format, stats, block, []);
        else this.events.changed(file.datasetId, await this.writer.append(file, [block], format.grouping, () => undefined, (own, base) => this.notesOf(file, own, base)));
        await nextTurn();
      }
    } finally {
      close();
    }
  }

  private async finish(file: FileEntry, format: Format, stats: Stats, block: SummaryBlock, notes: readonly Note[]): Promise<void> {
    const added = await this.writer.append(file, [block], format.grouping, (state) => {
      state.bytes = stats.size;
      state.mtimeMs = stats.mtimeMs;
      state.inode = stats.ino;
      state.indexedBytes = stats.size;
    }, (own, base) => [...this.notesOf(file, own, base), ...notes]);
    this.events.changed(file.datasetId, added);
  }

  /** Notes of records that could not be read, with the file and line named. */
  private notesOf(file: FileEntry, block: SummaryBlock, base: number): Note[] {
    const unit = file.container === "jsonl" ? "Line" : file.container === "json" ? "Element" : file.container === "parquet" ? "Row" : "Episode";
    const name = basename(file.path);
    const asNote = ({ row, code, reason }: BlockNote): Note => ({
      code,
      message: `${unit} ${base + row + 1} of ${name} ${reason}; it is left out.`,
      where: `${file.path}:${base + row + 1}`,
    });
    const notes = block.notes.slice(0, WARNINGS_PER_FILE).map(asNote);
    if (block.moreNotes > 0) notes.push({ code: "more-warnings", message: `${block.moreNotes} more records of ${name} could not be read.`, where: file.path });
    return notes;
  }

  private report(path: string, error: unknown): void {
    this.events.warning({ code: failureData(error).code, message: sentence(error), where: path });
  }
}

function addTo(builder: SummaryBlockBuilder, row: number, summaries: () => Parameters<SummaryBlockBuilder["add"]>[3], format: Format): void {
  try {
    builder.add(row, 0, 0, summaries());
  } catch (error) {
    builder.note({ row, code: error instanceof Failure ? error.code : "unfit-record", reason: `does not fit ${format.title}: ${error instanceof Error ? error.message : String(error)}` });
  }
}

function sentence(error: unknown): string {
  const { message, hint } = failureData(error);
  return error instanceof Failure ? `${message} ${hint}` : message;
}

/** Length of the line end at a byte offset: 1 for LF, 2 for CR LF, 0 for anything else. */
function lineEndAt(path: string, offset: number): 0 | 1 | 2 {
  const bytes = Buffer.alloc(2);
  const file = openSync(path, "r");
  try {
    const got = readSync(file, bytes, 0, 2, offset);
    if (got >= 1 && bytes[0] === 0x0a) return 1;
    return got === 2 && bytes[0] === 0x0d && bytes[1] === 0x0a ? 2 : 0;
  } finally {
    closeSync(file);
  }
}
