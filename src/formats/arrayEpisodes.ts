import type { PlainValue } from "../model/plain";
import type { Note } from "../model/trajectory";
import { given } from "./draft";
import type { JsonObject, JsonValue } from "../model/json";
import { checkedRows, roleOf, type EpisodeColumn } from "./episodeColumns";
import type { NumericEpisode } from "./numericEpisode";
import { jsonOf, numbersIn, product, type Numbers } from "./plainFields";

/** Arrays by name, as libraries write one or many episodes of them. */
export type Fields = ReadonlyMap<string, PlainValue>;

/** How the arrays of a set of fields are laid out. */
export interface Layout {
  /** Arrays with the roles that their names tell. */
  readonly arrays: ReadonlyMap<string, Numbers>;
  /** `episodes` first dimensions are episodes of `steps` each, or there is one dimension of `steps`. */
  readonly episodes?: number;
  readonly steps: number;
}

/**
 * The layout of arrays that hold transitions: actions, and observations or rewards of as many rows (observations may have one
 * more). Arrays whose first two dimensions agree are a batch of episodes. Undefined when they are no transitions.
 */
export function layoutOf(fields: Fields): Layout | undefined {
  const arrays = new Map<string, Numbers>();
  for (const [name, value] of fields) {
    const numbers = numbersIn(value);
    if (numbers !== undefined && numbers.shape.length > 0) arrays.set(name, numbers);
  }
  const ofRole = (role: string): Numbers | undefined => {
    for (const [name, numbers] of arrays) if (roleOf(name) === role) return numbers;
    return undefined;
  };
  const action = ofRole("action");
  const observation = ofRole("observation");
  const reward = ofRole("reward");
  if (action === undefined || (observation === undefined && reward === undefined)) return undefined;
  const [first, second] = action.shape;
  // An array without elements holds no transitions, however many rows its shape names.
  if (first === undefined || product(action.shape) < checkedRows(first) || first === 0) return undefined;
  const fits = (numbers: Numbers | undefined, axis: number, size: number): boolean =>
    numbers === undefined || numbers.shape[axis] === size || numbers.shape[axis] === size + 1;
  const inBatch =
    second !== undefined &&
    (reward === undefined
      ? action.shape.length === 3 && (observation?.shape.length ?? 3) >= 3
      : reward.shape.length === 2 && (reward.shape[1] ?? 1) > 1) &&
    [observation, reward].every((one) => one === undefined || one.shape[0] === first) &&
    fits(observation, 1, second) &&
    fits(reward, 1, second);
  if (inBatch) return { arrays, episodes: first, steps: second };
  return fits(observation, 0, first) && (reward === undefined || reward.shape[0] === first)
    ? { arrays, steps: first }
    : undefined;
}

/** A stretch of rows that is one episode. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly ended?: NonNullable<NumericEpisode["end"]>;
}

/** The rows [start, end) of an array as a column, or as many of them as it has. */
export function sliceColumn(name: string, numbers: Numbers, start: number, end: number): EpisodeColumn {
  const width = product(numbers.shape.slice(1));
  const to = Math.min(end, numbers.shape[0] ?? 0);
  return {
    name,
    role: roleOf(name),
    rows: Math.max(0, to - start),
    width,
    data: () => numbers.data().subarray(start * width, to * width),
  };
}

/** Fields that are no columns, for `extra`. */
export function otherFields(fields: Fields, used: ReadonlySet<string>): JsonObject {
  const extra: Record<string, JsonValue> = {};
  for (const [name, value] of fields) if (!used.has(name)) extra[name] = jsonOf(value);
  return extra;
}

/** Episodes of a batch of arrays [episodes, steps, ...]: one a first index, all of the same length. */
function batchEpisodes(fields: Fields, { arrays, episodes = 0, steps }: Layout): NumericEpisode[] {
  const inBatch = [...arrays].filter(
    ([, { shape }]) => shape[0] === episodes && (shape[1] === steps || shape[1] === steps + 1),
  );
  const extra = otherFields(fields, new Set(inBatch.map(([name]) => name)));
  return Array.from({ length: episodes }, (_, index) => ({
    ownId: `episode_${index}`,
    title: `episode ${index}`,
    steps,
    columns: inBatch.map(([name, numbers]): EpisodeColumn => {
      const rows = numbers.shape[1] ?? 0;
      const width = product(numbers.shape.slice(2));
      const size = rows * width;
      return {
        name,
        role: roleOf(name),
        rows,
        width,
        data: () => numbers.data().subarray(index * size, (index + 1) * size),
      };
    }),
    extra: { episode: index, ...extra },
  }));
}

/** NeoRL keeps the first row of each trajectory in `index`; as flags of rows. */
function firstRows(index: Numbers | undefined, steps: number): Float64Array | undefined {
  if (index === undefined || index.shape.length !== 1 || product(index.shape) >= steps) return undefined;
  const rows = index.data();
  const inOrder = rows.every(
    (row, at) => Number.isInteger(row) && row < steps && row > (at === 0 ? -1 : rows[at - 1]!),
  );
  if (rows[0] !== 0 || !inOrder) return undefined;
  const flags = new Float64Array(steps);
  for (const row of rows) flags[row] = 1;
  return flags;
}

/** Rows after which an episode ends, by the flags inside one set of arrays. */
function stretchesOf({ arrays, steps }: Layout): readonly Stretch[] {
  const flags = (names: readonly string[]): Float32Array | Float64Array | undefined => {
    for (const name of names) {
      const numbers = arrays.get(name);
      if (numbers?.shape[0] === steps && product(numbers.shape) === steps) return numbers.data();
    }
    return undefined;
  };
  const terminals = flags(["terminals", "terminal", "terminations", "terminated", "is_terminal"]);
  const timeouts = flags(["timeouts", "timeout", "truncations", "truncated"]);
  // Where both are there, a last row that is not terminal was cut.
  const lasts = flags(["is_last", "episode_terminals"]);
  const ends = flags(["dones", "done"]);
  const starts = flags(["episode_starts", "is_first"]) ?? firstRows(arrays.get("index"), steps);
  const out: Stretch[] = [];
  let start = 0;
  for (let row = 0; row < steps; row++) {
    const terminal = terminals !== undefined && terminals[row] === 1;
    const cut = lasts?.[row] === 1 && terminals !== undefined && !terminal;
    const timeout = cut || (timeouts !== undefined && timeouts[row] === 1);
    const last =
      terminal ||
      timeout ||
      lasts?.[row] === 1 ||
      ends?.[row] === 1 ||
      (starts !== undefined && starts[row + 1] === 1);
    if (!last && row < steps - 1) continue;
    out.push({
      start,
      end: row + 1,
      ...given(
        "ended",
        terminal
          ? // Without flags for time limits, a terminal may be one; that is said in a note.
            {
              stopReason: "terminated",
              ...(timeouts === undefined && lasts === undefined ? {} : { truncated: false }),
            }
          : timeout
            ? { stopReason: "truncated", truncated: true }
            : undefined,
      ),
    });
    start = row + 1;
  }
  return out;
}

/**
 * The episodes of arrays that hold transitions: one, or several where flags end some before the last row, or a batch. Arrays
 * of another length stay visible in `extra`.
 */
export function arrayEpisodes(fields: Fields, layout: Layout): NumericEpisode[] {
  if (layout.episodes !== undefined) return batchEpisodes(fields, layout);
  const { arrays, steps } = layout;
  const rows = [...arrays].filter(([, { shape }]) => shape[0] === steps || shape[0] === steps + 1);
  const extra = otherFields(fields, new Set(rows.map(([name]) => name)));
  const stretches = stretchesOf(layout);
  const several = stretches.length > 1;
  const notes = oneFlag(arrays) ? [oneFlagNote] : undefined;
  return stretches.map(({ start, end, ended }, index) => ({
    ...(several ? { ownId: `episode_${index}` } : {}),
    title: several ? `episode ${index}` : "episode",
    steps: end - start,
    columns: rows.map(([name, numbers]) =>
      // The one row more of a single episode is its final observation.
      several ? sliceColumn(name, numbers, start, end) : sliceColumn(name, numbers, start, end + 1),
    ),
    ...(ended === undefined ? {} : { end: ended }),
    extra: several ? { rows: [start, end], ...extra } : extra,
    ...given("notes", notes),
  }));
}

/** Terminal flags without flags for time limits: many writers set them at time limits too. */
function oneFlag(arrays: ReadonlyMap<string, Numbers>): boolean {
  const roles = new Set([...arrays.keys()].map(roleOf));
  const apart = ["is_last", "episode_terminals"].some((name) => arrays.has(name));
  return roles.has("terminated") && !roles.has("truncated") && !apart;
}

/** What to know of files whose terminals may be time limits. */
export const oneFlagNote: Note = {
  code: "one-done-flag",
  message: "The file has one flag for the end of an episode; a time limit may be recorded as terminal.",
};
