import * as vscode from "vscode";
import type { Command } from "./command";
import { isEntry, oneTrajectory } from "./target";

export const copyIdCommand: Command = {
  what: "copy the id",
  make:
    (parts) =>
    async (...args) => {
      const [argument] = args;
      const id =
        isEntry(argument) && argument.kind === "dataset"
          ? argument.dataset.id
          : isEntry(argument) && argument.kind === "group"
            ? argument.group.groupId
            : (await oneTrajectory(parts, args)).id;
      await vscode.env.clipboard.writeText(id);
      vscode.window.setStatusBarMessage(`Copied ${id}`, 3000);
    },
};
