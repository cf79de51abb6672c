import { joinPath, scriptValue, splitPath } from "./launchScripts";
import { pythonFunctions } from "./pythonFunctions";
import type { CreditFunction, Launch, Trainer } from "./trainer";

const ADVANTAGE_NAME = /^compute_\w*advantage\w*$/;

/** verl: Hydra launch scripts, `custom_reward_function` and the registered advantage estimators. */
export const verl: Trainer = {
  id: "verl",
  title: "verl",
  formats: ["verl"],
  presets: { grpo: "verl", rloo: "verl", gae: "verl" },

  creditFunctions(_path, source) {
    const named = new Set(
      [...source.matchAll(/custom_reward_function\.name\s*[=:]\s*["']?(\w+)/g)].map(
        (match) => match[1] ?? "",
      ),
    );
    const found: CreditFunction[] = [];
    for (const { name, line, parameters, decorators } of pythonFunctions(source)) {
      const has = (parameter: string): boolean => parameters.includes(parameter);
      if (
        decorators.some((text) => /\bregister_adv_est(imator)?\b/.test(text)) ||
        (ADVANTAGE_NAME.test(name) && parameters.length > 0)
      ) {
        found.push({ kind: "advantage", name, line });
      } else if (
        named.has(name) ||
        (has("solution_str") && has("ground_truth")) ||
        (has("solution_strs") && has("ground_truths")) ||
        (/^(default_)?compute_score/.test(name) && parameters.length > 0)
      ) {
        found.push({ kind: "reward", name, line });
      }
    }
    return found;
  },

  launches(scripts) {
    const launches: Launch[] = [];
    for (const { path, text } of scripts) {
      if (!/\.(sh|bash)$/.test(path) || !/-m\s+verl(\.\w+)*\.main_\w+/.test(text)) continue;
      const { folder, name } = splitPath(path);
      const outputs = ["trainer.rollout_data_dir", "trainer.validation_data_dir"]
        .map((key) => scriptValue(text, key))
        .filter((value) => value !== undefined)
        .map((value) => joinPath(folder, value));
      const estimator = scriptValue(text, "algorithm.adv_estimator");
      const rollouts = scriptValue(text, "actor_rollout_ref.rollout.n");
      launches.push({
        id: `verl:${path}`,
        label: `verl: ${name}`,
        cwd: folder,
        command: ["bash", name],
        outputs,
        detail:
          [estimator, rollouts === undefined ? undefined : `${rollouts} rollouts a prompt`]
            .filter(Boolean)
            .join(", ") +
          (outputs.length === 0 ? " (no rollouts are written: add trainer.rollout_data_dir=FOLDER)" : ""),
      });
    }
    return launches;
  },
};
