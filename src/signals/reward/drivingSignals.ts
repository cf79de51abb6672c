import { binary, call, number, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, recordedStepRewards, stepNumbers } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import { contrastingGoalReward, lordSpeedReward, thresholdReward } from "./contrastingGoal";
import { sentenceScores } from "./sentenceScores";

const source =
  "Huang et al. 2024, VLM-RL; zihaosheng/VLM-RL, clip/clip_reward_model.py and clip/clip_rewarded_sac.py";

export const dangerSignal = derivedSignal({
  id: "language-danger",
  title: "Contrasting language goal (VLM-RL)",
  family: "reward",
  level: "step",
  unit: "cosine",
  signed: true,
  needs: ["embeddings"],
  inputs: [
    { kind: "embeddings", name: "", meaning: "one a frame (the right half of the image, as released)" },
    { kind: "array", name: "sentences", meaning: "[2][D], raw text embeddings: collision, then clear road" },
  ],
  parameters: [
    {
      name: "kind",
      description:
        "Danger minus clear road (VLM-RL), one minus the cosine to the danger (LORD), or the cosine itself.",
      type: "choice",
      choices: ["contrast", "lord", "cosine"],
      default: "contrast",
    },
  ],
  presets: [
    {
      id: "vlm-rl",
      title: "VLM-RL",
      values: { kind: "contrast" },
      source: "zihaosheng/VLM-RL, clip/clip_reward_model.py, forward_vlm_rl",
    },
    {
      id: "lord",
      title: "LORD",
      values: { kind: "lord" },
      source: "zihaosheng/VLM-RL, clip/clip_reward_model.py",
    },
    {
      id: "vlm-sr",
      title: "VLM-SR, RoboCLIP",
      values: { kind: "cosine" },
      source: "zihaosheng/VLM-RL, clip/clip_reward_model.py",
    },
  ],
  source,
  description:
    "How much more a frame looks like a collision than like a clear road: the difference of two cosines, so a danger score. Positive is dangerous.",
  derive(context, parameters) {
    const kind = textOf(parameters, "kind") as "contrast" | "lord" | "cosine";
    const values = sentenceScores(context, kind);
    if ("missing" in values) return values;
    return {
      values,
      notes: [],
      convention: kind,
      lines: (index) => [
        {
          name: `CLG_${index}`,
          expression: symbol(kind, values[index]!, "cosines of the frame to the sentences", {
            trajectoryId: context.trajectory.id,
            stepIndex: index,
          }),
          value: values[index]!,
        },
      ],
    };
  },
});

const factorNames = ["centering_factor", "angle_factor", "distance_std_factor"] as const;

export const drivingRewardSignal = derivedSignal({
  id: "vlm-rl-reward",
  title: "Hierarchical driving reward (VLM-RL)",
  family: "reward",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["embeddings", "rewards", "components"],
  inputs: [
    { kind: "embeddings", name: "", meaning: "one a frame" },
    { kind: "array", name: "sentences", meaning: "[2][D], raw text embeddings: collision, then clear road" },
    { kind: "step", name: "speed", meaning: "km/h" },
    { kind: "step", name: "centering_factor", meaning: "0 to 1" },
    { kind: "step", name: "angle_factor", meaning: "0 to 1" },
    { kind: "step", name: "distance_std_factor", meaning: "0 to 1" },
  ],
  parameters: [
    {
      name: "variant",
      description: "VLM-RL's product of factors, or a system that it compares with.",
      type: "choice",
      choices: ["vlm-rl", "lord-speed", "vlm-sr"],
      default: "vlm-rl",
    },
    {
      name: "targetSpeed",
      description: "Speed of a safe road, km/h.",
      type: "number",
      minimum: 1e-9,
      default: 25,
    },
    {
      name: "least",
      description: "Danger up to which the speed is not lowered.",
      type: "number",
      default: 0,
    },
    { name: "most", description: "Danger at which the desired speed is 0.", type: "number", default: 0.03 },
  ],
  presets: [
    {
      id: "vlm-rl",
      title: "VLM-RL",
      values: {},
      source: "zihaosheng/VLM-RL, clip/clip_rewarded_sac.py, _compute_clip_rewards",
    },
    {
      id: "lord-speed",
      title: "LORD-Speed",
      values: { variant: "lord-speed" },
      source: "zihaosheng/VLM-RL, clip/clip_rewarded_sac.py, vlm_reward_type LORD-Speed",
    },
    {
      id: "vlm-sr",
      title: "VLM-SR",
      values: { variant: "vlm-sr" },
      source: "zihaosheng/VLM-RL, clip/clip_rewarded_sac.py, vlm_reward_type VLM-SR",
    },
  ],
  source,
  description:
    "The danger score sets a desired speed; the reward is closeness to it times the centering, angle and deviation factors. A negative reward of the environment replaces it; exactly 0 does not. The smallest factor is named.",
  derive(context, parameters) {
    const variant = textOf(parameters, "variant");
    const danger = sentenceScores(
      context,
      variant === "vlm-rl" ? "contrast" : variant === "lord-speed" ? "lord" : "cosine",
    );
    if ("missing" in danger) return danger;
    const at = (index: number) => ({ trajectoryId: context.trajectory.id, stepIndex: index });
    if (variant === "vlm-sr") {
      const values = danger.map((score) => (Number.isNaN(score) ? NaN : thresholdReward(score)));
      return {
        values,
        parts: { cosine: danger },
        notes: [],
        convention: "1 above a cosine of 0.32, else -1",
        lines: (index) => [
          {
            name: `r_${index}`,
            expression: symbol("r", values[index]!, `cosine ${danger[index]!} against 0.32`, at(index)),
            value: values[index]!,
          },
        ],
      };
    }
    const speed = stepNumbers(context, ["speed", "speed_kmh"]);
    if (!speed)
      return missing("components", "Needs the speed of the vehicle at every step, in km/h (speed).");
    if (variant === "lord-speed") {
      const values = danger.map((score, t) => lordSpeedReward(score, speed[t]!));
      return {
        values,
        parts: { speed },
        notes: [],
        convention: "score + 1 - |v - 20| / 20",
        lines: (index) => [
          {
            name: `r_${index}`,
            expression: binary(
              "-",
              binary("+", symbol("score", danger[index]!, "1 - cosine", at(index)), number(1)),
              binary(
                "/",
                call("abs", binary("-", symbol("v", speed[index]!, "km/h"), number(20))),
                number(20),
              ),
            ),
            value: values[index]!,
          },
        ],
      };
    }
    const factors = factorNames.map((name) => stepNumbers(context, [name]));
    const absent = factors.findIndex((factor) => factor === undefined);
    if (absent >= 0)
      return missing("components", `Needs ${factorNames[absent]!} at every step: log the driving factors.`);
    const base = recordedStepRewards(context.trajectory);
    if (!base) return missing("rewards");
    const options = {
      targetSpeed: numberOf(parameters, "targetSpeed"),
      least: numberOf(parameters, "least"),
      most: numberOf(parameters, "most"),
    };
    const known = factors as Float64Array[];
    const results = Array.from(danger, (score, t) =>
      contrastingGoalReward(
        score,
        base[t]!,
        speed[t]!,
        [known[0]![t]!, known[1]![t]!, known[2]![t]!],
        options,
      ),
    );
    // An unknown reward of the environment could have replaced the product, so the step has no number.
    const values = Float64Array.from(results, ({ reward }, t) => (Number.isNaN(base[t]!) ? NaN : reward));
    const parts = (t: number): readonly (readonly [string, number])[] => [
      ["speed", results[t]!.speedFactor],
      ...factorNames.map((name, k) => [name, known[k]![t]!] as const),
    ];
    return {
      values,
      parts: {
        "speed factor": Float64Array.from(results, ({ speedFactor }) => speedFactor),
        "desired speed": Float64Array.from(results, ({ desiredSpeed }) => desiredSpeed),
        safety: Float64Array.from(results, ({ safety }) => safety),
        overridden: Float64Array.from(results, ({ overridden }) => Number(overridden)),
      },
      notes: [],
      convention: `target ${options.targetSpeed} km/h, danger ${options.least} to ${options.most}`,
      lines(index) {
        const result = results[index]!;
        const value = values[index]!;
        if (result.overridden)
          return [
            {
              name: `r_${index}`,
              expression: symbol(
                "r_env",
                value,
                "negative reward of the environment, which replaces the product",
                at(index),
              ),
              value,
            },
          ];
        const [own, ...others] = parts(index).map(([name, factor]) =>
          symbol(name, factor, "factor", at(index)),
        );
        return [
          {
            name: `r_${index}`,
            expression: others.reduce((product, factor) => binary("*", product, factor), own!),
            value,
          },
        ];
      },
      remarks(index) {
        if (results[index]!.overridden) return [];
        const least = parts(index).reduce((low, part) => (part[1] < low[1] ? part : low));
        return [`Limiting factor: ${least[0]} (${least[1]}).`];
      },
    };
  },
});
