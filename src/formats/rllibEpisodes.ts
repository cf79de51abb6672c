import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { given } from "./draft";
import type { EpisodeColumn } from "./episodeColumns";
import type { FormatRecord } from "./format";
import { isObject } from "./jsonFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { unpacked } from "./packedText";
import { fieldsOf, isPlainList, jsonOf, numbersIn, plainNumber, product, type Numbers } from "./plainFields";
import type { Fields } from "./arrayEpisodes";
import { rllibRole } from "./rllibColumns";

/** The state of an episode: its buffers keep what came before the chunk in front (`lookback`). */
function stateOf(record: JsonObject): Fields | undefined {
  const item = record["item"];
  const state = typeof item === "string" && item.startsWith("\\x") ? fieldsOf(unpacked(item)) : undefined;
  return state?.has("agent_episodes") === true ||
    (state?.has("observations") === true && state.has("is_terminated"))
    ? state
    : undefined;
}

function* buffers(name: string, value: Fields | undefined): Generator<readonly [string, Numbers, number]> {
  if (value === undefined) return;
  const lookback = plainNumber(value.get("lookback"));
  if (typeof lookback !== "number") {
    // Outputs of the model, each in a buffer of its own.
    for (const [key, inner] of value) yield* buffers(name === "" ? key : `${name}/${key}`, fieldsOf(inner));
    return;
  }
  const data = value.get("data");
  const named = fieldsOf(data);
  const parts: readonly (readonly [string, Numbers | undefined])[] =
    named === undefined
      ? [[name, numbersIn(data)]]
      : [...named].map(([key, one]) => [`${name}/${key}`, numbersIn(one)] as const);
  for (const [path, numbers] of parts) if (numbers !== undefined) yield [path, numbers, lookback];
}

function episodeOf(state: Fields, own: { readonly agent?: string }): NumericEpisode {
  const columns: EpisodeColumn[] = [];
  const add = (name: string, numbers: Numbers, lookback: number): void => {
    const width = product(numbers.shape.slice(1));
    const rows = Math.max(0, (numbers.shape[0] ?? 0) - lookback);
    columns.push({
      name,
      role: rllibRole(name, true),
      rows,
      width,
      data: () => numbers.data().subarray(lookback * width, (lookback + rows) * width),
    });
  };
  for (const name of ["observations", "actions", "rewards"])
    for (const [path, numbers, lookback] of buffers(name, fieldsOf(state.get(name))))
      add(path, numbers, lookback);
  for (const [path, numbers, lookback] of buffers("", fieldsOf(state.get("extra_model_outputs"))))
    add(path, numbers, lookback);
  const steps =
    columns.find(({ role }) => role === "reward")?.rows ??
    columns.find(({ role }) => role === "action")?.rows ??
    0;
  const infoFields = fieldsOf(state.get("infos"));
  const infos = infoFields?.get("data");
  const before = plainNumber(infoFields?.get("lookback")) ?? 0;
  const terminated = state.get("is_terminated");
  const truncated = state.get("is_truncated");
  const id = state.get("id_");
  const kept = ["agent_id", "module_id", "multi_agent_episode_id", "t_started", "t", "custom_data"];
  const extra: Record<string, JsonValue> = {};
  for (const name of kept) {
    const value = state.get(name);
    if (value !== undefined && value !== null) extra[name] = jsonOf(value);
  }
  const name = typeof id === "string" ? id : "episode";
  return {
    ...(typeof id === "string" ? { ownId: id } : {}),
    title: own.agent === undefined ? name : `${name}, ${own.agent}`,
    ...given("groupKey", own.agent === undefined ? undefined : name),
    steps,
    columns,
    end: {
      ...(terminated === true
        ? { stopReason: "terminated", truncated: false }
        : truncated === true
          ? { stopReason: "truncated", truncated: true }
          : typeof truncated === "boolean"
            ? { truncated: false }
            : {}),
    },
    stepExtra(index) {
      // The first info came with the first observation.
      const info = isPlainList(infos) ? infos[before + index + 1] : undefined;
      const fields = fieldsOf(info);
      return fields === undefined || fields.size === 0 ? {} : { info: jsonOf(new Map(fields)) };
    },
    extra,
    notes:
      terminated === true || truncated === true
        ? []
        : [{ code: "cut-episode", message: "The chunk ends before its episode does." }],
  };
}

/** RLlib's episodes of the new stack: each row of the table holds one in MessagePack. */
export const rllibEpisodes = episodeFormat({
  id: "rllib-episodes",
  title: "RLlib episodes",
  source: "ray-project/ray, rllib/offline/offline_env_runner.py (output_write_episodes=True)",
  containers: ["parquet", "arrow", "jsonl"],
  detect({ firstRecord }) {
    return isObject(firstRecord) && stateOf(firstRecord) !== undefined
      ? { confidence: 0.95, reason: "item with an episode's observations and is_terminated in MessagePack" }
      : undefined;
  },
  episodes(record: FormatRecord) {
    const state = record.kind === "value" && isObject(record.value) ? stateOf(record.value) : undefined;
    if (state === undefined)
      throw new Failure(
        "unfit-record",
        "The row holds no episode that can be unpacked.",
        "It may be cut off.",
      );
    const agents = fieldsOf(state.get("agent_episodes"));
    if (agents === undefined) return [episodeOf(state, {})];
    return [...agents].flatMap(([agent, value]) => {
      const own = fieldsOf(value);
      return own === undefined ? [] : [episodeOf(own, { agent })];
    });
  },
});
