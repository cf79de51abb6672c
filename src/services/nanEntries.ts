import type { NumericColumn } from "../model/trajectory";
import type { SignalContext, SignalResult } from "../signals/signal";

type Found = Extract<SignalResult, { values: Float64Array }>;

/**
 * Entries of a result whose NaN is a number that came out so, against those where there is no number. Signals that show
 * what a file records say it themselves. Of the others, a single NaN came out of the formula, since a signal without
 * numbers is refused; along steps and tokens NaN came out where the numbers that it was computed from are not all finite.
 */
export function nanEntries(context: SignalContext, result: Found): readonly number[] {
  if (result.nanAt) return result.nanAt;
  const entries = [...result.values.keys()].filter((index) => Number.isNaN(result.values[index]));
  if (entries.length === 0) return entries;
  if (result.level === "trajectory") return entries;
  if (!readsNotFinite(context)) return [];
  const mask = result.level === "token" ? context.trajectory.tokens?.mask : undefined;
  return mask ? entries.filter((index) => mask[index] !== 0) : entries;
}

const notFinite = (value: number | null | undefined): boolean =>
  typeof value === "number" && !Number.isFinite(value);

const numericRoles: ReadonlySet<NumericColumn["role"]> = new Set(["reward", "value", "logprob"]);

/** Whether a reward, a value or a log-probability of the trajectory, or a reward of its group, is NaN or infinite. */
function readsNotFinite({ trajectory, group, batch }: SignalContext): boolean {
  const { outcome, steps, columns } = trajectory;
  return (
    notFinite(outcome.reward) ||
    Object.values(outcome.components).some(notFinite) ||
    steps.some(({ reward, value, advantage, logprob }) =>
      [reward, value, advantage, logprob].some(notFinite),
    ) ||
    (columns?.columns.some(({ role, data }) => numericRoles.has(role) && data.some(notFinite)) ?? false) ||
    [...(group ? [group] : []), ...(batch ?? [])].some(({ members }) =>
      members.some(
        ({ reward, components }) => notFinite(reward) || Object.values(components).some(notFinite),
      ),
    )
  );
}
