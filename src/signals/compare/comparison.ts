import { recordedAdvantage } from "../recorded/recordedSeries";
import { resolveParameters, type Signal, type SignalContext } from "../signal";
import { candidatesOf, type Candidate } from "./candidates";
import { byDifference, byFit, obstaclesOf, summaryOf, type Comparison, type PresetFit } from "./fits";
import { MisfitKinds } from "./misfitKinds";
import { difference, type MisfitRow, type Series } from "./rowDifference";

interface Running {
  readonly candidate: Candidate;
  /** Signal and preset: the same for all discounts. */
  readonly convention: string;
  readonly missing: Record<string, number>;
  readonly kinds: MisfitKinds;
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
   * Every convention of the signals that give advantages.
   * @param run discount and trace decay, where they are known
   * @param usual preset by signal that is named first of those that fit equally well
   */
  static of(
    signals: readonly Signal[],
    run: { readonly gamma?: number; readonly lambda?: number },
    usual: Readonly<Record<string, string>>,
    tolerance?: number,
    limit?: number,
  ): AdvantageComparison {
    const candidates = candidatesOf(signals, run);
    const own = candidates.filter(({ signal, presetId }) => usual[signal.id] === presetId);
    const others = candidates.filter((candidate) => !own.includes(candidate));
    return new AdvantageComparison([...own, ...others], tolerance, limit);
  }

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
      convention: `${candidate.signal.id} ${candidate.presetId}`,
      missing: {},
      kinds: new MisfitKinds(),
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
    // What a convention lacks, it lacks under every discount: asked once for all of them.
    const lacking = new Map<string, string>();
    for (const each of this.running) {
      const reason = lacking.get(each.convention) ?? this.try(each, context, recorded);
      if (reason === undefined) continue;
      lacking.set(each.convention, reason);
      each.missing[reason] = (each.missing[reason] ?? 0) + 1;
    }
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

  /** @returns a sentence when the convention could not be compared with the row */
  private try(each: Running, context: SignalContext, recorded: Series): string | undefined {
    const { signal, parameters } = each.candidate;
    const computed = signal.compute(context, parameters);
    if ("missing" in computed) return withoutIds(computed.how);
    const found = difference(context.trajectory, recorded, computed, this.tolerance);
    if (typeof found === "string") return found;
    each.compared++;
    if (Number.isFinite(found.largest)) each.total += found.largest;
    if (found.within) {
      each.matching++;
      if (recorded.values.some((value) => value !== 0 && !Number.isNaN(value))) each.telling++;
      return undefined;
    }
    each.kinds.add(found.row, found.largest, context.trajectory.trainingStep);
    each.misfits.push({ distance: found.largest, row: found.row });
    if (each.misfits.length > 4 * this.limit + 64) each.misfits = this.worst(each.misfits);
    return undefined;
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
      names: {
        signal: each.candidate.signal.title,
        preset: each.candidate.presetTitle,
        discounts: each.candidate.discounts,
      },
      compared: each.compared,
      matching: each.matching,
      telling: each.telling,
      ...(each.compared === 0
        ? {}
        : { share: each.matching / each.compared, meanDifference: each.total / each.compared }),
      misfits: this.worst(each.misfits).map(({ row }) => row),
      misfitKinds: each.kinds.result(),
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
    const obstacles = obstaclesOf(sorted);
    return {
      recordedRows: this.recordedRows,
      tolerance: this.tolerance,
      fits: sorted,
      best,
      obstacles,
      summary: summaryOf(this.recordedRows, first, best, this.tolerance, obstacles),
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

/** A reason that names the row at hand is the same reason for every row. */
const withoutIds = (reason: string): string =>
  reason.replace(/\b(?:[0-9a-f]{12}:\d+(?::\d+)?|g[0-9a-f]{16})\b/gu, "one");
