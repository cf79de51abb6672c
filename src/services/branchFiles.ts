import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { Failure, failureData } from "../model/failure";
import type { GeneratedBranch } from "./generationContract";

const branchSchema = v.looseObject({
  trajectory_lens: v.literal("branch"),
  id: v.string(),
  trajectory_id: v.string(),
  group_id: v.optional(v.string()),
  after_step: v.number(),
  after_token: v.optional(v.number()),
  parent_branch: v.optional(v.string()),
  parent_characters: v.optional(v.number()),
  /** Text up to the fork: what the model read. */
  prefix: v.string(),
  text: v.string(),
  tokens: v.number(),
  logprob: v.number(),
  stop_reason: v.string(),
  status: v.picklist(["generated", "pruned"]),
  reason: v.optional(v.string()),
  model: v.string(),
  provider: v.string(),
  how: v.string(),
  created: v.string(),
});

/** One line of a branch file. Its fields are what `src/formats/generatedBranches.ts` reads. */
export type BranchRecord = v.InferOutput<typeof branchSchema>;

/** Id of a new branch: "b" and twelve hexadecimal digits. */
export const newBranchId = (): string => `b${randomUUID().replaceAll("-", "").slice(0, 12)}`;

/**
 * Branches that were generated here: one JSONL file per trajectory that was continued, in the storage folder or in a
 * folder that the user named. The user's own data are never written.
 */
export class BranchFiles {
  private readonly own: string;
  /** Folders that the user named, remembered beside the branches. */
  private readonly named: string;

  /** @param warn told of files whose branches cannot be shown */
  constructor(
    storageFolder: string,
    private readonly warn: (message: string) => void,
  ) {
    this.own = join(storageFolder, "branches");
    this.named = join(storageFolder, "branches", "folders.json");
  }

  /** The file for branches of a trajectory. */
  async fileFor(trajectoryId: string, folder: string | undefined): Promise<string> {
    const name = createHash("sha256").update(trajectoryId).digest("hex").slice(0, 12);
    const place = folder === undefined ? this.own : resolve(folder);
    await mkdir(place, { recursive: true });
    if (folder !== undefined) {
      const known = await this.folders();
      if (!known.includes(place)) {
        await mkdir(this.own, { recursive: true });
        await replace(this.named, JSON.stringify([...known, place]));
      }
    }
    return join(place, `branches-${name}.jsonl`);
  }

  private async folders(): Promise<readonly string[]> {
    const parsed = v.safeParse(v.array(v.string()), parse(await textIfThere(this.named)));
    return parsed.success ? parsed.output : [];
  }

  /** @throws Failure when the file is there and cannot be read: it is never written anew over what it holds */
  async append(file: string, records: readonly BranchRecord[]): Promise<void> {
    const before = await textIfThere(file);
    const lines = records.map((record) => JSON.stringify(record)).join("\n");
    await replace(file, `${before}${before === "" || before.endsWith("\n") ? "" : "\n"}${lines}\n`);
  }

  /** All branches of all files; lines that are no branches are passed over, and files that cannot be read are told of. */
  async all(): Promise<
    readonly { readonly file: string; readonly row: number; readonly record: BranchRecord }[]
  > {
    const found: { file: string; row: number; record: BranchRecord }[] = [];
    for (const folder of [this.own, ...(await this.folders())]) {
      for (const name of (await readdir(folder).catch(() => [])).sort()) {
        if (!/^branches-[0-9a-f]{12}\.jsonl$/.test(name)) continue;
        const file = join(folder, name);
        try {
          (await readLines(file)).forEach(({ record }, row) => {
            if (record) found.push({ file, row, record });
          });
        } catch (error) {
          this.warn(failureData(error).message);
        }
      }
    }
    return found;
  }

  /**
   * Removes a branch and those that left it; an empty file goes too. Other lines stay as they are, whatever they hold.
   * @returns the trajectory and how many went
   */
  async remove(id: string): Promise<{ trajectoryId: string; file: string; removed: number } | undefined> {
    const target = (await this.all()).find(({ record }) => record.id === id);
    if (!target) return undefined;
    const lines = await readLines(target.file);
    const gone = new Set([id]);
    for (const { record } of lines)
      if (record?.parent_branch !== undefined && gone.has(record.parent_branch)) gone.add(record.id);
    const kept = lines.filter(({ record }) => !record || !gone.has(record.id));
    if (kept.length === 0) await rm(target.file, { force: true });
    else await replace(target.file, `${kept.map(({ line }) => line).join("\n")}\n`);
    return { trajectoryId: target.record.trajectory_id, file: target.file, removed: gone.size };
  }
}

/** Lines of a branch file that hold something, with the branches among them. */
async function readLines(
  file: string,
): Promise<readonly { readonly line: string; readonly record: BranchRecord | undefined }[]> {
  return (await textIfThere(file))
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const parsed = v.safeParse(branchSchema, parse(line));
      return { line, record: parsed.success ? parsed.output : undefined };
    });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Text of a file, "" where there is none. @throws Failure when it is there and cannot be read */
async function textIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new Failure(
      "unreadable-branches",
      `The generated branches in ${file} cannot be read (${(error as Error).message}).`,
      "Make the file readable, or move it away; nothing was written.",
    );
  }
}

/** Writes a whole file at once: two windows or a crash leave the old or the new one, never a half. */
async function replace(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomUUID().slice(0, 8)}.part`;
  await writeFile(temporary, text);
  await rename(temporary, file);
}

/** A record of a file as views show it. @param indexedAs id of the trajectory that the index made of it */
export function branchOf(file: string, record: BranchRecord, indexedAs: string | undefined): GeneratedBranch {
  return {
    id: record.id,
    file,
    trajectoryId: record.trajectory_id,
    afterStep: record.after_step,
    text: record.text,
    tokens: record.tokens,
    logprob: record.logprob,
    stopReason: record.stop_reason,
    status: record.status,
    model: record.model,
    provider: record.provider,
    how: record.how,
    created: record.created,
    ...(record.group_id === undefined ? {} : { groupId: record.group_id }),
    ...(record.after_token === undefined ? {} : { afterToken: record.after_token }),
    ...(record.parent_branch === undefined ? {} : { parentBranch: record.parent_branch }),
    ...(record.parent_characters === undefined ? {} : { parentCharacters: record.parent_characters }),
    ...(record.reason === undefined ? {} : { reason: record.reason }),
    ...(indexedAs === undefined ? {} : { indexedAs }),
  };
}
