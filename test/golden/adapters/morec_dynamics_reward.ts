import { dynamicsReward, memberReward, stretchedLogit } from "../../../src/signals/control/dynamicsReward";
import { InputError, Inputs, list, type Adapter, type Golden } from "../adapter";

type Row = { readonly [key: string]: Golden };

/** Stand-in networks, in words: "member0 = sum(next-state), member1 = 2*sum(next-state)". */
function standIns(words: string): readonly number[] {
  return words.split(",").map((part) => {
    const match = /=\s*(?:([-\d.]+)\s*\*\s*)?sum\(next-state\)/u.exec(part);
    if (!match) throw new InputError("logits", "a known stand-in");
    return match[1] === undefined ? 1 : Number(match[1]);
  });
}

function members(inputs: Inputs, clip: boolean, asProbability: boolean): number[][] {
  const learner = inputs.vector("learner_value");
  const expert = inputs.vector("expert_value");
  const states = inputs.matrix("state");
  // The stand-ins read the change of the state (delta_input).
  const sums = inputs
    .matrix("next_state")
    .map((row, i) => row.reduce((sum, value, d) => sum + value - states[i]![d]!, 0));
  return standIns(inputs.text("logits")).map((factor, k) =>
    sums.map((sum) => {
      const logit = factor * sum;
      const range = { learner: learner[k]!, expert: expert[k]! };
      const most = inputs.number("max_expert_value");
      const least = inputs.number("minimum_learner_value");
      return memberReward(clip ? stretchedLogit(logit, range, most, least) : logit, asProbability);
    }),
  );
}

export const adapter: Adapter = {
  run({ fn, inputs, file }) {
    if (fn.endsWith("merge_full_fake_reward")) {
      const rows = inputs.matrix("prob");
      return { reward: rows.map((row) => [dynamicsReward(row, inputs.number("clip_value"))]) };
    }
    if (fn.endsWith("get_total_historical_reward")) {
      const rewards = members(inputs, inputs.flag("clip_reward"), inputs.flag("aquire_prob"));
      return { r: rewards.map((row) => row.map((value) => [value])) };
    }
    if (!fn.endsWith("historical_transition_reward")) throw new InputError("function", `known (${fn})`);
    // "as_above": the networks, states and ranges of the other cases.
    const above = (list(file["cases"]) as readonly Row[])
      .map((other) => other["inputs"] as Row)
      .find((other) => other["logits"] !== undefined);
    const given = inputs.has("logits") ? inputs : above && new Inputs(above);
    if (!given) throw new InputError("logits", "given");
    const probabilities = members(given, true, true);
    return {
      dynamics_reward: probabilities[0]!.map((_, row) => [
        dynamicsReward(
          probabilities.map((member) => member[row]!),
          inputs.number("clip_value"),
        ),
      ]),
    };
  },
};
