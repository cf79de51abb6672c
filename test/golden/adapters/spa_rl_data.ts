import { groundedTurnRewards, outcomeCredit } from "../../../src/signals/agentic/spa";
import { groupIndex } from "../../../src/signals/kernels/groupNormalisation";
import { InputError, type Adapter } from "../adapter";

interface Rollout {
  readonly id: string | number;
  readonly agent_final_reward: number;
  readonly turn_values: readonly number[];
  readonly conversations: readonly { readonly value: string }[];
}

export const adapter: Adapter = {
  text: true,
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ inputs }) {
    const given = inputs.get("value") ?? inputs.get("annotations");
    if (!Array.isArray(given)) throw new InputError("inputs", "a list of rollouts");
    const rollouts = given as unknown as readonly Rollout[];
    const { groups, names } = groupIndex(rollouts.map((rollout) => rollout.id));
    const credits = outcomeCredit(
      Float64Array.from(rollouts, (rollout) => rollout.agent_final_reward),
      groups,
      names.length,
    );
    const kept = rollouts.flatMap((rollout, i) => {
      const turns = rollout.conversations.length / 2;
      if (turns !== rollout.turn_values.length) return [];
      const said = rollout.conversations.map((turn) => turn.value);
      const next = Array.from({ length: turns - 1 }, (_, j) => said[2 * (j + 1)]!);
      return [{ said, rewards: groundedTurnRewards(credits[i]!, next) }];
    });
    const short = kept.filter((rollout) => rollout.rewards.length < 35).slice(0, 1596);
    const first = short[0]?.said ?? [];
    const user = (text: string): string =>
      `<|start_header_id|>user<|end_header_id|>\n\n${text}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n`;
    return {
      reward: short.map((rollout) => rollout.rewards),
      number_of_rollouts: short.length,
      prompt_0: first.filter((_, i) => i % 2 === 0).map(user),
      response_0: first.filter((_, i) => i % 2 === 1).map((text) => `${text}<|eot_id|>`),
    };
  },
};
