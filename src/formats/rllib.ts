import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note } from "../model/trajectory";
import { oneFlagNote } from "./arrayEpisodes";
import { given } from "./draft";
import type { EpisodeColumn } from "./episodeColumns";
import type { FormatRecord } from "./format";
import { isList, isObject, recordedNumber } from "./jsonFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { isPacked } from "./packedText";
import { numbersIn } from "./plainFields";
import { batchNumbers, joined, rllibRole } from "./rllibColumns";
import type { PlainValue } from "../model/plain";

/** A batch of steps of one policy, as a line of JSON holds it. */
interface Batch {
  readonly policy?: string;
  readonly fields: JsonObject;
  readonly count: number;
}

/** Rows of one episode, which may be spread over several batches. */
interface Open {
  readonly policy?: string;
  readonly episode?: JsonValue;
  readonly agent?: JsonValue;
  readonly first?: number;
  lastTime: number | undefined;
  readonly parts: { readonly batch: Batch; readonly start: number; end: number }[];
  ended?: "terminated" | "truncated" | "ended";
}

const CUT: Note = { code: "cut-episode", message: "The file ends before this episode does." };
const LATE: Note = {
  code: "late-start",
  message: "The first step here is not the episode's first: what came before is in another file.",
};

function batchesOf(value: JsonValue | undefined): readonly Batch[] {
  return (isList(value) ? value : [value]).filter(isObject).flatMap((line): readonly Batch[] => {
    const policies = line["policy_batches"];
    const make = (fields: JsonObject, policy?: string): readonly Batch[] => {
      const rewards = fields["rewards"];
      const count = isList(rewards) ? rewards.length : batchNumbers(fields, "rewards")?.shape[0];
      return count === undefined ? [] : [{ ...given("policy", policy), fields, count }];
    };
    if (isObject(policies))
      return Object.entries(policies).flatMap(([policy, fields]) =>
        isObject(fields) ? make(fields, policy) : [],
      );
    return make(line);
  });
}

const at = (batch: Batch, name: string, row: number): JsonValue | undefined => {
  const values = batch.fields[name];
  return isList(values) ? values[row] : undefined;
};

function endAt(batch: Batch, row: number): Open["ended"] {
  const flag = (name: string): boolean => recordedNumber(at(batch, name, row)) === 1;
  if (flag("terminateds") || flag("terminated")) return "terminated";
  if (flag("truncateds") || flag("truncated")) return "truncated";
  return flag("dones") ? "ended" : undefined;
}

/** Rows gathered by episode and agent: fragments of several environments follow each other in a file. */
function openEpisodes(batches: readonly Batch[]): readonly Open[] {
  const all: Open[] = [];
  const open = new Map<string, Open>();
  for (const [number, batch] of batches.entries()) {
    const named = batch.fields["eps_id"] !== undefined;
    for (let row = 0; row < batch.count; row++) {
      const episode = at(batch, "eps_id", row);
      const agent = at(batch, "agent_index", row) ?? at(batch, "agent_id", row) ?? undefined;
      // Without ids nothing joins the batches.
      const key = JSON.stringify([batch.policy ?? null, named ? (episode ?? null) : number, agent ?? null]);
      const time = recordedNumber(at(batch, "t", row));
      let own = open.get(key);
      if (own !== undefined && typeof time === "number" && own.lastTime !== undefined && time <= own.lastTime)
        own = undefined;
      if (own === undefined) {
        own = {
          ...given("policy", batch.policy),
          ...given("episode", episode),
          ...given("agent", agent),
          ...(typeof time === "number" ? { first: time } : {}),
          lastTime: undefined,
          parts: [],
        };
        all.push(own);
        open.set(key, own);
      }
      if (typeof time === "number") own.lastTime = time;
      const part = own.parts.at(-1);
      if (part?.batch === batch && part.end === row) part.end = row + 1;
      else own.parts.push({ batch, start: row, end: row + 1 });
      const ended = endAt(batch, row);
      if (ended === undefined) continue;
      own.ended = ended;
      open.delete(key);
    }
  }
  return all;
}

/** True for a column in which nothing was recorded, such as the agent of an environment that has only one. */
const isEmpty = (batch: Batch, name: string): boolean => {
  const value = batch.fields[name];
  return isList(value) && value.length > 0 && value.every((one) => one === null);
};

const isColumn = (batch: Batch, name: string): boolean => {
  const value = batch.fields[name];
  if (typeof value === "string") return isPacked(value);
  return (
    isList(value) && value.length === batch.count && numbersIn(value.slice(0, 1) as PlainValue) !== undefined
  );
};

function episodeOf(open: Open): NumericEpisode {
  const { parts, ended } = open;
  const first = parts[0]!.batch;
  const names = Object.keys(first.fields).filter((name) => !isEmpty(first, name));
  const apart = names.some((name) => /^truncateds?$/.test(name));
  const numeric = names.filter((name) => isColumn(first, name));
  const columns = numeric.map((name): EpisodeColumn =>
    joined(
      name,
      rllibRole(name, apart),
      parts.map(({ batch, start, end }) => ({ numbers: () => batchNumbers(batch.fields, name), start, end })),
    ),
  );
  const rows = parts.flatMap(({ batch, start, end }) =>
    Array.from({ length: end - start }, (_, offset) => [batch, start + offset] as const),
  );
  const others = names.filter((name) => {
    const value = first.fields[name];
    return isList(value) && value.length === first.count && !numeric.includes(name);
  });
  const extra: Record<string, JsonValue | undefined> = {
    ...given("eps_id", open.episode),
    ...given("agent", open.agent),
    ...given("policy", open.policy),
  };
  for (const name of names)
    if (!numeric.includes(name) && !others.includes(name) && name !== "type")
      extra[name] = first.fields[name];
  for (const name of Object.keys(first.fields)) if (isEmpty(first, name)) extra[name] = null;
  const who = [
    open.policy,
    open.agent === undefined || open.agent === 0 ? undefined : `agent ${String(open.agent)}`,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
  const name = open.episode === undefined ? "episode" : `episode ${String(open.episode)}`;
  return {
    ...(open.episode === undefined
      ? {}
      : { ownId: [open.episode, who].filter((part) => part !== "").join(" ") }),
    title: who === "" ? name : `${name}, ${who}`,
    steps: rows.length,
    columns,
    ...given(
      "end",
      ended === "terminated"
        ? { stopReason: "terminated", truncated: false }
        : ended === "truncated"
          ? { stopReason: "truncated", truncated: true }
          : undefined,
    ),
    stepExtra(index) {
      const [batch, row] = rows[index] ?? [];
      const fields: Record<string, JsonValue> = {};
      if (batch !== undefined && row !== undefined)
        for (const other of others) {
          const value = at(batch, other, row);
          if (value !== undefined && !(isObject(value) && Object.keys(value).length === 0))
            fields[other] = value;
        }
      return fields;
    },
    extra,
    notes: [
      ...(open.first !== undefined && open.first > 0 ? [LATE] : []),
      ...(ended === undefined ? [CUT] : []),
      ...(!apart && ended === "ended" ? [oneFlagNote] : []),
    ],
  };
}

const valueOf = (record: FormatRecord): JsonValue | undefined =>
  record.kind === "value" ? record.value : undefined;

/** RLlib's JsonWriter: a batch of steps a line, whole episodes or fragments of them, for one policy or several. */
export const rllibBatches = episodeFormat({
  id: "rllib-batches",
  title: "RLlib sample batches",
  source: "ray-project/ray, rllib/offline/json_writer.py, output-*.json",
  containers: ["jsonl", "json"],
  wholeDocument: true,
  detect({ firstRecord }) {
    const type = isObject(firstRecord) ? firstRecord["type"] : undefined;
    return (type === "SampleBatch" || type === "MultiAgentBatch") && batchesOf(firstRecord).length > 0
      ? { confidence: 0.95, reason: `type ${type} with columns of one length` }
      : undefined;
  },
  episodes(record) {
    const batches = batchesOf(valueOf(record));
    if (batches.length === 0)
      throw new Failure("missing-field", "The file holds no batch with rewards.", "It may be cut off.");
    return openEpisodes(batches).map((open) => () => episodeOf(open));
  },
});

/** A table of RLlib's as one batch: its rows are the steps of one episode, packed cells and all. */
function batchOfRows(rows: readonly JsonObject[]): Batch {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  const fields: Record<string, JsonValue> = {};
  for (const name of names) fields[name] = rows.map((row) => row[name] ?? null);
  return { fields, count: rows.length };
}

const PACKED_CELLS = new Set(["obs", "new_obs", "actions"]);

/** RLlib's tables: a step a row, as its newer runners write them and its offline examples have them. */
export const rllibSteps = episodeFormat({
  id: "rllib-steps",
  title: "RLlib steps",
  source:
    "ray-project/ray, rllib/offline/offline_env_runner.py (output_write_episodes=False), its offline test data",
  containers: ["parquet", "arrow", "csv"],
  episodeColumns: ["eps_id", "agent_id", "module_id", "agent_index"],
  detect({ columns }) {
    const names = new Set(columns?.map(({ name }) => name));
    if (!["eps_id", "actions", "rewards"].every((name) => names.has(name))) return undefined;
    return ["terminateds", "truncateds", "dones"].some((name) => names.has(name))
      ? { confidence: 0.92, reason: "columns eps_id, actions, rewards, terminateds" }
      : undefined;
  },
  episodes(record) {
    const value = valueOf(record);
    const rows = isList(value) ? value.filter(isObject) : [];
    if (rows.length === 0)
      throw new Failure("missing-field", "The run of rows is empty.", "It may be cut off.");
    const batch = batchOfRows(rows);
    return openEpisodes([batch]).map((open) => () => {
      const episode = episodeOf(open);
      const packed = [...PACKED_CELLS].filter((name) => typeof rows[0]?.[name] === "string");
      return { ...episode, columns: [...episode.columns, ...packed.map((name) => packedCells(name, open))] };
    });
  },
});

/** Cells that are packed one by one, as a column. */
function packedCells(name: string, { parts }: Open): EpisodeColumn {
  return joined(
    name,
    rllibRole(name, true),
    parts.flatMap(({ batch, start, end }) =>
      Array.from({ length: end - start }, (_, offset) => ({
        numbers: () => {
          const cell = at(batch, name, start + offset);
          const numbers = typeof cell === "string" ? batchNumbers({ [name]: cell }, name) : undefined;
          return numbers === undefined
            ? undefined
            : { shape: [1, ...numbers.shape], data: () => numbers.data() };
        },
        start: 0,
        end: 1,
      })),
    ),
  );
}
