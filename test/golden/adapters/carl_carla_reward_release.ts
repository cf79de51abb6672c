import { drivingDefaults } from "../../../src/signals/control/carlDrivingReward";
import { InputError, type Adapter } from "../adapter";
import { rewardsOfDrive } from "../drivingTicks";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn !== "SimpleReward.get") throw new InputError("function", `known (${fn})`);
    return { steps: rewardsOfDrive(inputs, drivingDefaults) };
  },
};
