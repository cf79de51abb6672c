import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as v from "valibot";
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

export const newBranchId = (): string => `b${randomUUID().replaceAll("-", "").slice(0, 12)}`;

/**
 * Branches that were generated here: one JSONL file per trajectory that was continued, in the storage folder or in a
 * folder that the user named. The user's own data are never written.
 */
export class BranchFiles {
  private readonly own: string;
  /** Folders that the user named, remembered beside the branches. */
  private readonly named: string;

  constructor(storageFolder: string) {
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
    try {
      const parsed = v.safeParse(v.array(v.string()), JSON.parse(await readFile(this.named, "utf8")));
      return parsed.success ? parsed.output : [];
    } catch {
      return [];
    }
  }

  async append(file: string, records: readonly BranchRecord[]): Promise<void> {
    const before = await readFile(file, "utf8").catch(() => "");
    const lines = records.map((record) => JSON.stringify(record)).join("\n");
    await replace(file, `${before}${before === "" || before.endsWith("\n") ? "" : "\n"}${lines}\n`);
  }

  /** All branches of all files; lines that are no branches are passed over. */
  async all(): Promise<
    readonly { readonly file: string; readonly row: number; readonly record: BranchRecord }[]
  > {
    const found: { file: string; row: number; record: BranchRecord }[] = [];
    for (const folder of [this.own, ...(await this.folders())]) {
      for (const name of (await readdir(folder).catch(() => [])).sort()) {
        if (!/^branches-[0-9a-f]{12}\.jsonl$/.test(name)) continue;
        const file = join(folder, name);
        (await readRecords(file)).forEach((record, row) => {
          if (record) found.push({ file, row, record });
        });
      }
    }
    return found;
  }

  /** Removes a branch and those that left it; an empty file goes too. @returns the trajectory and how many went */
  async remove(id: string): Promise<{ trajectoryId: string; file: string; removed: number } | undefined> {
    const target = (await this.all()).find(({ record }) => record.id === id);
    if (!target) return undefined;
    const records = (await readRecords(target.file)).filter((record) => record !== undefined);
    const gone = new Set([id]);
    for (const record of records) {
      if (record.parent_branch !== undefined && gone.has(record.parent_branch)) gone.add(record.id);
    }
    const kept = records.filter((record) => !gone.has(record.id));
    if (kept.length === 0) await rm(target.file, { force: true });
    else await replace(target.file, `${kept.map((record) => JSON.stringify(record)).join("\n")}\n`);
    return { trajectoryId: target.record.trajectory_id, file: target.file, removed: gone.size };
  }
}

async function readRecords(file: string): Promise<readonly (BranchRecord | undefined)[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      try {
        const parsed = v.safeParse(branchSchema, JSON.parse(line));
        return parsed.success ? parsed.output : undefined;
      } catch {
        return undefined;
      }
    });
}

/** Writes a whole file at once: two windows or a crash leave the old or the new one, never a half. */
async function replace(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomUUID().slice(0, 8)}.part`;
  await writeFile(temporary, text);
  await rename(temporary, file);
}

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
