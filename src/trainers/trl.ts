import { joinPath, scriptValue, splitPath } from "./launchScripts";
import { namesGivenTo, pythonFunctions } from "./pythonFunctions";
import type { CreditFunction, Launch, Trainer } from "./trainer";

const TRAINER_CALL = /\b(GRPOTrainer|RLOOTrainer|OnlineDPOTrainer)\s*\(/;

/** TRL: scripts around `GRPOTrainer` and `RLOOTrainer`, reward functions of the form `f(prompts, completions, **kwargs)`. */
export const trl: Trainer = {
  id: "trl",
  title: "TRL",
  formats: ["trl-completions"],
  presets: { grpo: "trl", rloo: "trl" },

  creditFunctions(_path, source) {
    const registered = namesGivenTo(source, "\\breward_funcs");
    const found: CreditFunction[] = [];
    for (const { name, line, parameters, className } of pythonFunctions(source)) {
      const rest = parameters.some((parameter) => parameter.startsWith("**"));
      const method = className !== undefined && name !== "__call__";
      if (name === "_calculate_rewards" || registered.has(name)) found.push({ kind: "reward", name, line });
      else if (!method && parameters.includes("completions") && (rest || parameters.includes("prompts"))) {
        found.push({ kind: "reward", name, line });
      } else if (name === "_generate_and_score_completions" || name === "_compute_advantages") {
        found.push({ kind: "advantage", name, line });
      }
    }
    return found;
  },

  launches(scripts) {
    const launches: Launch[] = [];
    for (const { path, text } of scripts) {
      const { folder, name } = splitPath(path);
      const python =
        path.endsWith(".py") && TRAINER_CALL.test(text) && /\btrl\b/.test(text) && text.includes("__main__");
      const topLevel =
        path.endsWith(".py") &&
        !python &&
        /^\w*\s*=?\s*(GRPOTrainer|RLOOTrainer)\s*\(/m.test(text) &&
        /^from trl\b|^import trl\b/m.test(text);
      const shell = /\.(sh|bash)$/.test(path) && /\btrl\s+(grpo|rloo)\b/.test(text);
      if (!python && !topLevel && !shell) continue;
      const output = scriptValue(text, "output_dir");
      const logged = /log_completions/.test(text);
      launches.push({
        id: `trl:${path}`,
        label: `TRL: ${name}`,
        cwd: folder,
        command: shell ? ["bash", name] : ["${python}", name],
        outputs: output === undefined ? [] : [joinPath(folder, output)],
        detail: logged ? "completions are logged" : "no rollouts are written: set log_completions=True",
      });
    }
    return launches;
  },
};
