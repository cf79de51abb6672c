import { binary, call, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import {
  decisionIndices,
  missing,
  onSteps,
  observationBefore,
  recordedStepRewards,
  stepCount,
  stepNumbers,
} from "../series/modelInputs";
import { flagOf, numberOf, textOf } from "../series/parameters";
import type { ParameterValues, SignalContext } from "../signal";
import {
  combinedRewards,
  messageCounts,
  momentsStart,
  retrievedLabels,
  thresholdedRewards,
  updateMoments,
} from "./oni";

/** Messages of an episode. */
interface Messages {
  /** What each step told, for looking labels up, [steps]. */
  readonly told: readonly (string | undefined)[];
  /** Steps that count, in order: those in which the policy acted. */
  readonly steps: readonly number[];
  /** Message that the policy saw at each of them. */
  readonly seen: readonly string[];
}

/** Message of a step: the field `message`, else what the policy saw or the environment said. */
function messagesOf(context: SignalContext): Messages | undefined {
  const { trajectory } = context;
  const told = trajectory.steps.map((step) => {
    const message = step.extra?.["message"];
    if (typeof message === "string") return message;
    return step.role === "assistant"
      ? observationBefore(trajectory, step.index)
      : (step.observation ?? step.action);
  });
  const steps = decisionIndices(trajectory).filter((index) => told[index] !== undefined);
  return steps.length > 0 ? { told, steps, seen: steps.map((index) => told[index]!) } : undefined;
}

/** Label in a judge's reply: its last 0 or 1 that stands alone; undefined without one. */
export function messageLabel(reply: string): 0 | 1 | undefined {
  const found = [...reply.matchAll(/(?<![\p{L}\p{N}_.])[01](?![\p{L}\p{N}_]|\.\d)/gu)].at(-1)?.[0];
  return found === undefined ? undefined : found === "1" ? 1 : 0;
}

/** Labels by message: those that the steps record, then a judge's replies about single steps. */
function labelTable(context: SignalContext, { told }: Messages): ReadonlyMap<string, number> {
  const table = new Map<string, number>();
  stepNumbers(context, ["llm_label", "label"])?.forEach((label, t) => {
    const message = told[t];
    if (message !== undefined && !Number.isNaN(label)) table.set(message, label);
  });
  for (const { step, text } of context.inputs?.judge ?? []) {
    const message = step === undefined ? undefined : told[step];
    const label = messageLabel(text);
    if (message !== undefined && label !== undefined) table.set(message, label);
  }
  return table;
}

interface Intrinsic {
  readonly values: Float64Array;
  readonly notes: readonly string[];
}

function intrinsicOf(
  context: SignalContext,
  parameters: ParameterValues,
  messages: Messages | undefined,
): Intrinsic | Missing {
  switch (textOf(parameters, "variant")) {
    case "retrieval": {
      if (!messages) return missing("text", "Needs a message at the steps, and none has one.");
      const table = labelTable(context, messages);
      if (table.size === 0)
        return missing(
          "judge",
          "No message has a label: choose a judge model to label the messages of the steps.",
        );
      const { labels, unlabelled } = retrievedLabels(messages.seen, table);
      return {
        values: onSteps(context.trajectory, messages.steps, labels),
        notes:
          unlabelled.length > 0
            ? [
                `${unlabelled.length} of ${new Set(messages.seen).size} messages have no label yet and count as 0, as released.`,
              ]
            : [],
      };
    }
    case "classification": {
      const share = stepNumbers(context, ["class_probability"]);
      if (!share)
        return missing(
          "rewards",
          "Needs the reward model's probability of class 1 at every step (class_probability).",
        );
      const threshold = numberOf(parameters, "classThreshold");
      return { values: share.map((p) => (Number.isNaN(p) ? NaN : p > threshold ? 1 : 0)), notes: [] };
    }
    default: {
      const raw = stepNumbers(context, ["ranking_reward", "reward"]);
      if (!raw)
        return missing(
          "rewards",
          "Needs the ranking model's output at every step: score with the ranking reward model.",
        );
      if (!flagOf(parameters, "normalised"))
        return {
          values: raw,
          notes: [
            "As released the online ranking reward is the raw output; the normalised one is computed and not used.",
          ],
        };
      const known = raw.filter((value) => !Number.isNaN(value));
      const moments = updateMoments(momentsStart, known);
      return {
        values: thresholdedRewards(raw, moments, numberOf(parameters, "threshold")),
        notes: [
          `Mean ${moments.mean} and variance ${moments.variance} of this episode alone; training keeps running ones.`,
        ],
      };
    }
  }
}

export const oniReward = derivedSignal({
  id: "oni-reward",
  title: "Intrinsic message reward (ONI)",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["text", "judge"],
  inputs: [
    { kind: "judge", name: "", meaning: "a reply per step whose last 0 or 1 labels the message" },
    { kind: "step", name: "llm_label", meaning: "recorded label of the message, 0 or 1" },
    { kind: "step", name: "class_probability", meaning: "classification: probability of class 1" },
    { kind: "step", name: "ranking_reward", meaning: "ranking: raw output of the reward model" },
  ],
  parameters: [
    {
      name: "variant",
      description: "Labels looked up by message, a classifier, or a ranking model.",
      type: "choice",
      choices: ["retrieval", "classification", "ranking"],
      default: "retrieval",
    },
    {
      name: "extrinsicCoefficient",
      description: "Weight of the environment's reward.",
      type: "number",
      default: 1,
    },
    {
      name: "intrinsicCoefficient",
      description: "Weight of the intrinsic reward.",
      type: "number",
      default: 0,
    },
    {
      name: "exponent",
      description: "How fast a message that was seen before loses its reward: count^-exponent.",
      type: "number",
      minimum: 0,
      default: 3,
    },
    {
      name: "classThreshold",
      description: "Probability of class 1 that must be exceeded.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.5,
    },
    {
      name: "normalised",
      description: "Standardise the ranking output and cut it at the threshold, as the offline variant does.",
      type: "boolean",
      default: false,
    },
    {
      name: "threshold",
      description: "Standardised ranking outputs up to this become 0.",
      type: "number",
      default: -0.5,
    },
  ],
  presets: [
    {
      id: "retrieval",
      title: "ONI retrieval, published command",
      values: { variant: "retrieval", extrinsicCoefficient: 0.1, intrinsicCoefficient: 0.4 },
      source: "facebookresearch/oni, appo/learner.py, llm_reward_type online_cls; command of the README",
    },
    {
      id: "classification",
      title: "ONI classification",
      values: { variant: "classification", extrinsicCoefficient: 0.1, intrinsicCoefficient: 0.4 },
      source: "facebookresearch/oni, appo/learner.py, llm_reward_type online_cls_reward_model",
    },
    {
      id: "ranking",
      title: "ONI ranking, as released (raw)",
      values: { variant: "ranking", extrinsicCoefficient: 0.1, intrinsicCoefficient: 0.4 },
      source:
        "facebookresearch/oni, appo/learner.py, llm_reward_type online_motif (the normalised value is not used)",
    },
    {
      id: "ranking-normalised",
      title: "ONI ranking, as meant (normalised)",
      values: { variant: "ranking", normalised: true, extrinsicCoefficient: 0.1, intrinsicCoefficient: 0.4 },
      source: "facebookresearch/oni, appo/learner.py, llm_reward_type motif (normalised and cut at -0.5)",
    },
    {
      id: "defaults",
      title: "ONI, coefficients of the code",
      values: {},
      source: "facebookresearch/oni, defaults: llm_reward_coeff 0, extrinsic_reward_coeff 1",
    },
  ],
  source:
    "Zheng et al. 2024, Online Intrinsic Rewards for Decision Making Agents from LLM Feedback; facebookresearch/oni",
  description:
    "The environment's reward plus an intrinsic one for the step's message, divided by a power of how often this message occurred in the episode. As released the online ranking variant uses its raw output.",
  derive(context, parameters) {
    const { trajectory } = context;
    const size = stepCount(trajectory);
    if (size === 0) return missing("text");
    const coefficients = {
      extrinsicCoefficient: numberOf(parameters, "extrinsicCoefficient"),
      intrinsicCoefficient: numberOf(parameters, "intrinsicCoefficient"),
      exponent: numberOf(parameters, "exponent"),
    };
    const messages = messagesOf(context);
    const intrinsic = intrinsicOf(context, parameters, messages);
    if ("missing" in intrinsic) return intrinsic;
    const recorded = recordedStepRewards(trajectory);
    if (!recorded && coefficients.extrinsicCoefficient !== 0) return missing("rewards");
    const counts = messages
      ? onSteps(trajectory, messages.steps, messageCounts(messages.seen, coefficients.intrinsicCoefficient))
      : new Float64Array(size).fill(1);
    const extrinsic = recorded ?? new Float64Array(size);
    // A step without a recorded reward (a turn of the environment) has no number of its own.
    const { rewards, discounts } = combinedRewards(extrinsic, intrinsic.values, counts, coefficients);
    return {
      values: rewards,
      parts: {
        "intrinsic reward": intrinsic.values,
        "message count": counts,
        discount: discounts,
      },
      notes: [...intrinsic.notes, ...(messages ? [] : ["No messages: every count is 1."])],
      convention: `${textOf(parameters, "variant")}, extrinsic ${coefficients.extrinsicCoefficient}, intrinsic ${coefficients.intrinsicCoefficient}, count^-${coefficients.exponent}`,
      lines(index) {
        const at = { trajectoryId: trajectory.id, stepIndex: index };
        const environment: Expression = binary(
          "*",
          symbol("c_ext", coefficients.extrinsicCoefficient, "weight of the environment"),
          symbol("r_env", extrinsic[index]!, "reward of the environment", at),
        );
        return [
          {
            name: `r_${index}`,
            expression: call(
              "sum",
              environment,
              binary(
                "*",
                binary(
                  "*",
                  symbol("c_int", coefficients.intrinsicCoefficient, "weight of the intrinsic reward"),
                  symbol("r_int", intrinsic.values[index]!, "intrinsic reward of the message", at),
                ),
                binary(
                  "^",
                  symbol("count", counts[index]!, "times that this message occurred so far"),
                  symbol("-e", -coefficients.exponent, "minus the exponent"),
                ),
              ),
            ),
            value: rewards[index]!,
          },
        ];
      },
    };
  },
});
