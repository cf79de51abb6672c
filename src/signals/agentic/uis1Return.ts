import { symbol } from "../expression";
import type { Missing } from "../series/episode";
import { gammaParameter, numberOf } from "../series/parameters";
import { needHow, type Parameter, type ParameterValues, type Signal, type SignalContext } from "../signal";
import { stepReturns } from "./gigpo";

/** Which score counts as a match where the file does not record whether a step matches. */
export const matchScoreParameter: Parameter = {
  name: "matchScore",
  description: "Least score that counts as a match where the file does not say.",
  type: "number",
  default: 1,
};

/** Discounted step return that does not cross steps which miss the recording. */
export const uis1Return: Signal = {
  id: "uis1-return",
  title: "UI-S1 step return",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards"],
  parameters: [gammaParameter(0.5), matchScoreParameter],
  presets: [
    {
      id: "script",
      title: "UI-S1, released script",
      values: { gamma: 0.5 },
      source: "X-PLUG/MobileAgent, UI-S1/uis1/core_uis1.py, compute_step_discounted_returns",
    },
  ],
  source:
    "Lu et al. 2025, UI-S1; X-PLUG/MobileAgent, UI-S1/uis1/core_uis1.py, compute_step_discounted_returns",
  description:
    "Discounted sum of step scores that stops at the first step which misses the recorded action: credit does not pass a mismatch.",
  compute(context, parameters) {
    const own = ownSteps(context, parameters);
    if ("missing" in own) return own;
    const values = new Float64Array(context.trajectory.steps.length).fill(NaN);
    own.indices.forEach((index, t) => (values[index] = own.returns[t]!));
    return { level: "step", values, notes: [] };
  },
  explain(context, parameters, index) {
    const own = ownSteps(context, parameters);
    if ("missing" in own) return undefined;
    const t = own.indices.indexOf(index);
    if (t < 0) return undefined;
    const id = context.trajectory.id;
    const reward = symbol(`r_${index}`, own.scores[t]!, "score of the step", {
      trajectoryId: id,
      stepIndex: index,
    });
    const carries = own.matches[t] === 1 && own.matches[t + 1] === 1;
    return {
      title: "UI-S1 step return",
      convention: `gamma ${numberOf(parameters, "gamma")}, cut at mismatches`,
      lines: [
        {
          name: `R_${index}`,
          expression: carries
            ? {
                kind: "binary",
                op: "+",
                left: reward,
                right: {
                  kind: "binary",
                  op: "*",
                  left: symbol("gamma", numberOf(parameters, "gamma"), "discount"),
                  right: symbol(`R_${own.indices[t + 1]!}`, own.returns[t + 1]!, "step return", {
                    trajectoryId: id,
                    stepIndex: own.indices[t + 1]!,
                  }),
                },
              }
            : reward,
          value: own.returns[t]!,
        },
      ],
      source: uis1Return.source,
      notes: carries
        ? []
        : ["Nothing later counts here: this step or the next one misses the recording, or the episode ends."],
    };
  },
};

function ownSteps(
  context: SignalContext,
  parameters: ParameterValues,
):
  | {
      readonly indices: readonly number[];
      readonly scores: Float64Array;
      readonly matches: Uint8Array;
      readonly returns: Float64Array;
    }
  | Missing {
  const steps = context.trajectory.steps.filter((step) => step.role === "assistant");
  if (steps.length === 0 || steps.some((step) => typeof step.reward !== "number"))
    return { missing: ["rewards"], how: needHow.rewards };
  const scores = Float64Array.from(steps, (step) => step.reward!);
  const matches = Uint8Array.from(steps, (step) => {
    const recorded = step.extra?.["extract_match"];
    return (typeof recorded === "boolean" ? recorded : step.reward! >= numberOf(parameters, "matchScore"))
      ? 1
      : 0;
  });
  const trajectories = steps.map(() => context.trajectory.id);
  return {
    indices: steps.map((step) => step.index),
    scores,
    matches,
    returns: stepReturns(scores, trajectories, numberOf(parameters, "gamma"), undefined, matches),
  };
}
