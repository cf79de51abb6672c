import type { PlainMap, PlainValue } from "../model/plain";
import { layoutOf, type Fields } from "./arrayEpisodes";
import { roleOf } from "./episodeColumns";
import { fieldsOf, isMap, isPlainList } from "./plainFields";

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
  isPlainList(value) ? (columnsOfSteps(value) ?? value) : value;

/**
 * The records of a pickle or an array file with episodes: the elements of a list, the values of a dict of episodes, what a
 * holder holds, or the value itself. Lists of steps become columns.
 */
export function plainEpisodeRecords(value: PlainValue): readonly PlainValue[] {
  if (isPlainList(value)) {
    const whole = isStep(value[0]) || !value.slice(0, 5).some(isEpisode) ? columnsOfSteps(value) : undefined;
    return whole === undefined ? value.map(asColumns) : [whole];
  }
  if (!isMap(value) || isEpisode(value)) return [value];
  const fields: Fields = fieldsOf(value) ?? new Map();
  for (const name of HOLDERS) {
    const held = fields.get(name);
    if (held === undefined || (name === "arr_0" ? fields.size > 1 : !isPlainList(held))) continue;
    if (isPlainList(held) || isMap(held)) return plainEpisodeRecords(held);
  }
  const values = [...value.values()].map(asColumns);
  return values.length > 0 && values.every(isEpisode) ? values : [value];
}

/** Fields of the first record that is an episode. */
export function firstEpisode(value: PlainValue | undefined): Fields | undefined {
  if (value === undefined) return undefined;
  return fieldsOf(plainEpisodeRecords(value).slice(0, 5).find(isEpisode));
}
