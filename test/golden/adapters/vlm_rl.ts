import {
  contrastingGoalReward,
  languageScore,
  lordSpeedReward,
  thresholdReward,
  type LanguageScore,
} from "../../../src/signals/reward/contrastingGoal";
import {
  drivingReward,
  drivingStep,
  type DrivingLimits,
  type DrivingReward,
  type DrivingState,
} from "../../../src/signals/reward/drivingReward";
import { InputError, Inputs, type Adapter } from "../adapter";

const kinds: Readonly<Record<string, DrivingReward>> = {
  reward_fn5: "base",
  reward_fn_revolve: "revolve",
  reward_fn_simple: "simple",
  reward_fn_Chen: "chen",
  reward_fn_ASAP: "asap",
};

function drive(fn: string, inputs: Inputs): unknown {
  const kind = kinds[/reward_fn(?:5|_(?:revolve|simple|Chen|ASAP))/u.exec(fn)?.[0] ?? ""];
  if (kind === undefined) throw new InputError("function", `known (${fn})`);
  const env = new Inputs(inputs.object("env"));
  const params = new Inputs(inputs.object("params"));
  const state: DrivingState = {
    speed: env.number("speed"),
    angle: env.number("angle"),
    distance: env.number("dist"),
    distances: env.vector("hist"),
    collision: env.flag("coll"),
    success: env.flag("succ"),
    steering: env.number("steer"),
    actions: env.vector("acts"),
    travelled: env.number("trav"),
  };
  const limits: DrivingLimits = {
    earlyStop: params.flag("early_stop"),
    minSpeed: params.number("min_speed"),
    maxSpeed: params.number("max_speed"),
    targetSpeed: params.number("target_speed"),
    maxDistance: params.number("max_distance"),
    maxStd: params.number("max_std_center_lane"),
    maxAngle: params.number("max_angle_center_lane"),
    penalty: params.number("penalty_reward"),
  };
  if (!fn.startsWith("create_reward_fn")) return { reward: drivingReward(kind, state, limits) };
  const step = drivingStep(
    kind,
    state,
    limits,
    { terminal: env.flag("term", false), slowSteps: env.number("timer", 0) },
    env.number("fps", 15),
    env.flag("eval", false),
  );
  return {
    reward: step.reward,
    terminal: step.terminal,
    low_speed_timer: step.slowSteps,
    extra_info: [step.end, ""],
  };
}

function clip(inputs: Inputs): unknown {
  const vlm = inputs.vector("vlm_reward");
  const kind = inputs.text("vlm_reward_type", "VLM-RL");
  const speeds = (): Float64Array => inputs.vector("speed_kmh");
  if (kind === "LORD-Speed") {
    const speed = speeds();
    return { rewards: vlm.map((score, t) => lordSpeedReward(score, speed[t]!)) };
  }
  if (kind === "VLM-SR") return { rewards: vlm.map(thresholdReward) };
  if (kind !== "VLM-RL") return { rewards: vlm };
  const base = inputs.vector("base_reward");
  const speed = speeds();
  const centering = inputs.vector("centering_factor");
  const angle = inputs.vector("angle_factor");
  const deviation = inputs.vector("distance_std_factor");
  const options = {
    targetSpeed: inputs.number("target_speed", 25),
    least: inputs.number("thre_min", 0),
    most: inputs.number("thre_max", 0.03),
  };
  return {
    rewards: vlm.map(
      (danger, t) =>
        contrastingGoalReward(danger, base[t]!, speed[t]!, [centering[t]!, angle[t]!, deviation[t]!], options)
          .reward,
    ),
  };
}

const scoreKinds: Readonly<Record<string, LanguageScore>> = {
  "VLM-RL": "contrast",
  LORD: "lord",
  "LORD-Speed": "lord",
  "VLM-SR": "cosine",
  RoboCLIP: "cosine",
  "VLM-RM": "goal-baseline",
};

function score(fn: string, inputs: Inputs): unknown {
  // The kind is an argument, or stands behind the function's name.
  const name = inputs.text("vlm_reward_type", /\(([^)]*)\)/u.exec(fn)?.[1] ?? "");
  const kind =
    scoreKinds[name] ?? scoreKinds[Object.keys(scoreKinds).find((known) => name.startsWith(known)) ?? ""];
  if (kind === undefined) throw new InputError("vlm_reward_type", `known (${name})`);
  const sentences = inputs.matrix("prompt_embeddings_raw");
  const alpha = inputs.number("alpha", 0.5);
  return {
    rewards: inputs
      .matrix("image_embeddings_raw")
      .map((image) => languageScore(kind, image, sentences, alpha)),
  };
}

export const adapter: Adapter = {
  // The similarity scores are float32 there, the driving rewards are not.
  tolerance: ({ fn }) =>
    /CLIP/u.test(fn) ? { relative: 1e-5, absolute: 1e-6 } : { relative: 1e-9, absolute: 1e-12 },
  run({ fn, inputs }) {
    if (fn.startsWith("CLIPReward.forward")) return score(fn, inputs);
    if (fn.endsWith("_compute_clip_rewards")) return clip(inputs);
    return drive(fn, inputs);
  },
};
