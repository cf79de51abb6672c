import type { SearchHit } from "../../protocol/storeCalls";
import { clearProgress, showProgress } from "../progress";
import { interruption } from "../interruption";
import { withIndex, type CommonOptions, type Output } from "../session";
import { terminalText } from "../text";

export interface SearchOptions extends CommonOptions {
  readonly regex?: boolean;
  readonly matchCase?: boolean;
  readonly word?: boolean;
  readonly trainingStep?: number;
  readonly limit?: number;
}

/**
 * Looks for a text or a regular expression in the steps of all trajectories of a path.
 * @param print is given the lines of hits as they are found; what is left of the text is the sum of it
 */
export function searchCommand(
  path: string,
  pattern: string,
  options: SearchOptions,
  print: (line: string) => void,
): Promise<Output> {
  const streams = options.json !== true && options.csv !== true;
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
      {
        signal: interruption,
        report: (progress) => {
          if (streams && progress.hits.length > 0) {
            clearProgress();
            for (const hit of progress.hits) print(hitLine(hit));
          }
          hits.push(...progress.hits);
          showProgress(() => `searched ${progress.searched} of ${progress.total}, ${hits.length} hits`);
        },
      },
    );
    const { matches, trajectories, searched, total, unreadable, truncated } = summary;
    return {
      document: { ...summary, hits },
      text: () =>
        `${matches} matches in ${trajectories} of ${searched} trajectories${
          truncated
            ? ` (stopped at ${hits.length} hits, ${total - searched} trajectories not looked through; raise --limit)`
            : ""
        }${unreadable > 0 ? `; ${unreadable} records could not be read any more` : ""}`,
      sheet: () => ({
        headings: [
          "id",
          "training_step",
          "step",
          "role",
          "field",
          "offset",
          "length",
          "before",
          "match",
          "after",
        ],
        rows: hits.map((hit) => [
          hit.trajectoryId,
          hit.trainingStep,
          hit.stepIndex,
          hit.role,
          hit.field,
          hit.offset,
          hit.length,
          hit.snippet.before,
          hit.snippet.match,
          hit.snippet.after,
        ]),
      }),
    };
  });
}

const hitLine = ({ trajectoryId, stepIndex, field, snippet }: SearchHit): string =>
  terminalText(
    `${trajectoryId}  step ${stepIndex} ${field}: ${snippet.before}[${snippet.match}]${snippet.after}`,
  ).replaceAll("\n", " ");
