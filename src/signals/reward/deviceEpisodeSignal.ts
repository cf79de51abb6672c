import { binary, symbol } from "../expression";
import type { Trajectory } from "../../model/trajectory";
import { derivedSignal } from "../series/derivedSignal";
import { missing } from "../series/modelInputs";
import { actionObject } from "../agentic/uis1Score";
import { episodeSuccess, templateResults, type DeviceEpisode } from "./deviceEpisode";

const source =
  "Rawles et al. 2024, AndroidWorld; google-research/android_world, android_world/suite_utils.py";

interface Verdict {
  /** What the environment found, before the agent's declaration counts; NaN = not recorded. */
  readonly verdict: number;
  readonly declared: boolean | undefined;
  readonly exception: boolean;
  /** As the file records it; NaN = recorded as NaN or not at all. */
  readonly recorded: number;
  readonly known: boolean;
}

function field(trajectory: Trajectory, names: readonly string[]): unknown {
  for (const name of names) {
    const value = trajectory.extra[name] ?? trajectory.outcome.components[name];
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
}

const asNumber = (value: unknown): number =>
  typeof value === "number" ? value : typeof value === "boolean" ? Number(value) : NaN;

/** Whether the agent said that it was done: a status action, or what the file records. */
function declaredDone(trajectory: Trajectory): boolean | undefined {
  const told = field(trajectory, ["agent_done", "declared_done", "done"]);
  if (typeof told === "boolean") return told;
  if (typeof told === "number") return told > 0;
  const called = trajectory.steps.some(({ toolCalls }) => toolCalls?.some(({ name }) => name === "status"));
  const actions = trajectory.steps
    .filter(({ role }) => role === "assistant")
    .map((step) => actionObject(step.extra?.["action_output_json"]) ?? actionObject(step.action));
  if (!called && actions.every((action) => action === undefined)) return undefined;
  return called || actions.some((action) => action?.["action_type"] === "status");
}

function verdictOf(trajectory: Trajectory): Verdict {
  const success = field(trajectory, ["is_successful"]);
  const { rewardSource, reward } = trajectory.outcome;
  const recorded =
    success !== undefined
      ? asNumber(success)
      : rewardSource === "is_successful" && typeof reward === "number"
        ? reward
        : NaN;
  const verdict = asNumber(field(trajectory, ["environment_verdict", "env_success", "task_success"]));
  const exception =
    field(trajectory, ["exception_info"]) !== undefined ||
    trajectory.notes.some(({ code }) => code === "episode-error");
  return {
    verdict,
    declared: declaredDone(trajectory),
    exception,
    recorded,
    known: exception || !Number.isNaN(verdict) || !Number.isNaN(recorded),
  };
}

function episodeOf(trajectory: Trajectory): DeviceEpisode {
  const { recorded, exception } = verdictOf(trajectory);
  const template = field(trajectory, ["task_template", "template"]);
  return {
    template: typeof template === "string" ? template : null,
    success: exception ? NaN : recorded,
    length: trajectory.steps.filter(({ role }) => role === "assistant").length,
    seconds: asNumber(field(trajectory, ["run_time"])),
    exception,
  };
}

export const deviceSuccess = derivedSignal({
  id: "device-success",
  title: "Episode success (AndroidWorld)",
  family: "reward",
  level: "trajectory",
  unit: "success",
  signed: false,
  needs: ["outcomeReward", "actions", "group"],
  inputs: [
    { kind: "trajectory", name: "is_successful", meaning: "as recorded" },
    {
      kind: "trajectory",
      name: "environment_verdict",
      meaning: "what the environment found, whether declared or not",
    },
    { kind: "trajectory", name: "exception_info", meaning: "there is one when the run failed" },
  ],
  parameters: [],
  presets: [
    {
      id: "released",
      title: "AndroidWorld",
      values: {},
      source: "google-research/android_world, android_world/suite_utils.py, _run_task and process_episodes",
    },
  ],
  source: `${source}, _run_task`,
  description:
    "The environment's verdict when the agent said that it was done, else 0. An exception gives no number: it is an error, not a failure. A solved task that was never declared done is named.",
  derive(context) {
    const own = verdictOf(context.trajectory);
    if (!own.known)
      return missing(
        "outcomeReward",
        "The file records neither is_successful nor a verdict of the environment.",
      );
    const recomputed = !Number.isNaN(own.verdict) && own.declared !== undefined;
    const value = recomputed
      ? episodeSuccess(own.verdict, own.declared === true, own.exception)
      : own.exception
        ? NaN
        : own.recorded;
    const episodes = (context.batch ?? (context.group ? [context.group] : []))
      .flatMap(({ members }) => members)
      .flatMap(({ trajectory }) => (trajectory ? [episodeOf(trajectory)] : []));
    return {
      values: Float64Array.of(value),
      parts: {
        verdict: Float64Array.of(own.verdict),
        "declared done": Float64Array.of(own.declared === undefined ? NaN : Number(own.declared)),
      },
      notes: [
        ...(own.exception ? ["The run ended with an exception: an error, not a failure of the agent."] : []),
        ...(own.verdict > 0.5 && own.declared === false
          ? ["Solved but not declared: the agent never said that it was done."]
          : []),
        ...(own.declared === true && own.verdict <= 0.5 ? ["Declared done but not solved."] : []),
        ...templateResults(episodes).map(
          ({ template, success, complete, failed }) =>
            `${template}: mean success ${success} over ${complete} episodes, ${failed} errors.`,
        ),
      ],
      convention: recomputed ? "verdict when declared done, else 0" : "as recorded",
      lines: () => [
        {
          name: "success",
          expression: recomputed
            ? binary(
                "*",
                symbol("verdict", own.verdict, "what the environment found"),
                symbol("declared", Number(own.declared), "1 = the agent said that it was done"),
              )
            : symbol("is_successful", value, "as the file records it"),
          value,
        },
      ],
    };
  },
});
