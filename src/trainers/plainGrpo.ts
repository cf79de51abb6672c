import { plainLaunches } from "./plainScript";
import { pythonFunctions } from "./pythonFunctions";
import type { CreditFunction, Trainer } from "./trainer";

/** GRPO in one plain script, with verl's reward signature and normalisation. Recognised by its functions, not its name. */
export const plainGrpo: Trainer = {
  id: "plain-grpo",
  title: "GRPO in plain PyTorch",
  formats: ["verl", "prime-rl-tokens", "spo-tree"],
  presets: { grpo: "verl" },

  creditFunctions(_path, source) {
    const found: CreditFunction[] = [];
    for (const { name, line, parameters } of pythonFunctions(source)) {
      if (name === "compute_score" && parameters.includes("solution_str"))
        found.push({ kind: "reward", name, line });
      else if (/^compute_(grpo|rloo)\w*advantage\w*$/.test(name))
        found.push({ kind: "advantage", name, line });
    }
    return found;
  },

  launches(scripts) {
    return plainLaunches(scripts, this, /^compute_grpo_outcome_advantage$/);
  },
};
