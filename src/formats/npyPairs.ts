import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import { arrayEpisodes, layoutOf, type Fields } from "./arrayEpisodes";
import type { Companions } from "./format";
import { isList } from "./jsonFields";
import { episodeFormat } from "./numericEpisode";
import { fieldsOf } from "./plainFields";

/** Words of a file name that tell what its array is, with those that stand for other arrays of the same episodes. */
const OBSERVATIONS = /(^|[_\-.])(observations?|obs|states?)(?=[_\-.])/i;
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  actions: ["actions", "action", "acts", "act"],
  rewards: ["rewards", "reward", "rews", "rew"],
  terminals: ["terminals", "terminal", "dones", "done", "terminations"],
  timeouts: ["timeouts", "truncations"],
};

const nameOf = (path: string): string => path.replace(/^.*[/\\]/, "");

/** Files beside an array of observations whose names differ in that word alone, by what they hold. */
function partners(path: string, siblings: readonly string[]): ReadonlyMap<string, string> {
  const name = nameOf(path);
  const found = new Map<string, string>();
  if (!OBSERVATIONS.test(name)) return found;
  for (const [what, words] of Object.entries(OTHERS)) {
    const file = words
      .map((word) => name.replace(OBSERVATIONS, (_whole, before: string) => `${before}${word}`))
      .find((candidate) => siblings.includes(candidate));
    if (file !== undefined) found.set(what, file);
  }
  return found;
}

const asPlain = (value: JsonValue): PlainValue =>
  isList(value) ? value.map(asPlain) : typeof value === "number" ? value : null;

/** The arrays of all files of one set, by what they hold. */
function fieldsWith(
  observations: PlainValue | undefined,
  path: string,
  companions: Companions | undefined,
): Fields {
  const fields = new Map<string, PlainValue>();
  if (observations !== undefined) fields.set("observations", observations);
  for (const [what, file] of partners(path, [...(companions?.keys() ?? [])])) {
    const value = companions?.get(file);
    if (value !== undefined) fields.set(what, asPlain(value));
  }
  return fields;
}

/** Demonstrations as one npy file of observations and others of actions, rewards and ends of the same name. */
export const npyPairs = episodeFormat({
  id: "npy-pairs",
  title: "npy files of observations and actions",
  source: "demonstrations saved with np.save as *observations*.npy and *actions*.npy",
  containers: ["arrays"],
  plainRecords: (value) => [value],
  companions: (path, siblings) => [...partners(path, siblings).values()],
  detect({ plain, path, siblings, companions }) {
    const fields = fieldsOf(plain);
    const observations = fields?.size === 1 ? fields.get("arr_0") : undefined;
    if (observations === undefined || !partners(path, siblings).has("actions")) return undefined;
    if (layoutOf(fieldsWith(observations, path, companions)) === undefined) return undefined;
    return { confidence: 0.6, reason: "an array of observations beside one of actions of the same length" };
  },
  episodes(record, { path, companions }) {
    const observations = record.kind === "plain" ? fieldsOf(record.value)?.get("arr_0") : undefined;
    const fields = fieldsWith(observations, path, companions);
    const layout = layoutOf(fields);
    if (layout === undefined)
      throw new Failure(
        "missing-field",
        "The actions that belong to these observations are missing or of another length.",
        "Keep the files of a pair in one folder.",
      );
    return arrayEpisodes(fields, layout);
  },
});
