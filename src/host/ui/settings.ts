import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import * as vscode from "vscode";
import type { Provider } from "../../model/score";

const section = "trajectoryLens";

function read<T>(name: string, fallback: T, resource?: vscode.Uri): T {
  return vscode.workspace.getConfiguration(section, resource).get<T>(name, fallback);
}

/** Absolute paths of a setting that lists files or folders, each relative to the workspace folders; all folders when empty. */
function folders(name: string): string[] {
  const roots = (vscode.workspace.workspaceFolders ?? [])
    .map((folder) => folder.uri)
    .filter((uri) => uri.scheme === "file");
  const given = read<readonly unknown[]>(name, []).filter(
    (entry): entry is string => typeof entry === "string" && entry.trim() !== "",
  );
  if (given.length === 0) return roots.map((uri) => uri.fsPath);
  const paths = given.flatMap((entry) =>
    isAbsolute(entry) ? [entry] : roots.map((root) => join(root.fsPath, entry)),
  );
  return [...new Set(paths)].filter((path) => existsSync(path));
}

/** The extension's settings, read anew each time so that a change takes effect at once. */
export const settings = {
  indexRoots: (): string[] => folders("index.roots"),
  indexAutomatically: (): boolean => read("index.automatic", true),
  modelFolders: (): string[] => folders("models.folders"),
  provider: (): Provider | "auto" => read<Provider | "auto">("models.provider", "auto"),
  pythonPath: (resource?: vscode.Uri): string => read("python.path", "", resource).trim(),
  rayAddress: (): string => read("ray.address", "local").trim() || "local",
  rayWorkers: (): number => Math.max(1, read("ray.workers", 2)),
  nodePath: (): string => read("node.path", "").trim(),
  idleMs: (): number => Math.max(5, read("process.idleSeconds", 120)) * 1000,
  pageSize: (): number => Math.min(2000, Math.max(20, read("view.pageSize", 200))),
  hovers: (): boolean => read("hovers.enabled", true),
  codeLens: (): boolean => read("codeLens.enabled", true),
  /** Preset to use for a signal in place of the trainer's own, by signal id. */
  presets: (): Readonly<Record<string, string>> =>
    read<Readonly<Record<string, string>>>("signals.presets", {}),
  /** Further tracks, as `signal` or `signal:preset`. */
  tracks: (): readonly string[] => read<readonly string[]>("signals.tracks", []),
  /** Expressions over a step by name, for specification files. */
  propositions: (resource?: vscode.Uri): Readonly<Record<string, unknown>> =>
    read<Readonly<Record<string, unknown>>>("propositions", {}, resource),
  /** Globs of files that define signals. */
  signalFiles: (): readonly string[] =>
    read<readonly unknown[]>("signals.files", []).filter((glob): glob is string => typeof glob === "string"),
  setProvider: async (provider: Provider | "auto"): Promise<void> => {
    await vscode.workspace
      .getConfiguration(section)
      .update("models.provider", provider, vscode.ConfigurationTarget.Global);
  },
  affects: (event: vscode.ConfigurationChangeEvent, name: string): boolean =>
    event.affectsConfiguration(`${section}.${name}`),
};
