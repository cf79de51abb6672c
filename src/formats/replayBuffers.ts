import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import type { ColumnRole, Note } from "../model/trajectory";
import { oneFlagNote, type Fields } from "./arrayEpisodes";
import { roleOf } from "./episodeColumns";
import { episodeFormat } from "./numericEpisode";
import { fieldsOf, isPlainList, isStub, jsonOf, numbersIn, plainNumber, product } from "./plainFields";
import { ringEpisodes, ringTimes, type Ring, type RingColumn } from "./replayRing";
import { tianshouRing } from "./tianshouBuffer";

/** Arrays of more elements (pictures of a million steps) are named and not loaded. */
const MOST_ELEMENTS = 2 ** 27;

const count = (fields: Fields, name: string): number | undefined =>
  plainNumber(fields.get(name)) ?? undefined;

/** Arrays of a buffer by name, those of dictionaries of observations by their path. */
function* arraysOf(fields: Fields): Generator<readonly [string, NonNullable<ReturnType<typeof numbersIn>>]> {
  for (const [name, value] of fields) {
    const inner = value instanceof Map ? fieldsOf(value) : undefined;
    if (inner !== undefined) {
      for (const [key, one] of inner) {
        const numbers = numbersIn(one);
        if (numbers !== undefined) yield [`${name}/${key}`, numbers];
      }
      continue;
    }
    const numbers = isPlainList(value) ? undefined : numbersIn(value);
    if (numbers !== undefined) yield [name, numbers];
  }
}

/** What a buffer's own names mean where the general names do not tell: observations of dictionaries, flags kept apart. */
function roleIn(name: string): ColumnRole {
  if (/^observations\//.test(name)) return "observation";
  // A done is an end of either kind; which one is told by the column made of both.
  return name === "dones" || name === "timeouts" ? "info" : roleOf(name);
}

const END_OF_ROLLOUT: Note = {
  code: "no-end-flag",
  message: "The buffer does not say how an episode ended; its end is the start of the next.",
};

/**
 * Stable-Baselines3: arrays [slots, environments, ...]. `pos` is the slot to be written next, `full` says whether all are
 * written. A rollout buffer that was trained from has its arrays flattened environment by environment.
 */
function stableBaselines3Ring(fields: Fields): Ring | undefined {
  const rewards = numbersIn(fields.get("rewards"));
  const [slots, environments] = rewards?.shape ?? [];
  const cursor = count(fields, "pos");
  const full = count(fields, "full");
  if (slots === undefined || environments === undefined || cursor === undefined || full === undefined)
    return undefined;
  const columns: RingColumn[] = [];
  const shapes: Record<string, JsonValue> = {};
  for (const [name, numbers] of arraysOf(fields)) {
    const { shape } = numbers;
    const stepMajor = shape[0] === slots && shape[1] === environments;
    if (!stepMajor && !(fields.get("generator_ready") === true && shape[0] === slots * environments))
      continue;
    if (product(shape) > MOST_ELEMENTS) {
      shapes[name] = `numbers of shape [${shape.join(", ")}]`;
      continue;
    }
    columns.push({
      name,
      role: roleIn(name),
      width: product(shape.slice(stepMajor ? 2 : 1)),
      data: () => numbers.data(),
      at: stepMajor ? (time, lane) => time * environments + lane : (time, lane) => lane * slots + time,
    });
  }
  const flags = (name: string): Float32Array | Float64Array | undefined => {
    const numbers = numbersIn(fields.get(name));
    return numbers !== undefined && product(numbers.shape) === slots * environments
      ? numbers.data()
      : undefined;
  };
  const dones = flags("dones");
  // Without the timeouts a time limit counts as an end for good, and says nothing.
  const timeouts = fields.get("handle_timeout_termination") === false ? undefined : flags("timeouts");
  const starts = flags("episode_starts");
  if (dones !== undefined && timeouts !== undefined)
    columns.push(
      derived("terminated", "terminated", dones.length, environments, (row) =>
        dones[row] !== 0 && timeouts[row] === 0 ? 1 : 0,
      ),
      derived("truncated", "truncated", dones.length, environments, (row) => (timeouts[row] !== 0 ? 1 : 0)),
    );
  const used = new Set(columns.map(({ name }) => name.split("/", 1)[0]!));
  return {
    lanes: Array.from({ length: environments }, (_, index) => ({
      index,
      times: ringTimes(slots, cursor % slots, full === 1 ? slots : cursor),
      // A rollout buffer is emptied and filled again, never written over.
      wrapped: full === 1 && dones !== undefined,
    })),
    columns,
    endOf(time, lane, next) {
      const row = time * environments + lane;
      if (timeouts !== undefined && timeouts[row] !== 0) return "truncated";
      if (dones !== undefined)
        return dones[row] !== 0 ? (timeouts === undefined ? "ended" : "terminated") : undefined;
      return next !== undefined && starts !== undefined && starts[next * environments + lane] !== 0
        ? "ended"
        : undefined;
    },
    extra: { ...shapes, ...restOf(fields, used) },
    notes: dones === undefined ? [END_OF_ROLLOUT] : timeouts === undefined ? [oneFlagNote] : [],
  };
}

/** A flag for each slot, made of what the buffer records. */
function derived(
  name: string,
  role: ColumnRole,
  rows: number,
  environments: number,
  value: (row: number) => number,
): RingColumn {
  return {
    name,
    role,
    width: 1,
    data: () => Float64Array.from({ length: rows }, (_, row) => value(row)),
    at: (time, lane) => time * environments + lane,
  };
}

/** Fields that are no rows, without the spaces, which are the environment's and long. */
function restOf(fields: Fields, used: ReadonlySet<string>): JsonObject {
  const extra: Record<string, JsonValue> = {};
  for (const [name, value] of fields)
    if (!used.has(name) && !/^(?:_?observation_space|_?action_space|device|vec_normalize_env)$/.test(name))
      extra[name] = jsonOf(value);
  return extra;
}

/** Names of the arrays of flat ring buffers of one environment, with what they mean. */
interface Dialect {
  readonly arrays: Readonly<Record<string, ColumnRole>>;
  readonly cursor: string;
  readonly filled: string;
  /** The array of ends, and whether it holds 1 where the episode goes on. */
  readonly done: string;
  readonly inverted?: true;
}

const DIALECTS: readonly Dialect[] = [
  {
    // rlkit
    arrays: { _observations: "observation", _actions: "action", _rewards: "reward", _next_obs: "info" },
    done: "_terminals",
    cursor: "_top",
    filled: "_size",
  },
  {
    // Spinning Up
    arrays: { obs_buf: "observation", act_buf: "action", rew_buf: "reward", obs2_buf: "info" },
    done: "done_buf",
    cursor: "ptr",
    filled: "size",
  },
  {
    // TD3 and what was made of it
    arrays: { state: "observation", action: "action", reward: "reward", next_state: "info" },
    done: "not_done",
    inverted: true,
    cursor: "ptr",
    filled: "size",
  },
];

function flatRing(fields: Fields): Ring | undefined {
  for (const { arrays, cursor, filled, done, inverted } of DIALECTS) {
    const ends = numbersIn(fields.get(done));
    const [at, size] = [count(fields, cursor), count(fields, filled)];
    const slots = ends?.shape[0];
    if (ends === undefined || at === undefined || size === undefined || slots === undefined) continue;
    const columns = Object.entries(arrays).flatMap(([name, role]): RingColumn[] => {
      const numbers = numbersIn(fields.get(name));
      return numbers?.shape[0] !== slots || product(numbers.shape) > MOST_ELEMENTS
        ? []
        : [
            {
              name,
              role,
              width: product(numbers.shape.slice(1)),
              data: () => numbers.data(),
              at: (time) => time,
            },
          ];
    });
    if (!columns.some(({ role }) => role === "action")) continue;
    const flags = ends.data();
    const isEnd = (time: number): boolean => (inverted === true ? flags[time] === 0 : flags[time] !== 0);
    return {
      lanes: [{ index: 0, times: ringTimes(slots, at % slots, size), wrapped: size >= slots }],
      columns: [...columns, derived("terminated", "terminated", slots, 1, (row) => (isEnd(row) ? 1 : 0))],
      endOf: (time) => (isEnd(time) ? "ended" : undefined),
      extra: restOf(fields, new Set([...Object.keys(arrays), done])),
      // These buffers leave out ends by a time limit, or count them as terminal: the file does not tell.
      notes: [oneFlagNote],
    };
  }
  return undefined;
}

/** Stable-Baselines 2 and Baselines: a list of tuples (observation, action, reward, next observation, done). */
function tupleRing(fields: Fields): Ring | undefined {
  const storage = fields.get("_storage");
  const [cursor, capacity] = [count(fields, "_next_idx"), count(fields, "_maxsize")];
  if (!isPlainList(storage) || cursor === undefined || capacity === undefined || storage.length === 0)
    return undefined;
  const rows = storage.filter((row): row is readonly PlainValue[] => isPlainList(row) && row.length >= 5);
  if (rows.length !== storage.length) return undefined;
  const names: readonly (readonly [string, ColumnRole])[] = [
    ["obs", "observation"],
    ["action", "action"],
    ["reward", "reward"],
    ["next_obs", "info"],
    ["done", "terminated"],
  ];
  const columns = names.flatMap(([name, role], place): RingColumn[] => {
    const numbers = numbersIn(rows.map((row) => row[place] ?? null));
    return numbers === undefined
      ? []
      : [
          {
            name,
            role,
            width: product(numbers.shape.slice(1)),
            data: () => numbers.data(),
            at: (time) => time,
          },
        ];
  });
  const full = storage.length >= capacity;
  return {
    lanes: [{ index: 0, times: ringTimes(storage.length, full ? cursor : 0, storage.length), wrapped: full }],
    columns,
    endOf: (time) => ((plainNumber(rows[time]?.[4]) ?? 0) !== 0 ? "ended" : undefined),
    extra: restOf(fields, new Set(["_storage"])),
    notes: [oneFlagNote],
  };
}

function ringOf(value: PlainValue | undefined): Ring | undefined {
  const fields = isStub(value) ? fieldsOf(value) : undefined;
  return fields === undefined
    ? undefined
    : (stableBaselines3Ring(fields) ?? tianshouRing(fields) ?? flatRing(fields) ?? tupleRing(fields));
}

/** Pickled replay and rollout buffers: rings of slots, of which some were never written and some are overwritten. */
export const replayBuffers = episodeFormat({
  id: "replay-buffer",
  title: "Replay buffer",
  source:
    "Stable-Baselines3 save_replay_buffer and pickled rollout buffers, Stable-Baselines 2, tianshou, rlkit, Spinning Up, TD3",
  containers: ["pickle"],
  plainRecords: (value) => [value],
  detect({ plain }) {
    return isStub(plain) && ringOf(plain) !== undefined
      ? { confidence: 0.9, reason: `a pickled ${plain.className} with its cursor` }
      : undefined;
  },
  episodes(record) {
    const ring = record.kind === "plain" ? ringOf(record.value) : undefined;
    if (ring === undefined)
      throw new Failure("unfit-record", "The pickle is no replay buffer.", "It may be cut off.");
    return ringEpisodes(ring);
  },
});
