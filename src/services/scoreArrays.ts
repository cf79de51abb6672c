import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { ScoreArray } from "../model/score";
import type { JudgeReply } from "./judgingContract";

/** Bytes that all tables together may take before the ones not used for longest go. */
const MOST_BYTES = 2 * 2 ** 30;
const CHECK_EVERY = 32;
/** Trajectories whose tables stay in memory. */
const KEPT_FOLDERS = 4;

interface Table {
  readonly key: string;
  readonly array: ScoreArray;
}

const headerSchema = v.looseObject({
  trajectoryId: v.string(),
  name: v.string(),
  level: v.picklist(["token", "step", "trajectory"]),
  rows: v.number(),
  width: v.number(),
  type: v.picklist(["float32", "float64"]),
  layer: v.optional(v.number()),
  labels: v.optional(v.array(v.string())),
  modelPath: v.string(),
  modelKind: v.string(),
  provider: v.string(),
  method: v.string(),
  key: v.string(),
});

const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 24);

/**
 * Tables that models gave (hidden states, embeddings, alternatives, judges' replies), one file each beside the index. They are a
 * cache: bounded in size, and a file that cannot be read counts as not there.
 */
export class ScoreArrays {
  private readonly folder: string;
  private written = 0;
  private changes = 0;
  private readonly recent = new Map<
    string,
    { readonly changed: number; readonly tables: Promise<readonly Table[]> }
  >();

  constructor(
    storageFolder: string,
    private readonly mostBytes = MOST_BYTES,
  ) {
    this.folder = join(storageFolder, "arrays");
  }

  /** Rises with everything that is stored, for those who remember what was there. */
  get version(): number {
    return this.changes;
  }

  private folderOf(trajectoryId: string): string {
    return join(this.folder, hash(trajectoryId));
  }

  /** Stores tables under a cache key; a table replaces an older one of the same model, name and layer. */
  async put(arrays: readonly ScoreArray[], key: string): Promise<void> {
    this.changes++;
    for (const { trajectoryId } of arrays) this.recent.delete(this.folderOf(trajectoryId));
    for (const { data, ...header } of arrays) {
      const folder = this.folderOf(header.trajectoryId);
      await mkdir(folder, { recursive: true });
      const base = join(folder, hash(`${header.modelPath}\n${header.name}\n${header.layer ?? ""}`));
      const type = data instanceof Float32Array ? "float32" : "float64";
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const head = Buffer.from(JSON.stringify({ ...header, type, key }));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(head.length);
      // A window that is closed while writing leaves no half table behind.
      const temporary = `${base}.${process.pid}.part`;
      await writeFile(temporary, Buffer.concat([length, head, bytes]));
      await rename(temporary, `${base}.table`);
      this.written++;
    }
    if (this.written >= CHECK_EVERY) await this.shrink();
  }

  /** All tables of a trajectory, or those under one cache key. */
  async of(trajectoryId: string, key?: string): Promise<readonly ScoreArray[]> {
    const all = await this.all(this.folderOf(trajectoryId));
    return all.filter((table) => key === undefined || table.key === key).map((table) => table.array);
  }

  /** Tables of a folder; the newest few folders are kept in memory, for tracks of one trajectory come together. */
  private async all(folder: string): Promise<readonly Table[]> {
    const changed = (await stat(folder).catch(() => undefined))?.mtimeMs;
    if (changed === undefined) return [];
    const known = this.recent.get(folder);
    this.recent.delete(folder);
    const kept = known?.changed === changed ? known : { changed, tables: readFolder(folder) };
    this.recent.set(folder, kept);
    for (const oldest of this.recent.keys()) {
      if (this.recent.size <= KEPT_FOLDERS) break;
      this.recent.delete(oldest);
    }
    return kept.tables;
  }

  /** Keeps the newest replies of a judge about a trajectory. */
  async putReplies(trajectoryId: string, replies: readonly JudgeReply[]): Promise<void> {
    this.changes++;
    const folder = this.folderOf(trajectoryId);
    await mkdir(folder, { recursive: true });
    const temporary = join(folder, `judge.${process.pid}.part`);
    await writeFile(temporary, JSON.stringify(replies));
    await rename(temporary, join(folder, "judge.json"));
  }

  async replies(trajectoryId: string): Promise<readonly JudgeReply[]> {
    try {
      const kept = JSON.parse(
        await readFile(join(this.folderOf(trajectoryId), "judge.json"), "utf8"),
      ) as readonly (JudgeReply & { readonly score: number | null })[];
      // JSON has no NaN: a reply without a score has null there.
      return kept.map((reply) => ({ ...reply, score: reply.score ?? NaN }));
    } catch {
      return [];
    }
  }

  /** Removes the tables not used for longest until all fit. */
  private async shrink(): Promise<void> {
    this.written = 0;
    const files: { path: string; size: number; used: number }[] = [];
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const info = await stat(path).catch(() => undefined);
      if (info) files.push({ path, size: info.size, used: info.mtimeMs });
    }
    let total = files.reduce((sum, file) => sum + file.size, 0);
    for (const file of files.sort((a, b) => a.used - b.used)) {
      if (total <= this.mostBytes) return;
      await rm(file.path, { force: true });
      total -= file.size;
    }
  }
}

/** The tables of a folder, by model, name and layer; files that cannot be read are passed over. */
async function readFolder(folder: string): Promise<readonly Table[]> {
  const tables: Table[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".table")) continue;
    const found = await readTable(join(folder, name)).catch(() => undefined);
    if (found) tables.push(found);
  }
  const place = ({ array: { modelPath, name, layer } }: Table): string =>
    `${modelPath}\n${name}\n${String(layer ?? 0).padStart(6, "0")}`;
  return tables.sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

async function readTable(path: string): Promise<Table | undefined> {
  const bytes = await readFile(path);
  const length = bytes.readUInt32LE(0);
  const parsed = v.safeParse(headerSchema, JSON.parse(bytes.toString("utf8", 4, 4 + length)));
  if (!parsed.success) return undefined;
  const { key, type, ...header } = parsed.output;
  const size = header.rows * header.width * (type === "float32" ? 4 : 8);
  const body = bytes.subarray(4 + length);
  if (body.length !== size) return undefined;
  const own = new Uint8Array(body).buffer;
  const data = type === "float32" ? new Float32Array(own) : new Float64Array(own);
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
  return { key, array: { ...header, data } as ScoreArray };
}
