import {
  holdsFormula,
  machinePotentials,
  parseRewardMachine,
  runMachine,
} from "../../../src/signals/control/rewardMachine";
import { accumulateBackward } from "../../../src/signals/kernels/backwardRecursion";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn === "evaluate_dnf")
      return { value: holdsFormula(inputs.text("formula"), inputs.text("true_props")) };
    if (!fn.startsWith("RewardMachine")) throw new InputError("function", `known (${fn})`);
    const machine = parseRewardMachine(inputs.texts("machine"));
    const gamma = inputs.number("gamma", 0.9);
    const shapingGamma = inputs.get("rs_gamma");
    const potentials =
      typeof shapingGamma === "number" ? machinePotentials(machine, shapingGamma) : undefined;
    const labels = inputs.texts("labels");
    const steps = runMachine(machine, labels, potentials && { gamma, potentials });
    const rewards = Float64Array.from(steps, ({ reward }) => reward);
    return {
      steps: steps.map(({ state, next, reward, ended }, t) => ({
        u: state,
        props: labels[t],
        u_next: next,
        reward,
        done: ended,
      })),
      discounted_return: accumulateBackward(rewards, gamma, new Float64Array(rewards.length))[0] ?? 0,
      potentials: potentials ? Object.fromEntries(potentials) : null,
    };
  },
};
