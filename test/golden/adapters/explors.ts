import {
  explorationBonus,
  originalReturns,
  preferenceProbability,
  rankingUpdate,
  selfShapingUpdate,
  type ShapedStep,
} from "../../../src/signals/control/explorationShaping";
import { InputError, list, vector, type Adapter, type Golden, type GoldenCase } from "../adapter";

type Row = { readonly [key: string]: Golden };

function episodesOf(value: Golden): readonly (readonly ShapedStep[])[] {
  return list(value, "episodes").map((episode) =>
    list(episode).map((step) => {
      const row = step as Row;
      return { state: Number(row["s"]), action: Number(row["a"]), policy: vector(row["pi"], "pi") };
    }),
  );
}

/** The SORS cases name their episodes in words; the file spells them out in an update_SelfRS case. */
function namedEpisodes({ inputs, file }: GoldenCase): { episodes: Golden; reward: Golden } {
  if (inputs.has("episodes"))
    return { episodes: inputs.get("episodes"), reward: inputs.get("original_reward") };
  const others = (list(file["cases"]) as readonly Row[])
    .map((other) => other["inputs"] as Row)
    .filter((other) => Array.isArray(other["episodes"]) && list(other["original_reward"]).length > 0);
  const note = inputs.text("note", "");
  const two = others.find((other) => list(other["episodes"]).length === 2);
  const one = others.find((other) => list(other["episodes"]).length === 1);
  if (/same two/u.test(note) && two) return { episodes: two["episodes"], reward: two["original_reward"] };
  if (/identical-return/u.test(note) && one) {
    const [episode] = list(one["episodes"]);
    return { episodes: [episode, episode], reward: one["original_reward"] };
  }
  throw new InputError("episodes", "given");
}

export const adapter: Adapter = {
  run(golden) {
    const { fn, inputs } = golden;
    const name = fn.replace(/^EnvTeacher\./u, "");
    if (name === "softmax_prob") return { p: preferenceProbability(inputs.number("a"), inputs.number("b")) };
    if (name === "R_explore") {
      const counts = new Map<number, number>();
      const terminal = inputs.number("terminal_state");
      return {
        steps: Array.from(inputs.vector("visits"), (state) => {
          const before = counts.get(state) ?? 0;
          counts.set(state, before + 1);
          const bonus = explorationBonus(
            before,
            inputs.number("ExploB_lmbd", 1),
            inputs.number("ExploB_max", 1),
            state === terminal,
          );
          return { state, bonus, count_before: before };
        }),
      };
    }
    const given = namedEpisodes(golden);
    const episodes = episodesOf(given.episodes);
    const reward = list(given.reward, "original_reward").map((row) => vector(row));
    const gamma = inputs.number("gamma", 0.9);
    const shaping = reward.map((row) => new Float64Array(row.length));
    if (name === "update_sors")
      return { phi: rankingUpdate(shaping, episodes, reward, gamma, inputs.number("eta_phi_sors", 0.01)) };
    if (name !== "update_SelfRS") throw new InputError("function", `known (${fn})`);
    const args = inputs.object("args");
    const update = selfShapingUpdate({ shaping, critic: new Float64Array(reward.length) }, episodes, reward, {
      gamma,
      shapingRate: Number(args["eta_phi_SelfRS"]),
      criticRate: Number(args["eta_critic"]),
      ...(args["use_clipping"] === true ? { limit: Number(args["clipping_epsilon"]) } : {}),
    });
    return {
      phi: update.shaping,
      V: update.critic,
      G_bar_first_episode: originalReturns(episodes[0]!, reward, gamma),
    };
  },
};
