import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
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
const MODEL_FILE = /\.(onnx|onnx_data|json|model|jinja)$|\.onnx_data_\d+$/;

/**
 * SHA-256 of a model: of the .onnx file and its external data, or of every file of a model folder that decides its
 * numbers (weights, configuration, tokenizer), with their relative names.
 * @throws the file system's error when the model cannot be read
 */
export async function modelHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  for (const { name, file } of await modelFiles(path)) {
    addText(hash, "file", name);
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

/** Changes whenever a file of the model does, without reading it; for remembering `modelHash`. */
export async function modelStamp(path: string): Promise<string> {
  const stamps: string[] = [];
  for (const { name, file } of await modelFiles(path)) {
    const { size, mtimeMs } = await stat(file);
    stamps.push(`${name}:${size}:${mtimeMs}`);
  }
  return stamps.join("|");
}

async function modelFiles(path: string): Promise<{ name: string; file: string }[]> {
  if (!(await stat(path)).isDirectory()) {
    const external = `${path}_data`;
    const files = [{ name: "model", file: path }];
    if (
      await stat(external).then(
        (found) => found.isFile(),
        () => false,
      )
    )
      files.push({ name: "data", file: external });
    return files;
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && MODEL_FILE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({ name: file.slice(path.length), file }));
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
