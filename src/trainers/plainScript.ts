import { splitPath, type Script } from "./launchScripts";
import { pythonFunctions } from "./pythonFunctions";
import type { Launch } from "./trainer";

/**
 * Launches of self-contained training scripts: a Python file with an argparse `--out` option beside which (in the
 * same folder) a function of the wanted name is defined. A script with `--smoke` gets a short launch as well.
 * @param credit name of the function that gives the trainer away
 */
export function plainLaunches(
  scripts: readonly Script[],
  trainer: { readonly id: string; readonly title: string },
  credit: RegExp,
): Launch[] {
  const folders = new Set<string>();
  for (const { path, text } of scripts) {
    if (path.endsWith(".py") && pythonFunctions(text).some((found) => credit.test(found.name)))
      folders.add(splitPath(path).folder);
  }
  const launches: Launch[] = [];
  for (const { path, text } of scripts) {
    const { folder, name } = splitPath(path);
    if (!folders.has(folder) || !path.endsWith(".py") || !isTrainingScript(text)) continue;
    const outputs = [`${folder}${folder.includes("\\") ? "\\" : "/"}runs`];
    const command = ["${python}", name, "--out", "runs/${run}"];
    const world = splitPath(folder).name;
    launches.push({
      id: `${trainer.id}:${path}`,
      label: `${world}: ${name}`,
      cwd: folder,
      command,
      outputs,
      detail: `${trainer.title}, full run into runs/`,
    });
    if (/["']--smoke["']/.test(text)) {
      launches.push({
        id: `${trainer.id}:${path}:smoke`,
        label: `${world}: ${name} --smoke`,
        cwd: folder,
        command: [...command, "--smoke"],
        outputs,
        detail: `${trainer.title}, short run into runs/`,
      });
    }
  }
  return launches;
}

const isTrainingScript = (text: string): boolean =>
  /\bargparse\b/.test(text) &&
  /["']--out["']/.test(text) &&
  /^if __name__ == ["']__main__["']/m.test(text) &&
  /\bimport torch\b|\bfrom torch\b/.test(text);
