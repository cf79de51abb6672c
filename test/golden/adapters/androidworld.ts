import { createHash } from "node:crypto";
import {
  columnsOfSteps,
  episodeSuccess,
  instanceSeed,
  stepBudget,
  stepsOfColumns,
  templateOf,
  templateResults,
} from "../../../src/signals/reward/deviceEpisode";
import { InputError, Inputs, list, type Adapter, type Golden } from "../adapter";

type Fields = { readonly [key: string]: Golden };

/** Rows of the benchmark's task table that the cases meet; a task that is not in it has no difficulty. */
const tasks: Readonly<Record<string, { readonly difficulty: string; readonly optimal_steps: number }>> = {
  ContactsAddContact: { difficulty: "easy", optimal_steps: 5 },
};

function isMissing(value: Golden): boolean {
  return value === null || value === undefined || (typeof value === "number" && Number.isNaN(value));
}

function results(rows: readonly Inputs[]): unknown {
  const number = (row: Inputs, name: string): number =>
    isMissing(row.get(name)) ? NaN : Number(row.get(name));
  return templateResults(
    rows.map((row) => ({
      template: typeof row.get("task_template") === "string" ? row.text("task_template") : null,
      success: number(row, "is_successful"),
      length: number(row, "episode_length"),
      seconds: number(row, "run_time"),
      exception: !isMissing(row.get("exception_info")),
    })),
  ).map((result) => ({
    task_template: result.template,
    num_complete_trials: result.complete,
    mean_success_rate: result.success,
    mean_episode_length: result.length,
    total_runtime_s: Number(result.seconds.toFixed(1)),
    num_fail_trials: result.failed,
    difficulty: tasks[result.template]?.difficulty ?? null,
    optimal_steps: tasks[result.template]?.optimal_steps ?? null,
  }));
}

/** The record of the stub task that the cases run. */
function record(inputs: Inputs): unknown {
  const failed = inputs.flag("raises", false);
  const length = inputs.number("n_steps");
  const success = episodeSuccess(inputs.number("task_is_successful"), inputs.flag("agent_done"), failed);
  const known = { goal: "g", task_template: "ContactsAddContact", is_successful: success, aux_data: null };
  if (failed) return { ...known, episode_data: NaN, episode_length: NaN, exception_info: "<traceback>" };
  const steps = Array.from({ length }, (_, t) => ({
    step_number: t,
    action_output: String.fromCharCode(97 + t),
  }));
  return {
    ...known,
    episode_data: columnsOfSteps<string | number>(steps),
    episode_length: length,
    exception_info: null,
    screen_config: { width: 1080, height: 2400, orientation: "portrait", config_name: "default" },
    seed: 42,
  };
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ fn, inputs, expected }) {
    const rows = (): readonly Inputs[] =>
      inputs.list("episodes").map((episode) => new Inputs(episode as Fields));
    switch (fn) {
      case "_transpose_lod_to_dol":
        return columnsOfSteps(list(inputs.get("value")) as readonly Fields[]);
      case "transpose_dol_to_lod":
        return stepsOfColumns(inputs.values as Readonly<Record<string, readonly Golden[]>>);
      case "_allocate_step_budget":
        return stepBudget(inputs.get("complexity") as number | null);
      case "_run_task":
        return record(inputs);
      case "process_episodes":
        return results(rows());
      case "_get_task_info": {
        const named = rows().map((row) => ({
          name: `${row.text("task_template")}_${String(row.get("instance_id"))}`,
          failed: row.has("exception_info") && row.get("exception_info") !== null,
        }));
        const names = (failed: boolean): readonly string[] => [
          ...new Set(named.filter((entry) => entry.failed === failed).map((entry) => entry.name)),
        ];
        return { completed: names(false), failed: names(true) };
      }
      case "create_suite instance seeds": {
        const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
        // The tasks of the suite are named by the result only.
        return Object.fromEntries(
          Object.keys(expected as Fields).map((name) => [
            name,
            Array.from({ length: inputs.number("n_task_combinations") }, (_, i) =>
              instanceSeed(inputs.number("seed"), name, i, digest),
            ),
          ]),
        );
      }
      case "checkpointer.sort_key": {
        const key = (name: string): string => templateOf(name);
        return list(inputs.get("value"))
          .map(String)
          .sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
      }
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
