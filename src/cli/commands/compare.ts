import type { CompareReport } from "../../services/services";
import { counted, shownTask } from "../progress";
import { placeOf } from "../place";
import { withIndex, type CommonOptions, type Output } from "../session";
import { table } from "../table";
import { tableNumber, terminalText } from "../text";

export interface CompareOptions extends CommonOptions {
  readonly tolerance?: number;
  readonly misfits?: number;
}

/** Conventions, kinds of misfits and obstacles that the text lists; `--json` has all of them. */
const LISTED = 8;
/** Conventions that an obstacle names. */
const NAMED = 6;

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
          shownTask(counted(`comparing ${dataset.name}:`)),
        ),
      );
    return {
      document: { reports },
      text: (width) =>
        reports.map((report) => reportText(report, path, width, (options.misfits ?? 0) > 0)).join("\n\n"),
      sheet: () => ({
        headings: ["path", "signal", "preset", "title", "compared", "matching", "telling", "mean_difference"],
        rows: reports.flatMap(({ dataset, fits }) =>
          fits.map((fit) => [
            placeOf(dataset.path, path),
            fit.signalId,
            fit.presetId,
            fit.title,
            fit.compared,
            fit.matching,
            fit.telling,
            fit.meanDifference,
          ]),
        ),
      }),
    };
  });
}

/** @param singly whether rows that do not fit are listed one by one too */
function reportText(report: CompareReport, path: string, width: number | undefined, singly: boolean): string {
  const fits = report.fits.filter(({ compared }) => compared > 0);
  const shown = report.best[0] ?? fits[0];
  return [
    `${terminalText(placeOf(report.dataset.path, path))}: ${report.summary}`,
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
            width,
          ),
          ...(fits.length > LISTED
            ? [`(${fits.length - LISTED} more; --csv and --json have all of them)`]
            : []),
        ]),
    ...(shown ? misfitLines(shown, width, singly) : []),
    ...(fits.length === 0 && report.recordedRows > 0 ? obstacleLines(report, width) : []),
  ].join("\n");
}

/** Rows that do not fit, by how they differ, with the row that differs most as the example. */
function misfitLines(
  { signalId, presetId, compared, matching, misfits, misfitKinds }: CompareReport["fits"][number],
  width: number | undefined,
  singly: boolean,
): string[] {
  if (misfitKinds.length === 0) return [];
  const steps = misfitKinds.some(({ trainingSteps }) => trainingSteps);
  return [
    "",
    `${compared - matching} of ${compared} rows do not fit ${signalId} ${presetId}:`,
    table(
      ["rows", "how they differ", ...(steps ? ["steps"] : []), "for example", "at", "recorded", "computed"],
      misfitKinds
        .slice(0, LISTED)
        .map(({ count, what, trainingSteps, example }) => [
          count,
          what,
          ...(steps ? [stepsText(trainingSteps)] : []),
          example.trajectoryId,
          example.index,
          example.recorded,
          example.computed,
        ]),
      width,
    ),
    ...(singly
      ? [
          "",
          "one by one, worst first:",
          table(
            ["id", "at", "recorded", "computed"],
            misfits.map((row) => [row.trajectoryId, row.index, row.recorded, row.computed]),
            width,
          ),
        ]
      : ["(--misfits N lists them one by one)"]),
  ];
}

const stepsText = (steps: readonly [number, number] | undefined): string =>
  steps === undefined ? "" : steps[0] === steps[1] ? tableNumber(steps[0]) : `${steps[0]}-${steps[1]}`;

/** Why nothing could be computed, and which conventions each reason keeps from it. */
function obstacleLines({ obstacles, recordedRows }: CompareReport, width: number | undefined): string[] {
  const rows = obstacles
    .slice(0, LISTED)
    .map(({ reason, rows: held, conventions }) => [
      held === recordedRows ? "all" : String(held),
      reason,
      conventions.length > NAMED
        ? `${conventions.slice(0, NAMED).join(", ")} and ${conventions.length - NAMED} more`
        : conventions.join(", "),
    ]);
  return [
    "",
    ...(width === undefined
      ? [table(["rows", "what is missing", "for"], rows)]
      : rows.map(([held, reason, conventions]) => `  ${held} rows: ${reason}\n      for ${conventions}`)),
    ...(obstacles.length > LISTED
      ? [`  (${obstacles.length - LISTED} more reasons; --json has all of them)`]
      : []),
    "",
    "Advantages can be recomputed where the rewards of the whole group are: compare the rollouts that this file was made from, or score the trajectories with a reward model first.",
  ];
}
