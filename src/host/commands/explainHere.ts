import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import { openTrajectory } from "../open";
import type { Command } from "./command";
import { rowOfLine } from "./target";

/** From a line of a rollout file to the trajectory beside it, where every number explains itself. */
export const explainHereCommand: Command = {
  what: "explain this line",
  make: (parts) => async () => {
    const editor = vscode.window.activeTextEditor;
    if (!editor || editor.document.uri.scheme !== "file") {
      throw new Failure(
        "no-line",
        "No line of a rollout file has the focus.",
        "Open a JSONL file as text and put the cursor on a line.",
      );
    }
    const { path, line } = {
      path: editor.document.uri.fsPath,
      line: editor.document.languageId === "jsonl" ? editor.selection.active.line : 0,
    };
    const row = await rowOfLine(parts.host, path, line);
    if (!row) {
      throw new Failure(
        "no-trajectory-here",
        `Line ${line + 1} of ${vscode.workspace.asRelativePath(path)} holds no trajectory.`,
        "It may be torn or of another shape; the log says why.",
      );
    }
    await openTrajectory(parts.host, row.id, { column: vscode.ViewColumn.Beside, preview: true });
  },
};
