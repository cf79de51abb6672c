import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Format } from "../formats/format";
import { formatById } from "../formats/index";
import { proposalSentence } from "../formats/mappingProposal";
import type { ColumnMapping } from "../model/columnMapping";
import { Failure, failureData } from "../model/failure";
import type { Note } from "../model/trajectory";
import { ArchiveIntake, type MemberIndexer } from "./archiveIntake";
import { CompanionWatch } from "./companionWatch";
import { companionState } from "./containers/companions";
import { datasetPlace } from "./datasetPaths";
import { fileHashOf } from "./ids";
import type { IndexDatabase } from "./indexDatabase";
import { FILE_COLUMNS, fileEntryOf, type FileEntry } from "./fileEntry";
import type { IndexWriter } from "./indexWriter";
import { FileQueues } from "./fileQueues";
import { Intake } from "./intake";
import { KnownFiles } from "./knownFiles";
import { FilesLeftAlone } from "./leftAlone";
import { MappingChoice } from "./mappingChoice";
import { probe, type Probe } from "./probe";
import { CLOCK_GRAIN_MS } from "./reading";
import { SLICE_MS, Slices } from "./slices";
import { Steadiness } from "./steadiness";
import { archiveDepth } from "./unpacked";
import type { WorkerPool } from "./workerPool";

/** Names that promise data: what is not data behind them deserves a word. */
const DATA_NAME =
  /\.(?:jsonl?|ndjson|parquet|hdf5|h5|traj|arrow|npz|npy|pkl|pickle|pt|tfrecord|eval|csv)(?:\.gz|\.zst)?$/i;

/** Readings of a file that is rewritten under each of them, and the pause between them. */
const ATTEMPTS = 3;
const PAUSE_MS = 100;
/** Of more files of no known format in one folder, none waits for a file beside it. */
const UNKNOWN_FILES = 200;

type Readable = Extract<Probe, { kind: "readable" }>;

/** One look at a file. */
interface Look {
  /** From before anything of it is read. */
  readonly stats: Stats;
  readonly asked: boolean;
  readonly signal: AbortSignal | undefined;
  /** Which reading this is of a file that is rewritten while it is read, and when the first began. */
  readonly attempt?: number;
  readonly beganMs?: number;
}

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
export class Indexer implements MemberIndexer {
  readonly files = new KnownFiles();
  readonly datasets = new Map<string, DatasetEntry>();
  readonly companions = new CompanionWatch();
  readonly leftAlone = new FilesLeftAlone();
  readonly archives: ArchiveIntake = new ArchiveIntake(this);
  private readonly queues = new FileQueues();
  private readonly intake: Intake;
  private readonly steadiness = new Steadiness();
  private nextFileNo = 1;
  private loading: Promise<void> | undefined;
  private readonly mappings = new MappingChoice();

  constructor(
    private readonly database: IndexDatabase,
    private readonly writer: IndexWriter,
    pool: WorkerPool,
    private readonly events: IndexerEvents,
  ) {
    this.intake = new Intake(writer, pool, (datasetId, addedRows) => events.changed(datasetId, addedRows));
  }

  /** Loads what the index knows of datasets: all that lists and rows need. */
  async load(): Promise<void> {
    const datasets = await this.database.reader.runAndReadAll(
      "SELECT dataset_id, path, name, format, shards FROM store.datasets",
    );
    for (const [datasetId, path, name, format, shards] of datasets.getRows() as [
      string,
      string,
      string,
      string,
      string,
    ][]) {
      this.datasets.set(datasetId, { datasetId, path, name, format, shards });
    }
  }

  /** Loads what the index knows of files, the first time that it is asked to; a run may have 100,000. */
  loadFiles(): Promise<void> {
    this.loading ??= this.readFiles();
    return this.loading;
  }

  private async readFiles(): Promise<void> {
    const files = await this.database.reader.run(`SELECT ${FILE_COLUMNS} FROM store.files`);
    // Pages of rows are asked for at the same time, by the view that has just opened.
    const slices = new Slices(SLICE_MS);
    for (const chunk of await files.fetchAllChunks()) {
      for (const row of chunk.getRows()) {
        const file = fileEntryOf(row);
        this.files.add(file);
        this.nextFileNo = Math.max(this.nextFileNo, file.fileNo + 1);
      }
      await slices.turn();
    }
  }

  /** From now on these mappings hold. Files that were read with another one are read anew when they are looked at next. */
  useMappings(mappings: readonly ColumnMapping[]): void {
    this.mappings.use(mappings);
  }

  /** Files that are followed: those in the index, and those that could become data. */
  followedFiles(): string[] {
    // Files of archives change with their archive alone.
    return [...this.files.paths(), ...this.leftAlone.paths()].filter((path) => archiveDepth(path) === 0);
  }

  /** True when a file has never been looked at. */
  isNew(path: string): boolean {
    return !this.files.has(path) && !this.leftAlone.has(path);
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
    // Who had to wait for other work on the file looks at it anew.
    return this.queues.run(path, (waited) =>
      this.refreshNow(path, waited ? undefined : stats, asked, signal),
    );
  }

  /** Reads a file again if the files beside it, from which its rows were made as well, have changed. */
  async refreshCompanions(path: string, signal?: AbortSignal): Promise<void> {
    const entry = this.files.get(path);
    const format = entry === undefined ? undefined : this.formatOf(entry);
    if (format?.companions === undefined && format?.plainCompanions === undefined) return;
    this.companions.note(path, format);
    if (companionState(format, path) === entry?.companions) return;
    await this.queues.run(path, async () => {
      const file = this.files.get(path);
      if (file === undefined || companionState(format, path) === file.companions) return;
      try {
        await this.reread(file, { stats: await stat(path), asked: false, signal });
      } catch (error) {
        if (isMissing(error, path)) await this.remove(path);
        else this.report(path, error);
      }
    });
  }

  /** Looks again at the files of a folder that no format took, because a file beside them may have been what they lacked. */
  async refreshUnknown(folder: string): Promise<void> {
    for (const path of this.leftAlone.takeUnknownIn(folder, UNKNOWN_FILES))
      await this.refresh(path, undefined, false);
  }

  private async refreshNow(
    path: string,
    known: Stats | undefined,
    asked: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let stats: Stats;
    try {
      // What was seen before other work on the file is old: acting on it could undo that work.
      const seen = this.files.get(path);
      const isOld = seen !== undefined && (seen.bytes !== known?.size || seen.mtimeMs !== known.mtimeMs);
      stats = known === undefined || isOld ? await stat(path) : known;
    } catch (error) {
      if (isMissing(error, path)) await this.remove(path);
      else this.report(path, error);
      return;
    }
    const entry = this.files.get(path);
    if (entry !== undefined && this.steadiness.isResting(path)) return;
    const look = { stats, asked, signal };
    if (entry === undefined) {
      const left = this.leftAlone.get(path);
      if (left?.state === this.stateOf(path, stats) && !(asked && left.note === undefined)) return;
      await this.addNew(path, look);
      return;
    }
    if (this.mappings.hasChanged(path, this.datasets.get(entry.datasetId)?.format)) {
      await this.remove(path);
      await this.addNew(path, look);
      return;
    }
    const unfinished = entry.container === "jsonl" && entry.indexedBytes + entry.tornBytes < stats.size;
    try {
      if (
        entry.bytes === stats.size &&
        entry.mtimeMs === stats.mtimeMs &&
        !unfinished &&
        this.steadiness.holds(entry, stats)
      )
        return;
      if (
        entry.container === "jsonl" &&
        !this.steadiness.wasRewritten(path) &&
        stats.size >= entry.indexedBytes &&
        (stats.size > entry.bytes || unfinished) &&
        // A reading that was interrupted goes on only where nobody has touched the file since.
        (entry.mtimeMs >= 0 || -entry.mtimeMs === stats.mtimeMs)
      ) {
        const format = this.formatOf(entry);
        if (format !== undefined && (await this.intake.appendLines(entry, format, stats, signal))) {
          this.steadiness.wasRead(entry);
          return;
        }
      }
      await this.reread(entry, look);
    } catch (error) {
      if (isMissing(error, path)) await this.remove(path);
      else this.report(path, error);
    }
  }

  private formatOf(entry: FileEntry): Format | undefined {
    return formatById(this.datasets.get(entry.datasetId)?.format ?? "");
  }

  /** Forgets a file that is gone. Only while no other work on it is under way. */
  async remove(path: string): Promise<void> {
    this.leftAlone.delete(path);
    this.steadiness.forget(path);
    this.companions.forget(path);
    await this.archives.forgetMembers(path);
    const entry = this.files.get(path);
    if (entry === undefined) return;
    this.files.delete(path);
    await this.writer.removeFile(entry);
    if (this.files.countOf(entry.datasetId) > 0) {
      this.events.changed(entry.datasetId, 0);
      return;
    }
    // Of files that go at the same time, one takes the dataset with it.
    if (!this.datasets.delete(entry.datasetId)) return;
    await this.writer.transaction((connection) =>
      connection.run("DELETE FROM store.datasets WHERE dataset_id = $1", [entry.datasetId]),
    );
    this.events.removed(entry.datasetId);
  }

  /** The state of a file by which it is decided whether to look at it again. */
  private stateOf(path: string, { size, mtimeMs, ino }: Stats): string {
    return `${size}:${mtimeMs}:${ino}:${this.mappings.formatFor(path)?.id ?? ""}`;
  }

  private async addNew(path: string, look: Look): Promise<void> {
    const { stats, asked, signal } = look;
    const state = this.stateOf(path, stats);
    let note: Note | undefined;
    let unknown = false;
    try {
      const mapped = this.mappings.formatFor(path);
      const found = await probe(path, mapped);
      const unfit = this.mappings.noteFit(path, mapped, found);
      if (unfit !== undefined) this.events.warning(unfit);
      if (found.kind !== "archive") await this.archives.forgetMembers(path);
      if (found.kind === "readable") {
        this.leftAlone.delete(path);
        await this.add(path, found, look);
        return;
      }
      if (found.kind === "part") {
        this.leftAlone.set(path, { state, note: undefined, unknown: false });
        await this.rereadFolder(found.leader, stats, signal);
        return;
      }
      unknown = found.kind === "unknown";
      if (found.kind === "archive") note = await this.archives.take(path, found.archive, look);
      else if (found.kind === "false-friend") note = asked || DATA_NAME.test(path) ? found.note : undefined;
      else if (found.kind === "unknown" && found.damage !== undefined && (asked || DATA_NAME.test(path)))
        note = {
          code: found.damage.code,
          message: `${basename(path)} is damaged, and what is left of it is of no format that is known here. ${found.damage.message}`,
          where: path,
        };
      else if (found.kind === "unknown" && found.proposal !== undefined && (asked || DATA_NAME.test(path)))
        note = {
          code: "unmapped-columns",
          message: proposalSentence(basename(path), found.proposal),
          where: path,
        };
      else if (asked)
        note = {
          code: "unknown-format",
          message: `${basename(path)} is of no format that is known here.`,
          where: path,
        };
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (isMissing(error, path)) {
        await this.remove(path);
        return;
      }
      note = { code: failureData(error).code, message: sentence(error), where: path };
    }
    const said = this.leftAlone.get(path)?.note?.message;
    this.leftAlone.set(path, { state, note, unknown });
    if (note !== undefined && (asked || note.message !== said)) this.events.warning(note);
  }

  private async add(path: string, found: Readable, look: Look): Promise<void> {
    const { format, stored } = found;
    const place = datasetPlace(path, format);
    if (!this.datasets.has(place.datasetId)) {
      const dataset: DatasetEntry = {
        datasetId: place.datasetId,
        path: place.path,
        name: place.name,
        format: format.id,
        shards: place.shards,
      };
      this.datasets.set(place.datasetId, dataset);
      await this.writer.transaction((connection) =>
        connection.run("INSERT INTO store.datasets VALUES ($1, $2, $3, $4, $5)", [
          dataset.datasetId,
          dataset.path,
          dataset.name,
          dataset.format,
          dataset.shards,
        ]),
      );
    }
    const file: FileEntry = {
      fileNo: this.nextFileNo++,
      datasetId: place.datasetId,
      path,
      relativePath: place.relativePath,
      hash: fileHashOf(place.datasetId, place.relativePath),
      container: stored,
      bytes: 0,
      mtimeMs: 0,
      inode: look.stats.ino,
      headHash: "",
      tailHash: "",
      indexedBytes: 0,
      records: 0,
      openEnd: false,
      tornBytes: 0,
      lastGroup: undefined,
      lastGroupKey: undefined,
      companions: "",
      revision: 0,
    };
    this.files.add(file);
    await this.takeWhole(file, found, look);
  }

  /**
   * Takes in a file of which the index holds nothing, again when it is rewritten under the reading. A file that does not come to
   * rest stays empty in the index, with a warning, and is read when it is looked at after some time.
   */
  private async takeWhole(
    file: FileEntry,
    { format, head, stored }: Readable,
    { stats, asked, signal, attempt = 1, beganMs = Date.now() }: Look,
  ): Promise<void> {
    if (stored === "folder") this.folderRead.set(file.path, Date.now());
    this.steadiness.forget(file.path);
    this.companions.note(file.path, format);
    file.companions = companionState(format, file.path);
    if (await this.intake.takeIn(file, format, head, stats, signal)) {
      this.steadiness.wasRead(file);
      return;
    }
    if (attempt < ATTEMPTS) {
      await pause(PAUSE_MS);
      await this.reread(file, {
        stats: await stat(file.path),
        asked,
        signal,
        attempt: attempt + 1,
        beganMs,
      });
      return;
    }
    await this.writer.clearFile(file);
    await this.writer.replaceWarnings(
      file,
      [],
      [
        {
          code: "rewritten-file",
          message: `${basename(file.path)} was rewritten each time while it was read: it is read again when it is looked at next.`,
          where: file.path,
        },
      ],
    );
    this.steadiness.rest(file.path, beganMs);
  }

  private async reread(entry: FileEntry, look: Look): Promise<void> {
    const found = await probe(
      entry.path,
      this.mappings.formatFor(entry.path) ?? this.mappings.formatKept(this.formatOf(entry)),
    );
    const place = found.kind === "readable" ? datasetPlace(entry.path, found.format) : undefined;
    if (found.kind !== "readable" || place?.datasetId !== entry.datasetId) {
      await this.remove(entry.path);
      await this.addNew(entry.path, look);
      return;
    }
    entry.container = found.stored;
    await this.writer.clearFile(entry);
    await this.takeWhole(entry, found, look);
  }

  /** When a folder's trajectory was last begun to be read, by its leader. */
  private readonly folderRead = new Map<string, number>();

  /**
   * Reads a folder's trajectory again, because one of its files is new or has changed. In line with other work on the
   * leader: two readings at once would both add their rows.
   * @param part of the file that is looked at; what is older than the last reading is in it
   */
  private rereadFolder(leader: string, part: Stats, signal: AbortSignal | undefined): Promise<void> {
    return this.queues.run(leader, () => this.rereadFolderNow(leader, part, signal));
  }

  private async rereadFolderNow(leader: string, part: Stats, signal: AbortSignal | undefined): Promise<void> {
    const entry = this.files.get(leader);
    if (entry === undefined || entry.container !== "folder") return;
    const changedMs = Math.max(part.mtimeMs, part.ctimeMs);
    if (changedMs + CLOCK_GRAIN_MS < (this.folderRead.get(leader) ?? -Infinity)) return;
    try {
      await this.reread(entry, { stats: await stat(leader), asked: false, signal });
    } catch (error) {
      this.report(leader, error);
    }
  }

  warn(note: Note): void {
    this.events.warning(note);
  }

  report(path: string, error: unknown): void {
    this.events.warning({ code: failureData(error).code, message: sentence(error), where: path });
  }
}

/** True when a file has gone while it was looked at. */
function isMissing(error: unknown, path: string): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    (error.code === "ENOENT" || error.code === "ENOTDIR") &&
    "path" in error &&
    error.path === path
  );
}

function sentence(error: unknown): string {
  const { message, hint } = failureData(error);
  return error instanceof Failure ? `${message} ${hint}` : message;
}
