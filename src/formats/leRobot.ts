import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { ColumnRole, MediaReference, Note } from "../model/trajectory";
import type { Companions, TableColumn } from "./format";
import { isList, isObject, recordedNumber, textOf } from "./jsonFields";
import { episodeFormat } from "./numericEpisode";
import { rowsAsColumns } from "./rowsAsColumns";

/** Columns that place a frame; the rest is what the robot saw and did. */
const PLACE = ["episode_index", "frame_index", "index"] as const;
const DATA_FILE = /[/\\]data[/\\](chunk-\d+)[/\\]([^/\\]+)\.parquet$/;

const INFO = "../../meta/info.json";
const TASKS = ["../../meta/tasks.jsonl", "../../meta/tasks.parquet"] as const;
const EPISODES = "../../meta/episodes.jsonl";

/** In version 3 the table of episodes is itself sharded; the shard of a data file usually has its number. */
function episodeTables(path: string): readonly string[] {
  const [, chunk, file] = DATA_FILE.exec(path) ?? [];
  const first = "../../meta/episodes/chunk-000/file-000.parquet";
  if (chunk === undefined || file === undefined || !file.startsWith("file-")) return [first];
  const same = `../../meta/episodes/${chunk}/${file}.parquet`;
  return same === first ? [first] : [same, first];
}

const objectsIn = (companions: Companions | undefined, names: readonly string[]): readonly JsonObject[] =>
  names.flatMap((name) => {
    const value = companions?.get(name);
    // A file of one line is one document.
    return isList(value) ? value.filter(isObject) : isObject(value) ? [value] : [];
  });

/** What a column is. `next.*` is what came of the frame's action. */
function roleIn(name: string): ColumnRole {
  if (/^observations?([._]|$)/.test(name)) return "observation";
  if (/^actions?([._]|$)/.test(name)) return "action";
  if (/^(next\.)?reward$/.test(name)) return "reward";
  if (/^(next\.)?(done|terminated)$/.test(name)) return "terminated";
  if (/^(next\.)?truncated$/.test(name)) return "truncated";
  return "info";
}

/** Names of the elements of a feature: a list, a list of lists (one an axis), or an object of lists. */
function labelsOf(features: JsonObject, name: string): readonly string[] | undefined {
  const feature = features[name];
  const texts = (value: JsonValue | undefined): readonly string[] =>
    typeof value === "string"
      ? [value]
      : isList(value)
        ? value.flatMap(texts)
        : isObject(value)
          ? Object.values(value).flatMap(texts)
          : [];
  const names = isObject(feature) ? texts(feature["names"]) : [];
  return names.length === 0 ? undefined : names;
}

/** Fills Python's format fields (`{episode_index:06d}`); undefined when one has no value. */
function fillPath(
  template: string,
  values: Readonly<Record<string, string | number | undefined>>,
): string | undefined {
  let missing = false;
  const path = template.replace(
    /\{(\w+)(?::0?(\d+)d)?\}/g,
    (_whole, name: string, width: string | undefined) => {
      const value = values[name];
      if (value === undefined) missing = true;
      return String(value ?? "").padStart(width === undefined ? 0 : Number(width), "0");
    },
  );
  return missing ? undefined : path;
}

/** The videos of an episode, by the templates of `info.json`. */
function videosOf(info: JsonObject, episode: number, row: JsonObject | undefined): readonly MediaReference[] {
  const template = textOf(info["video_path"]);
  const features = isObject(info["features"]) ? info["features"] : {};
  const chunkSize = recordedNumber(info["chunks_size"]);
  if (template === undefined) return [];
  return Object.entries(features).flatMap(([key, feature]): readonly MediaReference[] => {
    if (!isObject(feature) || feature["dtype"] !== "video") return [];
    const fact = (name: string): number | undefined => {
      const value = recordedNumber(row?.[`videos/${key}/${name}`]);
      return typeof value === "number" ? value : undefined;
    };
    const path = fillPath(template, {
      video_key: key,
      episode_index: episode,
      episode_chunk:
        typeof chunkSize === "number" && chunkSize > 0 ? Math.floor(episode / chunkSize) : undefined,
      chunk_index: fact("chunk_index"),
      file_index: fact("file_index"),
    });
    const [from, to] = [fact("from_timestamp"), fact("to_timestamp")];
    const part = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    return path === undefined
      ? []
      : [{ kind: "video", path, ...(from === undefined && to === undefined ? {} : { part }) }];
  });
}

/** Where an episode lies inside videos that hold several (version 3), and other facts of its row without the statistics. */
function episodeFacts(row: JsonObject | undefined): JsonObject {
  const facts: Record<string, JsonValue | undefined> = {};
  for (const [name, value] of Object.entries(row ?? {}))
    if (!name.startsWith("stats/") && name !== "episode_index") facts[name] = value;
  return facts;
}

function isLeRobot(columns: readonly TableColumn[] | undefined): boolean {
  const names = new Set(columns?.map(({ name }) => name));
  return PLACE.every((name) => names.has(name)) && names.has("timestamp");
}

/** LeRobot datasets: a frame a row, episodes by `episode_index`; one file an episode (v2) or many (v3). */
export const leRobot = episodeFormat({
  id: "lerobot",
  title: "LeRobot episodes",
  source: "huggingface/lerobot, data/chunk-*/*.parquet with meta/info.json, v2.0 to v3.0",
  containers: ["parquet"],
  episodeColumns: ["episode_index"],
  companions: (path) => [INFO, ...TASKS, EPISODES, ...episodeTables(path)],
  datasetPath(path) {
    const found = DATA_FILE.exec(path);
    return found === null ? path : path.slice(0, found.index);
  },
  detect({ columns }) {
    return isLeRobot(columns)
      ? { confidence: 0.95, reason: "columns episode_index, frame_index, index, timestamp" }
      : undefined;
  },
  episodes(record, { companions, path }) {
    const rows = record.kind === "value" && isList(record.value) ? record.value.filter(isObject) : [];
    const episode = recordedNumber(rows[0]?.["episode_index"]);
    if (typeof episode !== "number")
      throw new Failure("missing-field", "The rows have no episode_index.", "The file may be cut off.");
    const info = companions?.get(INFO);
    const facts = isObject(info) ? info : {};
    const features = isObject(facts["features"]) ? facts["features"] : {};
    const { columns, nulls, others } = rowsAsColumns(rows, {
      role: roleIn,
      labels: (name) => labelsOf(features, name),
      skip: new Set(["episode_index", "index"]),
    });
    const ofEpisode = (one: JsonObject): boolean => recordedNumber(one["episode_index"]) === episode;
    const row = objectsIn(companions, [EPISODES, ...episodeTables(path)]).find(ofEpisode);
    const tasks = tasksOf(rows, objectsIn(companions, TASKS), row);
    const media = videosOf(facts, episode, row);
    const success = columns.find(({ name }) => /^(next\.)?success$/.test(name))?.data();
    return [
      {
        ownId: `episode_${episode}`,
        title: tasks[0] === undefined ? `episode ${episode}` : `episode ${episode} · ${tasks[0]}`,
        task: { id: String(episode), ...(tasks.length === 0 ? {} : { prompt: tasks.join("\n") }) },
        steps: rows.length,
        columns,
        stepExtra: others,
        ...(success === undefined ? {} : { success: success.some((flag) => flag === 1) }),
        ...(media.length === 0 ? {} : { media }),
        extra: {
          index: [rows[0]?.["index"] ?? null, rows.at(-1)?.["index"] ?? null],
          ...episodeFacts(row),
          ...(Object.keys(nulls).length === 0 ? {} : { null_rows: nulls }),
          dataset: {
            codebase_version: facts["codebase_version"],
            robot_type: facts["robot_type"],
            fps: facts["fps"],
          },
        },
        notes: notesOf(rows.length, row, columns),
      },
    ];
  },
});

/** Texts of the tasks of the frames; version 3 keeps a task's text in the index column of a data frame. */
function tasksOf(
  rows: readonly JsonObject[],
  tasks: readonly JsonObject[],
  episode: JsonObject | undefined,
): readonly string[] {
  const indices = new Set(rows.map((row) => recordedNumber(row["task_index"])));
  const byIndex = tasks.flatMap((task): readonly string[] => {
    const text = textOf(task["task"]) ?? textOf(task["__index_level_0__"]);
    return text !== undefined && indices.has(recordedNumber(task["task_index"])) ? [text] : [];
  });
  if (byIndex.length > 0) return byIndex;
  const listed = episode?.["tasks"];
  return isList(listed) ? listed.filter((text) => typeof text === "string") : [];
}

function notesOf(
  frames: number,
  episode: JsonObject | undefined,
  columns: readonly { readonly role: ColumnRole }[],
): readonly Note[] {
  const notes: Note[] = [];
  const length = recordedNumber(episode?.["length"]);
  if (typeof length === "number" && length !== frames)
    notes.push({
      code: "other-length",
      message: `The dataset's own list says that the episode has ${length} frames; the file holds ${frames}.`,
    });
  if (columns.some(({ role }) => role === "terminated") && !columns.some(({ role }) => role === "truncated"))
    notes.push({
      code: "one-done-flag",
      message:
        "The dataset has one flag for the end of an episode; it does not tell termination from truncation.",
    });
  return notes;
}
