import { readFile, stat } from "node:fs/promises";
import * as vscode from "vscode";

/** Sources larger than this are generated, not written. */
const SIZE_LIMIT_BYTES = 1_000_000;
const FILE_LIMIT = 2_000;
/** How long a list of files is believed before the workspace is searched again. */
const FRESH_MS = 2_000;
const excluded =
  "**/{node_modules,.git,.venv,venv,env,site-packages,__pycache__,.tox,.mypy_cache,dist,build}/**";

export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** Sources of the workspace by pattern, each read again only when it has changed. */
export class WorkspaceSources {
  private readonly texts = new Map<string, { readonly stamp: string; readonly text: string }>();
  private found: { readonly at: number; readonly files: Promise<readonly vscode.Uri[]> } | undefined;

  /** @param pattern glob inside the workspace folders, for example all Python files and launch scripts */
  constructor(private readonly pattern: string) {}

  /** All matching files with their text; unsaved editors count with what they show. */
  async all(): Promise<readonly SourceText[]> {
    if (!this.found || Date.now() - this.found.at > FRESH_MS) {
      this.found = {
        at: Date.now(),
        files: Promise.resolve(vscode.workspace.findFiles(this.pattern, excluded, FILE_LIMIT)),
      };
    }
    const files = await this.found.files;
    const unsaved = new Map(
      vscode.workspace.textDocuments
        .filter((document) => document.isDirty)
        .map((document) => [document.uri.toString(), document]),
    );
    const sources: SourceText[] = [];
    for (const uri of files) {
      if (uri.scheme !== "file") continue;
      const text = unsaved.get(uri.toString())?.getText() ?? (await this.read(uri.fsPath));
      if (text !== undefined) sources.push({ path: uri.fsPath, text });
    }
    return sources;
  }

  private async read(path: string): Promise<string | undefined> {
    try {
      const { size, mtimeMs } = await stat(path);
      if (size > SIZE_LIMIT_BYTES) return undefined;
      const stamp = `${size}:${mtimeMs}`;
      const known = this.texts.get(path);
      if (known?.stamp === stamp) return known.text;
      const text = await readFile(path, "utf8");
      this.texts.set(path, { stamp, text });
      return text;
    } catch {
      // Gone between the search and the reading.
      return undefined;
    }
  }
}
