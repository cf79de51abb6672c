import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** Folders that hold no models of the user. */
const SKIPPED = new Set([
  "node_modules",
  ".git",
  ".venv",
  "venv",
  "__pycache__",
  "dist",
  ".cache",
  ".vscode-test",
  "site-packages",
]);
const DEEPEST = 12;
const MOST = 500;

export interface ModelCandidate {
  readonly path: string;
  readonly layout: "huggingface-folder" | "onnx-file";
  readonly bytes: number;
}

/**
 * Looks for models under folders by what the folders hold: `config.json` with .onnx files beside it or in `onnx/` is
 * a Hugging Face style folder, `encoder.onnx` with `decoder.onnx` one model, any other .onnx file stands for itself. Folders
 * that cannot be read are passed over.
 */
export async function searchModels(roots: readonly string[]): Promise<ModelCandidate[]> {
  const found = new Map<string, ModelCandidate>();
  const visit = async (folder: string, depth: number): Promise<void> => {
    if (depth > DEEPEST || found.size >= MOST) return;
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    // A hub's cache has links to its blobs in place of files.
    const isFile = (entry: Dirent): boolean => entry.isFile() || entry.isSymbolicLink();
    const onnx = entries
      .filter((entry) => isFile(entry) && entry.name.endsWith(".onnx"))
      .map((entry) => join(folder, entry.name));
    const inner = entries.some((entry) => entry.isDirectory() && entry.name === "onnx")
      ? (await readdir(join(folder, "onnx")).catch(() => []))
          .filter((name) => name.endsWith(".onnx"))
          .map((name) => join(folder, "onnx", name))
      : [];
    if (
      entries.some((entry) => isFile(entry) && entry.name === "config.json") &&
      onnx.length + inner.length > 0
    ) {
      found.set(folder, {
        path: folder,
        layout: "huggingface-folder",
        bytes: await totalBytes([...onnx, ...inner]),
      });
      return;
    }
    // An encoder and its decoder are one model, given by the folder that holds both.
    const halves = onnx.filter((file) => /^(encoder|decoder|decoder_model)\.onnx$/.test(basename(file)));
    const pair = halves.length > 1 && halves.some((file) => basename(file) === "encoder.onnx");
    if (pair) found.set(folder, { path: folder, layout: "onnx-file", bytes: await totalBytes(halves) });
    for (const file of pair ? onnx.filter((one) => !halves.includes(one)) : onnx)
      found.set(file, { path: file, layout: "onnx-file", bytes: await totalBytes([file]) });
    for (const entry of entries) {
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) await visit(join(folder, entry.name), depth + 1);
    }
  };
  for (const root of roots.map((path) => resolve(path))) {
    const info = await stat(root).catch(() => undefined);
    if (info?.isDirectory()) await visit(root, 0);
    else if (info?.isFile() && root.endsWith(".onnx"))
      found.set(root, { path: root, layout: "onnx-file", bytes: info.size });
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Short name of a model: its folder's, or its file's without the ending; `model.onnx` takes its folder's. */
export function modelName(path: string): string {
  const name = basename(path).replace(/\.onnx$/, "");
  return name === "model" || name === "onnx" ? modelName(dirname(path)) : name;
}

async function totalBytes(files: readonly string[]): Promise<number> {
  let total = 0;
  for (const file of files)
    total += await stat(file).then(
      (info) => info.size,
      () => 0,
    );
  return total;
}
