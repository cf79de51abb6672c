import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { ColumnRole, Note } from "../model/trajectory";
import { oneFlagNote } from "./arrayEpisodes";
import { given } from "./draft";
import { roleOf } from "./episodeColumns";
import type { FileHead } from "./format";
import { isList, isObject, recordedNumber } from "./jsonFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { rowsAsColumns } from "./rowsAsColumns";

/** Names of what numbers the episodes, and of what numbers the steps in one. */
const EPISODES = [
  "episode",
  "episode_id",
  "episode_idx",
  "episode_index",
  "ep",
  "eps_id",
  "traj_id",
  "trajectory_id",
];
const STEPS = ["step", "timestep", "time_step", "t", "step_id", "step_idx"];

/** What a column means; one of several elements says so in front of its number or name: `obs_0`, `state_x`. */
function roleIn(name: string): ColumnRole {
  const role = roleOf(name);
  if (role !== "info") return role;
  const [, head] = /^(obs|observation|state|action|act)[_.]/i.exec(name) ?? [];
  return head === undefined ? "info" : /^a/i.test(head) ? "action" : "observation";
}

const numeric = (value: JsonValue | undefined): boolean =>
  typeof value === "number" ||
  typeof value === "boolean" ||
  (isList(value) && value.length > 0 && value.every(numeric));

/** Rows whose names leave no doubt: numbers of action, reward and observation, and what parts the episodes. */
function isStep(names: readonly string[], isNumber: (name: string) => boolean): boolean {
  const roles = new Map<ColumnRole, string[]>();
  for (const name of names) roles.set(roleIn(name), [...(roles.get(roleIn(name)) ?? []), name]);
  const has = (role: ColumnRole): boolean => (roles.get(role) ?? []).some(isNumber);
  const parted =
    names.some((name) => EPISODES.includes(name)) || roles.has("terminated") || roles.has("truncated");
  return (
    has("action") && has("reward") && has("observation") && parted && (roles.get("reward")?.length ?? 0) === 1
  );
}

function looksRight({ firstRecord, columns }: FileHead): boolean {
  if (columns !== undefined) {
    const types = new Map(columns.map(({ name, type }) => [name, type]));
    return isStep([...types.keys()], (name) =>
      /^(?!.*(?:VARCHAR|STRUCT|BLOB|DATE|TIME)).*/i.test(types.get(name) ?? ""),
    );
  }
  if (!isObject(firstRecord)) return false;
  const reward = Object.keys(firstRecord).find((name) => roleOf(name) === "reward");
  // A list of rewards is an episode in a row.
  if (reward === undefined || typeof firstRecord[reward] !== "number") return false;
  return isStep(Object.keys(firstRecord), (name) => numeric(firstRecord[name]));
}

const OPEN: Note = { code: "cut-episode", message: "The rows end before this episode does." };

/** Rows of one episode: as long as its number stays, its steps count on and no flag ends it. */
function stretches(rows: readonly JsonObject[]): readonly JsonObject[][] {
  const names = Object.keys(rows[0] ?? {});
  const episode = EPISODES.find((name) => names.includes(name));
  const step = STEPS.find((name) => names.includes(name));
  const flags = names.filter((name) => ["terminated", "truncated"].includes(roleIn(name)));
  const all: JsonObject[][] = [];
  for (const row of rows) {
    const own = all.at(-1);
    const before = own?.at(-1);
    const other = episode !== undefined && before?.[episode] !== row[episode];
    // Where steps of an episode go on counting through the whole file, only going back tells.
    const back = step !== undefined && before !== undefined && Number(row[step]) < Number(before[step]);
    const ended = before !== undefined && flags.some((name) => recordedNumber(before[name]) === 1);
    if (own === undefined || other || back || ended) all.push([row]);
    else own.push(row);
  }
  return all;
}

function episodeOf(rows: readonly JsonObject[], index: number): NumericEpisode {
  const { columns, nulls, others } = rowsAsColumns(rows, { role: roleIn });
  const roles = new Set(columns.map(({ role }) => role));
  const name = EPISODES.find((one) => rows[0]?.[one] !== undefined);
  const id = name === undefined ? undefined : rows[0]?.[name];
  const last = rows.at(-1) ?? {};
  const ended = Object.keys(last).some(
    (one) => ["terminated", "truncated"].includes(roleIn(one)) && recordedNumber(last[one]) === 1,
  );
  const flagged = roles.has("terminated") || roles.has("truncated");
  return {
    ownId: id === undefined || id === null ? `episode_${index}` : String(id),
    title: `episode ${id === undefined || id === null ? index : String(id)}`,
    steps: rows.length,
    columns,
    stepExtra: others,
    extra: Object.keys(nulls).length === 0 ? {} : { null_rows: nulls },
    ...given(
      "notes",
      ended && !roles.has("truncated") ? [oneFlagNote] : flagged && !ended ? [OPEN] : undefined,
    ),
  };
}

/** Tables and lines with a step a row under clear names, as loops of one's own log them. */
export const episodeSteps = episodeFormat({
  id: "episode-steps",
  title: "Steps by row",
  source: "tables and JSON with a step a row: episode, state or obs, action, reward, done",
  containers: ["jsonl", "json", "csv", "parquet", "arrow"],
  wholeDocument: true,
  episodeColumns: [],
  detect(head) {
    // A document of its own is no step.
    if (head.columns === undefined && head.container === "json" && head.array !== true) return undefined;
    return looksRight(head)
      ? { confidence: 0.45, reason: "rows with numbers of observation, action, reward, and ends or episodes" }
      : undefined;
  },
  episodes(record) {
    const value = record.kind === "value" ? record.value : undefined;
    const rows = (isList(value) ? value : [value]).filter(isObject);
    if (rows.length === 0)
      throw new Failure("missing-field", "The file holds no rows.", "It may be cut off.");
    return stretches(rows).map((own, index) => () => episodeOf(own, index));
  },
});
