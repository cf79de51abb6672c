import * as vscode from "vscode";
import type { CompareReport } from "../../services/services";
import { openTrajectory } from "../open";
import { digits, signedDigits } from "../ui/numbers";
import type { Command, CommandParts } from "./command";
import { wholeDataset, withCancellableProgress } from "./wholeDataset";

/** Rows that do not fit, kept for the list. */
const MISFITS = 500;

/** Says which library's convention made the advantages that a dataset records, and opens the rows that do not fit. */
export const compareAdvantagesCommand: Command = {
  what: "compare the recorded advantages",
  make:
    (parts) =>
    async (...args): Promise<CompareReport | undefined> => {
      const dataset = await wholeDataset(parts, args, "Compare Recorded Advantages");
      if (!dataset) return undefined;
      const report = await withCancellableProgress(`Comparing the advantages of ${dataset.name}`, (task) =>
        parts.host.library.services.comparisons.compare({ datasetId: dataset.id, misfits: MISFITS }, task),
      );
      parts.host.log.info(`${dataset.name}: ${report.summary} (${report.seconds.toFixed(2)} s)`);
      void tell(parts, report);
      return report;
    },
};

async function tell(parts: CommandParts, report: CompareReport): Promise<void> {
  const compared = report.fits.filter((fit) => fit.compared > 0);
  const misfits = (report.best[0] ?? compared[0])?.misfits ?? [];
  const answer = await vscode.window.showInformationMessage(
    report.summary,
    ...(misfits.length > 0 ? ["Show Rows"] : []),
    ...(compared.length > 1 ? ["Show Conventions"] : []),
  );
  if (answer === "Show Rows") await showRows(parts, report, misfits);
  if (answer === "Show Conventions") await showConventions(parts, report);
}

async function showRows(
  parts: CommandParts,
  report: CompareReport,
  misfits: CompareReport["fits"][number]["misfits"],
): Promise<void> {
  const picked = await vscode.window.showQuickPick(
    misfits.map((row) => ({
      label: row.trajectoryId,
      description: `recorded ${signedDigits(row.recorded)}, computed ${signedDigits(row.computed)}, at ${row.index}`,
      row,
    })),
    { title: report.summary, placeHolder: "Row to open, worst first", matchOnDescription: true },
  );
  if (picked) await openTrajectory(parts.host, picked.row.trajectoryId, { preview: true });
}

async function showConventions(parts: CommandParts, report: CompareReport): Promise<void> {
  const picked = await vscode.window.showQuickPick(
    report.fits
      .filter((fit) => fit.compared > 0)
      .map((fit) => ({
        label: fit.title,
        description: `${fit.matching} of ${fit.compared} rows, mean difference ${digits(fit.meanDifference)}`,
        fit,
      })),
    { title: report.summary, placeHolder: "Convention whose rows to show", matchOnDescription: true },
  );
  if (picked && picked.fit.misfits.length > 0) await showRows(parts, report, picked.fit.misfits);
}
