import {
  candidatesByNovelty,
  chooseArm,
  emitterImprovement,
  emitterStagnates,
  initialStepSize,
  updateArm,
  type SchedulerState,
} from "../../../src/signals/control/emitters";
import { InputError, list, vector, type Adapter, type Golden, type GoldenCase } from "../adapter";

type Row = { readonly [key: string]: Golden };

function improvement({ inputs }: GoldenCase): unknown {
  const values = inputs.matrix("values");
  if (!inputs.has("calls_after_n_steps")) return { improvement: emitterImprovement(values).improvement };
  let baseline: number | undefined;
  return {
    calls: Array.from(inputs.vector("calls_after_n_steps"), (steps) => {
      const result = emitterImprovement(values.slice(0, steps), baseline);
      if (inputs.flag("local_improvement", false)) baseline = result.recent;
      return { n_steps: steps, improvement: result.improvement };
    }),
  };
}

/**
 * Rewards that a case describes instead of listing: "200 generations x 6 rewards; rising = 0.1*i, constant = 1.0" with the
 * sequence's word in the name, or "200 x 6 ones".
 */
function describedValues({ inputs, name }: GoldenCase): Float64Array[] {
  if (inputs.has("values")) return [...inputs.matrix("values")];
  const words = inputs.text("values_description");
  const size = /(\d+)(?: generations)? x (\d+)/u.exec(words);
  const sequences = [...words.matchAll(/(\w+) = ([-\d.]+)(\*i)?/gu)];
  const chosen = sequences.find(([, word]) => new RegExp(`\\b${word}\\b`, "u").test(name));
  const level = /\b(ones|zeros)\b/u.exec(words)?.[1];
  if (!size || (!chosen && level === undefined)) throw new InputError("values_description", "known");
  const factor = chosen ? Number(chosen[2]) : level === "ones" ? 1 : 0;
  return Array.from({ length: Number(size[1]) }, (_, i) =>
    new Float64Array(Number(size[2])).fill(chosen?.[3] ? factor * i : factor),
  );
}

export const adapter: Adapter = {
  run(golden) {
    const { fn, inputs } = golden;
    if (fn.endsWith("estimate_improvement")) return improvement(golden);
    if (fn.endsWith("calculate_init_sigma")) {
      const groups = [inputs.object("pop"), inputs.object("off")];
      const ids = groups.flatMap((group) => list(group["id"]));
      const genomes = groups.flatMap((group) => list(group["genome"]).map((row) => vector(row)));
      const own = ids.indexOf(inputs.number("mean_id"));
      return {
        sigma: initialStepSize(
          genomes[own]!,
          genomes.filter((_, index) => index !== own),
        ),
      };
    }
    if (fn.endsWith("_stagnation"))
      return {
        stop: emitterStagnates(
          describedValues(golden),
          inputs.number("steps"),
          inputs.number("genome_size"),
          inputs.number("emitter_population"),
          inputs.text("mode") === "original" ? "original" : "custom",
        ),
      };
    if (fn.endsWith("candidates_by_novelty"))
      return {
        order: candidatesByNovelty(
          Object.entries(inputs.object("candidates")).map(([id, row]) => ({
            id: Number(id),
            descriptor: vector(row),
          })),
          inputs.matrix("rew_archive_bd"),
          inputs.number("novelty_neighs", 15),
        ),
      };
    if (!fn.startsWith("DiscountedUCB")) throw new InputError("function", `known (${fn})`);
    let state: SchedulerState = {
      values: new Float64Array(2),
      pulls: new Float64Array(2),
      available: false,
    };
    const log = inputs.matrix("plan").map((row): Row => {
      const [reward, emitters] = Array.from(row);
      const choice = chooseArm(state, inputs.number("c"));
      state = updateArm(state, choice, reward!, emitters!, inputs.number("alpha"));
      return {
        choice,
        reward: reward!,
        emitters_after: emitters!,
        Q: Array.from(state.values),
        pulls: Array.from(state.pulls),
      };
    });
    return { log };
  },
};
