import { binary, symbol, type Expression } from "../expression";
import type { Trajectory } from "../../model/trajectory";
import type { Missing } from "../series/episode";
import { decisionIndices, missing, onSteps } from "../series/modelInputs";
import { textOf } from "../series/parameters";
import type { ParameterValues, Signal, SignalContext } from "../signal";

const source = "Wang et al. 2025, Information Gain-based Policy Optimization; GuoqingWang1/IGPO";

interface Values {
  /** Policy steps in order. */
  readonly indices: readonly number[];
  /** Value of the context before each policy step: p(answer) or its log. */
  readonly values: Float64Array;
}

function contextValues(context: SignalContext, parameters: ParameterValues): Values | Missing {
  const { trajectory } = context;
  const series = context.scores?.find(
    (s) => s.name === "answer_logprob" && s.level === "step" && s.values.length === trajectory.steps.length,
  );
  if (!series) {
    return {
      missing: ["logprobs"],
      how: "Needs the policy's log-probability of the ground-truth answer before every turn (answer_logprob): choose a policy model.",
    };
  }
  const indices = trajectory.steps.filter((step) => step.role === "assistant").map((step) => step.index);
  const probability = textOf(parameters, "kind") === "prob_diff";
  return {
    indices,
    values: Float64Array.from(indices, (i) =>
      probability ? Math.exp(series.values[i]!) : series.values[i]!,
    ),
  };
}

/** Header that a chat template writes before a turn; IGPO cuts a response into turns there. */
const turnHeader = "<|im_start|>assistant";

/** Last step of every turn: steps of the policy in a row are one turn, cut at headers that the text still holds. */
function turnEnds(trajectory: Trajectory): readonly number[] {
  const ends: number[] = [];
  let spoke = false;
  for (const { index, role, thought, action } of trajectory.steps) {
    const own = role === "assistant";
    const header = `${thought ?? ""}${action ?? ""}`.includes(turnHeader);
    if (own && spoke && !header) ends[ends.length - 1] = index;
    else if (own) ends.push(index);
    spoke = own;
  }
  return ends;
}

/**
 * Gains that the validation dump records (info_gain_rewards), on the turns but the last; undefined where the file has none.
 * One gain too many or too few drops them all, as the released placement does.
 */
function recordedGains(
  context: SignalContext,
): { readonly indices: readonly number[]; readonly gains: readonly number[] } | Missing | undefined {
  const recorded = context.trajectory.extra["info_gain_rewards"];
  if (!Array.isArray(recorded) || !recorded.every((gain) => typeof gain === "number")) return undefined;
  const [steps, turns] = [decisionIndices(context.trajectory), turnEnds(context.trajectory)];
  const indices = recorded.length === steps.length - 1 ? steps : turns;
  return recorded.length === indices.length - 1
    ? { indices, gains: recorded as readonly number[] }
    : missing(
        "logprobs",
        `The file records ${recorded.length} gains for ${indices.length} turns, so none can be placed, as released.`,
      );
}

/** What a turn added to the policy's belief in the right answer. */
export const igpoGain: Signal = {
  id: "igpo-gain",
  title: "Information gain",
  family: "agentic",
  level: "step",
  unit: "probability",
  signed: true,
  needs: ["logprobs"],
  inputs: [
    {
      kind: "step",
      name: "answer_logprob",
      meaning: "mean log-probability of the ground-truth answer before each turn",
    },
    { kind: "trajectory", name: "info_gain_rewards", meaning: "gains as the validation dump records them" },
  ],
  parameters: [
    {
      name: "kind",
      description:
        "Difference of probabilities (the dataclass default) or of log-probabilities (the training script).",
      type: "choice",
      choices: ["prob_diff", "log_prob_diff"],
      default: "prob_diff",
    },
  ],
  presets: [
    {
      id: "default",
      title: "IGPO, dataclass default",
      values: { kind: "prob_diff" },
      source: "GuoqingWang1/IGPO, scrl/llm_agent/generation.py, run_llm_loop",
    },
    {
      id: "script",
      title: "IGPO, train.sh",
      values: { kind: "log_prob_diff" },
      source: "GuoqingWang1/IGPO, train.sh",
    },
  ],
  source,
  description:
    "Rise of the probability that the policy gives to the ground-truth answer, from before a turn to before the next one. The last turn has none: it gets the answer's own score.",
  compute(context, parameters) {
    const found = contextValues(context, parameters);
    if ("missing" in found) {
      const recorded = recordedGains(context);
      if (recorded === undefined) return found;
      if ("missing" in recorded) return recorded;
      return {
        level: "step",
        values: onSteps(context.trajectory, recorded.indices, [...recorded.gains, NaN]),
        notes: [
          "Gains as the file records them; whether of probabilities or of their logarithms is the run's choice.",
        ],
      };
    }
    const gains = new Float64Array(context.trajectory.steps.length).fill(NaN);
    const beliefs = gains.slice();
    found.indices.forEach((index, t) => {
      beliefs[index] = found.values[t]!;
      if (t + 1 < found.indices.length) gains[index] = found.values[t + 1]! - found.values[t]!;
    });
    return { level: "step", values: gains, parts: { "value of the context": beliefs }, notes: [] };
  },
  explain(context, parameters, index) {
    const found = contextValues(context, parameters);
    if ("missing" in found) {
      const recorded = recordedGains(context);
      if (recorded === undefined || "missing" in recorded) return undefined;
      const gain = recorded.gains[recorded.indices.indexOf(index)];
      if (gain === undefined || Number.isNaN(gain)) return undefined;
      return {
        title: "Information gain",
        convention: "as recorded",
        lines: [
          {
            name: `g_${index}`,
            expression: symbol("gain", gain, "info_gain_rewards of the file"),
            value: gain,
          },
        ],
        source,
        notes: [],
      };
    }
    const t = found.indices.indexOf(index);
    const value = found.values[t + 1]! - found.values[t]!;
    if (t < 0 || t + 1 >= found.indices.length || Number.isNaN(value)) return undefined;
    const at = (k: number): Expression =>
      symbol(`v_${found.indices[k]!}`, found.values[k]!, "belief in the answer before this turn", {
        trajectoryId: context.trajectory.id,
        stepIndex: found.indices[k]!,
      });
    return {
      title: "Information gain",
      convention: textOf(parameters, "kind"),
      lines: [{ name: `g_${index}`, expression: binary("-", at(t + 1), at(t)), value }],
      source,
      notes: [],
    };
  },
};
