import { binary, number, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { arrayInput, embeddedSteps, onSteps } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import { goalBaselineReward, meanUnitVector } from "./goalBaseline";

export const goalBaseline = derivedSignal({
  id: "goal-baseline",
  title: "Goal-baseline reward (VLM-RMs)",
  family: "reward",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["embeddings"],
  inputs: [
    { kind: "embeddings", name: "", meaning: "one a frame" },
    { kind: "array", name: "goal", meaning: "[sentences][D], raw text embeddings of the goal" },
    { kind: "array", name: "baseline", meaning: "[sentences][D], raw text embeddings of the baseline" },
  ],
  parameters: [
    {
      name: "alpha",
      description: "0 = no projection, 1 = only the direction from the baseline to the goal counts.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.5,
    },
  ],
  presets: [
    {
      id: "example",
      title: "VLM-RMs, example configuration",
      values: { alpha: 0.5 },
      source: "AlignmentResearch/vlmrm, src/vlmrm/reward_model.py, CLIPReward; example configuration",
    },
    {
      id: "no-projection",
      title: "VLM-RMs without regularisation",
      values: { alpha: 0 },
      source: "Rocamonde et al. 2024, Vision-Language Models are Zero-Shot Reward Models, alpha 0",
    },
  ],
  source:
    "Rocamonde et al. 2024, Vision-Language Models are Zero-Shot Reward Models; AlignmentResearch/vlmrm, src/vlmrm/reward_model.py, CLIPReward",
  description:
    "Closeness of a frame to a goal sentence along the direction from a baseline sentence: one minus half the squared distance, the part off that direction shrunk by 1 - alpha. Equal goal and baseline give no number.",
  derive(context, parameters) {
    const frames = embeddedSteps(context);
    if ("missing" in frames) return frames;
    const how =
      "Needs the text embeddings of the goal and of the baseline sentence (goal, baseline) beside the frames.";
    const goals = arrayInput(context, "goal", "embeddings", how);
    if ("missing" in goals) return goals;
    const baselines = arrayInput(context, "baseline", "embeddings", how);
    if ("missing" in baselines) return baselines;
    const [goal, baseline] = [meanUnitVector(goals), meanUnitVector(baselines)];
    const alpha = numberOf(parameters, "alpha");
    const results = frames.rows.map((row) => goalBaselineReward(row, goal, baseline, alpha));
    const series = (read: (result: (typeof results)[number]) => number): Float64Array =>
      onSteps(context.trajectory, frames.steps, results.map(read));
    const values = series(({ reward }) => reward);
    return {
      values,
      parts: {
        "distance along": series(({ along }) => along),
        "squared distance off": series(({ offSquared }) => offSquared),
      },
      notes: results.some(({ reward }) => Number.isNaN(reward))
        ? ["Where there is no number the goal equals the baseline, or the embedding is empty."]
        : [],
      convention: `alpha ${alpha}`,
      lines(index) {
        const { along, offSquared } = results[frames.steps.indexOf(index)]!;
        const share = binary("-", number(1), symbol("alpha", alpha, "regularisation"));
        return [
          {
            name: `r_${index}`,
            expression: binary(
              "-",
              number(1),
              binary(
                "/",
                binary(
                  "+",
                  binary("^", symbol("along", along, "distance along baseline -> goal"), number(2)),
                  binary(
                    "*",
                    binary("^", share, number(2)),
                    symbol("off^2", offSquared, "squared distance off it"),
                  ),
                ),
                number(2),
              ),
            ),
            value: values[index]!,
          },
        ];
      },
    };
  },
});
