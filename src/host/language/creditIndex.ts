import { access } from "node:fs/promises";
import * as vscode from "vscode";
import type { ExplanationView } from "../../protocol/webviewMessages";
import { creditCode } from "../../services/creditCode";
import { WorkspaceSources } from "../workspaceSources";

/** The trainers' reward and advantage functions in the workspace, read from source text, nothing executed. */
export class CreditIndex {
  private readonly python = new WorkspaceSources("**/*.py");

  /**
   * The function of the workspace that computes a signal of a trajectory; undefined when none belongs to its file.
   * @param signalId id in the signal catalogue
   * @param data absolute path and format id of the trajectory's file
   */
  async codeFor(
    signalId: string,
    data: { readonly path: string; readonly format: string },
  ): Promise<ExplanationView["code"]> {
    const code = await creditCode({
      signalId,
      dataPath: data.path,
      format: data.format,
      sources: await this.python.all(),
      folders: (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
      exists: (path) =>
        access(path).then(
          () => true,
          () => false,
        ),
    });
    if (!code) return undefined;
    const { path, found } = code;
    return {
      label: `${found.name}, ${vscode.workspace.asRelativePath(path)}:${found.line + 1}`,
      path,
      line: found.line,
    };
  }
}
