import * as vscode from "vscode";
import { openTrajectory } from "../open";
import { digits } from "../ui/numbers";
import type { Command } from "./command";
import { pickDataset, trajectoryArgument } from "./target";

/** Rows offered when no trajectory was named; the filter of the view finds the rest. */
const OFFERED = 500;

export const openTrajectoryCommand: Command = {
  what: "open the trajectory",
  make: (parts) => async (argument) => {
    const given = trajectoryArgument(argument);
    if (given) {
      await openTrajectory(parts.host, given.trajectoryId, {
        preview: given.preview ?? false,
        ...(given.stepIndex === undefined ? {} : { stepIndex: given.stepIndex }),
      });
      return;
    }
    const dataset = await pickDataset(parts, "Open Trajectory");
    if (!dataset) return;
    const steps = await parts.host.library.services.datasets.trainingSteps(dataset.id);
    const newest = steps
      .map((step) => step.trainingStep)
      .filter((step) => step !== undefined)
      .sort((a, b) => b - a)[0];
    const { rows } = await parts.host.library.services.datasets.rows(
      { datasetId: dataset.id, ...(newest === undefined ? {} : { trainingStep: newest }) },
      0,
      OFFERED,
    );
    const picked = await vscode.window.showQuickPick(
      rows.map((row) => ({
        label: row.title || row.ownId || `#${row.row}`,
        description: typeof row.reward === "number" ? `reward ${digits(row.reward)}` : "no reward",
        detail: [
          row.trainingStep === undefined ? undefined : `step ${row.trainingStep}`,
          row.memberIndex === undefined
            ? undefined
            : `#${row.memberIndex} in a group of ${row.groupSize ?? "?"}`,
          `${row.stepCount} steps`,
        ]
          .filter((part) => part !== undefined)
          .join(", "),
        row,
      })),
      { title: dataset.name, placeHolder: "Trajectory to open", matchOnDetail: true },
    );
    if (picked) await openTrajectory(parts.host, picked.row.id);
  },
};
