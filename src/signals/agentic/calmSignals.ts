import { binary, call, number, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import {
  decisionIndices,
  memberContexts,
  missing,
  observationAfter,
  observationBefore,
  onSteps,
  recordedStepRewards,
  stepNumbers,
} from "../series/modelInputs";
import { flagOf, numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, SignalContext } from "../signal";
import { rewardTable, shapedReward, type RewardedState } from "./calm";
import { annotated, recordedSubgoals, type Annotation } from "./calmAnnotations";

const source =
  "Pignatelli et al. 2024, CALM: Credit Assignment with Language Models; epignatelli/lfrl, calm/annotate.py";
const judgeHow =
  "Needs a judge's subgoals with their times: choose a judge model, or open a file with its answers.";

const formParameter: Parameter = {
  name: "form",
  description: "The dictionary must follow a code fence (training), or may stand alone (evaluation).",
  type: "choice",
  choices: ["fenced", "bare"],
  default: "fenced",
};

const remarks = ({ answers, unread }: Annotation, outside: number): readonly string[] => [
  ...(unread > 0 ? [`${unread} of ${answers} answers hold no dictionary of literals and are left out.`] : []),
  ...(outside > 0 ? [`${outside} times lie outside the episode and are left out.`] : []),
];

export const calmSubgoals = derivedSignal({
  id: "calm-subgoals",
  title: "Subgoals reached (CALM)",
  family: "agentic",
  level: "step",
  unit: "subgoals",
  signed: false,
  needs: ["judge"],
  inputs: [
    {
      kind: "judge",
      name: "",
      meaning: "replies about the whole trajectory: a dictionary subgoal -> time(s)",
    },
    { kind: "step", name: "subgoals_reached", meaning: "names of subgoals that the file pins to the step" },
    { kind: "step", name: "human_label", meaning: "label beside the subgoals" },
  ],
  parameters: [formParameter],
  presets: [
    {
      id: "training",
      title: "CALM, training",
      values: { form: "fenced" },
      source: "epignatelli/lfrl, calm/annotate.py, parse_response and parse_subgoals",
    },
    {
      id: "evaluation",
      title: "CALM, evaluation",
      values: { form: "bare" },
      source: "epignatelli/lfrl, experiments/dataset/evaluate_dataset.py",
    },
  ],
  source,
  description:
    "How many subgoals a language model saw reached at each step: a time T in its answer marks the observation and the action at T - 1. Human labels recorded in the file stand beside it. Answers are read as literals; nothing in them is executed.",
  derive(context, parameters) {
    const form = textOf(parameters, "form") as "fenced" | "bare";
    const annotation = annotated(context, form);
    const indices = decisionIndices(context.trajectory);
    const recorded = annotation ? undefined : recordedSubgoals(context);
    if ((!annotation && !recorded) || indices.length === 0) return missing("judge", judgeHow);
    const reasons = recorded ?? indices.map((): string[] => []);
    let outside = 0;
    for (const [time, reason] of annotation?.times ?? []) {
      const pinned = reasons[time - 1];
      if (pinned) pinned.push(reason);
      else outside++;
    }
    const labels = stepNumbers(context, ["human_label", "subgoal", "label"]);
    return {
      values: onSteps(
        context.trajectory,
        indices,
        reasons.map((list) => list.length),
      ),
      ...(labels ? { parts: { "recorded label": labels } } : {}),
      notes: annotation
        ? remarks(annotation, outside)
        : ["The file's own answer, at the times that its timesteps are numbered by."],
      convention: annotation ? `${form} answers, time T marks step T - 1` : "as the file pins them",
      lines(index) {
        const own = reasons[indices.indexOf(index)]!;
        return [
          {
            name: `n_${index}`,
            expression:
              own.length === 0
                ? number(0)
                : call(
                    "sum",
                    ...own.map((reason, k) =>
                      symbol(`subgoal_${k + 1}`, 1, reason, {
                        trajectoryId: context.trajectory.id,
                        stepIndex: index,
                      }),
                    ),
                  ),
            value: own.length,
          },
        ];
      },
      remarks: (index) => reasons[indices.indexOf(index)]!.map((reason) => `Subgoal: ${reason}.`),
    };
  },
});

/** States that the answers about one episode reward. */
function statesOf(context: SignalContext, form: "fenced" | "bare"): readonly RewardedState[] {
  const { trajectory } = context;
  const indices = decisionIndices(trajectory);
  return (annotated(context, form)?.times ?? []).flatMap(([time, reason]): RewardedState[] => {
    const index = indices[time - 1];
    if (index === undefined) return [];
    const observation = observationBefore(trajectory, index);
    const action = trajectory.steps[index]?.action;
    return observation === undefined || action === undefined
      ? []
      : [{ observation, action, reasons: [reason] }];
  });
}

function tableOf(
  context: SignalContext,
  parameters: ParameterValues,
): { readonly table: ReturnType<typeof rewardTable>; readonly episodes: number } | Missing {
  const form = textOf(parameters, "form") as "fenced" | "bare";
  let contexts: readonly SignalContext[] = [context];
  if (context.group) {
    const members = memberContexts(context);
    if ("missing" in members) return members;
    contexts = members;
  }
  const annotations = contexts.map((member) => statesOf(member, form)).filter((states) => states.length > 0);
  if (annotations.length === 0) return missing("judge", judgeHow);
  try {
    return { table: rewardTable(annotations), episodes: annotations.length };
  } catch (error) {
    // As released this is a division by zero; more answers make the counts differ.
    return missing(
      "judge",
      `${error instanceof Error ? error.message : String(error)} Collect more answers.`,
    );
  }
}

export const calmReward = derivedSignal({
  id: "calm-reward",
  title: "Shaped reward (CALM)",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["judge", "observations", "actions", "group"],
  inputs: [
    { kind: "judge", name: "", meaning: "replies about the whole trajectory, of every member of the group" },
  ],
  parameters: [
    formParameter,
    { name: "beta", description: "Weight of the table's value.", type: "number", default: 0.1 },
    {
      name: "lookup",
      description:
        "Which observation is looked up: the one that the step returned (as released), or the one before it.",
      type: "choice",
      choices: ["returned", "before"],
      default: "returned",
    },
    {
      name: "shapingOnly",
      description: "Leave the environment's own reward out.",
      type: "boolean",
      default: false,
    },
  ],
  presets: [
    {
      id: "released",
      title: "CALM, as released",
      values: { lookup: "returned" },
      source:
        "epignatelli/lfrl, calm/environment.py, LLMShaperWrapper (looks up the observation that the step returns)",
    },
    {
      id: "consistent",
      title: "CALM, as the table is built",
      values: { lookup: "before" },
      source:
        "epignatelli/lfrl, calm/annotate.py, parse_subgoals (the table holds the observation before the action)",
    },
  ],
  source,
  description:
    "Environment reward plus a share of the table's value of (observation, action): how often answers about the group's episodes put a subgoal there, scaled to 0..1. As released the table is asked for another observation than the one it stores.",
  derive(context, parameters) {
    const { trajectory } = context;
    const indices = decisionIndices(trajectory);
    const recorded = recordedStepRewards(trajectory);
    const shapingOnly = flagOf(parameters, "shapingOnly");
    if (indices.length === 0 || (!recorded && !shapingOnly)) return missing("rewards");
    const found = tableOf(context, parameters);
    if ("missing" in found) return found;
    const beta = numberOf(parameters, "beta");
    const before = textOf(parameters, "lookup") === "before";
    const shaped = Float64Array.from(indices, (index) => {
      const observation = before ? observationBefore(trajectory, index) : observationAfter(trajectory, index);
      const action = trajectory.steps[index]?.action;
      if (observation === undefined || action === undefined) return NaN;
      return shapedReward(found.table, observation, action, 0, beta).intrinsic;
    });
    const own = Float64Array.from(indices, (index) => (shapingOnly ? 0 : recorded![index]!));
    const values = onSteps(
      trajectory,
      indices,
      own.map((reward, t) => reward + beta * shaped[t]!),
    );
    return {
      values,
      parts: { "table value": onSteps(trajectory, indices, shaped) },
      notes: [
        `The table holds ${found.table.size} states from the answers about ${found.episodes} episodes.`,
      ],
      convention: `beta ${beta}, looks up the observation ${before ? "before the action" : "that the step returned"}`,
      lines(index) {
        const t = indices.indexOf(index);
        const at = { trajectoryId: trajectory.id, stepIndex: index };
        return [
          {
            name: `r_${index}`,
            expression: binary(
              "+",
              symbol("r_env", own[t]!, "reward of the environment", at),
              binary(
                "*",
                symbol("beta", beta, "weight of the table"),
                symbol("v", shaped[t]!, "value of the looked-up observation and action", at),
              ),
            ),
            value: values[index]!,
          },
        ];
      },
    };
  },
});
