import type { LookAheadRule } from "../protocol/inferenceCalls";

/** A released set of bounds for look-ahead growth; how many branches there may be is the user's alone. */
export interface LookAheadPreset {
  readonly id: string;
  readonly title: string;
  /** Where the numbers stand. */
  readonly source: string;
  readonly rule: Omit<LookAheadRule, "capacity">;
}

const branch = { absolute: 0.25, relative: 0.15, gap: "below" } as const;
const ages = [20, 30, 50] as const;

/** LATR's bounds as released (starreeze/latr), the same presets as those of the signals `latr-fork` and `latr-prune`. */
export const lookAheadPresets: readonly LookAheadPreset[] = [
  {
    id: "default",
    title: "LATR, defaults",
    source: "model/sample_filter.py: edit distance per token below 0.4",
    rule: { ...branch, ages, edit: 0.4 },
  },
  {
    id: "math",
    title: "LATR, math scripts",
    source: "scripts/grpo-kt-math.sh: suffix match above 0.2 or ROUGE-L above 0.5",
    rule: { absolute: 0.15, relative: 0.25, gap: "below", ages, suffix: 0.2, rouge: 0.5 },
  },
  {
    id: "before-2026-01-23",
    title: "LATR, before the test was turned around",
    source: "model/sample_filter.py before commit 2adb0ed: the gap must be above its bound",
    rule: { ...branch, gap: "above", ages, edit: 0.4 },
  },
];

/** A rule as one phrase, for records and reports. */
export function ruleText(rule: LookAheadRule): string {
  const prunes = [
    ...(rule.edit === undefined ? [] : [`edit distance per token below ${rule.edit}`]),
    ...(rule.suffix === undefined ? [] : [`suffix match above ${rule.suffix}`]),
    ...(rule.rouge === undefined ? [] : [`ROUGE-L above ${rule.rouge}`]),
  ];
  const pruned =
    prunes.length === 0 || rule.ages.length === 0
      ? "nothing pruned"
      : `pruned after ${rule.ages.join(", ")} tokens by ${prunes.join(" or ")}`;
  return `branches above ${rule.absolute} with a gap ${rule.gap} ${rule.relative}, at most ${rule.capacity}, ${pruned}`;
}
