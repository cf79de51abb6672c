import { execFile } from "node:child_process";
import { join } from "node:path";
import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { RayResult } from "../../services/rayContract";
import { storageFolder } from "../storage";
import { pythonInterpreter } from "../tasks/pythonInterpreter";
import { taskType } from "../tasks/trainTaskProvider";
import { count, counted } from "../ui/numbers";
import { settings } from "../ui/settings";
import type { Command, CommandParts } from "./command";
import { isEntry, pickDataset } from "./target";

const PAGE = 5_000;

/** Scores a whole dataset as a Ray Data job: prepared here, run as a task in the terminal, joined into the index at its end. */
export const scoreWithRayCommand: Command = {
  what: "score with Ray",
  make:
    (parts) =>
    async (argument): Promise<RayResult | undefined> => {
      if (!vscode.workspace.isTrusted) {
        throw new Failure(
          "untrusted",
          "Models are not run in a folder that is not trusted.",
          "Trust the folder first (Manage Workspace Trust).",
        );
      }
      const dataset =
        isEntry(argument) && argument.kind === "dataset"
          ? argument.dataset
          : await pickDataset(parts, "Score with Ray");
      if (!dataset) return undefined;
      const model = await parts.host.models.forScoring(dataset.numeric ? "numeric" : "text");
      if (!model) return undefined;
      const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(dataset.path));
      const python = await pythonInterpreter(folder?.uri.fsPath ?? dataset.path);
      await requirePackages(python, parts.host.context.extensionPath);
      const job = join(
        storageFolder(parts.host.context),
        "ray-jobs",
        `${dataset.id}-${model.name}`.replace(/[^\w.-]+/g, "-"),
      );
      const { rayJobs } = parts.host.library.services;
      const ids = await idsOf(parts, dataset.id);
      const prepared = await vscode.window.withProgress(
        {
          location: vscode.ProgressLocation.Notification,
          title: `Preparing ${dataset.name} for Ray`,
          cancellable: true,
        },
        (progress, token) => {
          const controller = new AbortController();
          token.onCancellationRequested(() => controller.abort());
          let before = 0;
          return rayJobs.prepare(ids, model.path, job, {
            signal: controller.signal,
            report: ({ done, total }) => {
              progress.report({
                increment: (100 * (done - before)) / total,
                message: `${count(done)} of ${count(total)}`,
              });
              before = done;
            },
          });
        },
      );
      const args = await rayJobs.command(job, {
        address: settings.rayAddress(),
        workers: settings.rayWorkers(),
      });
      const ended = await runTask(`Ray: ${model.name} over ${dataset.name}`, python, args, folder);
      const result = await rayJobs.collect(job);
      void tell(result, ended, prepared.failures.length);
      return result;
    },
};

/** Leaves with 3 where a package is missing; looks for them without loading them. */
const PACKAGE_CHECK =
  "import importlib.util, sys; sys.exit(0 if all(map(importlib.util.find_spec, ('ray', 'onnxruntime'))) else 3)";

/** @throws Failure when the interpreter lacks Ray: better said at once than after everything was prepared */
async function requirePackages(python: string, cwd: string): Promise<void> {
  const code = await new Promise<unknown>((done) => {
    execFile(python, ["-c", PACKAGE_CHECK], { cwd, timeout: 30_000 }, (error) => done(error?.code));
  });
  if (code === 3)
    throw new Failure(
      "no-ray",
      `The Python interpreter ${python} has no Ray or no onnxruntime.`,
      'Install them there with pip install "ray[data]" onnxruntime, or name another interpreter in trajectoryLens.python.path.',
    );
}

async function idsOf(parts: CommandParts, datasetId: string): Promise<readonly string[]> {
  const { datasets } = parts.host.library.services;
  const ids: string[] = [];
  for (let start = 0; ; start += PAGE) {
    const { rows, total } = await datasets.rows({ datasetId, sort: "row" }, start, start + PAGE);
    ids.push(...rows.map((row) => row.id));
    if (rows.length === 0 || ids.length >= total) return ids;
  }
}

/** Runs the job where its output can be read and where it can be stopped. @returns its exit code */
async function runTask(
  name: string,
  python: string,
  args: readonly string[],
  folder: vscode.WorkspaceFolder | undefined,
): Promise<number | undefined> {
  const task = new vscode.Task(
    { type: taskType, launch: name },
    folder ?? vscode.TaskScope.Workspace,
    name,
    "Trajectory Lens",
    new vscode.ProcessExecution(python, [...args], { env: { PYTHONUNBUFFERED: "1" } }),
  );
  task.presentationOptions = {
    reveal: vscode.TaskRevealKind.Always,
    panel: vscode.TaskPanelKind.Dedicated,
  };
  const execution = await vscode.tasks.executeTask(task);
  return new Promise((done) => {
    const listeners = [
      vscode.tasks.onDidEndTaskProcess((event) => {
        if (event.execution !== execution) return;
        finish(event.exitCode);
      }),
      vscode.tasks.onDidEndTask((event) => {
        // A program that cannot be started ends the task without ever having been a process.
        if (event.execution === execution) setTimeout(() => finish(undefined), 500);
      }),
    ];
    const finish = (code: number | undefined): void => {
      for (const listener of listeners) listener.dispose();
      done(code);
    };
  });
}

async function tell(result: RayResult, exitCode: number | undefined, refused: number): Promise<void> {
  const parts = [`${counted(result.scored, "trajectory", "trajectories")} scored with Ray`];
  if (refused > 0) parts.push(`${refused} that the model cannot read`);
  if (result.failures.length > 0)
    parts.push(`${result.failures.length} failed: ${result.failures[0]?.message ?? ""}`);
  if (result.missing > 0) {
    const how =
      exitCode === 2
        ? 'The interpreter lacks packages: pip install "ray[data]" onnxruntime.'
        : "The terminal says why; what is done is kept.";
    await vscode.window.showWarningMessage(`${parts.join(", ")}; ${result.missing} have no result. ${how}`);
  } else await vscode.window.showInformationMessage(`${parts.join(", ")}.`);
}
