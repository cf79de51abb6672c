import type { SearchHit } from "../../protocol/storeCalls";
import { withIndex, type CommonOptions, type Output } from "../session";

export interface SearchOptions extends CommonOptions {
  readonly regex?: boolean;
  readonly matchCase?: boolean;
  readonly word?: boolean;
  readonly trainingStep?: number;
  readonly limit?: number;
}

/** Looks for a text or a regular expression in the steps of all trajectories of a path. */
export function searchCommand(path: string, pattern: string, options: SearchOptions): Promise<Output> {
  return withIndex([path], options, async ({ services }) => {
    const hits: SearchHit[] = [];
    const { regex = false, matchCase = false, word: wholeWord = false, trainingStep, limit } = options;
    const summary = await services.datasets.search(
      {
        pattern: { pattern, regex, matchCase, wholeWord },
        ...(trainingStep === undefined
          ? {}
          : { trainingStepFrom: trainingStep, trainingStepTo: trainingStep }),
        ...(limit === undefined ? {} : { limit }),
      },
      { report: (progress) => void hits.push(...progress.hits) },
    );
    const { matches, trajectories, searched, total, unreadable, truncated } = summary;
    return {
      document: { ...summary, hits },
      text: () =>
        [
          ...hits.map(
            ({ trajectoryId, stepIndex, field, snippet }) =>
              `${trajectoryId}  step ${stepIndex} ${field}: ${snippet.before}[${snippet.match}]${snippet.after}`,
          ),
          `${matches} matches in ${trajectories} of ${searched} trajectories${
            truncated
              ? ` (stopped at ${hits.length} hits, ${total - searched} trajectories not looked through; raise --limit)`
              : ""
          }${unreadable > 0 ? `; ${unreadable} records could not be read any more` : ""}`,
        ].join("\n"),
    };
  });
}
