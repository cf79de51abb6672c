import { Failure } from "../../model/failure";
import type { Provider } from "../../model/score";
import { chosenRows, clearProgressLine, withIndex, type CommonOptions, type Output } from "../session";
import { numberText, table } from "../text";

export interface ScoreOptions extends CommonOptions {
  readonly model: string;
  readonly provider: string;
  readonly id?: string;
  readonly limit?: number;
}

const PROVIDERS: readonly (Provider | "auto")[] = ["auto", "cuda", "webgpu", "dml", "coreml", "cpu"];

/** Scores trajectories with a model. */
export function scoreCommand(path: string, options: ScoreOptions): Promise<Output> {
  const provider = PROVIDERS.find((name) => name === options.provider);
  if (!provider) {
    throw new Failure(
      "bad-arguments",
      `There is no provider "${options.provider}".`,
      `Choose one of: ${PROVIDERS.join(", ")}.`,
    );
  }
  return withIndex([path], options, async (opened) => {
    const rows = await chosenRows(opened, options.id, options.limit);
    const report = await opened.services.scoring.score(
      rows.map((row) => row.id),
      options.model,
      provider,
      {
        report: ({ done, total, message, provider: used }) => {
          if (process.stderr.isTTY && !options.json)
            process.stderr.write(`\r\u001b[Kscoring ${done} of ${total} on ${used}: ${message}`);
        },
      },
    );
    clearProgressLine();
    const [reason] = report.failures;
    if (report.series.length === 0 && reason) {
      const others = report.failures.length > 1 ? ` (and ${report.failures.length - 1} more)` : "";
      throw new Failure(
        "nothing-scored",
        `${reason.message}${others}`,
        "Choose a model that fits these trajectories.",
      );
    }
    return {
      document: report,
      text: () =>
        [
          `${report.modelKind} model on ${report.provider}: ${report.trajectories} trajectories (${report.cached} from the cache), ${report.tokens} tokens in ${report.seconds.toFixed(3)} s`,
          "",
          table(
            ["id", "name", "level", "unit", "values"],
            report.series.map((series) => [
              series.trajectoryId,
              series.name,
              series.level,
              series.unit,
              preview(series.values),
            ]),
          ),
          ...report.failures.map((failure) => `${failure.trajectoryId}: ${failure.message}`),
        ].join("\n"),
    };
  });
}

const preview = (values: Float64Array): string => {
  const defined = values.filter((value) => !Number.isNaN(value));
  const shown = [...defined.subarray(0, 8)]
    .map((value) => numberText(Number(value.toPrecision(6))))
    .join(" ");
  return defined.length > 8 ? `${shown} ... (${defined.length} of ${values.length})` : shown;
};
