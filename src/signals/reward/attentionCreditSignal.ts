import { binary, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, rowsOf, tokenNumbers } from "../series/modelInputs";
import { attentionCredit } from "./rewardModelUses";

/** The survey that lists the uses of reward models. */
const survey =
  "Sun & van der Schaar 2025, Inverse Reinforcement Learning Meets Large Language Model Post-Training";

export const attentionCreditSignal = derivedSignal({
  id: "attention-credit",
  title: "Credit by the reward model's attention",
  family: "reward",
  level: "token",
  unit: "reward",
  signed: true,
  needs: ["outcomeReward", "hiddenStates"],
  inputs: [
    { kind: "array", name: "attention", meaning: "[1][tokens], attention of the last position" },
    { kind: "token", name: "attention", meaning: "the same" },
  ],
  parameters: [],
  presets: [
    {
      id: "abc",
      title: "Redistribution by attention (ABC)",
      values: {},
      source: `${survey}, dense credit (Chan et al. 2024, Dense Reward for Free)`,
      asDescribed: true,
    },
  ],
  source: `${survey}; Chan et al. 2024, Dense Reward for Free in RLHF`,
  description:
    "The reward of the whole response, shared among its tokens in proportion to the attention that the reward model's last position pays to them. The shares add up to the reward.",
  derive(context) {
    const { outcome, tokens } = context.trajectory;
    if (typeof outcome.reward !== "number") return missing("outcomeReward");
    const matrix = context.inputs?.arrays?.["attention"];
    const row = matrix && matrix.rows > 0 ? rowsOf(matrix)[0] : undefined;
    const attention = tokenNumbers(context, ["attention"]) ?? (row ? Float64Array.from(row) : undefined);
    if (!attention)
      return missing(
        "hiddenStates",
        "Needs the attention that the reward model's last position pays to each token (attention).",
      );
    const mask =
      tokens?.mask?.length === attention.length ? tokens.mask : new Uint8Array(attention.length).fill(1);
    const values = attentionCredit(outcome.reward, attention, mask);
    const total = attention.reduce((sum, value, t) => (mask[t] ? sum + value : sum), 0);
    const reward = outcome.reward;
    return {
      values,
      notes: total === 0 ? ["No attention falls on the response."] : [],
      convention: "shares of the attention on the response",
      lines: (index) => [
        {
          name: `r_${index}`,
          expression: binary(
            "/",
            binary(
              "*",
              symbol("R", reward, "reward of the response"),
              symbol(`a_${index}`, attention[index]!, "attention to this token"),
            ),
            symbol("sum(a)", total, "attention to the response"),
          ),
          value: values[index]!,
        },
      ],
    };
  },
});
