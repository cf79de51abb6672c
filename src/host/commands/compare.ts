import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import { openTrajectory } from "../open";
import type { Command, CommandParts } from "./command";
import { isEntry, oneTrajectory } from "./target";

let source: string | undefined;

export const selectForCompareCommand: Command = {
  what: "select the trajectory",
  make:
    (parts) =>
    async (...args) => {
      source = (await oneTrajectory(parts, args)).id;
      await vscode.commands.executeCommand("setContext", "trajectoryLens.compareSource", true);
    },
};

export const compareWithSelectedCommand: Command = {
  what: "compare the trajectories",
  make:
    (parts) =>
    async (...args) => {
      const pair = await chosenPair(parts, args);
      if (pair[0] === pair[1])
        throw new Failure(
          "same-trajectory",
          "Both are the same trajectory.",
          "Select another one to compare it with.",
        );
      await openTrajectory(parts.host, pair[0], { column: vscode.ViewColumn.One });
      await openTrajectory(parts.host, pair[1], { column: vscode.ViewColumn.Two });
    },
};

/** Two entries that are selected together, or the one selected earlier and this one. */
async function chosenPair(parts: CommandParts, args: readonly unknown[]): Promise<readonly [string, string]> {
  const [, many] = args;
  const rows = Array.isArray(many) ? many.filter(isEntry).filter((entry) => entry.kind === "trajectory") : [];
  const [left, right] = rows;
  if (left && right) return [left.row.id, right.row.id];
  const row = await oneTrajectory(parts, args);
  if (source === undefined)
    throw new Failure(
      "nothing-selected",
      "No trajectory was selected to compare with.",
      "Choose Select for Compare on the other one first.",
    );
  return [source, row.id];
}
