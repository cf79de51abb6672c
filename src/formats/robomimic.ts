import { parseJson } from "./jsonText";
import type { JsonObject, JsonValue } from "../model/json";
import { Failure } from "../model/failure";
import type { ColumnRole } from "../model/trajectory";
import type { Hdf5Group } from "./format";
import { columnOfDataset, datasetsBelow, hdf5GroupOf, roleOf, type EpisodeColumn } from "./episodeColumns";
import { isObject, textOf } from "./jsonFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

const DEMO = /^demo_(\d+)$/;

function demosOf(data: Hdf5Group): string[] {
  return data.groups
    .filter((name) => DEMO.test(name))
    .sort((left, right) => Number(DEMO.exec(left)?.[1]) - Number(DEMO.exec(right)?.[1]));
}

/** Filter keys of the file: which demonstrations belong to `train`, `valid` and other subsets. */
function splitsOf(root: Hdf5Group): ReadonlyMap<string, readonly string[]> {
  const splits = new Map<string, string[]>();
  const mask = root.group("mask");
  for (const key of mask?.datasets ?? [])
    for (const demo of mask?.strings(key) ?? []) {
      const name = demo.replace(/\0+$/, "");
      splits.set(name, [...(splits.get(name) ?? []), key]);
    }
  return splits;
}

/** What a dataset of a demonstration is. `states` are the simulator's, from which it can be reset; `obs` is what a policy sees. */
function roleIn(path: string): ColumnRole {
  if (path.startsWith("obs/")) return "observation";
  if (path.startsWith("next_obs/") || path === "states") return "info";
  return path === "dones" ? "terminated" : path.includes("/") ? "info" : roleOf(path);
}

function demoOf(demo: Hdf5Group, name: string, keys: readonly string[], shared: JsonObject): NumericEpisode {
  const columns: EpisodeColumn[] = [];
  let simulatorStates: EpisodeColumn | undefined;
  for (const { path, group, dataset } of datasetsBelow(demo)) {
    const column = columnOfDataset(group, dataset, path.replaceAll("/", "."), roleIn(path));
    if (column === undefined) continue;
    if (path === "states") simulatorStates = column;
    else columns.push(column);
  }
  const steps =
    columns.find((one) => one.role === "action")?.rows ??
    columns.find((one) => one.role === "reward")?.rows ??
    simulatorStates?.rows;
  if (steps === undefined)
    throw new Failure(
      "missing-field",
      `${name} has neither actions nor rewards.`,
      "The file may be cut off.",
    );
  if (simulatorStates !== undefined)
    columns.push(
      columns.some((one) => one.role === "observation")
        ? simulatorStates
        : { ...simulatorStates, role: "observation" },
    );
  const split = keys.find((key) => key === "train" || key === "valid") ?? keys[0];
  const { model_file: model, ...attributes } = demo.attributes;
  const prompt = instructionOf(parsed(attributes), shared);
  return {
    ownId: name,
    ...(prompt === undefined ? {} : { task: { prompt } }),
    title: `demonstration ${DEMO.exec(name)?.[1] ?? name}`,
    steps,
    columns,
    ...(split === undefined ? {} : { split }),
    notes: columns.some((one) => one.role === "terminated")
      ? [
          {
            code: "one-done-flag",
            message:
              "`dones` marks successes, the end of the recording, or both, as the file was converted; it does not tell them apart.",
          },
        ]
      : [],
    extra: {
      ...attributes,
      // The simulator's XML is tens of kilobytes in every demonstration.
      ...(typeof model === "string" ? { model_file: `${model.length} characters of XML` } : {}),
      ...(keys.length === 0 ? {} : { filter_keys: keys }),
      ...shared,
    },
  };
}

/** The sentence that a demonstration follows: LIBERO's of the file, RoboCasa's of the demonstration. */
function instructionOf(own: JsonObject, shared: JsonObject): string | undefined {
  for (const [holder, name] of [
    [own["ep_meta"], "lang"],
    [shared["problem_info"], "language_instruction"],
  ] as const) {
    const text = isObject(holder) ? holder[name] : undefined;
    const said = textOf(text);
    if (said !== undefined && said !== "") return said;
  }
  return undefined;
}

/** robomimic and robosuite demonstrations: one group `data/demo_N` an episode. */
export const robomimic = episodeFormat({
  id: "robomimic",
  title: "robomimic demonstrations",
  source: "ARISE-Initiative/robomimic, robosuite and MimicGen, *.hdf5",
  containers: ["hdf5"],
  members: () => ["/"],
  detect({ hdf5: root }) {
    const data = root?.group("data");
    const first = data === undefined ? undefined : demosOf(data)[0];
    const demo = first === undefined ? undefined : data?.group(first);
    if (demo?.datasets.includes("actions") !== true) return undefined;
    return { confidence: 0.95, reason: "HDF5 groups data/demo_N with actions" };
  },
  episodes(record) {
    const root = hdf5GroupOf(record, "a robomimic dataset");
    const data = root.group("data");
    if (data === undefined)
      throw new Failure("missing-field", "The file has no group `data`.", "It may be cut off.");
    const splits = splitsOf(root);
    const shared = parsed(data.attributes);
    return demosOf(data).map((name) => () => {
      const demo = data.group(name);
      if (demo === undefined)
        throw new Failure("missing-group", `Group data/${name} is not there.`, "The file may be cut off.");
      return demoOf(demo, name, splits.get(name) ?? [], shared);
    });
  },
});

/** Attributes that hold JSON as text (`env_args`), parsed. */
function parsed(attributes: JsonObject): JsonObject {
  const out: Record<string, JsonValue | undefined> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value !== "string" || !/^\s*[{[]/.test(value)) {
      out[name] = value;
      continue;
    }
    try {
      out[name] = parseJson(value);
    } catch {
      out[name] = value;
    }
  }
  return out;
}
