import { plainLaunches } from "./plainScript";
import { pythonFunctions } from "./pythonFunctions";
import type { CreditFunction, Trainer } from "./trainer";

const OBSERVATION = /^(obs|observations?|states?|s)$/;
const ACTION = /^(actions?|acts?|a|torque|u)$/;

/** PPO in one plain script: a reward as a function of observation and action, GAE as a function of rewards and values. */
export const plainPpo: Trainer = {
  id: "plain-ppo",
  title: "PPO in plain PyTorch",
  formats: ["minari"],
  presets: { gae: "sb3" },

  creditFunctions(_path, source) {
    const found: CreditFunction[] = [];
    for (const { name, line, parameters } of pythonFunctions(source)) {
      const stateAndAction =
        parameters.some((parameter) => OBSERVATION.test(parameter)) &&
        parameters.some((parameter) => ACTION.test(parameter));
      const credit = parameters.includes("rewards") && parameters.includes("values");
      if (/(^|_)rewards?(_|$)/.test(name) && stateAndAction) found.push({ kind: "reward", name, line });
      else if (/(^|_)(gae|advantages?)(_|$)/.test(name) && credit)
        found.push({ kind: "advantage", name, line });
    }
    return found;
  },

  launches(scripts) {
    return plainLaunches(scripts, this, /^compute_gae\w*$/);
  },
};
