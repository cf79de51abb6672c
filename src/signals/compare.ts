import type { Trajectory } from "../model/trajectory";
import { recordedAdvantage } from "./recorded/recordedSeries";
import { resolveParameters, type Signal, type SignalContext, type SignalResult } from "./signal";

/** A row whose recorded advantage a preset does not reproduce. */
export interface MisfitRow {
  readonly trajectoryId: string;
  /** Step or token at which the difference is largest; 0 for trajectory level. */
  readonly index: number;
  readonly recorded: number;
  readonly computed: number;
}

/** How well one convention reproduces recorded advantages. */
export interface PresetFit {
  readonly signalId: string;
  readonly presetId: string;
  readonly title: string;
  /** Rows that could be compared. */
  readonly compared: number;
  /** Rows whose every entry is within the tolerance. */
  readonly matching: number;
  /** matching / compared; NaN when nothing could be compared. */
  readonly share: number;
  /** Mean over compared rows of the largest absolute difference of the row. */
  readonly meanDifference: number;
  /** Rows that do not fit, worst first. */
  readonly misfits: readonly MisfitRow[];
  /** Why rows could not be compared, with counts. */
  readonly missing: Readonly<Record<string, number>>;
}

export interface Comparison {
  /** Rows that record an advantage. */
  readonly recordedRows: number;
  readonly tolerance: number;
  /** All candidates, best first. */
  readonly fits: readonly PresetFit[];
  /** Candidates that fit equally well as the first. */
  readonly best: readonly PresetFit[];
  /** One sentence for the reader. */
  readonly summary: string;
}

type Series = Extract<SignalResult, { values: Float64Array }>;

/** Entries of a recorded series that the policy produced: where the trainer's advantage means something. */
function policyEntries(trajectory: Trajectory, recorded: Series): readonly number[] {
  const entries: number[] = [];
  const mask = recorded.level === "token" ? trajectory.tokens?.mask : undefined;
  for (let i = 0; i < recorded.values.length; i++) {
    if (Number.isNaN(recorded.values[i]!) || (mask && mask[i] === 0)) continue;
    entries.push(i);
  }
  return entries;
}

interface Difference {
  readonly largest: number;
  readonly row: MisfitRow;
  readonly within: boolean;
}

/** Largest difference of a row; undefined when the levels cannot be put beside each other. */
function difference(
  trajectory: Trajectory,
  recorded: Series,
  computed: Series,
  tolerance: number,
): Difference | undefined {
  const single = computed.level === "trajectory";
  if (!single && (computed.level !== recorded.level || computed.values.length !== recorded.values.length))
    return undefined;
  const entries = policyEntries(trajectory, recorded);
  let worst: Difference | undefined;
  let within = true;
  for (const i of entries) {
    const mine = single ? computed.values[0]! : computed.values[i]!;
    const theirs = recorded.values[i]!;
    const distance = Number.isNaN(mine) ? Infinity : Math.abs(mine - theirs);
    if (distance > tolerance * Math.max(1, Math.abs(theirs))) within = false;
    if (!worst || distance > worst.largest) {
      worst = {
        largest: distance,
        row: { trajectoryId: trajectory.id, index: i, recorded: theirs, computed: mine },
        within,
      };
    }
  }
  return worst && { ...worst, within };
}

/**
 * Recomputes advantages under every preset of the given signals and says which one reproduces the recorded numbers.
 *
 * @param contexts one per trajectory, with its group (and trajectories of the members where signals need them)
 * @param candidates signals whose unit is an advantage; presets without a counterpart in the data are listed as missing
 * @param tolerance absolute below 1, relative above
 * @param limit misfits kept per preset
 */
export function compareAdvantages(
  contexts: readonly SignalContext[],
  candidates: readonly Signal[],
  tolerance = 1e-5,
  limit = 20,
): Comparison {
  const rows: { readonly context: SignalContext; readonly recorded: Series }[] = [];
  const recordedParameters = resolveParameters(recordedAdvantage, undefined);
  for (const context of contexts) {
    const recorded = recordedAdvantage.compute(context, recordedParameters);
    if ("values" in recorded && recorded.values.some((value) => !Number.isNaN(value)))
      rows.push({ context, recorded });
  }
  const fits: PresetFit[] = [];
  for (const signal of candidates) {
    if (signal.unit !== "advantage" || signal.id === recordedAdvantage.id) continue;
    for (const preset of signal.presets)
      fits.push(fitOf(signal, preset.id, preset.title, rows, tolerance, limit));
  }
  const order = fits.map((fit, index) => ({ fit, index }));
  order.sort((a, b) => rank(b.fit) - rank(a.fit) || byDifference(a.fit, b.fit) || a.index - b.index);
  const sorted = order.map(({ fit }) => fit);
  const first = sorted[0];
  const best =
    first && first.matching > 0
      ? sorted.filter((fit) => fit.matching === first.matching && fit.compared === first.compared)
      : [];
  return {
    recordedRows: rows.length,
    tolerance,
    fits: sorted,
    best,
    summary: summaryOf(rows.length, first, best, tolerance),
  };
}

const rank = (fit: PresetFit): number => (fit.compared === 0 ? -1 : fit.matching / fit.compared);

const byDifference = (a: PresetFit, b: PresetFit): number => {
  const left = Number.isNaN(a.meanDifference) ? Infinity : a.meanDifference;
  const right = Number.isNaN(b.meanDifference) ? Infinity : b.meanDifference;
  // Differences far below the tolerance are rounding and decide nothing.
  return left === right || Math.abs(left - right) < 1e-7 ? 0 : left - right;
};

function fitOf(
  signal: Signal,
  presetId: string,
  title: string,
  rows: readonly { readonly context: SignalContext; readonly recorded: Series }[],
  tolerance: number,
  limit: number,
): PresetFit {
  const parameters = resolveParameters(signal, presetId);
  const missing: Record<string, number> = {};
  const misfits: { readonly distance: number; readonly row: MisfitRow }[] = [];
  let compared = 0;
  let matching = 0;
  let total = 0;
  for (const { context, recorded } of rows) {
    const computed = signal.compute(context, parameters);
    const found =
      "missing" in computed ? undefined : difference(context.trajectory, recorded, computed, tolerance);
    if (!found) {
      const reason =
        "missing" in computed
          ? computed.how
          : `Gives ${computed.level} numbers, the file records ${recorded.level} numbers.`;
      missing[reason] = (missing[reason] ?? 0) + 1;
      continue;
    }
    compared++;
    if (Number.isFinite(found.largest)) total += found.largest;
    if (found.within) matching++;
    else misfits.push({ distance: found.largest, row: found.row });
  }
  misfits.sort((a, b) => b.distance - a.distance);
  return {
    signalId: signal.id,
    presetId,
    title: `${signal.title}, ${title}`,
    compared,
    matching,
    share: compared === 0 ? NaN : matching / compared,
    meanDifference: compared === 0 ? NaN : total / compared,
    misfits: misfits.slice(0, limit).map(({ row }) => row),
    missing,
  };
}

function summaryOf(
  recordedRows: number,
  first: PresetFit | undefined,
  best: readonly PresetFit[],
  tolerance: number,
): string {
  if (recordedRows === 0) return "No row records an advantage, so there is nothing to compare.";
  if (!first || first.compared === 0)
    return `${recordedRows} rows record advantages, but no convention could be computed for them.`;
  if (best.length === 0)
    return `No known convention reproduces the recorded advantages of any of ${first.compared} rows within ${tolerance}.`;
  const share = (100 * first.matching) / first.compared;
  const named = best
    .map((fit) => fit.title)
    .slice(0, 4)
    .join(" = ");
  const more = best.length > 4 ? ` (and ${best.length - 4} more that agree here)` : "";
  return `Recorded advantages fit ${named}${more}: ${share === 100 ? "100" : share.toFixed(1)}% of ${first.compared} rows within ${tolerance}.`;
}
