import { rewardTable, shapedReward } from "../../../src/signals/agentic/calm";
import { Inputs, list, type Adapter, type Golden } from "../adapter";

export const adapter: Adapter = {
  tolerance: { relative: 1e-9, absolute: 1e-12 },
  run({ inputs }) {
    const table = rewardTable(
      inputs.list("annotations").map((annotation) =>
        list(annotation).map((entry) => {
          const [key, reasons] = list(entry);
          const [observation, action] = list(key);
          return {
            observation: String(observation),
            action: String(action),
            reasons: list(reasons).map(String),
          };
        }),
      ),
    );
    const beta = inputs.number("beta", 0.1);
    return {
      table: [...table.values()].map(({ state, value }) => [[state.observation, state.action], value]),
      steps: inputs.list("steps").map((entry) => {
        const step = new Inputs(entry as { readonly [key: string]: Golden });
        const { reward, intrinsic } = shapedReward(
          table,
          step.text("observation"),
          String(step.number("action")),
          step.number("reward"),
          beta,
        );
        return { reward, intrinsic_reward: intrinsic };
      }),
    };
  },
};
