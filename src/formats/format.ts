import type { LongText } from "./longText";
import type { JsonObject, JsonValue } from "../model/json";
import type { TrajectorySummary } from "../model/summary";
import type { PlainValue } from "../model/plain";
import type { Note, Trajectory } from "../model/trajectory";
import type { Tree } from "../model/tree";

/** How bytes become records. The store owns the containers; formats only see records. */
export type Container =
  | "jsonl"
  | "json"
  | "parquet"
  | "hdf5"
  /** Rows with a header line; columns are typed as DuckDB sniffs them. */
  | "csv"
  /** Arrow IPC files and streams: rows. */
  | "arrow"
  /** Pickles, torch.save files and MessagePack, plain or compressed: one document of plain values. */
  | "pickle"
  /** npy, npz and MATLAB files: one map from names to arrays. */
  | "arrays"
  /** TFRecord: each record is a tf.train.Example as a map of lists. */
  | "tfrecord"
  /** ZIP archives whose members are records of one format. Those of other archives are read as files of their own. */
  | "zip"
  /** Tar archives: always files of their own. */
  | "tar"
  /** SQLite databases: records are what the format's queries give. */
  | "sqlite"
  /** A text file that is neither JSON nor a table: one record, its text. */
  | "text";

/** A column of a table container with the type name that DuckDB gives it. */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
}

/** What the store reads of a file before it asks the formats. Nothing here depends on the file's name being right. */
export interface FileHead {
  readonly path: string;
  readonly bytes: number;
  readonly container: Container;
  /** First record of a text container, parsed; absent if it does not parse. Of a JSON array it is the first element. */
  readonly firstRecord?: JsonValue;
  /** True when the file is one JSON array: its elements are the records, unless the format takes the `wholeDocument`. */
  readonly array?: boolean;
  /** Schema of a table container. */
  readonly columns?: readonly TableColumn[];
  /** Root of an HDF5 file. */
  readonly hdf5?: Hdf5Group;
  /** Content of a pickle or of an array file; of a TFRecord file, its first record. */
  readonly plain?: PlainValue;
  /** Tables of a SQLite database with their columns. */
  readonly tables?: Tables;
  /** Names of the members of a ZIP archive, in the file's order. */
  readonly archive?: readonly string[];
  /** Beginning of a `text` file. */
  readonly text?: string;
  /** Names of the files beside it (at most 1,000). */
  readonly siblings: readonly string[];
  /** What the file's companions hold; see `Format.companions`. */
  readonly companions?: Companions;
}

/** Columns of the tables of a database, by the table's name. */
export type Tables = ReadonlyMap<string, readonly TableColumn[]>;

/** How a SQLite database becomes records. */
export interface DatabaseRecords {
  /** Query with a row for each record, in order. A column `key` is what the lists are asked for by. */
  readonly records: string;
  /** Queries whose rows become a list of the record under the given name; `?1` is the record's `key`. */
  readonly lists?: Readonly<Record<string, string>>;
}

/**
 * Parsed JSON, JSON lines and rows of Parquet as a list, numbers of an npy file as nested lists, or text, by the relative path
 * under which a format asked for it. Detection sees no Parquet companions.
 */
export type Companions = ReadonlyMap<string, JsonValue>;

/** Read access to an HDF5 group; nothing is loaded before it is asked for. */
export interface Hdf5Group {
  readonly name: string;
  readonly attributes: JsonObject;
  /** Names of child groups and datasets, sorted. */
  readonly groups: readonly string[];
  readonly datasets: readonly string[];
  /** A group below, by its path; `/` is this group itself, the one member of formats whose file is one record. */
  group(name: string): Hdf5Group | undefined;
  /** Shape of a dataset without reading it. */
  shape(name: string): readonly number[] | undefined;
  /** True for a dataset of numbers or booleans; nothing of it is read. */
  numeric(name: string): boolean;
  /** Reads a whole numeric or boolean dataset, row-major, as float64 or float32 where the file has float32. */
  numbers(name: string): Float32Array | Float64Array | undefined;
  /** Reads the rows [start, end) of such a dataset alone: its first dimension, cut. */
  numberRows(name: string, start: number, end: number): Float32Array | Float64Array | undefined;
  /** Reads a dataset of strings. */
  strings(name: string): readonly string[] | undefined;
}

/** One record: a parsed JSON value, a table row or a text; a value of a pickle or array file; or an HDF5 group. */
export type FormatRecord =
  | {
      readonly kind: "value";
      readonly value: JsonValue;
      /** Texts of `Format.longFields` that are not in `value` (it has "" there), in their order; for `summarise` alone. */
      readonly long?: readonly (LongText | undefined)[];
    }
  | { readonly kind: "plain"; readonly value: PlainValue }
  | { readonly kind: "hdf5"; readonly group: Hdf5Group };

/** What a format may know of a record's surroundings. */
export interface RecordContext {
  readonly path: string;
  /** Path relative to the dataset's folder, with forward slashes. */
  readonly relativePath: string;
  readonly row: number;
  /** Name of the HDF5 group or of the archive's member. */
  readonly member?: string;
  /** What the file's companions hold; see `Format.companions`. Absent for formats that name none. */
  readonly companions?: Companions;
  /** What the file's pickled companions hold; see `Format.plainCompanions`. */
  readonly plainCompanions?: ReadonlyMap<string, PlainValue>;
}

/** Ids and place that the store gives to a trajectory; the format copies them into what it returns. */
export type TrajectoryPlace = Pick<Trajectory, "id" | "datasetId" | "source"> & { readonly groupId?: string };

/** How rows become groups. */
export type Grouping =
  /** Rows with equal (trainingStep, groupKey) anywhere in the dataset. */
  | "key"
  /** Consecutive rows of one file with equal groupKey. */
  | "consecutive"
  /** The record itself is the group (a tree). */
  | "record"
  | "none";

export interface Detection {
  /** 0..1; the store takes the highest. Generic formats stay below 0.3. */
  readonly confidence: number;
  /** What gave it away, for the "why this format" line. */
  readonly reason: string;
}

/**
 * One on-disk format. Pure: no file access, no state. One file in src/formats, one line in src/formats/index.ts.
 * Unknown fields stay visible through `Trajectory.extra` and `Step.extra`; null, NaN and absent stay apart.
 */
export interface Format {
  readonly id: string;
  readonly title: string;
  /** Project and code that writes the format. */
  readonly source: string;
  readonly containers: readonly Container[];
  readonly grouping: Grouping;
  /**
   * True when a file is one record as a whole, because its elements belong together: of a JSON array (a list of messages)
   * and of JSON lines (spans of a trace, steps of episodes) the record is the list of the elements.
   */
  readonly wholeDocument?: boolean;
  /**
   * Of a table whose rows are steps: consecutive rows with equal values in these columns (those that the table has) are one
   * record, the list of the rows. An empty list makes the whole table one record. Absent: each row is a record.
   */
  readonly episodeColumns?: readonly string[];
  /**
   * Fields of a JSON line whose long texts `summarise` takes as they stand in the file. A summary needs little of them, and most
   * of the time of indexing goes into decoding them.
   */
  readonly longFields?: readonly string[];
  /** True when records hold parent links, so that `tree` exists. */
  readonly nativeTree: boolean;
  /** Levels at which the format records advantages, for "recorded against recomputed". */
  readonly recordsAdvantage?: "token" | "step" | "trajectory";
  /** Says whether the file is of this format, from its head alone. */
  detect(head: FileHead): Detection | undefined;
  /** For HDF5: names of the groups that are records, in order. Other containers need none. */
  members?(root: Hdf5Group): readonly string[];
  /**
   * Files beside a file, or members of an archive, without which its records cannot be read: a header, a table of tasks,
   * a result file. Paths are relative to the file's folder (`../meta/info.json`), of an archive they are member names.
   * The store reads each (16 MB at most) once per file; one that is missing is missing from `companions`.
   */
  companions?(path: string, siblings: readonly string[], archive: readonly string[]): readonly string[];
  /**
   * Pickles beside a pickle that hold more of the same records, by paths relative to the file's folder; those that are not
   * there, or cannot be read, are missing from `RecordContext.plainCompanions`. Of a database, its log: it is read again when
   * that changes.
   */
  plainCompanions?(path: string): readonly string[];
  /** Of a SQLite database: what its records are; undefined when the tables are not there. */
  databaseRecords?(tables: Tables): DatabaseRecords | undefined;
  /** Of a ZIP archive: the members that are records, in order. */
  archiveMembers?(names: readonly string[]): readonly string[];
  /** Of a pickle or array file: its records, in order. Default: a list's elements, otherwise the value as one record. */
  plainRecords?(value: PlainValue): readonly PlainValue[];
  /**
   * True when the whole folder is one trajectory, written as one file a step or event: the record is the list of the
   * parsed files that `folderFiles` picks, in its order, and the file it was found by is the first of them.
   */
  folderFiles?(siblings: readonly string[]): readonly string[];
  /** Path of the dataset that the file belongs to (a run folder), when shards form one dataset; default: the file's folder for numbered shards. */
  datasetPath?(path: string): string | undefined;
  /** Remarks on a file as a whole that its head and its neighbours give away, such as an export that is not finished. */
  notes?(head: FileHead): readonly Note[];
  /** Summaries of the trajectories in one record, in order of `part`. Throws Failure for a record that does not fit. */
  summarise(record: FormatRecord, context: RecordContext): TrajectorySummary[];
  /** Reads one trajectory in full. */
  read(record: FormatRecord, place: TrajectoryPlace, context: RecordContext): Trajectory;
  /** The record's own tree; `trajectoryId(part)` gives the ids of its leaves. */
  tree?(
    record: FormatRecord,
    context: RecordContext & { readonly datasetId: string; readonly groupId?: string },
    trajectoryId: (part: number) => string,
  ): Tree;
}
