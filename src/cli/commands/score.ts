import { resolve } from "node:path";
import { Failure } from "../../model/failure";
import type { Provider, ScoreReport, ScoreSeries } from "../../model/score";
import { chosenRows, withIndex, type CommonOptions, type Output } from "../session";
import { seriesNumbers } from "../json";
import { shownTask } from "../progress";
import { table } from "../table";
import { tableNumber } from "../text";
import { failureLines } from "./failureLines";
import { readQuestions } from "./questionsFile";
import { arrayDocument, seriesDocument, seriesSheet } from "./series";
import { extrasOf, longTextOption, providerOption, type ExtraOptions } from "./modelOptions";

export interface ScoreOptions extends CommonOptions, ExtraOptions {
  readonly model: string;
  readonly provider: string;
  readonly id?: string;
  readonly limit?: number;
  readonly longText?: string;
  readonly belief?: string;
  readonly questions?: string;
}

interface ScoringProgress {
  readonly done: number;
  readonly total: number;
  readonly provider: Provider;
  readonly message: string;
}

/** Scores trajectories with a model. */
export function scoreCommand(path: string, options: ScoreOptions): Promise<Output> {
  const provider = providerOption(options.provider);
  const extras = extrasOf(options);
  const longText = longTextOption(options.longText);
  return withIndex([path], options, async (opened) => {
    const rows = await chosenRows(opened, options.id, options.limit);
    const ids = rows.map((row) => row.id);
    const { scoring } = opened.services;
    const task = shownTask(
      ({ done, total, message, provider: used }: ScoringProgress) =>
        `scoring ${done} of ${total} on ${used}: ${message}`,
    );
    const report = options.questions
      ? await scoring.ask(ids, options.model, provider, await readQuestions(resolve(options.questions)), task)
      : options.belief === undefined
        ? await scoring.score(ids, options.model, provider, task, {
            extras,
            ...(longText === undefined ? {} : { longText }),
          })
        : await scoring.answerBelief(
            ids,
            options.model,
            provider,
            options.belief.replaceAll("\\n", "\n"),
            task,
          );
    const [reason] = report.failures;
    if (report.series.length === 0 && !report.arrays && reason) {
      const others = report.failures.length > 1 ? ` (and ${report.failures.length - 1} more)` : "";
      throw new Failure(
        "nothing-scored",
        `${reason.message}${others}`,
        "Choose a model that fits these trajectories.",
      );
    }
    const { storage } = opened;
    return {
      document: {
        ...report,
        storage,
        series: report.series.map(seriesDocument),
        ...(report.arrays ? { arrays: report.arrays.map(arrayDocument) } : {}),
      },
      text: (width) => reportText(report, path, storage, width),
      sheet: () => seriesSheet(report.series),
    };
  });
}

/** Series and tables that the text lists; `--json` and `--csv` have all of them. */
const LISTED = 40;

function reportText(report: ScoreReport, path: string, storage: string, width: number | undefined): string {
  const { trajectories, cached, tokens, seconds, loadSeconds, series, arrays = [], failures } = report;
  const speed =
    seconds > 0 && tokens > 0 ? `, ${Math.round(tokens / seconds).toLocaleString("en")} tokens/s` : "";
  const more = (all: readonly unknown[]): string[] =>
    all.length > LISTED ? [`... and ${all.length - LISTED} more; --csv and --json have all of them`] : [];
  return [
    `${report.modelKind} model ${report.modelPath} on ${report.provider}`,
    cached === trajectories
      ? `${trajectories} trajectories, all answered from the cache`
      : `${trajectories} trajectories (${cached} from the cache), ${tokens} tokens computed in ${seconds.toFixed(3)} s${speed}; loading took ${loadSeconds.toFixed(2)} s`,
    `kept in ${storage}; see them with: query ${quoted(path)} --sql "SELECT * FROM scores"`,
    "",
    table(
      ["id", "name", "level", "unit", "count", "mean", "values"],
      series
        .slice(0, LISTED)
        .map((each) => [each.trajectoryId, each.name, each.level, each.unit, ...preview(each)]),
      width,
    ),
    ...more(series),
    ...(arrays.length > 0
      ? [
          "",
          table(
            ["id", "table", "level", "rows", "width"],
            arrays
              .slice(0, LISTED)
              .map((array) => [
                array.trajectoryId,
                array.layer === undefined ? array.name : `${array.name} (layer ${array.layer})`,
                array.level,
                array.rows,
                array.width,
              ]),
            width,
          ),
          ...more(arrays),
        ]
      : []),
    ...failureLines(failures),
  ].join("\n");
}

/** How many numbers there are, their mean, and the first of them; a dash keeps the place of one that is not there. */
function preview({ values }: ScoreSeries): [number, number | undefined, string] {
  const numbers = values.filter((value) => !Number.isNaN(value));
  const mean =
    numbers.length === 0 ? undefined : numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const first = values.findIndex((value) => !Number.isNaN(value));
  if (first < 0) return [0, mean, ""];
  const shown = seriesNumbers(values.subarray(first, first + 8)).map((value) =>
    value === null ? "-" : tableNumber(value),
  );
  const place = first === 0 ? [] : [`[${first}]`];
  const more = first + 8 < values.length ? ["..."] : [];
  return [numbers.length, mean, [...place, ...shown, ...more].join(" ")];
}

const quoted = (path: string): string => (/^[\w@%+=:,./~-]+$/u.test(path) ? path : JSON.stringify(path));
