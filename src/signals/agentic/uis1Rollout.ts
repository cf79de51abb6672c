import { binary, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import { decisionIndices, missing, onSteps } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import type { Trajectory } from "../../model/trajectory";
import type { SignalContext } from "../signal";

/** What the patch module did after one step of a semi-online rollout. */
export interface PatchedStep {
  readonly step: number;
  readonly match: boolean;
  /** The history shows the recorded action in place of the model's. */
  readonly patched: boolean;
  /** The rollout ends here because of a mismatch that is not patched. */
  readonly ended: boolean;
  /** Patches used so far. */
  readonly patches: number;
}

/**
 * Replays the patch module (MultiRoundGenerator.apply_response): a mismatch is patched while patches are left
 * (threshold -1 = without limit), otherwise the rollout ends.
 *
 * @param matches whether each step matched the recording; steps after the end are not listed
 */
export function patchHistory(matches: readonly boolean[], threshold: number): readonly PatchedStep[] {
  const out: PatchedStep[] = [];
  let patches = 0;
  for (const [step, match] of matches.entries()) {
    const patched = !match && (threshold === -1 || patches < threshold);
    if (patched) patches++;
    const ended = !match && !patched;
    out.push({ step, match, patched, ended, patches });
    if (ended) break;
  }
  return out;
}

/** One line of UI-S1's evaluation output. */
export interface SemiOnlineResult {
  readonly steps: number;
  readonly success: boolean;
  /** Steps matched before the first mismatch. */
  readonly matched: number;
}

/** Semi-online performance: success rate in percent and mean share of matched steps; 0 and 0 without results. */
export function semiOnlinePerformance(results: readonly SemiOnlineResult[]): {
  readonly successRate: number;
  readonly averageProgress: number;
} {
  if (results.length === 0) return { successRate: 0, averageProgress: 0 };
  const successes = results.filter((result) => result.success).length;
  const progress = results.reduce((sum, result) => sum + result.matched / result.steps, 0);
  return { successRate: (100 * successes) / results.length, averageProgress: progress / results.length };
}

const source = "Lu et al. 2025, UI-S1; X-PLUG/MobileAgent, UI-S1";

/** Whether each policy step matched the recording; undefined when one does not say. */
function recordedMatches(trajectory: Trajectory): readonly boolean[] | undefined {
  const matches = decisionIndices(trajectory).map((index) => {
    const step = trajectory.steps[index];
    const recorded = step?.extra?.["extract_match"];
    if (typeof recorded === "boolean") return recorded;
    if (typeof recorded === "number") return recorded > 0;
    // A step's score lies in 0..1, and 1 is a full match; rewards of an environment say nothing about a recording.
    const reward = trajectory.columns ? undefined : step?.reward;
    return typeof reward === "number" && reward >= 0 && reward <= 1 ? reward === 1 : undefined;
  });
  return matches.length === 0 || matches.includes(undefined) ? undefined : (matches as boolean[]);
}

export const uis1Patch = unexplainedSignal({
  id: "uis1-patch",
  title: "Patch simulation (UI-S1)",
  family: "agentic",
  level: "step",
  unit: "flag",
  signed: false,
  needs: ["rewards"],
  inputs: [{ kind: "step", name: "extract_match", meaning: "whether the step matches the recording" }],
  parameters: [
    {
      name: "threshold",
      description: "Mismatches that are patched before the rollout ends; -1 = without limit.",
      type: "integer",
      minimum: -1,
      default: 0,
    },
  ],
  presets: [
    {
      id: "default",
      title: "UI-S1, default (no patch)",
      values: { threshold: 0 },
      source: "X-PLUG/MobileAgent, UI-S1/verl/utils/dataset/universal_multiround.py, apply_response",
    },
    {
      id: "script",
      title: "UI-S1, released script",
      values: { threshold: 2 },
      source: "X-PLUG/MobileAgent, UI-S1/scripts/train_example.sh (algorithm.patch_threshold=2)",
    },
  ],
  source,
  description:
    "Which history entries a semi-online rollout would replace by the recorded action: 1 = patched, 0 = the model's own, no number behind the step at which the rollout would have ended.",
  derive(context, parameters) {
    const matches = recordedMatches(context.trajectory);
    if (!matches)
      return missing(
        "rewards",
        "Needs whether each step matches the recording (extract_match), or its score.",
      );
    const threshold = numberOf(parameters, "threshold");
    const history = patchHistory(matches, threshold);
    const indices = decisionIndices(context.trajectory).slice(0, history.length);
    const last = history.at(-1)!;
    return {
      values: onSteps(
        context.trajectory,
        indices,
        history.map(({ patched }) => Number(patched)),
      ),
      parts: {
        match: onSteps(
          context.trajectory,
          indices,
          history.map(({ match }) => Number(match)),
        ),
        "patches so far": onSteps(
          context.trajectory,
          indices,
          history.map(({ patches }) => patches),
        ),
      },
      notes: [
        last.ended
          ? `The rollout ends at step ${indices.at(-1)!}: ${last.patches} patches are used up.`
          : `The rollout goes on to its end with ${last.patches} patches.`,
      ],
      convention: `patch threshold ${threshold}`,
    };
  },
});

/** Result of one trajectory: recorded by the evaluation, else counted from the matches of its steps. */
function resultOf(trajectory: Trajectory): SemiOnlineResult | undefined {
  const field = (name: string): unknown => trajectory.extra[name] ?? trajectory.outcome.components[name];
  const [steps, matched] = [field("num_steps"), field("final_step_id")];
  if (typeof steps === "number" && typeof matched === "number") {
    const success = field("task_success") ?? trajectory.outcome.success;
    return { steps, matched, success: typeof success === "number" ? success > 0 : success === true };
  }
  const matches = recordedMatches(trajectory);
  if (!matches) return undefined;
  const first = matches.indexOf(false);
  return { steps: matches.length, matched: first < 0 ? matches.length : first, success: first < 0 };
}

/** Results of all episodes of the run; of those that are not loaded, what their rows say. */
function resultsOf(context: SignalContext): readonly SemiOnlineResult[] {
  const members =
    context.dataset ??
    (context.batch ?? (context.group ? [context.group] : [])).flatMap((group) => group.members);
  return members.flatMap(({ trajectory, components, success }) => {
    const result = trajectory && resultOf(trajectory);
    if (result) return [result];
    const [steps, matched] = [components["num_steps"], components["final_step_id"]];
    return typeof steps === "number" && typeof matched === "number" && typeof success === "boolean"
      ? [{ steps, matched, success }]
      : [];
  });
}

export const uis1Sop = derivedSignal({
  id: "uis1-sop",
  title: "Semi-online performance (UI-S1)",
  family: "agentic",
  level: "trajectory",
  unit: "share",
  signed: false,
  needs: ["outcomeReward", "actions", "dataset"],
  inputs: [
    { kind: "trajectory", name: "num_steps", meaning: "steps of the task" },
    { kind: "trajectory", name: "final_step_id", meaning: "steps before the first mismatch" },
    { kind: "trajectory", name: "task_success", meaning: "whether all steps matched" },
  ],
  parameters: [],
  presets: [
    {
      id: "evaluation",
      title: "UI-S1 evaluation",
      values: {},
      source:
        "X-PLUG/MobileAgent, UI-S1/evaluation/eval_qwenvl.py (success rate, average progress; paper: their mean)",
    },
  ],
  source,
  description:
    "Progress of an episode up to its first mismatch, as a share of its steps. Over all episodes that are loaded: success rate (TSR), mean progress (PG) and the mean of both.",
  derive(context) {
    const own = resultOf(context.trajectory);
    if (!own || own.steps === 0)
      return missing(
        "outcomeReward",
        "Needs num_steps and final_step_id of an evaluation, or whether each step matches the recording (extract_match).",
      );
    const results = resultsOf(context);
    const notes: string[] = [
      own.success ? "The task succeeded." : `First mismatch at step ${own.matched} of ${own.steps}.`,
    ];
    if (results.length > 0) {
      const { successRate, averageProgress } = semiOnlinePerformance(results);
      notes.push(
        `Over ${results.length} episodes: TSR ${successRate} %, PG ${100 * averageProgress} %, score ${(successRate + 100 * averageProgress) / 2}.`,
      );
    }
    const value = own.matched / own.steps;
    return {
      values: Float64Array.of(value),
      parts: { success: Float64Array.of(Number(own.success)) },
      notes,
      convention: "stops at the first mismatch",
      lines: () => [
        {
          name: "progress",
          expression: binary(
            "/",
            symbol("matched", own.matched, "steps before the first mismatch"),
            symbol("steps", own.steps, "steps of the task"),
          ),
          value,
        },
      ],
    };
  },
});
