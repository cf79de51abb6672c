import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as v from "valibot";

/** Folders above a dataset in which its run is described. */
const LEVELS_UP = 4;
const LARGEST = 1_000_000;

const descriptionSchema = v.object({ settings: v.record(v.string(), v.unknown()) });

/** What a run says of itself, as far as signals can use it. */
export interface RunSettings {
  readonly gamma?: number;
  readonly lambda?: number;
}

const NAMES: Readonly<Record<keyof RunSettings, readonly string[]>> = {
  gamma: ["gamma", "discount"],
  lambda: ["lam", "lambda", "gae_lambda", "gae_lam"],
};

/**
 * Discount and trace decay that the run was trained with, from a `run.json` with `settings` in the dataset's folder or
 * one above. Nothing is assumed where the file does not say.
 */
export async function runSettings(datasetPath: string): Promise<RunSettings> {
  let folder = datasetPath;
  for (let level = 0; level <= LEVELS_UP; level++) {
    const settings = await settingsIn(join(folder, "run.json"));
    if (settings) return settings;
    if (dirname(folder) === folder) break;
    folder = dirname(folder);
  }
  return {};
}

async function settingsIn(path: string): Promise<RunSettings | undefined> {
  try {
    const text = await readFile(path, "utf8");
    if (text.length > LARGEST) return undefined;
    const { settings } = v.parse(descriptionSchema, JSON.parse(text));
    const number = (names: readonly string[]): number | undefined => {
      const value = names.map((name) => settings[name]).find((candidate) => candidate !== undefined);
      return typeof value === "number" && value >= 0 && value <= 1 ? value : undefined;
    };
    const [gamma, lambda] = [number(NAMES.gamma), number(NAMES.lambda)];
    return { ...(gamma === undefined ? {} : { gamma }), ...(lambda === undefined ? {} : { lambda }) };
  } catch {
    return undefined;
  }
}
