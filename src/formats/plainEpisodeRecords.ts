import type { PlainMap, PlainValue } from "../model/plain";
import { layoutOf, type Fields } from "./arrayEpisodes";
import { roleOf } from "./episodeColumns";
import { fieldsOf, isMap, isPlainList, numbersIn, plainNumber } from "./plainFields";

/** Names of the only entry of a dict that holds the episodes; `arr_0` is the one object of an npy file. */
const HOLDERS = ["arr_0", "trajectories", "trajs", "paths", "episodes", "demos", "data"] as const;

/** Steps as dicts (`{obs, action, reward, done}`), put together into one column a key. */
function columnsOfSteps(steps: readonly PlainValue[]): PlainMap | undefined {
  const [first] = steps;
  if (!isMap(first) || steps.length < 2 || !steps.every(isMap)) return undefined;
  const columns = new Map<PlainValue, PlainValue>();
  for (const key of first.keys())
    columns.set(
      key,
      steps.map((step) => (step as PlainMap).get(key) ?? null),
    );
  const fields = fieldsOf(columns);
  return fields !== undefined && layoutOf(fields) !== undefined ? columns : undefined;
}

/** What the parts of a tuple are, by which of them are shaped like the first, and which are single numbers. */
const TUPLES: readonly {
  readonly names: readonly string[];
  readonly next: number;
  readonly reward: number;
}[] = [
  { names: ["obs", "action", "reward", "next_obs", "done"], next: 3, reward: 2 },
  { names: ["obs", "next_obs", "action", "reward", "done"], next: 1, reward: 3 },
];

/** The numbers of an element of a tuple: nested arrays, or one number. */
const shapeOf = (value: PlainValue | undefined): string | undefined =>
  plainNumber(value) === undefined || plainNumber(value) === null
    ? numbersIn(value)?.shape.join()
    : "one number";

/**
 * Transitions as tuples (observation, action, reward, next observation, done), in that order or with both observations in
 * front, put together into one column a part.
 */
function columnsOfTuples(rows: readonly PlainValue[]): PlainMap | undefined {
  const [first] = rows;
  if (rows.length < 2 || !isPlainList(first) || first.length !== 5) return undefined;
  const shapes = first.map(shapeOf);
  const layout = TUPLES.find(
    ({ next, reward }) =>
      shapes[0] !== undefined &&
      shapes[0] !== "one number" &&
      shapes[next] === shapes[0] &&
      shapes[reward] === "one number" &&
      shapes[4] === "one number",
  );
  const flag = plainNumber(first[4]);
  if (layout === undefined || (flag !== 0 && flag !== 1)) return undefined;
  if (!rows.every((row) => isPlainList(row) && row.length === 5)) return undefined;
  const columns = new Map<PlainValue, PlainValue>(
    layout.names.map((name, place) => [
      name,
      rows.map((row) => (row as readonly PlainValue[])[place] ?? null),
    ]),
  );
  const fields = fieldsOf(columns);
  if (fields === undefined || layoutOf(fields) === undefined) return undefined;
  fromTuples.add(columns);
  return columns;
}

const fromTuples = new WeakSet<PlainMap>();

/** True for a record whose parts had no names. */
export const hadNoNames = (value: PlainValue): boolean => isMap(value) && fromTuples.has(value);

/** A dict whose values are lists with an entry an episode, of any lengths, as a list of episodes. */
function episodesOfLists(fields: Fields): readonly PlainMap[] | undefined {
  const counts = new Map<number, number>();
  for (const value of fields.values())
    if (isPlainList(value)) counts.set(value.length, (counts.get(value.length) ?? 0) + 1);
  for (const [count, names] of counts) {
    if (count < 1 || names < 2) continue;
    const lists = [...fields].filter((entry): entry is [string, readonly PlainValue[]] => {
      const [, value] = entry;
      return isPlainList(value) && value.length === count;
    });
    const episodes = Array.from(
      { length: count },
      (_, index): PlainMap => new Map(lists.map(([name, values]) => [name, values[index] ?? null])),
    );
    if (episodes.every(isEpisode)) return episodes;
  }
  return undefined;
}

const isEpisode = (value: PlainValue): boolean => {
  const fields = fieldsOf(value);
  return fields !== undefined && layoutOf(fields) !== undefined;
};

/** A dict whose reward is one number is a step, however its short arrays look. */
function isStep(value: PlainValue | undefined): boolean {
  if (!isMap(value)) return false;
  for (const [key, own] of value)
    if (typeof key === "string" && typeof own === "number" && roleOf(key) === "reward") return true;
  return false;
}

/** A record as a dict of columns, where it is a list of steps. */
const asColumns = (value: PlainValue): PlainValue =>
  isPlainList(value) ? (columnsOfSteps(value) ?? columnsOfTuples(value) ?? value) : value;

/**
 * The records of a pickle or an array file with episodes: the elements of a list, the values of a dict of episodes, what a
 * holder holds, or the value itself. Lists of steps become columns.
 */
export function plainEpisodeRecords(value: PlainValue): readonly PlainValue[] {
  if (isPlainList(value)) {
    const whole =
      isStep(value[0]) || !value.slice(0, 5).some(isEpisode)
        ? (columnsOfSteps(value) ?? columnsOfTuples(value))
        : undefined;
    return whole === undefined ? value.map(asColumns) : [whole];
  }
  if (!isMap(value) || isEpisode(value)) return [value];
  const fields: Fields = fieldsOf(value) ?? new Map();
  for (const name of HOLDERS) {
    const held = fields.get(name);
    if (held === undefined || (name === "arr_0" ? fields.size > 1 : !isPlainList(held))) continue;
    if (isPlainList(held) || isMap(held)) return plainEpisodeRecords(held);
  }
  const ragged = episodesOfLists(fields);
  if (ragged !== undefined) return ragged;
  const values = [...value.values()].map(asColumns);
  return values.length > 0 && values.every(isEpisode) ? values : [value];
}

/** Fields of the first record that is an episode. */
export function firstEpisode(value: PlainValue | undefined): Fields | undefined {
  if (value === undefined) return undefined;
  return fieldsOf(plainEpisodeRecords(value).slice(0, 5).find(isEpisode));
}
