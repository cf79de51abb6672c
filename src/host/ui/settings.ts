import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import * as vscode from "vscode";
import type { ColumnMapping } from "../../model/columnMapping";
import { failureData } from "../../model/failure";
import type { Provider } from "../../model/score";
import { parseColumnMappings } from "../../services/columnMappings";
import { cudaPackage } from "../../services/cudaSetup";
import { parseTemplates } from "../../services/judgeTemplates";
import type { JudgeTemplate } from "../../services/judgingContract";
import { parseDeclarations, type ParsedDeclarations } from "../../services/modelRegistry";

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

/** A path of a setting in full: as it is, or below the first workspace folder that has it. */
function inWorkspace(path: string): string {
  if (isAbsolute(path)) return path;
  const roots = (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  const places = roots.map((root) => join(root, path));
  return places.find((place) => existsSync(place)) ?? places[0] ?? path;
}

/** The extension's settings, read anew each time so that a change takes effect at once. */
export const settings = {
  indexRoots: (): string[] => folders("index.roots"),
  /** How the user maps columns of files of no known format. Entries that are not usable are left out and named. */
  columnMappings: (): {
    readonly mappings: readonly ColumnMapping[];
    readonly problems: readonly string[];
  } => {
    const mappings: ColumnMapping[] = [];
    const problems: string[] = [];
    for (const entry of read<readonly unknown[]>("columnMappings", [])) {
      try {
        mappings.push(...parseColumnMappings(entry, "the setting trajectoryLens.columnMappings"));
      } catch (error) {
        const { message, hint } = failureData(error);
        problems.push(`${message} ${hint}`);
      }
    }
    return { mappings, problems };
  },
  /** Adds a mapping to the workspace's settings, in place of one for the same files. */
  keepMapping: async (mapping: ColumnMapping): Promise<void> => {
    const others = read<readonly unknown[]>("columnMappings", []).filter(
      (entry) => (entry as { files?: unknown } | null)?.files !== mapping.files,
    );
    const target =
      (vscode.workspace.workspaceFolders ?? []).length === 0
        ? vscode.ConfigurationTarget.Global
        : vscode.ConfigurationTarget.Workspace;
    await vscode.workspace.getConfiguration(section).update("columnMappings", [mapping, ...others], target);
  },
  /** Takes the mapping for these files out of the settings that hold it. */
  dropMapping: async (files: string): Promise<void> => {
    const configuration = vscode.workspace.getConfiguration(section);
    const held = configuration.inspect<readonly unknown[]>("columnMappings");
    for (const [entries, target] of [
      [held?.workspaceValue, vscode.ConfigurationTarget.Workspace],
      [held?.globalValue, vscode.ConfigurationTarget.Global],
    ] as const) {
      const left = entries?.filter((entry) => (entry as { files?: unknown } | null)?.files !== files);
      if (left === undefined || left.length === entries?.length) continue;
      await configuration.update("columnMappings", left.length === 0 ? undefined : left, target);
    }
  },
  indexAutomatically: (): boolean => read("index.automatic", true),
  maskCredentials: (): boolean => read("maskCredentials", true),
  modelFolders: (): string[] => folders("modelFolders"),
  provider: (): Provider | "auto" => read<Provider | "auto">("provider", "auto"),
  /** Service index of the feed that the CUDA provider comes from. */
  cudaFeed: (): string => read("cuda.feed", "").trim() || cudaPackage.index,
  /** Models that the user declares; paths relative to a workspace folder. None in a folder that is not trusted. */
  declaredModels: (): ParsedDeclarations =>
    parseDeclarations(vscode.workspace.isTrusted ? read<unknown>("models", []) : [], inWorkspace),
  /** Prompts of judges that the user adds or changes. */
  judgeTemplates: () => parseTemplates(read<unknown>("judge.templates", [])),
  /** Puts a judge's prompt among the user's own, unless it is there. */
  keepTemplate: async (template: JudgeTemplate): Promise<void> => {
    const own = read<readonly unknown[]>("judge.templates", []);
    const there = own.some((entry) => (entry as { id?: unknown } | null)?.id === template.id);
    if (!there)
      await vscode.workspace
        .getConfiguration(section)
        .update("judge.templates", [...own, template], vscode.ConfigurationTarget.Global);
  },
  /** Folder for generated branches; undefined = the extension's own storage. */
  branchFolder: (): string | undefined => {
    const folder = read("branchFolder", "").trim();
    return folder === "" ? undefined : inWorkspace(folder);
  },
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
      .update("provider", provider, vscode.ConfigurationTarget.Global);
  },
  affects: (event: vscode.ConfigurationChangeEvent, name: string): boolean =>
    event.affectsConfiguration(`${section}.${name}`),
};
