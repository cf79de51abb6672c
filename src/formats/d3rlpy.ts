import type { JsonObject, JsonValue } from "../model/json";
import type { Hdf5Group } from "./format";
import { columnOfDataset, columnOfNumbers, hdf5GroupOf, roleOf, type EpisodeColumn } from "./episodeColumns";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

const NUMBERED = /^(.+)_(\d+)$/;

/** Names of the columns that each episode has, without its number. */
function columnNames(root: Hdf5Group): readonly string[] {
  const declared = root.strings("columns");
  if (declared !== undefined) return declared;
  const names = new Set<string>();
  for (const dataset of root.datasets) {
    const name = NUMBERED.exec(dataset)?.[1];
    if (name !== undefined) names.add(name);
  }
  return [...names];
}

/** A column of an episode. Observations of several parts are stored as `observations_<episode>_<part>`. */
function* columnsOf(root: Hdf5Group, name: string, episode: number): Generator<EpisodeColumn> {
  const single = columnOfDataset(root, `${name}_${episode}`, name, roleOf(name));
  if (single !== undefined) yield single;
  for (let part = 0; ; part++) {
    const column = columnOfDataset(root, `${name}_${episode}_${part}`, `${name}.${part}`, roleOf(name));
    if (column === undefined) return;
    yield column;
  }
}

function episodeOf(
  root: Hdf5Group,
  names: readonly string[],
  episode: number,
  extra: JsonObject,
): NumericEpisode {
  const columns: EpisodeColumn[] = [];
  let terminated: boolean | undefined;
  const notes = [];
  for (const name of names) {
    const flag = root.shape(`${name}_${episode}`);
    if (name === "terminated" && flag !== undefined && flag.length === 0) {
      const value = root.numbers(`${name}_${episode}`)?.[0];
      if (value !== undefined) terminated = value !== 0;
    } else columns.push(...columnsOf(root, name, episode));
  }
  const steps =
    columns.find(({ role }) => role === "reward")?.rows ??
    columns.find(({ role }) => role === "action")?.rows ??
    columns[0]?.rows ??
    0;
  // What is not terminated was cut, by whatever limit; the file has no flag for it.
  if (terminated === false)
    notes.push({
      code: "last-step-without-transition",
      message:
        "The episode did not terminate, so the file holds no next observation of its last step; d3rlpy makes no transition of it.",
    });
  if (terminated === true && steps > 0)
    // One flag for the whole episode: its last step is the terminal one.
    columns.push(
      columnOfNumbers(
        "terminated",
        "terminated",
        Float64Array.from({ length: steps }, (_, step) => (step === steps - 1 ? 1 : 0)),
      ),
    );
  return {
    ownId: `episode_${episode}`,
    title: `episode ${episode}`,
    steps,
    columns,
    ...(terminated === true ? { end: { truncated: false } } : {}),
    extra,
    notes,
  };
}

/** d3rlpy's HDF5 files from version 2 on: `observations_i`, `actions_i`, `rewards_i` and one `terminated_i` an episode. */
export const d3rlpy = episodeFormat({
  id: "d3rlpy",
  title: "d3rlpy episodes",
  source: "takuseno/d3rlpy v2, d3rlpy.dataset.io.dump",
  containers: ["hdf5"],
  members: () => ["/"],
  detect({ hdf5: root }) {
    if (root === undefined || !root.datasets.includes("actions_0") || !root.datasets.includes("rewards_0"))
      return undefined;
    const known = root.datasets.includes("num_episodes") && root.datasets.includes("columns");
    return {
      confidence: known ? 0.95 : 0.7,
      reason: "HDF5 with observations_i, actions_i, rewards_i, terminated_i",
    };
  },
  episodes(record) {
    const root = hdf5GroupOf(record, "a d3rlpy dataset");
    const names = columnNames(root);
    const declared = root.numbers("num_episodes")?.[0];
    const stored = root.datasets.reduce(
      (most, name) => Math.max(most, Number(/^actions_(\d{1,9})$/.exec(name)?.[1] ?? -1) + 1),
      0,
    );
    // A count beyond what the file has would be damage.
    const count = Math.min(declared ?? stored, stored);
    const extra: Record<string, JsonValue> = { ...(root.attributes as Record<string, JsonValue>) };
    const version = root.strings("version")?.[0];
    if (version !== undefined) extra["version"] = version;
    return Array.from({ length: count }, (_, episode) => () => episodeOf(root, names, episode, extra));
  },
});
