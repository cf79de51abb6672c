import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { float64, isList, isObject } from "./jsonFields";
import { columnOfNumbers } from "./episodeColumns";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

/** The incumbent of an optimisation never gets worse, which tells these lists from others. */
function isIncumbent(value: JsonValue | undefined): value is readonly number[] {
  if (!isList(value) || value.length < 2) return false;
  let rising = true;
  let falling = true;
  for (const [index, item] of value.entries()) {
    if (typeof item !== "number") return false;
    const before = value[index - 1] as number | undefined;
    if (before !== undefined && !Number.isNaN(before) && !Number.isNaN(item)) {
      rising &&= item >= before;
      falling &&= item <= before;
    }
  }
  return rising || falling;
}

interface Run {
  readonly space: string;
  readonly dataset: string;
  readonly seed: string;
  readonly values: JsonValue;
}

/** All runs of the document: `{search space: {dataset: {seed: [incumbent]}}}`. */
function* runsOf(document: JsonObject): Generator<Run> {
  for (const [space, datasets] of Object.entries(document))
    for (const [dataset, seeds] of Object.entries(isObject(datasets) ? datasets : {}))
      for (const [seed, values] of Object.entries(isObject(seeds) ? seeds : {}))
        if (values !== undefined) yield { space, dataset, seed, values };
}

function runEpisode({ space, dataset, seed, values }: Run): NumericEpisode {
  if (!isList(values))
    throw new Failure(
      "unfit-record",
      `${space}/${dataset}/${seed} is no list of numbers.`,
      "Check that the file holds results of black-box optimisation.",
    );
  const best = float64(values);
  const last = best.at(-1);
  return {
    ownId: `${space}/${dataset}/${seed}`,
    title: `search space ${space}, dataset ${dataset}, ${seed}`,
    task: { id: `${space}/${dataset}`, prompt: `HPO-B search space ${space}, dataset ${dataset}` },
    groupKey: `${space}/${dataset}`,
    steps: best.length,
    columns: [columnOfNumbers("best_so_far", "info", best)],
    ...(last === undefined ? {} : { reward: { value: last, source: "best value found, no sum of rewards" } }),
    extra: { search_space: space, dataset, seed },
  };
}

/** Results of NAP and of HPO-B's own baselines: the best value found after each query, by search space, dataset and seed. */
export const napResults = episodeFormat({
  id: "nap-results",
  title: "Black-box optimisation results",
  source: "huawei-noah/HEBO NAP, results/HPO-B/*.json; releaunifreiburg/HPO-B",
  containers: ["json"],
  grouping: "key",
  detect({ firstRecord }) {
    if (!isObject(firstRecord)) return undefined;
    const runs: Run[] = [];
    for (const run of runsOf(firstRecord)) if (runs.push(run) >= 20) break;
    // Spaces and datasets of OpenML are numbers; the last run may be cut where the head of a large file ends.
    const named = runs.every(({ space, dataset }) => /^\d+$/.test(space) && /^\d+$/.test(dataset));
    if (runs.length === 0 || !named || !isIncumbent(runs[0]?.values)) return undefined;
    if (!runs.slice(0, -1).every(({ values }) => isIncumbent(values))) return undefined;
    return {
      confidence: 0.8,
      reason: "{search space: {dataset: {seed: [best value so far]}}} with lists that never get worse",
    };
  },
  episodes(record) {
    if (record.kind !== "value" || !isObject(record.value))
      throw new Failure("unfit-record", "The document is no object.", "It may be cut off.");
    return [...runsOf(record.value)].map(runEpisode);
  },
});
