import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import type { Trajectory } from "../model/trajectory";

/**
 * SHA-256 over everything of a trajectory that a model can look at: prompt, texts, token ids and numeric columns,
 * in order, each with its length. Ids, paths and rewards do not count, so that a copied file finds its scores.
 */
export function trajectoryHash(trajectory: Trajectory): string {
  const hash = createHash("sha256");
  addText(hash, "prompt", trajectory.task.prompt);
  addText(hash, "flatText", JSON.stringify(trajectory.flatText));
  for (const step of trajectory.steps) {
    addText(hash, "role", step.role);
    addText(hash, "observation", step.observation);
    addText(hash, "thought", step.thought);
    addText(hash, "action", step.action);
    if (step.toolCalls) addText(hash, "tools", JSON.stringify(step.toolCalls));
    addText(hash, "range", `${step.tokenStart ?? ""}:${step.tokenEnd ?? ""}`);
  }
  if (trajectory.tokens?.ids) addBytes(hash, "ids", trajectory.tokens.ids);
  if (trajectory.tokens?.mask) addBytes(hash, "mask", trajectory.tokens.mask);
  for (const column of trajectory.columns?.columns ?? []) {
    addText(hash, "column", `${column.name} ${column.role} ${column.rows}x${column.width}`);
    addBytes(hash, "data", column.data);
  }
  return hash.digest("hex");
}

/** Files of a model folder that decide its numbers. */
const MODEL_FILE = /\.(onnx|data|json|model|jinja)$|\.onnx_data(_\d+)?$/;

/** Those of them that are configuration or tokenizer. */
const TEXT_FILE = /\.(json|model|jinja)$/;

/**
 * SHA-256 of a model: of its .onnx files and the weights beside them, its configuration and its tokenizer, with their
 * names. Links count as what they lead to, as in a hub's cache of snapshots and blobs.
 * @param path folder or .onnx file
 * @param weightFiles files that the graph names as holding weights, for those whose names do not tell
 * @throws the file system's error when the model cannot be read
 */
export async function modelHash(path: string, weightFiles: readonly string[] = []): Promise<string> {
  const hash = createHash("sha256");
  for (const { name, file } of await modelFiles(path, weightFiles)) {
    addText(hash, "file", name);
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

/** Changes whenever a file of the model does, without reading it; for remembering `modelHash`. */
export async function modelStamp(path: string, weightFiles: readonly string[] = []): Promise<string> {
  const stamps: string[] = [];
  for (const { name, file } of await modelFiles(path, weightFiles)) {
    const { size, mtimeMs } = await stat(file);
    stamps.push(`${name}:${size}:${mtimeMs}`);
  }
  return stamps.join("|");
}

interface NamedFile {
  readonly name: string;
  readonly file: string;
}

async function modelFiles(path: string, weightFiles: readonly string[]): Promise<readonly NamedFile[]> {
  const isFolder = (await stat(path)).isDirectory();
  const found = isFolder ? await filesOfFolder(path, true) : await filesOfOnnx(path);
  const known = new Set(found.map(({ file }) => file));
  const home = isFolder ? path : dirname(path);
  const more = weightFiles.filter((file) => !known.has(file));
  return [...found, ...more.map((file) => ({ name: relative(home, file), file }))];
}

/** Files of a folder that decide a model's numbers, by their names in it. */
async function filesOfFolder(folder: string, recursive: boolean): Promise<readonly NamedFile[]> {
  const entries = await readdir(folder, { recursive, withFileTypes: true });
  const files: NamedFile[] = [];
  for (const entry of entries) {
    if (!MODEL_FILE.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    const linked = entry.isSymbolicLink() && (await stat(file).catch(() => undefined))?.isFile();
    if (entry.isFile() || linked) files.push({ name: relative(folder, file), file });
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** An .onnx file, weights that are named after it, and the configuration and tokenizer of the folder that it belongs to. */
async function filesOfOnnx(path: string): Promise<readonly NamedFile[]> {
  const own = dirname(path);
  const beside = await filesOfFolder(own, false);
  const weights = beside.filter(({ name }) => name !== basename(path) && name.startsWith(basename(path)));
  const folders = basename(own) === "onnx" ? [own, dirname(own)] : [own];
  const texts: NamedFile[] = [];
  for (const folder of folders) {
    const files = folder === own ? beside : await filesOfFolder(folder, false);
    if (!files.some(({ name }) => name === "config.json")) continue;
    texts.push(...files.filter(({ name }) => TEXT_FILE.test(name)));
    break;
  }
  // A file that was given another name is the same model.
  return [
    { name: "model", file: path },
    ...weights.map(({ name, file }) => ({ name: name.slice(basename(path).length), file })),
    ...texts,
  ];
}

function addText(hash: Hash, label: string, text: string | undefined): void {
  hash.update(text === undefined ? `${label} absent\n` : `${label} ${Buffer.byteLength(text)}\n${text}\n`);
}

function addBytes(
  hash: Hash,
  label: string,
  data: Int32Array | Uint8Array | Float32Array | Float64Array,
): void {
  hash.update(`${label} ${data.constructor.name} ${data.byteLength}\n`);
  hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}
