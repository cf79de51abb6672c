import type { CompareReport } from "../../services/services";
import { clearProgressLine, withIndex, type CommonOptions, type Output } from "../session";
import { numberText, table } from "../text";

export interface CompareOptions extends CommonOptions {
  readonly tolerance?: number;
  readonly misfits?: number;
}

/** Conventions that the text lists; `--json` has all of them. */
const LISTED = 8;

/** Which convention made the advantages that the datasets of a path record. */
export async function compareCommand(path: string, options: CompareOptions): Promise<Output> {
  return withIndex([path], options, async ({ services, datasets }) => {
    const reports: CompareReport[] = [];
    for (const dataset of datasets)
      reports.push(
        await services.comparisons.compare(
          {
            datasetId: dataset.id,
            ...(options.tolerance === undefined ? {} : { tolerance: options.tolerance }),
            ...(options.misfits === undefined ? {} : { misfits: options.misfits }),
          },
          {
            report: ({ done, total }) => {
              if (process.stderr.isTTY && !options.json)
                process.stderr.write(`\r\u001b[Kcomparing ${done} of ${total}`);
            },
          },
        ),
      );
    clearProgressLine();
    return { document: { reports }, text: () => reports.map(reportText).join("\n\n") };
  });
}

function reportText(report: CompareReport): string {
  const fits = report.fits.filter(({ compared }) => compared > 0);
  const [first] = report.best;
  const misfits = (first ?? fits[0])?.misfits ?? [];
  return [
    `${report.dataset.name}: ${report.summary}`,
    ...(fits.length === 0
      ? []
      : [
          "",
          table(
            ["convention", "rows", "fit", "mean difference", ""],
            fits
              .slice(0, LISTED)
              .map((fit) => [
                `${fit.signalId} ${fit.presetId}`,
                fit.compared,
                fit.matching,
                fit.meanDifference,
                fit.title,
              ]),
          ),
        ]),
    ...(misfits.length === 0
      ? []
      : [
          "",
          "rows that do not fit, worst first:",
          table(
            ["id", "at", "recorded", "computed"],
            misfits.map((row) => [row.trajectoryId, row.index, row.recorded, row.computed]),
          ),
        ]),
    ...(fits.length === 0 && report.recordedRows > 0 ? reasons(report) : []),
  ].join("\n");
}

/** Why nothing could be computed, commonest first. */
function reasons(report: CompareReport): string[] {
  const counts = new Map<string, number>();
  for (const { missing } of report.fits)
    for (const [reason, count] of Object.entries(missing))
      counts.set(reason, Math.max(count, counts.get(reason) ?? 0));
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, LISTED)
    .map(([reason, count]) => `${numberText(count)} rows: ${reason}`);
}
