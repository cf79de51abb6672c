import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { TrajectoryRow } from "../../model/summary";
import { openTrajectory } from "../open";
import { counted, recorded } from "../ui/numbers";
import type { Command, CommandParts } from "./command";
import { isEntry, oneTrajectory } from "./target";

/** Rollouts of a group that a list offers. */
const MEMBERS = 256;

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
      if (!pair) return;
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

/** Two entries that are selected together, the one selected earlier and this one, or this one and a member of its group. */
async function chosenPair(
  parts: CommandParts,
  args: readonly unknown[],
): Promise<readonly [string, string] | undefined> {
  const [, many] = args;
  const rows = Array.isArray(many) ? many.filter(isEntry).filter((entry) => entry.kind === "trajectory") : [];
  const [left, right] = rows;
  if (left && right) return [left.row.id, right.row.id];
  const row = await oneTrajectory(parts, args);
  if (source !== undefined && source !== row.id) return [source, row.id];
  const other = await pickMember(parts, row);
  return other === undefined ? undefined : [row.id, other];
}

/** Another rollout of the same group, chosen from a list. @throws Failure when there is none */
async function pickMember(parts: CommandParts, row: TrajectoryRow): Promise<string | undefined> {
  const { groupId } = row;
  const { rows } =
    groupId === undefined
      ? { rows: [] }
      : await parts.host.library.services.datasets.rows({ groupId }, 0, MEMBERS);
  const others = rows.filter((each) => each.id !== row.id);
  if (others.length === 0)
    throw new Failure(
      "nothing-selected",
      "No trajectory was selected to compare with, and this one has no group.",
      "Choose Select for Compare on the other one first.",
    );
  const picked = await vscode.window.showQuickPick(
    others.map((each) => ({
      label: `#${each.memberIndex ?? each.row}`,
      description: [
        each.success === true ? "pass" : each.success === false ? "fail" : undefined,
        each.reward === undefined ? "no reward" : recorded(each.reward),
        counted(each.stepCount, "step"),
        each.truncated === true ? "truncated" : undefined,
      ]
        .filter((part) => part !== undefined)
        .join("  "),
      each,
    })),
    {
      title: `Compare #${row.memberIndex ?? row.row} with`,
      placeHolder: "Rollout of the same group to show beside it",
      matchOnDescription: true,
    },
  );
  return picked?.each.id;
}
