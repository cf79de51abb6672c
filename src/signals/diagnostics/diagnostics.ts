import type { Diagnostic } from "./diagnostic";
import { duplicateAnswers, groupCompleteness, zeroVariance } from "./groupContrast";
import { repeatedActions, repetition } from "./loops";
import { maskLint } from "./maskLint";
import { groupOutcomes, rewardOutliers, truncation } from "./runOutcomes";
import { formatDrift, lengthBloat, rewardDivergence } from "./runTrends";

/** Every diagnostic, in the order in which findings are read: the run, its groups, its trajectories. */
export const diagnostics: readonly Diagnostic[] = [
  rewardDivergence,
  formatDrift,
  lengthBloat,
  truncation,
  groupOutcomes,
  rewardOutliers,
  groupCompleteness,
  zeroVariance,
  duplicateAnswers,
  repetition,
  repeatedActions,
  maskLint,
];
