import { binary, call, number, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import {
  embeddedSteps,
  givenEmbeddings,
  memberContexts,
  missing,
  onSteps,
  type Row,
} from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, Preset, SignalContext } from "../signal";
import {
  combinedPerceptualReward,
  partOfFrames,
  perceptualModel,
  perceptualSegments,
  perceptualStepReward,
  type PerceptualForm,
  type PerceptualModel,
} from "./perceptualReward";

const source =
  "Sermanet, Xu & Levine 2017, Unsupervised Perceptual Rewards for Imitation Learning; no code is published";

const stepParameters: readonly Parameter[] = [
  {
    name: "steps",
    description: "Steps that a demonstration is cut into.",
    type: "integer",
    minimum: 1,
    default: 2,
  },
  { name: "least", description: "Least frames of a step.", type: "integer", minimum: 1, default: 2 },
];
const presets: readonly Preset[] = [
  {
    id: "paper",
    title: "Paper formula, sign chosen by us",
    values: {},
    source:
      "Sermanet et al. 2017, algorithm 1 and section 3.2; how steps combine is an unverified reading of appendix A.1",
    asDescribed: true,
  },
];

export const perceptualSteps = unexplainedSignal({
  id: "perceptual-steps",
  title: "Discovered steps (perceptual rewards)",
  family: "reward",
  level: "step",
  unit: "step",
  signed: false,
  needs: ["embeddings"],
  inputs: [{ kind: "embeddings", name: "", meaning: "one a frame" }],
  parameters: stepParameters,
  presets,
  source,
  description:
    "The step of the task that each frame is in, from 1: the video is cut where the features vary least inside the parts.",
  derive(context, parameters) {
    const frames = embeddedSteps(context);
    if ("missing" in frames) return frames;
    try {
      const { cuts, cost } = perceptualSegments(
        frames.rows,
        numberOf(parameters, "steps"),
        numberOf(parameters, "least"),
      );
      return {
        values: onSteps(
          context.trajectory,
          frames.steps,
          [...partOfFrames(frames.rows.length, cuts)].map((part) => part + 1),
        ),
        notes: [`Cuts before frames ${cuts.join(", ") || "none"}; mean deviation inside the steps ${cost}.`],
        convention: `${numberOf(parameters, "steps")} steps of at least ${numberOf(parameters, "least")} frames`,
      };
    } catch (error) {
      return missing("embeddings", error instanceof Error ? error.message : String(error));
    }
  },
});

/** Frames of the demonstrations: the successful members of the group, all members, or the trajectory itself. */
function demonstrationsOf(context: SignalContext): readonly (readonly Row[])[] {
  const members = memberContexts(context);
  if ("missing" in members) return [givenEmbeddings(context)];
  const successes = members.filter(({ trajectory }) => trajectory.outcome.success === true);
  const width = context.inputs?.embeddings?.width;
  return (successes.length > 0 ? successes : members)
    .map(givenEmbeddings)
    .filter((list) => list.length > 0 && list[0]!.length === width);
}

function learn(
  context: SignalContext,
  parameters: ParameterValues,
): { readonly model: PerceptualModel; readonly count: number } | Missing {
  const demonstrations = demonstrationsOf(context);
  if (demonstrations.length === 0)
    return missing("embeddings", "Needs the frame embeddings of at least one demonstration.");
  const steps = numberOf(parameters, "steps");
  try {
    const parts = demonstrations.map((rows) =>
      partOfFrames(rows.length, perceptualSegments(rows, steps, numberOf(parameters, "least")).cuts),
    );
    return {
      model: perceptualModel(
        demonstrations,
        parts,
        steps,
        numberOf(parameters, "alpha"),
        numberOf(parameters, "features"),
      ),
      count: demonstrations.length,
    };
  } catch (error) {
    return missing("embeddings", error instanceof Error ? error.message : String(error));
  }
}

export const perceptualReward = derivedSignal({
  id: "perceptual-reward",
  title: "Perceptual reward",
  family: "reward",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["embeddings", "group"],
  inputs: [{ kind: "embeddings", name: "", meaning: "one a frame, of every demonstration" }],
  parameters: [
    ...stepParameters,
    {
      name: "alpha",
      description: "Weight of the difference of the means when features are chosen.",
      type: "number",
      minimum: 0,
      default: 5,
    },
    {
      name: "features",
      description: "Features that are chosen for each step.",
      type: "integer",
      minimum: 1,
      default: 32,
    },
    {
      name: "form",
      description: "The formula as printed (small is near the step), or its negative, the usable reading.",
      type: "choice",
      choices: ["negated", "printed"],
      default: "negated",
    },
  ],
  presets: [
    ...presets,
    {
      id: "printed",
      title: "Paper formula, as printed",
      values: { form: "printed" },
      source:
        "Sermanet et al. 2017, section 3.2, as printed (a distance, although the text calls it a log-probability)",
      asDescribed: true,
    },
  ],
  source,
  description:
    "How near each frame is to the steps that demonstrations were cut into, by the features that tell each step from the others; later steps weigh more. Demonstrations are the successful members of the group. The sign is chosen by us, the combination is an unverified reading.",
  derive(context, parameters) {
    const frames = embeddedSteps(context);
    if ("missing" in frames) return frames;
    const learnt = learn(context, parameters);
    if ("missing" in learnt) return learnt;
    const { model, count } = learnt;
    const form = textOf(parameters, "form") as PerceptualForm;
    const curves = model.steps.map((_, step) =>
      Float64Array.from(frames.rows, (row) => perceptualStepReward(model, step, row, form)),
    );
    const values = onSteps(
      context.trajectory,
      frames.steps,
      frames.rows.map((_, t) => combinedPerceptualReward(curves.map((curve) => curve[t]!))),
    );
    return {
      values,
      parts: Object.fromEntries(
        curves.map((curve, step) => [`step ${step + 1}`, onSteps(context.trajectory, frames.steps, curve)]),
      ),
      notes: [
        `${count} demonstrations.`,
        ...model.steps.map(
          ({ features, scores }, step) =>
            `Step ${step + 1}: ${features.length} features, the first ${features
              .slice(0, 5)
              .map((feature, k) => `${feature} (z ${scores[k]!.toPrecision(3)})`)
              .join(", ")}.`,
        ),
        ...(model.steps.length === 1
          ? ["One step: the combination counts steps from the second on, so it is 0."]
          : []),
      ],
      convention: `${form}, alpha ${numberOf(parameters, "alpha")}, paper formula, sign chosen by us`,
      lines(index) {
        const t = frames.steps.indexOf(index);
        const terms = curves
          .slice(1)
          .map((curve, k) =>
            binary(
              "*",
              symbol(`R_${k + 2}`, curve[t]!, `reward of step ${k + 2}`),
              binary("^", number(2), number(k + 1)),
            ),
          );
        return [
          {
            name: `R(${index})`,
            expression: terms.length === 0 ? number(0) : call("sum", ...terms),
            value: values[index]!,
          },
        ];
      },
    };
  },
});
