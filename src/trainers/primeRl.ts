import { joinPath, scriptValue, splitPath } from "./launchScripts";
import { namesGivenTo, pythonFunctions } from "./pythonFunctions";
import type { CreditFunction, Launch, Trainer } from "./trainer";

/** prime-rl: `rl` configurations in TOML; rewards are functions of a verifiers `Rubric`. */
export const primeRl: Trainer = {
  id: "prime-rl",
  title: "prime-rl",
  formats: ["prime-rl-tokens", "prime-rl-batches"],
  presets: { grpo: "prime-rl" },

  creditFunctions(_path, source) {
    const rubric = /\bRubric\s*\(/.test(source) ? namesGivenTo(source, "\\bfuncs") : new Set<string>();
    for (const match of source.matchAll(/\.add_(?:reward_func|metric)\s*\(\s*(\w+)/g))
      rubric.add(match[1] ?? "");
    const found: CreditFunction[] = [];
    for (const { name, line, decorators, className } of pythonFunctions(source)) {
      if (rubric.has(name) || decorators.some((text) => /^(vf\.)?reward\b/.test(text)))
        found.push({ kind: "reward", name, line });
      else if (
        name === "assign_advantages" ||
        name === "compute_advantages" ||
        (name === "score_group" && className?.endsWith("Algorithm") === true)
      ) {
        found.push({ kind: "advantage", name, line });
      }
    }
    return found;
  },

  launches(scripts) {
    const launches: Launch[] = [];
    for (const { path, text } of scripts) {
      const { folder, name } = splitPath(path);
      const config =
        path.endsWith(".toml") &&
        /^\[(orchestrator|trainer|inference)(\.[\w.]+)?\]/m.test(text) &&
        /^\[orchestrator/m.test(text);
      const shell = /\.(sh|bash)$/.test(path) && /\buv run rl\b/.test(text);
      if (!config && !shell) continue;
      const output = scriptValue(text, "output_dir") ?? scriptValue(text, "output-dir") ?? "outputs";
      launches.push({
        id: `prime-rl:${path}`,
        label: `prime-rl: ${name}`,
        cwd: folder,
        command: config ? ["uv", "run", "rl", "@", name] : ["bash", name],
        outputs: [joinPath(folder, output)],
        detail: /token_export/.test(text)
          ? "token exports are written"
          : "token exports are off: enable them for token advantages",
      });
    }
    return launches;
  },
};
