import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import * as v from "valibot";
import { Failure } from "../../model/failure";
import type { Provider } from "../../model/score";
import type { PolicyQuestion } from "../../protocol/inferenceCalls";
import { chosenRows, clearProgressLine, withIndex, type CommonOptions, type Output } from "../session";
import { numberText, table } from "../text";
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

const text = v.pipe(v.string(), v.minLength(1));
const questionsSchema = v.array(
  v.strictObject({
    name: text,
    text: v.string(),
    at: v.picklist(["step", "trajectory"]),
    followUps: v.optional(v.array(v.strictObject({ text, sign: v.picklist([1, -1]) }))),
    judgement: v.optional(v.tuple([text, text])),
  }),
);

/** @throws Failure `bad-arguments` naming what does not fit */
async function readQuestions(path: string): Promise<readonly PolicyQuestion[]> {
  const bad = (why: string): Failure =>
    new Failure(
      "bad-arguments",
      `${path} cannot be used as questions: ${why}.`,
      "Give a JSON list of {name, text, at, followUps: [{text, sign}]} or {name, text, at, judgement: [yes, no]}.",
    );
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch {
    throw bad("it cannot be read as JSON");
  }
  const parsed = v.safeParse(questionsSchema, json);
  if (parsed.success) return parsed.output as readonly PolicyQuestion[];
  const [issue] = parsed.issues;
  throw bad(`${v.getDotPath(issue) ?? "the document"}: ${issue.message}`);
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
    const task = {
      report: ({ done, total, message, provider: used }: ScoringProgress) => {
        if (process.stderr.isTTY && !options.json)
          process.stderr.write(`\r\u001b[Kscoring ${done} of ${total} on ${used}: ${message}`);
      },
    };
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
    clearProgressLine();
    const [reason] = report.failures;
    if (report.series.length === 0 && !report.arrays && reason) {
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
          ...(report.arrays
            ? [
                "",
                table(
                  ["id", "table", "level", "rows", "width"],
                  report.arrays.map((array) => [
                    array.trajectoryId,
                    array.layer === undefined ? array.name : `${array.name} (layer ${array.layer})`,
                    array.level,
                    array.rows,
                    array.width,
                  ]),
                ),
              ]
            : []),
          ...report.failures.map((failure) => `${failure.trajectoryId}: ${failure.message}`),
        ].join("\n"),
    };
  });
}

const preview = (values: Float64Array): string => {
  // A dash keeps the place of a step or token without a score, so that the others stay where they belong.
  const shown = [...values.subarray(0, 10)]
    .map((value) => (Number.isNaN(value) ? "-" : numberText(Number(value.toPrecision(6)))))
    .join(" ");
  return values.length > 10 ? `${shown} ... (${values.length})` : shown;
};
