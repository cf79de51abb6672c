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
  const shown = report.best[0] ?? compared[0];
  const misfits = shown?.misfits ?? [];
  const answer = await vscode.window.showInformationMessage(
    report.summary,
    ...(misfits.length > 0 ? ["Show Rows"] : []),
    ...(compared.length > 1 ? ["Show Conventions"] : []),
  );
  if (answer === "Show Rows") await showRows(parts, report, shown);
  if (answer === "Show Conventions") await showConventions(parts, report);
}

async function showRows(
  parts: CommandParts,
  report: CompareReport,
  fit: CompareReport["fits"][number] | undefined,
): Promise<void> {
  const { misfits = [], misfitKinds = [] } = fit ?? {};
  const item = (label: string, row: (typeof misfits)[number]) => ({
    label,
    description: `recorded ${signedDigits(row.recorded)}, ${row.computed === undefined ? "nothing computed" : `computed ${signedDigits(row.computed)}`}, at ${row.index}`,
    row,
  });
  const separator = (label: string) => ({
    label,
    kind: vscode.QuickPickItemKind.Separator,
    row: undefined,
  });
  const picked = await vscode.window.showQuickPick(
    [
      separator("how they differ, with one example each"),
      ...misfitKinds.map(({ what, count, example }) =>
        item(`${count} ${count === 1 ? "row" : "rows"}: ${what}`, example),
      ),
      separator("rows, worst first"),
      ...misfits.map((row) => item(row.trajectoryId, row)),
    ],
    { title: report.summary, placeHolder: "Row to open", matchOnDescription: true },
  );
  if (picked?.row) await openTrajectory(parts.host, picked.row.trajectoryId, { preview: true });
}

async function showConventions(parts: CommandParts, report: CompareReport): Promise<void> {
  const picked = await vscode.window.showQuickPick(
    report.fits
      .filter((fit) => fit.compared > 0)
      .map((fit) => ({
        label: fit.title,
        description: `${fit.matching} of ${fit.compared} rows, mean difference ${fit.meanDifference === undefined ? "unknown" : digits(fit.meanDifference)}`,
        fit,
      })),
    { title: report.summary, placeHolder: "Convention whose rows to show", matchOnDescription: true },
  );
  if (picked && picked.fit.misfits.length > 0) await showRows(parts, report, picked.fit);
}
