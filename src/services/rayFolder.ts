import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as v from "valibot";
import { Failure, failureData } from "../model/failure";
import type { PortableRow } from "../model/portableRow";

/** Contents of `job.json`. */
export const jobSchema = v.object({
  version: v.literal(1),
  modelPath: v.string(),
  kind: v.picklist(["policy-lm", "process-reward", "scalar-reward"]),
  read: v.picklist(["next-token", "at-token", "last-token"]),
  activations: v.tuple([
    v.picklist(["none", "sigmoid", "softmax", "applied"]),
    v.picklist(["none", "sigmoid", "softmax", "applied"]),
  ]),
  activationTexts: v.tuple([v.string(), v.string()]),
  trajectories: v.number(),
});

/** `job.json`: the model, and how the numbers of the workers become scores. */
export type JobFile = v.InferOutput<typeof jobSchema>;

const layoutSchema = v.object({
  trajectoryId: v.string(),
  keys: v.object({ cpu: v.string(), cuda: v.string() }),
  series: v.array(
    v.object({
      name: v.string(),
      level: v.picklist(["token", "step", "trajectory"]),
      unit: v.string(),
      length: v.number(),
      targets: v.array(v.number()),
      tokenText: v.optional(v.array(v.string())),
      method: v.string(),
    }),
  ),
});

/** A line of `layout/`: where the numbers of one trajectory belong. */
export type Layout = v.InferOutput<typeof layoutSchema>;

/** What a line of `layout/` is made from. */
export type WrittenLayout = Pick<Layout, "trajectoryId" | "keys"> & Pick<PortableRow, "series">;

/** What a job consists of. */
const JOB_FILE = "job.json";
const JOB_FOLDERS = ["input", "layout", "output"] as const;

/** Whether a folder holds a job, or what is left of one whose preparation was interrupted: its folders and nothing else. */
async function holdsJob(root: string, names: readonly string[]): Promise<boolean> {
  if (names.includes(JOB_FILE))
    return jobOf(root).then(
      () => true,
      () => false,
    );
  return names.length === JOB_FOLDERS.length && JOB_FOLDERS.every((name) => names.includes(name));
}

/**
 * Makes the folder of a new job. It must be new, empty, or hold an older job, so that nothing else is ever removed.
 * @throws Failure `folder-in-use`
 */
export async function emptyJobFolder(root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  const names = await readdir(root);
  if (names.length > 0 && !(await holdsJob(root, names))) {
    throw new Failure(
      "folder-in-use",
      `${root} holds files that are no scoring job.`,
      "Give a new folder, or one of an earlier job.",
    );
  }
  for (const name of [JOB_FILE, ...JOB_FOLDERS]) await rm(join(root, name), { recursive: true, force: true });
  for (const name of JOB_FOLDERS) await mkdir(join(root, name));
}

/** @throws Failure `no-job` */
export async function jobOf(root: string): Promise<JobFile> {
  try {
    return v.parse(jobSchema, JSON.parse(await readFile(join(root, "job.json"), "utf8")));
  } catch (error) {
    throw new Failure(
      "no-job",
      `${root} holds no scoring job that can be read: ${failureData(error).message}`,
      "Prepare the job again.",
    );
  }
}

/** The layouts of all rows of a job, by trajectory. */
export async function layoutsOf(root: string): Promise<ReadonlyMap<string, Layout>> {
  const layouts = new Map<string, Layout>();
  for (const name of (await readdir(join(root, "layout"))).sort()) {
    const lines = createInterface({
      input: createReadStream(join(root, "layout", name)),
      crlfDelay: Infinity,
    });
    for await (const line of lines) {
      const layout = v.parse(layoutSchema, JSON.parse(line));
      layouts.set(layout.trajectoryId, layout);
    }
  }
  return layouts;
}
