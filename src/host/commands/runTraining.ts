import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { Command } from "./command";

export const runTrainingCommand: Command = {
  what: "run a training task",
  make:
    ({ tasks }) =>
    async () => {
      if (!vscode.workspace.isTrusted) {
        throw new Failure(
          "untrusted",
          "Training tasks do not run in a folder that is not trusted.",
          "Trust the folder first (Manage Workspace Trust).",
        );
      }
      const found = await tasks.provideTasks();
      if (found.length === 0) {
        throw new Failure(
          "no-trainers",
          "No training script was recognised in this workspace.",
          "The README lists the trainers that are recognised; any other script can be run from the terminal, its rollouts are followed all the same.",
        );
      }
      const picked = await vscode.window.showQuickPick(
        found.map((task) => ({ label: task.name, detail: task.detail ?? "", task })),
        {
          title: "Run Training Task",
          placeHolder: "Its rollouts appear in the Trajectories view while they are written",
        },
      );
      if (picked) await vscode.tasks.executeTask(picked.task);
    },
};
