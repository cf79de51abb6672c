import * as v from "valibot";
import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { TrajectoryRow } from "../../model/summary";
import type { CreditFunctionNote } from "../../services/annotationsContract";
import type { RecomputeReport, RecomputedReward } from "../../services/recomputeContract";
import { openTrajectory } from "../open";
import { pythonInterpreter } from "../tasks/pythonInterpreter";
import { counted, digits, recorded, signedDigits } from "../ui/numbers";
import type { Command, CommandParts } from "./command";

const argumentSchema = v.object({ path: v.string(), functionName: v.string() });
/** Trajectories recomputed at most; the newest training step is rarely larger. */
const LIMIT = 5_000;

/** Runs the reward function of the active Python file over the newest rollouts, in the user's own interpreter. */
export const recomputeRewardsCommand: Command = {
  what: "recompute the rewards",
  make:
    (parts) =>
    async (argument): Promise<RecomputeReport | undefined> => {
      if (!vscode.workspace.isTrusted) {
        throw new Failure(
          "untrusted",
          "Reward functions do not run in a folder that is not trusted.",
          "Trust the folder first (Manage Workspace Trust).",
        );
      }
      const chosen = await chosenFunction(parts, argument);
      if (!chosen) return undefined;
      const { library } = parts.host;
      const script = await library.services.annotations.script(chosen.path, await sourceOf(chosen.path));
      const dataset = script?.datasets[0];
      if (!dataset)
        throw new Failure(
          "no-rollouts",
          `No rollouts of ${vscode.workspace.asRelativePath(chosen.path)} were found near it.`,
          "Train with it first, or add its output folder with Add File or Folder to Index.",
        );
      const steps = (await library.services.datasets.trainingSteps(dataset.id))
        .map((step) => step.trainingStep)
        .filter((step) => step !== undefined);
      const newest = steps.length === 0 ? undefined : Math.max(...steps);
      const { rows } = await library.services.datasets.rows(
        { datasetId: dataset.id, ...(newest === undefined ? {} : { trainingStep: newest }), sort: "row" },
        0,
        LIMIT,
      );
      const report = await run(parts, chosen, rows);
      parts.host.log.info(`${sentence(report)} (${report.python}, ${report.file})`);
      void tell(parts, report, rows);
      return report;
    },
};

interface Chosen {
  readonly path: string;
  readonly functionName: string;
}

async function sourceOf(path: string): Promise<string> {
  return (await vscode.workspace.openTextDocument(vscode.Uri.file(path))).getText();
}

/** The function that was clicked, or the one that the cursor is in; asks when a file has several. */
async function chosenFunction(parts: CommandParts, argument: unknown): Promise<Chosen | undefined> {
  await parts.host.library.ready();
  const given = v.safeParse(argumentSchema, argument);
  if (given.success) return given.output;
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.languageId !== "python") {
    throw new Failure(
      "no-function",
      "No Python file has the focus.",
      "Open the file with the reward function first.",
    );
  }
  const path = editor.document.uri.fsPath;
  const script = await parts.host.library.services.annotations.script(path, editor.document.getText());
  const rewards = (script?.functions ?? []).filter((found) => found.kind === "reward");
  if (rewards.length === 0) {
    throw new Failure(
      "no-function",
      `${vscode.workspace.asRelativePath(path)} holds no reward function that is recognised.`,
      "A reward function has the signature that its trainer calls, for example compute_score(data_source, solution_str, ground_truth).",
    );
  }
  const above = rewards.filter((found) => found.line <= editor.selection.active.line).at(-1);
  const only = rewards.length === 1 ? rewards[0] : above;
  const picked = only ?? (await pick(rewards));
  return picked && { path, functionName: picked.name };
}

async function pick(functions: readonly CreditFunctionNote[]): Promise<CreditFunctionNote | undefined> {
  const chosen = await vscode.window.showQuickPick(
    functions.map((found) => ({
      label: found.name,
      description: `line ${found.line + 1}`,
      detail: found.trainerTitle,
      found,
    })),
    { title: "Recompute Rewards", placeHolder: "Reward function to run over the newest rollouts" },
  );
  return chosen?.found;
}

async function run(
  parts: CommandParts,
  chosen: Chosen,
  rows: readonly TrajectoryRow[],
): Promise<RecomputeReport> {
  const python = await pythonInterpreter(vscode.Uri.joinPath(vscode.Uri.file(chosen.path), "..").fsPath);
  const cancel = new AbortController();
  return vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: `Recomputing ${counted(rows.length, "reward")} with ${chosen.functionName}`,
      cancellable: true,
    },
    async (progress, token) => {
      const subscription = token.onCancellationRequested(() => cancel.abort());
      let shown = 0;
      try {
        return await parts.host.library.services.recompute.rewards(
          {
            trajectoryIds: rows.map((row) => row.id),
            file: chosen.path,
            functionName: chosen.functionName,
            python,
          },
          {
            signal: cancel.signal,
            report: ({ done, total }) => {
              const share = total === 0 ? 0 : (100 * done) / total;
              progress.report({ increment: Math.max(0, share - shown), message: `${done} of ${total}` });
              shown = Math.max(shown, share);
            },
          },
        );
      } finally {
        subscription.dispose();
      }
    },
  );
}

/** "compute_score over 48 trajectories: 47 equal, 1 changed; mean 0.813 → 0.802." */
function sentence(report: RecomputeReport): string {
  const counts = [
    `${report.equal} equal`,
    `${report.changed} changed`,
    report.failed > 0 ? `${report.failed} failed` : undefined,
    report.incomparable > 0 ? `${report.incomparable} without a reward on one side` : undefined,
  ].filter((part) => part !== undefined);
  const means =
    report.recordedMean === undefined || report.recomputedMean === undefined
      ? ""
      : `; mean ${digits(report.recordedMean)} → ${digits(report.recomputedMean)}`;
  return `${report.functionName} over ${counted(report.rows.length, "trajectory", "trajectories")}: ${counts.join(", ")}${means}.`;
}

async function tell(
  parts: CommandParts,
  report: RecomputeReport,
  rows: readonly TrajectoryRow[],
): Promise<void> {
  const different = report.rows.filter(
    (row) => row.message !== undefined || (row.difference !== undefined && row.difference !== 0),
  );
  const failed = report.rows.find((row) => row.message !== undefined);
  const text = failed?.message === undefined ? sentence(report) : `${sentence(report)} ${failed.message}`;
  const answer = await vscode.window.showInformationMessage(
    text,
    ...(different.length > 0 ? ["Show Changes"] : []),
  );
  if (answer !== "Show Changes") return;
  const titles = new Map(rows.map((row) => [row.id, row]));
  const size = (row: RecomputedReward): number => Math.abs(row.difference ?? Infinity);
  const picked = await vscode.window.showQuickPick(
    [...different]
      .sort((a, b) => size(b) - size(a))
      .slice(0, 1000)
      .map((row) => ({
        label: titles.get(row.trajectoryId)?.title ?? row.trajectoryId,
        description:
          row.message ??
          `${recorded(row.recorded) ?? "not recorded"} → ${recorded(row.recomputed) ?? "none"}${row.difference === undefined ? "" : ` (${signedDigits(row.difference)})`}`,
        row,
      })),
    { title: sentence(report), placeHolder: "Trajectory to open", matchOnDescription: true },
  );
  if (picked) await openTrajectory(parts.host, picked.row.trajectoryId, { preview: true });
}
