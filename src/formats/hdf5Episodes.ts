import { Failure } from "../model/failure";
import type { PlainArray } from "../model/plain";
import { layoutOf, type Fields, type Layout } from "./arrayEpisodes";
import { episodesOfArrays } from "./arrivalRows";
import { datasetsBelow, hdf5GroupOf, roleOf, type EpisodeColumn } from "./episodeColumns";
import type { Hdf5Group } from "./format";
import { numbersIn, type Numbers } from "./plainFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

const EPISODES_BELOW = ["", "data", "episodes", "trajectories", "trajs"] as const;
const inObservations = (path: string): boolean => /^(?:obs|observations?)[/]/i.test(path);

/** A dataset as an array that is read when it is asked for. */
function arrayOf(group: Hdf5Group, dataset: string): PlainArray | undefined {
  const shape = group.shape(dataset);
  if (shape === undefined || shape.length === 0 || !group.numeric(dataset)) return undefined;
  return {
    kind: "array",
    type: "float64",
    shape,
    numbers: () => group.numbers(dataset) ?? new Float64Array(0),
    integers: () => {
      throw new Failure("no-integers", `${dataset} is read as numbers.`, "Nothing needs to be done.");
    },
  };
}

function fieldsIn(group: Hdf5Group): Fields {
  const fields = new Map<string, PlainArray>();
  for (const { path, group: own, dataset } of datasetsBelow(group)) {
    const array = arrayOf(own, dataset);
    if (array !== undefined) fields.set(path, array);
  }
  return fields;
}

/** The layout of a group's datasets; observations may lie in a group of their own (`observations/qpos`). */
function layoutIn(group: Hdf5Group): { readonly fields: Fields; readonly layout: Layout } | undefined {
  if (!group.datasets.some((name) => roleOf(name) === "action")) return undefined;
  const fields = fieldsIn(group);
  const own = layoutOf(fields);
  if (own !== undefined) return { fields, layout: own };
  const arrays = new Map<string, Numbers>();
  for (const [name, value] of fields) {
    const numbers = numbersIn(value);
    if (numbers !== undefined) arrays.set(name, numbers);
  }
  const action = [...arrays].find(([name]) => roleOf(name) === "action")?.[1];
  const steps = action?.shape[0];
  const seen = [...arrays].some(
    ([name, { shape }]) =>
      inObservations(name) && steps !== undefined && (shape[0] === steps || shape[0] === steps + 1),
  );
  return steps === undefined || steps === 0 || !seen ? undefined : { fields, layout: { arrays, steps } };
}

/** Groups that are an episode each, in the order of their numbers; the file itself where its own datasets are transitions. */
function episodeGroups(root: Hdf5Group): readonly string[] {
  for (const below of EPISODES_BELOW) {
    const parent = below === "" ? root : root.group(below);
    if (parent === undefined) continue;
    const number = (name: string): number => Number(/(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    const groups = parent.groups.filter((name) => !Number.isNaN(number(name)));
    const [first] = groups;
    const group = first === undefined ? undefined : parent.group(first);
    if (group !== undefined && layoutIn(group) !== undefined)
      return [...groups]
        .sort((a, b) => number(a) - number(b))
        .map((name) => (below === "" ? name : `${below}/${name}`));
  }
  return layoutIn(root) === undefined ? [] : ["/"];
}

/** HDF5 files with transitions under clear names: ManiSkill and ACT demonstrations, tianshou buffers, hand-made sets. */
export const hdf5Episodes = episodeFormat({
  id: "episode-hdf5",
  title: "Episodes in HDF5",
  source: "ManiSkill trajectories, ACT and ALOHA episodes, tianshou buffers, other HDF5 files with actions",
  containers: ["hdf5"],
  members: episodeGroups,

  detect({ hdf5: root }) {
    const [first] = root === undefined ? [] : episodeGroups(root);
    return first === undefined
      ? undefined
      : {
          confidence: 0.5,
          reason:
            first === "/"
              ? "HDF5 with actions and observations"
              : `HDF5 groups such as ${first} with actions`,
        };
  },

  episodes(record, context) {
    const group = hdf5GroupOf(record, "a set of episodes");
    const found = layoutIn(group);
    if (found === undefined)
      throw new Failure(
        "missing-field",
        "The group has no actions with observations or rewards of the same length.",
        "The other groups are shown.",
      );
    const member = context.member ?? "/";
    const episodes = episodesOfArrays(found.fields, found.layout);
    return episodes.map((episode): NumericEpisode => ({
      ...episode,
      ...(member !== "/" && episodes.length === 1
        ? { ownId: member, title: member.replaceAll("_", " ") }
        : {}),
      extra: { ...group.attributes, ...episode.extra },
      columns: episode.columns.map((column): EpisodeColumn =>
        inObservations(column.name) && column.role === "info" ? { ...column, role: "observation" } : column,
      ),
    }));
  },
});
