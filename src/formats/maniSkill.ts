import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { ColumnRole } from "../model/trajectory";
import { given } from "./draft";
import { columnOfDataset, datasetsBelow, hdf5GroupOf, roleOf, type EpisodeColumn } from "./episodeColumns";
import type { Companions, Hdf5Group, RecordContext } from "./format";
import { isList, isObject, recordedFlag, textOf } from "./jsonFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

const TRAJECTORY = /^traj_(\d+)$/;

const trajectoriesOf = (root: Hdf5Group): readonly string[] =>
  root.groups
    .filter((name) => TRAJECTORY.test(name))
    .sort((a, b) => Number(TRAJECTORY.exec(a)?.[1]) - Number(TRAJECTORY.exec(b)?.[1]));

/** The table of episodes has the name of the recording. */
const jsonName = (path: string): string => path.replace(/^.*[/\\]/, "").replace(/\.(?:h5|hdf5)$/i, ".json");

/** The file's settings, and what it says of one episode. */
function told(
  companions: Companions | undefined,
  path: string,
  episode: number,
): { readonly shared: JsonObject; readonly own: JsonObject | undefined } {
  const document = companions?.get(jsonName(path));
  if (!isObject(document)) return { shared: {}, own: undefined };
  const { episodes, ...shared } = document;
  const own = isList(episodes)
    ? episodes.find((one): one is JsonObject => isObject(one) && one["episode_id"] === episode)
    : undefined;
  return { shared, own };
}

function roleIn(path: string): ColumnRole {
  if (path === "obs" || path.startsWith("obs/")) return "observation";
  if (path === "actions" || path.startsWith("actions/")) return "action";
  return path.includes("/") ? "info" : roleOf(path);
}

function episodeOf(group: Hdf5Group, name: string, context: RecordContext): NumericEpisode {
  const number = Number(TRAJECTORY.exec(name)?.[1]);
  const { shared, own } = told(context.companions, context.path, number);
  const columns: EpisodeColumn[] = [];
  for (const { path, group: holder, dataset } of datasetsBelow(group)) {
    const column = columnOfDataset(holder, dataset, path, roleIn(path));
    if (column !== undefined) columns.push(column);
  }
  const steps = columns.find(({ role }) => role === "action")?.rows;
  if (steps === undefined)
    throw new Failure("missing-field", `${name} has no actions.`, "The other trajectories are shown.");
  // Recordings without observations keep the states of the simulator, from which they are rendered.
  const seen = columns.some(({ role }) => role === "observation");
  const flags = columns.find((one) => one.name === "success")?.data();
  const last = flags === undefined || flags.length === 0 ? undefined : flags[flags.length - 1] !== 0;
  const success = recordedFlag(own?.["success"]) ?? last;
  const env = isObject(shared["env_info"]) ? textOf(shared["env_info"]["env_id"]) : undefined;
  return {
    ownId: name,
    title: `trajectory ${number}`,
    steps,
    columns: seen
      ? columns
      : columns.map((column) =>
          column.name.startsWith("env_states") ? { ...column, role: "observation" } : column,
        ),
    ...given("success", success),
    extra: { ...group.attributes, ...given("episode", own), ...given("env_id", env), ...shared },
  };
}

/** ManiSkill's recordings: a group a trajectory, and a table of the episodes beside the file. */
export const maniSkill = episodeFormat({
  id: "maniskill",
  title: "ManiSkill trajectories",
  source: "haosulab/ManiSkill, RecordEpisode wrapper, *.h5 with *.json beside it",
  containers: ["hdf5"],
  members: trajectoriesOf,
  companions: (path) => [jsonName(path)],
  detect({ hdf5: root }) {
    const [first] = root === undefined ? [] : trajectoriesOf(root);
    const group = first === undefined ? undefined : root?.group(first);
    if (group === undefined) return undefined;
    const names = new Set([...group.datasets, ...group.groups]);
    return names.has("actions") && ["env_states", "success", "terminated"].some((name) => names.has(name))
      ? { confidence: 0.9, reason: `HDF5 groups such as ${first} with actions and env_states` }
      : undefined;
  },
  episodes(record, context) {
    return [episodeOf(hdf5GroupOf(record, "a recording of ManiSkill"), context.member ?? "traj_0", context)];
  },
});
