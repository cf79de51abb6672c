import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Failure } from "../../model/failure";
import type { RecomputeReport } from "../../services/recomputeContract";
import { counted, shownTask } from "../progress";
import { chosenRows, withIndex, type CommonOptions, type Output } from "../session";
import { numberText } from "../text";
import { table } from "../table";
import { failureLines } from "./failureLines";

export interface RecomputeOptions extends CommonOptions {
  readonly function: string;
  readonly python?: string;
  readonly id?: string;
  readonly limit?: number;
}

/** Rewards of recorded trajectories under the user's own Python function, beside the recorded ones. */
export async function recomputeCommand(path: string, options: RecomputeOptions): Promise<Output> {
  const at = options.function.lastIndexOf(":");
  if (at <= 0 || !/^[A-Za-z_]\w*$/.test(options.function.slice(at + 1))) {
    throw new Failure(
      "bad-arguments",
      `The option --function takes FILE.py:NAME, not "${options.function}".`,
      "Write for example --function rewards.py:compute_score.",
    );
  }
  const file = resolve(options.function.slice(0, at));
  const functionName = options.function.slice(at + 1);
  const python = options.python ?? (await nearestPython(dirname(file)));
  return withIndex([path], options, async (opened) => {
    const rows = await chosenRows(opened, options.id, options.limit);
    const report = await opened.services.recompute.rewards(
      { trajectoryIds: rows.map((row) => row.id), file, functionName, python },
      shownTask(counted("recomputing")),
    );
    return {
      document: report,
      text: (width) => reportText(report, width),
      sheet: () => ({
        headings: ["id", "recorded", "recomputed", "difference", "message"],
        rows: report.rows.map((row) => [
          row.trajectoryId,
          row.recorded,
          row.recomputed,
          row.difference,
          row.message,
        ]),
      }),
    };
  });
}

function reportText(report: RecomputeReport, width: number | undefined): string {
  const different = report.rows.filter((row) => row.recorded !== row.recomputed || row.message !== undefined);
  return [
    `${report.functionName}: ${report.equal} equal, ${report.changed} changed, ${report.incomparable} without both numbers, ${report.failed} failed, in ${report.seconds.toFixed(2)} s`,
    ...(report.recordedMean === undefined
      ? []
      : [
          `mean reward ${numberText(report.recordedMean)} recorded, ${numberText(report.recomputedMean)} recomputed`,
        ]),
    ...(different.length === 0
      ? []
      : [
          "",
          table(
            ["id", "recorded", "recomputed", "difference"],
            different.map((row) => [row.trajectoryId, row.recorded, row.recomputed, row.difference]),
            width,
          ),
          ...failureLines(
            different.flatMap(({ trajectoryId, message }) =>
              message === undefined ? [] : [{ trajectoryId, message }],
            ),
          ),
        ]),
  ].join("\n");
}

/** The active environment's interpreter, that of a `.venv` or `venv` beside the code or above it, else `python3`. */
export async function nearestPython(folder: string): Promise<string> {
  const active = process.env["VIRTUAL_ENV"];
  const program = process.platform === "win32" ? join("Scripts", "python.exe") : join("bin", "python");
  if (active) return join(active, program);
  for (let place = folder; ; place = dirname(place)) {
    for (const name of [".venv", "venv"]) {
      const candidate = join(place, name, program);
      if (await stat(candidate).catch(() => undefined)) return candidate;
    }
    if (dirname(place) === place) return process.platform === "win32" ? "python" : "python3";
  }
}
