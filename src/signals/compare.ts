import type { Trajectory } from "../model/trajectory";
import { recordedAdvantage } from "./recorded/recordedSeries";
import {
  resolveParameters,
  type ParameterValues,
  type Signal,
  type SignalContext,
  type SignalResult,
} from "./signal";

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
  /** All parameters of the convention. */
  readonly parameters: ParameterValues;
  /** Rows that could be compared. */
  readonly compared: number;
  /** Rows whose every entry is within the tolerance. */
  readonly matching: number;
  /** Of these, rows with a recorded advantage other than 0: a 0 fits every convention where a group has no contrast. */
  readonly telling: number;
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

/** One convention to try: a signal with the parameters of one of its presets. */
export interface Candidate {
  readonly signal: Signal;
  readonly presetId: string;
  /** "GRPO advantage, verl Dr.GRPO" */
  readonly title: string;
  readonly parameters: ParameterValues;
}

/** Discounts and trace decays that are tried where the run does not say which it used. */
const usualDiscounts = [0.9, 0.95, 0.97, 0.99, 0.995, 0.999, 1];
const usualDecays = [0, 0.5, 0.9, 0.92, 0.95, 0.97, 0.98, 1];

/**
 * Every preset of every signal whose unit is an advantage; conventions with a discount are tried with the run's own one,
 * or with the usual ones where it is not known.
 */
export function candidatesOf(
  signals: readonly Signal[],
  run: { readonly gamma?: number; readonly lambda?: number } = {},
): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const signal of signals) {
    if (signal.unit !== "advantage" || signal.id === recordedAdvantage.id) continue;
    const has = (name: string): boolean => signal.parameters.some((parameter) => parameter.name === name);
    const presets =
      signal.presets.length > 0 ? signal.presets : [{ id: "defaults", title: "defaults", values: {} }];
    for (const preset of presets) {
      const base = resolveParameters(signal, preset.id === "defaults" ? undefined : preset.id);
      const title = `${signal.title}, ${preset.title}`;
      const add = (values: Record<string, number>): void => {
        const said = Object.entries(values).map(([name, value]) => `${name} ${value}`);
        found.push({
          signal,
          presetId: preset.id,
          title: [title, ...said].join(", "),
          parameters: { ...base, ...values },
        });
      };
      // What the run says beats a library's default; without it the default is tried first, then the usual values.
      const choices = (
        name: "gamma" | "lambda",
        usual: readonly number[],
      ): readonly (number | undefined)[] => {
        if (!has(name)) return [undefined];
        const known = run[name];
        const own = base[name];
        if (known !== undefined) return [known];
        return [...new Set(typeof own === "number" ? [own, ...usual] : usual)];
      };
      const gammas = choices("gamma", usualDiscounts);
      const lambdas = choices("lambda", usualDecays);
      for (const gamma of gammas)
        for (const lambda of lambdas)
          add({ ...(gamma === undefined ? {} : { gamma }), ...(lambda === undefined ? {} : { lambda }) });
    }
  }
  return found;
}

interface Running {
  readonly candidate: Candidate;
  readonly missing: Record<string, number>;
  misfits: { readonly distance: number; readonly row: MisfitRow }[];
  compared: number;
  matching: number;
  telling: number;
  total: number;
}

/** Compares a dataset that is too large to hold: rows come one by one, only counts and the worst misfits are kept. */
export class AdvantageComparison {
  private running: readonly Running[];
  private recordedRows = 0;
  private readonly recordedParameters = resolveParameters(recordedAdvantage, undefined);

  /**
   * @param tolerance absolute below 1, relative above
   * @param limit misfits kept per candidate
   */
  constructor(
    candidates: readonly Candidate[],
    private readonly tolerance = 1e-5,
    private readonly limit = 20,
  ) {
    this.running = candidates.map((candidate) => ({
      candidate,
      missing: {},
      misfits: [],
      compared: 0,
      matching: 0,
      telling: 0,
      total: 0,
    }));
  }

  /** Rows with a recorded advantage so far. */
  get rows(): number {
    return this.recordedRows;
  }

  /** @returns false when the row records no advantage */
  add(context: SignalContext): boolean {
    const recorded = recordedAdvantage.compute(context, this.recordedParameters);
    if ("missing" in recorded || recorded.values.every((value) => Number.isNaN(value))) return false;
    this.recordedRows++;
    for (const each of this.running) this.try(each, context, recorded);
    return true;
  }

  /**
   * Gives up the candidates that fit none of the rows so far, when there are some that do; otherwise all but those with
   * the smallest differences.
   */
  narrow(keep = 12): void {
    const fitting = this.running.filter(({ telling }) => telling > 0);
    const near = [...this.running]
      .filter(({ compared }) => compared > 0)
      .sort((a, b) => a.total / a.compared - b.total / b.compared)
      .slice(0, keep);
    const kept = new Set(fitting.length > 0 ? fitting : near);
    // What could not be computed so far may be computable later.
    this.running = this.running.filter((each) => kept.has(each) || each.compared === 0);
  }

  private try(each: Running, context: SignalContext, recorded: Series): void {
    const { signal, parameters } = each.candidate;
    const computed = signal.compute(context, parameters);
    const found =
      "missing" in computed ? undefined : difference(context.trajectory, recorded, computed, this.tolerance);
    if (!found) {
      const reason =
        "missing" in computed
          ? computed.how
          : `Gives ${computed.level} numbers, the file records ${recorded.level} numbers.`;
      each.missing[reason] = (each.missing[reason] ?? 0) + 1;
      return;
    }
    each.compared++;
    if (Number.isFinite(found.largest)) each.total += found.largest;
    if (found.within) {
      each.matching++;
      if (recorded.values.some((value) => value !== 0 && !Number.isNaN(value))) each.telling++;
      return;
    }
    each.misfits.push({ distance: found.largest, row: found.row });
    if (each.misfits.length > 4 * this.limit + 64) each.misfits = this.worst(each.misfits);
  }

  private worst(misfits: Running["misfits"]): Running["misfits"] {
    return [...misfits].sort((a, b) => b.distance - a.distance).slice(0, this.limit);
  }

  result(): Comparison {
    const fits = this.running.map((each): PresetFit => ({
      signalId: each.candidate.signal.id,
      presetId: each.candidate.presetId,
      parameters: each.candidate.parameters,
      title: each.candidate.title,
      compared: each.compared,
      matching: each.matching,
      telling: each.telling,
      share: each.compared === 0 ? NaN : each.matching / each.compared,
      meanDifference: each.compared === 0 ? NaN : each.total / each.compared,
      misfits: this.worst(each.misfits).map(({ row }) => row),
      missing: each.missing,
    }));
    const order = fits.map((fit, index) => ({ fit, index }));
    order.sort((a, b) => byFit(a.fit, b.fit) || byDifference(a.fit, b.fit) || a.index - b.index);
    const sorted = order.map(({ fit }) => fit);
    const first = sorted[0];
    const best =
      first && first.matching > 0
        ? sorted.filter((fit) => fit.matching === first.matching && fit.compared === first.compared)
        : [];
    return {
      recordedRows: this.recordedRows,
      tolerance: this.tolerance,
      fits: sorted,
      best,
      summary: summaryOf(this.recordedRows, first, best, this.tolerance),
    };
  }
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
  const comparison = new AdvantageComparison(candidatesOf(candidates), tolerance, limit);
  for (const context of contexts) comparison.add(context);
  return comparison.result();
}

/** More rows reproduced come first, then a greater share of those that could be compared. */
const byFit = (a: PresetFit, b: PresetFit): number =>
  b.telling - a.telling ||
  b.matching - a.matching ||
  Number(b.compared > 0) - Number(a.compared > 0) ||
  (b.share || 0) - (a.share || 0);

const byDifference = (a: PresetFit, b: PresetFit): number => {
  const left = Number.isNaN(a.meanDifference) ? Infinity : a.meanDifference;
  const right = Number.isNaN(b.meanDifference) ? Infinity : b.meanDifference;
  // Differences far below the tolerance are rounding and decide nothing.
  return left === right || Math.abs(left - right) < 1e-7 ? 0 : left - right;
};

/** `1e-5` rather than `0.00001`. */
const toleranceText = (value: number): string => (value < 1e-3 ? value.toExponential() : String(value));

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
    return `No known convention reproduces the recorded advantages of any of ${first.compared} rows within ${toleranceText(tolerance)}.`;
  const named = best
    .map((fit) => fit.title)
    .slice(0, 4)
    .join(" = ");
  const more = best.length > 4 ? ` (and ${best.length - 4} more that agree here)` : "";
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
    return `No known convention reproduces the recorded advantages; the nearest, ${named}${more}, does so on ${part}% of ${first.compared} rows within ${toleranceText(tolerance)}.${rest}`;
  return `Recorded advantages fit ${named}${more}: ${part}% of ${first.compared} rows within ${toleranceText(tolerance)}.${rest}`;
}
