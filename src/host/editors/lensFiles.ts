import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { Library } from "../library";
import { parseLensUri } from "../lensUris";
import { canonicalJson } from "./canonicalJson";

/** Documents kept as text, newest use last; a canonical trajectory can be several megabytes. */
const KEPT = 8;

/**
 * The indexed things as read-only files: a trajectory reads as its canonical JSON. This is what "Reopen Editor With >
 * Text Editor", Compare and Save As work on.
 */
export class LensFiles implements vscode.FileSystemProvider {
  private readonly changes = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changes.event;
  private readonly kept = new Map<string, Promise<Uint8Array>>();

  constructor(private readonly library: Library) {
    // Ids outlive growth, contents may not.
    library.onChange(() => this.kept.clear());
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    if (!parseLensUri(uri)) throw vscode.FileSystemError.FileNotFound(uri);
    // The text is only made when it is read; editors of ours never read it.
    const known = await this.kept.get(uri.toString())?.catch(() => undefined);
    return {
      type: vscode.FileType.File,
      ctime: 0,
      mtime: 0,
      size: known?.byteLength ?? 0,
      permissions: vscode.FilePermission.Readonly,
    };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const key = uri.toString();
    let bytes = this.kept.get(key);
    if (!bytes) {
      bytes = this.read(uri).then((value) => new TextEncoder().encode(`${canonicalJson(value)}\n`));
      this.kept.set(key, bytes);
      bytes.catch(() => this.kept.delete(key));
      const oldest = this.kept.keys().next().value;
      if (this.kept.size > KEPT && oldest !== undefined) this.kept.delete(oldest);
    }
    try {
      return await bytes;
    } catch (error) {
      throw vscode.FileSystemError.Unavailable(
        error instanceof Failure ? `${error.message} ${error.hint}` : String(error),
      );
    }
  }

  private async read(uri: vscode.Uri): Promise<unknown> {
    const what = parseLensUri(uri);
    if (!what) throw vscode.FileSystemError.FileNotFound(uri);
    const { library } = this;
    const { datasets } = library.services;
    switch (what.kind) {
      case "trajectory":
        await library.known(() => datasets.row(what.trajectoryId));
        return datasets.trajectory(what.trajectoryId);
      case "tree":
        await library.ready();
        return datasets.tree(what.groupId);
      case "dataset":
        return library.known(() => library.dataset(what.datasetId));
    }
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  createDirectory(): void {
    throw vscode.FileSystemError.NoPermissions("Trajectories are read-only.");
  }

  writeFile(): void {
    throw vscode.FileSystemError.NoPermissions("Trajectories are read-only.");
  }

  delete(): void {
    throw vscode.FileSystemError.NoPermissions("Trajectories are read-only.");
  }

  rename(): void {
    throw vscode.FileSystemError.NoPermissions("Trajectories are read-only.");
  }
}
