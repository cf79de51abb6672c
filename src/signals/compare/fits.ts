import type { ParameterValues } from "../signal";
import type { MisfitKind } from "./misfitKinds";
import type { MisfitRow } from "./rowDifference";

/** How well one convention reproduces recorded advantages. */
export interface PresetFit {
  readonly signalId: string;
  readonly presetId: string;
  readonly title: string;
  /** What the title is made of. */
  readonly names: { readonly signal: string; readonly preset: string; readonly discounts: string };
  /** All parameters of the convention. */
  readonly parameters: ParameterValues;
  /** Rows that could be compared. */
  readonly compared: number;
  /** Rows whose every entry is within the tolerance. */
  readonly matching: number;
  /** Of these, rows with a recorded advantage other than 0: a 0 fits every convention where a group has no contrast. */
  readonly telling: number;
  /** matching / compared; absent when nothing could be compared. */
  readonly share?: number;
  /** Mean over compared rows of the largest absolute difference of the row; absent as the share is. */
  readonly meanDifference?: number;
  /** Rows that do not fit, worst first. */
  readonly misfits: readonly MisfitRow[];
  /** All rows that do not fit, by how they differ; commonest first. */
  readonly misfitKinds: readonly MisfitKind[];
  /** Why rows could not be compared, with counts. */
  readonly missing: Readonly<Record<string, number>>;
}

/** Why conventions could not be computed. */
export interface Obstacle {
  /** One sentence that says what is missing and how to get it. */
  readonly reason: string;
  /** Rows that it holds for. */
  readonly rows: number;
  /** Conventions that it holds for, by signal. */
  readonly conventions: readonly string[];
}

export interface Comparison {
  /** Rows that record an advantage. */
  readonly recordedRows: number;
  readonly tolerance: number;
  /** All candidates, best first. */
  readonly fits: readonly PresetFit[];
  /** Candidates that fit equally well as the first. */
  readonly best: readonly PresetFit[];
  /** What kept conventions from being computed; the reason of most conventions first. */
  readonly obstacles: readonly Obstacle[];
  /** One sentence for the reader. */
  readonly summary: string;
}

/** More rows reproduced come first, then a greater share of those that could be compared. */
export const byFit = (a: PresetFit, b: PresetFit): number =>
  b.telling - a.telling ||
  b.matching - a.matching ||
  Number(b.compared > 0) - Number(a.compared > 0) ||
  (b.share ?? 0) - (a.share ?? 0);

export const byDifference = (a: PresetFit, b: PresetFit): number => {
  const left = a.meanDifference ?? Infinity;
  const right = b.meanDifference ?? Infinity;
  // Differences far below the tolerance are rounding and decide nothing.
  return left === right || Math.abs(left - right) < 1e-7 ? 0 : left - right;
};

/** `1e-5` rather than `0.00001`. */
const toleranceText = (value: number): string => (value < 1e-3 ? value.toExponential() : String(value));

export function summaryOf(
  recordedRows: number,
  first: PresetFit | undefined,
  best: readonly PresetFit[],
  tolerance: number,
  obstacles: readonly Obstacle[] = [],
): string {
  if (recordedRows === 0) return "No row records an advantage, so there is nothing to compare.";
  if (!first || first.compared === 0)
    return `${recordedRows} rows record advantages, but no convention could be computed for them. ${obstacles[0]?.reason ?? ""}`.trim();
  if (best.length === 0)
    return `No known convention reproduces the recorded advantages of any of ${first.compared} rows within ${toleranceText(tolerance)}.`;
  const named = namesOf(best);
  const share = (100 * first.matching) / first.compared;
  const part = share === 100 ? "100" : share > 99.9 ? "more than 99.9" : share.toFixed(1);
  const rest =
    first.compared < recordedRows
      ? ` ${recordedRows - first.compared} more rows record advantages, but this could not be computed for them.`
      : "";
  if (first.telling === 0)
    return first.matching === first.compared
      ? `All ${first.compared} recorded advantages that could be compared are 0, which tells no convention from another.${rest}`
      : `No known convention reproduces the recorded advantages; ${first.matching} of ${first.compared} rows agree, all of them 0.${rest}`;
  if (share < 50)
    return `No known convention reproduces the recorded advantages; the nearest, ${named}, does so on ${part}% of ${first.compared} rows within ${toleranceText(tolerance)}.${rest}`;
  return `Recorded advantages fit ${named}: ${part}% of ${first.compared} rows within ${toleranceText(tolerance)}.${rest}`;
}

/** Signals and presets that a sentence names. */
const NAMED_SIGNALS = 3;
const NAMED_PRESETS = 5;

/** Conventions that agree, those of one signal together: "GAE advantage (Stable-Baselines3, RLlib; gamma 0.95)". */
function namesOf(best: readonly PresetFit[]): string {
  const signals = new Map<string, PresetFit[]>();
  for (const fit of best) {
    const key = `${fit.names.signal}\n${fit.names.discounts}`;
    signals.set(key, [...(signals.get(key) ?? []), fit]);
  }
  const listed = [...signals.values()].slice(0, NAMED_SIGNALS);
  const told = listed.map((fits) => {
    const { signal, discounts } = fits[0]!.names;
    const presets = fits.slice(0, NAMED_PRESETS).map(({ names }) => names.preset);
    const more = fits.length > presets.length ? ` and ${fits.length - presets.length} more` : "";
    return `${signal} (${presets.join(", ")}${more}${discounts === "" ? "" : `; ${discounts}`})`;
  });
  const rest = best.length - listed.reduce((sum, fits) => sum + fits.length, 0);
  return `${told.join(" = ")}${rest > 0 ? ` (and ${rest} more that agree here)` : ""}`;
}

/** Reasons of all conventions, those that keep most of them from being computed first. */
export function obstaclesOf(fits: readonly PresetFit[]): readonly Obstacle[] {
  const found = new Map<string, { rows: number; conventions: Set<string>; presets: number }>();
  for (const fit of fits)
    for (const [reason, rows] of Object.entries(fit.missing)) {
      const known = found.get(reason) ?? { rows: 0, conventions: new Set<string>(), presets: 0 };
      found.set(reason, known);
      known.rows = Math.max(known.rows, rows);
      known.conventions.add(fit.signalId);
      known.presets++;
    }
  return [...found]
    .sort(([, a], [, b]) => b.presets - a.presets || b.rows - a.rows)
    .map(([reason, { rows, conventions }]) => ({ reason, rows, conventions: [...conventions] }));
}
