import { Failure } from "../../model/failure";
import type { DiagnoseReport } from "../../services/services";
import { counted, shownTask } from "../progress";
import { placeOf } from "../place";
import { withIndex, type CommonOptions, type Output } from "../session";
import { table } from "../table";
import { terminalText } from "../text";

export interface DiagnoseOptions extends CommonOptions {
  readonly only?: readonly string[];
  readonly param?: readonly string[];
}

/** Findings that the text lists for each diagnostic; `--json` has all of them. */
const LISTED = 5;

/** What is wrong with the runs of a path. */
export async function diagnoseCommand(path: string, options: DiagnoseOptions): Promise<Output> {
  const parameters = parametersOf(options.param ?? []);
  return withIndex([path], options, async ({ services, datasets }) => {
    const reports: DiagnoseReport[] = [];
    for (const dataset of datasets)
      reports.push(
        await services.diagnoses.diagnose(
          {
            datasetId: dataset.id,
            parameters,
            ...(options.only && options.only.length > 0 ? { ids: options.only } : {}),
          },
          shownTask(counted(`diagnosing ${dataset.name}:`)),
        ),
      );
    return {
      document: { reports },
      text: (width) => reports.map((report) => reportText(report, path, width)).join("\n\n"),
      sheet: () => ({
        headings: [
          "path",
          "diagnostic",
          "severity",
          "message",
          "training_step",
          "group_id",
          "step",
          "value",
          "ids",
        ],
        rows: reports.flatMap(({ dataset, findings }) =>
          findings.map((each) => [
            placeOf(dataset.path, path),
            each.diagnosticId,
            each.severity,
            each.message,
            each.trainingStep,
            each.groupId,
            each.stepIndex,
            each.value,
            each.trajectoryIds.join(" "),
          ]),
        ),
      }),
    };
  });
}

function reportText(report: DiagnoseReport, path: string, width: number | undefined): string {
  const spoken = report.diagnostics.filter(({ findings }) => findings > 0);
  const silent = report.diagnostics.filter(
    ({ findings, missing }) => findings === 0 && Object.keys(missing).length > 0,
  );
  return [
    `${terminalText(placeOf(report.dataset.path, path))}: ${counting(report.findings.length, "finding", "findings")} in ${counting(report.trajectories, "trajectory", "trajectories")}, in ${report.seconds.toFixed(2)} s`,
    ...(spoken.length === 0
      ? []
      : [
          "",
          table(
            ["diagnostic", "findings", "rows", ""],
            spoken.map(({ id, findings, rows, title }) => [id, findings, rows, title]),
            width,
          ),
        ]),
    ...spoken.flatMap(({ id }) => {
      const own = report.findings.filter(({ diagnosticId }) => diagnosticId === id);
      return [
        "",
        ...own
          .slice(0, LISTED)
          .map(
            ({ message, trajectoryIds }) =>
              `${id}: ${message}  (${counting(trajectoryIds.length, "row", "rows")}, ${trajectoryIds[0] ?? ""})`,
          ),
        ...(own.length > LISTED ? [`${id}: ${own.length - LISTED} more`] : []),
      ];
    }),
    ...(silent.length === 0 ? [] : ["", "not computed:", ...missingLines(silent)]),
  ].join("\n");
}

/** What is missing, with the diagnostics that need it. */
function missingLines(silent: DiagnoseReport["diagnostics"]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { id, missing } of silent)
    for (const reason of Object.keys(missing)) reasons.set(reason, [...(reasons.get(reason) ?? []), id]);
  return [...reasons].map(([reason, ids]) => terminalText(`  ${ids.join(", ")}: ${reason}`));
}

const counting = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** `length-bloat.ratio=2` by diagnostic. */
function parametersOf(pairs: readonly string[]): Record<string, Record<string, string>> {
  const parameters: Record<string, Record<string, string>> = {};
  for (const pair of pairs) {
    const found = /^([a-z0-9-]+)\.(\w+)=(.*)$/su.exec(pair);
    if (!found)
      throw new Failure(
        "bad-arguments",
        `The option --param takes diagnostic.name=value, not "${pair}".`,
        "Write for example --param length-bloat.ratio=2.",
      );
    (parameters[found[1]!] ??= {})[found[2]!] = found[3]!;
  }
  return parameters;
}
