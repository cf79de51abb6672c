import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import { oneFlagNote } from "./arrayEpisodes";
import { isList, objectOf, recordedFlag, without } from "./jsonFields";
import { parseJson } from "./jsonText";
import { episodeFormat } from "./numericEpisode";
import { rowsAsColumns } from "./rowsAsColumns";

const OWN = new Set(["obs", "acts", "rews", "infos", "terminal"]);

/** One step's info: JSON text that jsonpickle wrote. Its objects stay data; nothing is rebuilt. */
function infoOf(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value !== "string") return value;
  try {
    const info = parseJson(value);
    return typeof info === "object" && info !== null && Object.keys(info).length === 0 ? undefined : info;
  } catch {
    return value;
  }
}

/** imitation's Hugging Face datasets: a row a trajectory, with lists of observations (one more), actions and rewards. */
export const imitationDataset = episodeFormat({
  id: "imitation-hf",
  title: "imitation trajectories",
  source: "HumanCompatibleAI/imitation, huggingface_utils.trajectories_to_dataset",
  containers: ["arrow", "parquet"],
  detect({ columns }) {
    const types = new Map(columns?.map(({ name, type }) => [name, type]));
    if (!["obs", "acts", "infos", "terminal"].every((name) => types.has(name))) return undefined;
    return { confidence: 0.95, reason: "columns obs, acts, infos, terminal (a row a trajectory)" };
  },
  episodes(record, { row }) {
    const fields = objectOf(record);
    const acts = fields["acts"];
    const obs = fields["obs"];
    if (!isList(acts) || !isList(obs))
      throw new Failure(
        "missing-field",
        "The row has no lists of observations and actions.",
        "It is left out.",
      );
    const steps = acts.length;
    // Rows of the table inside a row: the step's action and reward, and one observation more.
    const rows = obs.map((observation, step): JsonObject => ({
      obs: observation,
      ...(step < steps ? { acts: acts[step] ?? null } : {}),
      ...(step < steps && isList(fields["rews"]) ? { rews: fields["rews"][step] ?? null } : {}),
    }));
    const { columns, others } = rowsAsColumns(rows, {
      role: (name) =>
        /^obs(\.|$)/.test(name) ? "observation" : /^acts(\.|$)/.test(name) ? "action" : "reward",
    });
    const infos = isList(fields["infos"]) ? fields["infos"] : [];
    const terminal = recordedFlag(fields["terminal"]);
    return [
      {
        ownId: `trajectory_${row}`,
        title: `trajectory ${row}`,
        steps,
        columns: columns.map((column) =>
          column.role === "observation"
            ? column
            : { ...column, rows: steps, data: () => column.data().subarray(0, steps * column.width) },
        ),
        // False may be a fragment of an episode, true may be a time limit.
        ...(terminal === true ? { end: { stopReason: "terminated" } } : {}),
        stepExtra: (step) => {
          const info = infoOf(infos[step]);
          return info === undefined ? others(step) : { ...others(step), info };
        },
        extra: without(fields, OWN),
        notes: terminal === undefined || terminal === null ? [] : [oneFlagNote],
      },
    ];
  },
});
