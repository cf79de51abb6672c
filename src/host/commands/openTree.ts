import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import { openTree } from "../open";
import type { Command } from "./command";
import { isEntry, oneTrajectory } from "./target";

export const openTreeCommand: Command = {
  what: "open the branching tree",
  make:
    (parts) =>
    async (...args) => {
      const [argument] = args;
      if (isEntry(argument) && argument.kind === "group") {
        await openTree(argument.group.groupId, argument.group.title);
        return;
      }
      const row = await oneTrajectory(parts, args);
      if (row.groupId === undefined) {
        throw new Failure(
          "no-group",
          "This trajectory belongs to no group, so there are no branches to draw.",
          "Only rollouts of one prompt that were sampled several times, or a tree file, form a tree.",
        );
      }
      const fromEditor = !isEntry(argument);
      await openTree(row.groupId, row.title, {
        selected: row.id,
        column: fromEditor ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active,
      });
    },
};
