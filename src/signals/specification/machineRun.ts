import type { Trajectory } from "../../model/trajectory";
import type { MachineEdge, RewardMachine } from "../control/rewardMachine";
import { holdsFormula, machineEnd, machinePotentials } from "../control/rewardMachine";
import type { EdgeReward, MachineEdgeText, RewardMachineFile } from "./rewardMachineText";
import type { PropositionTrace } from "./propositions";

export type MachineSemantics = "as coded" | "corrected";

export interface MachineRunStep {
  readonly state: number;
  /** State after the step; `machineEnd` behind every terminal state as coded, and for falling off in both. */
  readonly next: number;
  /** NaN = unknown: the edge pays what the simulator reports and the trajectory does not record it, or a guard is unknown. */
  readonly reward: number;
  /** Edge that fired; undefined = none did. */
  readonly edge: MachineEdgeText | undefined;
  /** "success" = a terminal edge fired, "off" = no edge fired, "unknown" = a proposition is not recorded. */
  readonly end: "success" | "off" | "unknown" | undefined;
}

export interface MachineRun {
  readonly steps: readonly MachineRunStep[];
  readonly verdict: "success" | "off" | "unknown" | "running";
}

export interface MachineShaping {
  readonly gamma: number;
  readonly shapingGamma: number;
}

/**
 * Runs a reward machine over a trajectory.
 *
 * "As coded" follows reward_machines/reward_machine.py: a later line with the same two states replaces formula and
 * reward of the first, all terminal states are one, propositions are looked for inside the text of true names, the reward
 * belongs to the two states, so falling off in a state with a terminal edge pays that edge. "Corrected": every line is an
 * edge of its own, names are whole, the reward is that of the edge that fired, and falling off pays nothing.
 */
export function runRewardMachine(
  file: RewardMachineFile,
  trajectory: Trajectory,
  trace: PropositionTrace,
  semantics: MachineSemantics,
  shaping?: MachineShaping,
): MachineRun {
  const machine = preparedMachine(file, semantics);
  const { ends } = machine;
  const potentials = shaping && machinePotentials(machineOf(file, machine.edges, ends), shaping.shapingGamma);
  const potential = (state: number): number => potentials?.get(ends.has(state) ? machineEnd : state) ?? 0;
  const steps: MachineRunStep[] = [];
  let state = machine.initial;
  for (let t = 0; t < trace.length && state !== machineEnd && !ends.has(state); t++) {
    const step = stepFrom(machine, state, trajectory, trace, t);
    if (step.end === "unknown") {
      steps.push(step);
      return { steps, verdict: "unknown" };
    }
    // The environment's own end counts as the end of the machine for the potential.
    const over = step.end !== undefined || trajectoryEnds(trajectory, trace.length, t);
    const extra = shaping ? shaping.gamma * (over ? 0 : potential(step.next)) - potential(state) : 0;
    steps.push({ ...step, reward: step.reward + extra });
    state = step.next;
  }
  const ended = steps.length === 0 && (state === machineEnd || ends.has(state));
  return { steps, verdict: steps.at(-1)?.end ?? (ended ? "success" : "running") };
}

/** A machine as one of the two semantics reads its file. */
interface PreparedMachine {
  readonly asCoded: boolean;
  readonly initial: number;
  readonly ends: ReadonlySet<number>;
  readonly edges: readonly MachineEdgeText[];
}

function preparedMachine(file: RewardMachineFile, semantics: MachineSemantics): PreparedMachine {
  const ends = new Set(file.terminal.map(({ state }) => state));
  const asCoded = semantics === "as coded";
  const initial = file.initial ?? machineEnd;
  return {
    asCoded,
    ends,
    initial: asCoded && ends.has(initial) ? machineEnd : initial,
    edges: asCoded ? merged(file.edges, ends) : file.edges,
  };
}

/** One step from any state that has not ended. */
function stepFrom(
  { asCoded, ends, edges }: PreparedMachine,
  state: number,
  trajectory: Trajectory,
  trace: PropositionTrace,
  t: number,
): MachineRunStep {
  const fired = firstEdge(edges, state, trace, t, asCoded);
  if (fired === "unknown") return { state, next: machineEnd, reward: NaN, edge: undefined, end: "unknown" };
  const arrives = fired === undefined ? machineEnd : fired.to;
  const next = asCoded && ends.has(arrives) ? machineEnd : arrives;
  const ended = next === machineEnd || ends.has(next);
  const paid = asCoded
    ? edges.find((edge) => edge.from === state && (ends.has(edge.to) ? machineEnd : edge.to) === next)
    : fired;
  return {
    state,
    next,
    reward: paid ? rewardOf(paid.reward, trajectory, t) : 0,
    edge: fired,
    end: ended ? (fired ? "success" : "off") : undefined,
  };
}

/**
 * What each step would have paid in every machine state that could have been reached before it, all of them at the first
 * step: the counterfactual experiences of CRM (reward_machines, rm_environment.py). NaN where a state was not reachable.
 */
export function counterfactualRewards(
  file: RewardMachineFile,
  trajectory: Trajectory,
  trace: PropositionTrace,
  semantics: MachineSemantics,
): ReadonlyMap<number, Float64Array> {
  const machine = preparedMachine(file, semantics);
  const states = [machine.initial, ...machine.edges.flatMap(({ from, to }) => [from, to])].filter(
    (state) => state !== machineEnd && !machine.ends.has(state),
  );
  const rewards = new Map(
    [...new Set(states)]
      .sort((a, b) => a - b)
      .map((state) => [state, new Float64Array(trace.length).fill(NaN)]),
  );
  let reachable: ReadonlySet<number> = new Set(rewards.keys());
  for (let t = 0; t < trace.length && reachable.size > 0; t++) {
    const next = new Set<number>();
    for (const state of reachable) {
      const step = stepFrom(machine, state, trajectory, trace, t);
      rewards.get(state)![t] = step.reward;
      if (step.end === undefined) next.add(step.next);
    }
    reachable = next;
  }
  return rewards;
}

/** Lines of the same two states as one, at the place of the first, with formula and reward of the last. */
function merged(edges: readonly MachineEdgeText[], ends: ReadonlySet<number>): readonly MachineEdgeText[] {
  const byPair = new Map<string, MachineEdgeText>();
  const state = (of: number): number => (ends.has(of) ? machineEnd : of);
  for (const edge of edges) byPair.set(`${state(edge.from)},${state(edge.to)}`, edge);
  return [...byPair.values()];
}

function firstEdge(
  edges: readonly MachineEdgeText[],
  state: number,
  trace: PropositionTrace,
  t: number,
  asCoded: boolean,
): MachineEdgeText | "unknown" | undefined {
  if (asCoded) {
    // The released test is a search in the text of all true names; what is not recorded is not among them.
    const names = trace.names.filter((name) => trace.truthOf(name)?.[t] === 1).join("");
    return edges.find(
      (edge) => edge.from === state && holdsFormula(edge.formula.replaceAll(/\s/gu, ""), names),
    );
  }
  for (const edge of edges) {
    if (edge.from !== state) continue;
    const holds = guardTruth(edge, trace, t);
    if (holds === true) return edge;
    // An unknown guard in front decides which edge is first, so nothing behind it is known either.
    if (holds === undefined) return "unknown";
  }
  return undefined;
}

/** Truth of an edge's formula with unknown propositions (Kleene); undefined = unknown. */
export function guardTruth(edge: MachineEdgeText, trace: PropositionTrace, t: number): boolean | undefined {
  let open = false;
  for (const alternative of edge.guard) {
    let value: boolean | undefined = true;
    for (const { name, positive } of alternative) {
      const truth = trace.truthOf(name)?.[t] ?? NaN;
      if (Number.isNaN(truth)) value = value === false ? false : undefined;
      else if ((truth === 1) !== positive) value = false;
    }
    if (value === true) return true;
    if (value === undefined) open = true;
  }
  return open ? undefined : false;
}

/** Reward of an edge; the simulator's parts are the columns or step fields reward_ctrl and reward_run. */
function rewardOf(reward: EdgeReward, trajectory: Trajectory, t: number): number {
  if (reward.kind === "constant") return reward.value;
  const control = reported(trajectory, "reward_ctrl", t);
  if (reward.kind === "control") return control;
  const run = reported(trajectory, "reward_run", t);
  return reward.kind === "forward" ? run + control : -run + control;
}

function reported(trajectory: Trajectory, name: string, t: number): number {
  const column = trajectory.columns?.columns.find(
    (candidate) => candidate.width === 1 && (candidate.name === name || candidate.name.endsWith(`/${name}`)),
  );
  if (column && t < column.rows) return column.data[t]!;
  const value = trajectory.steps[t]?.extra?.[name];
  return typeof value === "number" ? value : NaN;
}

function trajectoryEnds(trajectory: Trajectory, length: number, t: number): boolean {
  const own = trajectory.steps[t];
  if (own?.terminated === true || own?.truncated === true) return true;
  const flagged = trajectory.columns?.columns.some(
    (column) =>
      (column.role === "terminated" || column.role === "truncated") &&
      column.width === 1 &&
      column.data[t] === 1,
  );
  return flagged === true || (t === length - 1 && trajectory.outcome.truncated !== undefined);
}

/** The machine as the shaping functions take it. Rewards that read the simulator count as 0 there. */
function machineOf(
  file: RewardMachineFile,
  edges: readonly MachineEdgeText[],
  ends: ReadonlySet<number>,
): RewardMachine {
  const state = (of: number): number => (ends.has(of) ? machineEnd : of);
  return {
    initial: state(file.initial ?? machineEnd),
    edges: edges.map((edge): MachineEdge => ({
      from: state(edge.from),
      to: state(edge.to),
      formula: edge.formula,
      reward: edge.reward.kind === "constant" ? edge.reward.value : undefined,
    })),
  };
}
