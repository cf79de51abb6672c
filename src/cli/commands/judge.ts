import { Failure } from "../../model/failure";
import { counted, shownTask } from "../progress";
import { chosenRows, withIndex, type CommonOptions, type Output } from "../session";
import { tableNumber } from "../text";
import { table } from "../table";
import { failureLines } from "./failureLines";
import { seriesDocument, seriesSheet } from "./series";

export interface JudgeOptions extends CommonOptions {
  readonly model: string;
  readonly prompt: string;
  readonly id?: string;
  readonly limit?: number;
  readonly yes?: boolean;
}

/** Requests that are sent without asking. */
const ASK_ABOVE = 20;

/** Grades trajectories with a language model on a declared server; without --yes a larger run is only estimated. */
export function judgeCommand(path: string, options: JudgeOptions): Promise<Output> {
  return withIndex([path], options, async (opened) => {
    const ids = (await chosenRows(opened, options.id, options.limit)).map((row) => row.id);
    const { judging } = opened.services;
    const estimate = await judging.estimate(ids, options.model, options.prompt);
    if (estimate.requests > ASK_ABOVE && !options.yes) {
      const cost = estimate.cost === undefined ? "" : `, about ${estimate.cost.toPrecision(3)}`;
      throw new Failure(
        "confirm-cost",
        `This would send ${estimate.requests} requests with about ${estimate.inputTokens} tokens and take up to ${estimate.outputTokens} back${cost}.`,
        "Add --yes to do it.",
      );
    }
    const report = await judging.judge(ids, options.model, options.prompt, shownTask(counted("judged")));
    return {
      document: {
        estimate,
        ...report,
        series: report.series.map(seriesDocument),
        replies: Object.fromEntries(
          Object.entries(report.replies).map(([id, replies]) => [
            id,
            replies.map((reply) => ({ ...reply, score: Number.isNaN(reply.score) ? null : reply.score })),
          ]),
        ),
      },
      text: (width) =>
        [
          `${report.requests} requests (${report.cached} from before), ${report.inputTokens} tokens there and ${report.outputTokens} back in ${report.seconds.toFixed(1)} s`,
          "",
          table(
            ["id", "name", "scores"],
            report.series.map((series) => [
              series.trajectoryId,
              series.name,
              [...series.values]
                .filter((value) => !Number.isNaN(value))
                .map(tableNumber)
                .join(" "),
            ]),
            width,
          ),
          ...failureLines(report.failures),
        ].join("\n"),
      sheet: () => seriesSheet(report.series),
    };
  });
}
