import {
  indicatorNames,
  shapingStart,
  shapingStep,
  type Indicators,
  type ShapingState,
} from "../../../src/signals/agentic/erv";
import { bfloat16 } from "../../../src/signals/kernels/precision";
import type { Adapter } from "../adapter";

interface Step {
  readonly indicators: Readonly<Record<"ERA" | "ERV" | "ER", readonly number[]>>;
  readonly score: readonly number[];
  readonly metrics_old: Readonly<Record<string, number>> | null;
}

const long = { ERA: "Effective Rank diff 2", ERV: "Effective Rank diff", ER: "Effective Rank" } as const;
const key = { ERA: "effective_rank_diff_2", ERV: "effective_rank_diff", ER: "effective_rank" } as const;

export const adapter: Adapter = {
  // bfloat16 keeps about three digits.
  tolerance: (_golden, path) =>
    path.includes("last_token") ? { relative: 8e-3, absolute: 2e-4 } : { relative: 2e-5, absolute: 2e-6 },
  run({ inputs }) {
    let state: ShapingState = shapingStart;
    const type = inputs.text("hypothesis_type", "adaptive");
    return (inputs.list("steps") as unknown as readonly Step[]).map((step) => {
      const samples = step.score.map((_, i): Indicators => ({
        ERA: step.indicators.ERA[i]!,
        ERV: step.indicators.ERV[i]!,
        ER: step.indicators.ER[i]!,
      }));
      const shapes = inputs.flag("add_reward", true) && step.metrics_old !== null;
      const mean = (name: keyof typeof long): number =>
        step.metrics_old?.[`cal/overall/layer_1/${long[name]}/mean`] ?? NaN;
      const shaping = shapes
        ? shapingStep(
            state,
            samples,
            step.score,
            { ERA: mean("ERA"), ERV: mean("ERV"), ER: mean("ER") },
            {
              alpha: inputs.number("ema_alpha"),
              gain: inputs.number("modulation_gain", 1.5),
              weighting: type === "FixTwo" || type === "FixOne" ? type : "adaptive",
              fixedScale: inputs.flag("aux_fix", false),
              globalWeight: inputs.number("aux_reward_global_weight", 1),
            },
          )
        : undefined;
      if (shaping) state = shaping.after;
      const perName = shaping
        ? Object.fromEntries(
            indicatorNames.flatMap((name) => [
              [`weight_${key[name]}`, shaping.weights.map((weights) => weights[name])],
              [`relative_deviation_${key[name]}`, shaping.deviations.map((deviations) => deviations[name])],
            ]),
          )
        : {};
      return {
        last_token_reward: step.score.map((score, i) => bfloat16(score + (shaping?.bonuses[i] ?? 0))),
        base: step.score,
        internal: {
          percentage_deviation: shaping ? shaping.deviations.map((deviations) => deviations.ERA) : [],
          diff_2_tendency: shaping ? [...shaping.gates].flatMap((gate) => [gate, gate]) : [],
          performance_scaling_factor: shaping ? [shaping.scale] : [],
          ...perName,
        },
        mids_after: Object.fromEntries(indicatorNames.map((name) => [long[name], state.averages[name]])),
        ema_performance_after: state.score,
      };
    });
  },
};
