import * as vscode from "vscode";
import type { TrajectoryRow } from "../../model/summary";
import type { DiagnoseReport } from "../../services/services";
import type { Finding } from "../../signals/diagnostics/diagnostic";
import { openDataset, openTrajectory } from "../open";
import { counted } from "../ui/numbers";
import type { Command, CommandParts } from "./command";
import { wholeDataset, withCancellableProgress } from "./wholeDataset";

/** Findings of one diagnostic that go to the Problems view; the list that opens from the message has all of them. */
const PROBLEMS_EACH = 50;
/** Further rows that a problem links to. */
const RELATED = 2;

let collection: vscode.DiagnosticCollection | undefined;

/** Runs every diagnostic over a dataset; findings go to the Problems view and to a list that opens their rows. */
export const diagnoseRunCommand: Command = {
  what: "diagnose the run",
  make:
    (parts) =>
    async (...args): Promise<DiagnoseReport | undefined> => {
      const dataset = await wholeDataset(parts, args, "Diagnose Run");
      if (!dataset) return undefined;
      const report = await withCancellableProgress(`Diagnosing ${dataset.name}`, (task) =>
        parts.host.library.services.diagnoses.diagnose({ datasetId: dataset.id }, task),
      );
      await publish(parts, report);
      parts.host.log.info(`${sentence(report)} (${dataset.path}, ${report.seconds.toFixed(2)} s)`);
      void tell(parts, report);
      return report;
    },
};

function sentence(report: DiagnoseReport): string {
  const warnings = report.findings.filter(({ severity }) => severity === "warning").length;
  const kinds = report.diagnostics
    .filter(({ findings }) => findings > 0)
    .map(({ title }) => title.toLowerCase());
  return report.findings.length === 0
    ? `${report.dataset.name}: nothing was found in ${counted(report.trajectories, "trajectory", "trajectories")}.`
    : `${report.dataset.name}: ${counted(report.findings.length, "finding")}, ${counted(warnings, "warning")} (${kinds.join(", ")}).`;
}

/** Findings on the lines of their rows, where the file has lines. */
async function publish(parts: CommandParts, report: DiagnoseReport): Promise<void> {
  if (!collection) {
    collection = vscode.languages.createDiagnosticCollection("trajectory-lens-runs");
    parts.host.context.subscriptions.push(collection);
  }
  collection.clear();
  const files = new Map<string, vscode.Diagnostic[]>();
  const shown = new Map<string, number>();
  for (const finding of report.findings) {
    const count = shown.get(finding.diagnosticId) ?? 0;
    if (count >= PROBLEMS_EACH) continue;
    const places = await Promise.all(
      finding.trajectoryIds.slice(0, RELATED + 1).map((id) => locationOf(parts, id)),
    );
    const [first, ...others] = places.filter((place) => place !== undefined);
    if (!first) continue;
    shown.set(finding.diagnosticId, count + 1);
    const problem = new vscode.Diagnostic(
      first.range,
      finding.message,
      finding.severity === "warning"
        ? vscode.DiagnosticSeverity.Warning
        : vscode.DiagnosticSeverity.Information,
    );
    problem.source = "Trajectory Lens";
    problem.code = finding.diagnosticId;
    problem.relatedInformation = others.map(
      (place) => new vscode.DiagnosticRelatedInformation(place, "another row of this finding"),
    );
    const list = files.get(first.uri.fsPath);
    if (list) list.push(problem);
    else files.set(first.uri.fsPath, [problem]);
  }
  for (const [path, problems] of files) collection.set(vscode.Uri.file(path), problems);
}

async function locationOf(parts: CommandParts, id: string): Promise<vscode.Location | undefined> {
  const row = await parts.host.library.services.datasets.row(id);
  if (!row || !/\.(jsonl|ndjson)$/iu.test(row.path)) return undefined;
  return new vscode.Location(vscode.Uri.file(row.path), new vscode.Range(row.row, 0, row.row, 0));
}

async function tell(parts: CommandParts, report: DiagnoseReport): Promise<void> {
  if (report.findings.length === 0) {
    void vscode.window.showInformationMessage(sentence(report));
    return;
  }
  const answer = await vscode.window.showInformationMessage(
    sentence(report),
    "Show Findings",
    "Show Problems",
  );
  if (answer === "Show Problems") await vscode.commands.executeCommand("workbench.actions.view.problems");
  if (answer === "Show Findings") await pickFinding(parts, report);
}

async function pickFinding(parts: CommandParts, report: DiagnoseReport): Promise<void> {
  const titles = new Map(report.diagnostics.map(({ id, title }) => [id, title]));
  const picked = await vscode.window.showQuickPick(
    report.findings.slice(0, 5_000).map((finding) => ({
      label: `$(${finding.severity === "warning" ? "warning" : "info"}) ${titles.get(finding.diagnosticId) ?? finding.diagnosticId}`,
      description: [
        finding.trainingStep === undefined ? undefined : `step ${finding.trainingStep}`,
        counted(finding.trajectoryIds.length, "row"),
      ]
        .filter((part) => part !== undefined)
        .join(", "),
      detail: finding.message,
      finding,
    })),
    {
      title: sentence(report),
      placeHolder: "Finding whose rows to open",
      matchOnDescription: true,
      matchOnDetail: true,
    },
  );
  if (picked) await openFinding(parts, report, picked.finding);
}

/** The rows behind a finding: the trajectory, its group, or the training step. */
async function openFinding(parts: CommandParts, report: DiagnoseReport, finding: Finding): Promise<void> {
  const [first] = finding.trajectoryIds;
  if (finding.groupId !== undefined) {
    const row: TrajectoryRow | undefined =
      first === undefined ? undefined : await parts.host.library.services.datasets.row(first);
    await openDataset(
      report.dataset,
      { groupId: finding.groupId },
      row ? { label: row.title, preview: true } : { preview: true },
    );
    return;
  }
  if (finding.trajectoryIds.length === 1 && first !== undefined) {
    const at = finding.stepIndex === undefined ? {} : { stepIndex: finding.stepIndex };
    await openTrajectory(parts.host, first, { preview: true, ...at });
    return;
  }
  await openDataset(
    report.dataset,
    finding.trainingStep === undefined ? {} : { trainingStep: finding.trainingStep },
    { preview: true },
  );
}
