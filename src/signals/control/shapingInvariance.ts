import { Matrix, solve } from "ml-matrix";
import type { Missing } from "../series/episode";
import { unexplainedSignal } from "../series/derivedSignal";
import { groupMembers, memberContexts, missing, recordedStepRewards, stepCount } from "../series/modelInputs";
import { gammaParameter, numberOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { nameParameter, namedNumbers, observationRows } from "./controlSeries";

/** One transition of a shaped reward: the bonus that was added, and where it led. */
export interface ShapedTransition {
  readonly from: string;
  /** Undefined = a terminal state, whose potential is 0. */
  readonly to: string | undefined;
  readonly bonus: number;
}

export interface PotentialFit {
  /** Potential of each state that was met. */
  readonly potentials: ReadonlyMap<string, number>;
  /** Bonus that no potential explains, per transition. */
  readonly residuals: Float64Array;
}

/** Larger tables are refused: the fit solves a dense system of this size. */
export const mostPotentialStates = 800;

/**
 * Added to the diagonal: where a constant, or a group of states that no terminal one is reached from, leaves the potential
 * open (gamma 1), the smallest potential is taken. Too little to show in a residual.
 */
const ridge = 1e-12;

/**
 * The potential that explains added rewards best: least squares over all transitions of
 * bonus = gamma Phi(s') - Phi(s), with Phi(terminal) = 0. Residuals of 0 everywhere mean that on these episodes the
 * addition is potential-based and leaves optimal policies unchanged; others name the transitions that break it.
 *
 * @throws Error for more than `mostPotentialStates` states
 */
export function fitPotential(transitions: readonly ShapedTransition[], gamma: number): PotentialFit {
  const index = new Map<string, number>();
  const place = (state: string): number => {
    const known = index.get(state);
    if (known !== undefined) return known;
    index.set(state, index.size);
    return index.size - 1;
  };
  for (const { from, to } of transitions) {
    place(from);
    if (to !== undefined) place(to);
  }
  const size = index.size;
  if (size > mostPotentialStates)
    throw new Error(
      `${size} different states are too many to fit a potential; ${mostPotentialStates} are allowed.`,
    );
  const normal = Matrix.zeros(size, size);
  const right = new Float64Array(size);
  const add = (row: number, column: number, value: number): void => {
    normal.set(row, column, normal.get(row, column) + value);
  };
  for (const { from, to, bonus } of transitions) {
    const entries: [number, number][] = [[place(from), -1]];
    if (to !== undefined) entries.push([place(to), gamma]);
    for (const [row, a] of entries) {
      right[row]! += a * bonus;
      for (const [column, b] of entries) add(row, column, a * b);
    }
  }
  for (let row = 0; row < size; row++) add(row, row, ridge);
  const solved = size === 0 ? [] : solve(normal, Matrix.columnVector(Array.from(right))).getColumn(0);
  const potentials = new Map([...index].map(([state, k]) => [state, solved[k]!]));
  const residuals = Float64Array.from(transitions, ({ from, to, bonus }) => {
    const next = to === undefined ? 0 : gamma * potentials.get(to)!;
    return bonus - (next - potentials.get(from)!);
  });
  return { potentials, residuals };
}

/** A state as text that equal states share: the file's own key, else the observation's numbers. */
function stateNames(context: SignalContext): readonly string[] | undefined {
  const { steps } = context.trajectory;
  if (steps.some(({ stateKey }) => stateKey !== undefined))
    return steps.map(({ stateKey }, t) => stateKey ?? `unnamed ${context.trajectory.id} ${t}`);
  return observationRows(context)?.map((row) => Array.from(row).join(" "));
}

interface Episode {
  readonly transitions: readonly ShapedTransition[];
  /** Step of each transition. */
  readonly steps: readonly number[];
  readonly states: readonly string[];
}

function episodeOf(
  context: SignalContext,
  parameters: Parameters<typeof namedNumbers>[1],
): Episode | Missing {
  const shaped = namedNumbers(context, parameters, "shaped");
  const base = namedNumbers(context, parameters, "base") ?? recordedStepRewards(context.trajectory);
  if (!shaped || !base)
    return missing(
      "rewards",
      "Needs two rewards at every step: the plain one, and the shaped one (parameters base and shaped).",
    );
  const states = stateNames(context);
  if (!states) return missing("stateKeys");
  const { outcome, columns, steps } = context.trajectory;
  const flag = columns?.columns.find(({ role }) => role === "terminated");
  const ended = (t: number): boolean =>
    flag
      ? flag.data[t] === 1
      : steps[t]?.terminated === true || (t + 1 === base.length && outcome.truncated === false);
  const transitions: ShapedTransition[] = [];
  const at: number[] = [];
  for (let t = 0; t < base.length; t++) {
    const bonus = shaped[t]! - base[t]!;
    const to = ended(t) ? undefined : states[t + 1];
    // A cut episode does not tell where its last step led, unless the final observation is recorded.
    if (Number.isNaN(bonus) || (to === undefined && !ended(t))) continue;
    transitions.push({ from: states[t]!, to, bonus });
    at.push(t);
  }
  return { transitions, steps: at, states };
}

export const shapingInvariance = unexplainedSignal({
  id: "shaping-invariance",
  title: "Shaping that no potential explains",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "stateKeys"],
  parameters: [
    gammaParameter(0.99),
    nameParameter("base", "Plain reward; empty = the recorded rewards.", ""),
    nameParameter("shaped", "Shaped reward.", "shaped_reward"),
  ],
  presets: [],
  source: "Ng, Harada, Russell 1999, theorem 1; the fit is ours",
  description:
    "Looks for a potential over the states of these episodes that explains shaped minus plain reward, with 0 after terminal states, and shows what is left at each step. 0 everywhere: the shaping is potential-based here and changes no optimal policy. Uses all members of the group where it is loaded.",
  derive(context, parameters) {
    const own = episodeOf(context, parameters);
    if ("missing" in own) return own;
    const all: ShapedTransition[] = [...own.transitions];
    const members = context.group ? memberContexts(context) : [context];
    const others =
      "missing" in members ? [] : members.filter((m) => m.trajectory.id !== context.trajectory.id);
    for (const member of others) {
      const episode = episodeOf(member, parameters);
      if (!("missing" in episode)) all.push(...episode.transitions);
    }
    const gamma = numberOf(parameters, "gamma");
    const met = new Set(all.flatMap(({ from, to }) => (to === undefined ? [from] : [from, to]))).size;
    if (met > mostPotentialStates)
      return missing(
        "stateKeys",
        `${met} different states are too many to fit a potential to; at most ${mostPotentialStates} are taken: use coarser state keys or fewer episodes.`,
      );
    const { potentials, residuals } = fitPotential(all, gamma);
    const { states } = own;
    const values = new Float64Array(stepCount(context.trajectory)).fill(NaN);
    own.steps.forEach((step, k) => (values[step] = residuals[k]!));
    const largest = residuals.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = all.reduce((most, { bonus }) => Math.max(most, Math.abs(bonus)), 0);
    return {
      values,
      parts: { potential: Float64Array.from(values, (_, t) => potentials.get(states[t]!) ?? NaN) },
      ...(context.group ? { group: groupMembers(context) } : {}),
      notes: [
        largest <= 1e-6 * Math.max(scale, 1)
          ? `Potential-based on these ${all.length} transitions over ${potentials.size} states: no optimal policy changes.`
          : `Not potential-based: up to ${largest.toPrecision(3)} of the added reward is explained by no potential.`,
      ],
      convention: `gamma ${gamma}`,
    };
  },
});
