import type { TrainingStepSummary } from "../../src/model/summary";
import { count, percent, significant } from "./format";

/** One small plot over training steps: a main line and lighter ones of the same unit. */
export interface TrainingSeries {
  readonly id: string;
  readonly title: string;
  /** What the numbers are, for the tooltip and the table. */
  readonly meaning: string;
  format(value: number | undefined): string;
  readonly lines: readonly { readonly name: string; at(step: TrainingStepSummary): number | undefined }[];
  /** Shares keep the scale from 0 to 1 in sight when they come near it. */
  readonly share: boolean;
}

const share = (
  id: string,
  title: string,
  meaning: string,
  at: (step: TrainingStepSummary) => number | undefined,
): TrainingSeries => ({
  id,
  title,
  meaning,
  format: percent,
  lines: [{ name: title, at }],
  share: true,
});

/** The plots for which some training step has a number, in reading order. */
export function trainingSeries(
  steps: readonly TrainingStepSummary[],
  components: readonly string[],
): readonly TrainingSeries[] {
  const length: readonly [string, (step: TrainingStepSummary) => number | undefined][] = [
    ["tokens", (step) => step.meanTokens],
    ["characters", (step) => step.meanResponseCharacters],
    ["steps", (step) => step.meanSteps],
  ];
  const [unit, lengthAt] =
    length.find(([, at]) => steps.some((step) => at(step) !== undefined)) ?? length[2]!;
  const all: TrainingSeries[] = [
    {
      id: "reward",
      title: "reward",
      meaning: "mean reward of the trajectories that have one, and of its components",
      format: significant,
      lines: [
        { name: "reward", at: (step) => step.rewardMean },
        ...components
          .slice(0, 5)
          .map((name) => ({ name, at: (step: TrainingStepSummary) => step.componentMeans[name] })),
      ],
      share: false,
    },
    share(
      "success",
      "success",
      "share of trajectories that succeeded, of those that tell",
      (step) => step.successRate,
    ),
    {
      id: "length",
      title: `length (${unit})`,
      meaning: `mean ${unit} of a trajectory`,
      // As the table writes lengths.
      format: (value) =>
        value !== undefined && value >= 1000 ? count(Math.round(value)) : significant(value),
      lines: [{ name: unit, at: lengthAt }],
      share: false,
    },
    share(
      "noContrast",
      "no contrast",
      "share of groups of two or more whose rewards are all equal: they teach nothing under GRPO",
      (step) => step.noContrastShare,
    ),
    share(
      "truncated",
      "truncated",
      "share of trajectories cut by a length or time limit",
      (step) => step.truncatedShare,
    ),
  ];
  return all
    .map((series) => ({
      ...series,
      lines: series.lines.filter(
        (line, index) => index === 0 || steps.some((step) => line.at(step) !== undefined),
      ),
    }))
    .filter((series) => steps.some((step) => series.lines.some((line) => line.at(step) !== undefined)));
}
