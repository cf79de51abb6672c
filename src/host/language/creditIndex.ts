import { dirname, relative, sep } from "node:path";
import * as vscode from "vscode";
import type { CreditFunctionNote } from "../../services/services";
import { creditFunctions } from "../../services/annotations";
import type { ExplanationView } from "../../protocol/webviewMessages";
import { WorkspaceSources } from "../workspaceSources";

/** Words in function names that tell which signal a function computes, by signal id. */
const signalWords: Readonly<Record<string, RegExp>> = {
  grpo: /grpo|group/i,
  rloo: /rloo|leave_one_out/i,
  gae: /gae|generalized/i,
  "discounted-return": /return/i,
};

/** The trainers' reward and advantage functions in the workspace, read from source text, nothing executed. */
export class CreditIndex {
  private readonly python = new WorkspaceSources("**/*.py");

  /**
   * The function that computes a signal, in the source nearest to a dataset's file.
   * @param signalId id in the signal catalogue
   * @param dataPath absolute path of the trajectory's file
   */
  async codeFor(signalId: string, dataPath: string): Promise<ExplanationView["code"]> {
    const kind = signalId.includes("reward") ? "reward" : "advantage";
    const word = signalWords[signalId];
    let best:
      { readonly path: string; readonly found: CreditFunctionNote; readonly rank: number } | undefined;
    for (const { path, text } of await this.python.all()) {
      for (const found of creditFunctions(path, text)) {
        if (found.kind !== kind) continue;
        if (kind === "advantage" && (word === undefined || !word.test(found.name))) continue;
        const rank = distance(dirname(path), dirname(dataPath));
        if (!best || rank < best.rank) best = { path, found, rank };
      }
    }
    if (!best) return undefined;
    const name = vscode.workspace.asRelativePath(best.path);
    return {
      label: `${best.found.name}, ${name}:${best.found.line + 1}`,
      path: best.path,
      line: best.found.line,
    };
  }
}

/** Folders to walk from one folder to another, up and down. */
function distance(from: string, to: string): number {
  const way = relative(from, to);
  return way === "" ? 0 : way.split(sep).length;
}
