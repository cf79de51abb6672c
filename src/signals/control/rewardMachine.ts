/** One edge: all lines of the file with the same pair of states fall together, the last one counts. */
export interface MachineEdge {
  readonly from: number;
  readonly to: number;
  readonly formula: string;
  /** Undefined = a reward that reads the simulator (RewardForward and the like). */
  readonly reward: number | undefined;
}

export interface RewardMachine {
  readonly initial: number;
  /** In file order; every terminal state of the file is `machineEnd`. */
  readonly edges: readonly MachineEdge[];
}

/** The one state behind every terminal state, and behind a step that no edge takes. */
export const machineEnd = -1;

/**
 * Reads a reward machine (Toro Icarte et al., 2022; RodrigoToroIcarte/reward_machines, reward_machine.py): initial state,
 * list of terminal states, then edges `(u, u', 'formula', ConstantRewardFunction(c))`. `#` starts a remark.
 *
 * @throws Error that names the line
 */
export function parseRewardMachine(lines: readonly string[]): RewardMachine {
  const bare = lines.map((line) => line.replace(/#.*$/u, "").trim()).filter((line) => line !== "");
  const initial = Number(bare[0]);
  const ends = /^\[([-\d,\s]*)\]$/u.exec(bare[1] ?? "");
  if (!Number.isInteger(initial) || bare[0] === undefined || !ends)
    throw new Error("A reward machine starts with its initial state and a list of terminal states.");
  const terminal = new Set(
    (ends[1] ?? "")
      .split(",")
      .filter((part) => part.trim() !== "")
      .map(Number),
  );
  const merged = (state: number): number => (terminal.has(state) ? machineEnd : state);
  const edges = new Map<string, MachineEdge>();
  for (const line of bare.slice(2)) {
    const parts = /^\(\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(['"])(.*?)\3\s*,\s*(\w+)\((.*?)\)\s*\)$/u.exec(line);
    if (!parts) throw new Error(`This line of the reward machine is no edge: ${line}`);
    const from = merged(Number(parts[1]));
    const to = merged(Number(parts[2]));
    const constant = parts[5] === "ConstantRewardFunction";
    edges.set(`${from},${to}`, {
      from,
      to,
      formula: parts[4] ?? "",
      reward: constant ? Number(parts[6]) : undefined,
    });
  }
  return { initial: merged(initial), edges: [...edges.values()] };
}

/**
 * Truth of `|` of `&` of `a`, `!a`, `True`, `False` (reward_machine_utils.py, evaluate_dnf). A proposition holds when its
 * name occurs anywhere in the text of true propositions, as released, so a longer name also matches inside others.
 */
export function holdsFormula(formula: string, trueNames: string): boolean {
  const literal = (text: string): boolean =>
    text.startsWith("!")
      ? !literal(text.slice(1))
      : text === "True" || (text !== "False" && trueNames.includes(text));
  return formula.split("|").some((clause) => clause.split("&").every(literal));
}

/**
 * Potentials of the machine's states for shaping: minus the optimal value of each state under its own edges
 * (add_reward_shaping); rewards that read the simulator count as 0; the end has potential 0.
 */
export function machinePotentials(machine: RewardMachine, gamma: number): Map<number, number> {
  const states = new Set(machine.edges.flatMap(({ from, to }) => [from, to]).concat(machine.initial));
  const values = new Map([...states, machineEnd].map((state) => [state, 0]));
  let change = Infinity;
  while (change > 1e-7) {
    change = 0;
    for (const state of states) {
      const own = machine.edges.filter(({ from }) => from === state);
      if (state === machineEnd || own.length === 0) continue;
      const value = Math.max(...own.map(({ to, reward }) => (reward ?? 0) + gamma * values.get(to)!));
      change = Math.max(change, Math.abs(value - values.get(state)!));
      values.set(state, value);
    }
  }
  return new Map([...values].map(([state, value]) => [state, value === 0 ? 0 : -value]));
}

export interface MachineStep {
  readonly state: number;
  readonly next: number;
  /** As released: looked up by the two states alone. */
  readonly reward: number;
  readonly ended: boolean;
  /** Formula that fired; undefined = no edge did, and the machine ended in failure. */
  readonly fired: string | undefined;
  /** The reward of the fired edge alone: 0 where no edge fired. */
  readonly corrected: number;
}

/**
 * One step: the first edge in file order whose formula holds, else the end. The released reward belongs to the pair of
 * states, so a step off the machine is paid like a step to the end where such an edge exists; `corrected` is not.
 *
 * @throws Error at the end, and where the reward reads the simulator
 */
function stepMachine(machine: RewardMachine, state: number, trueNames: string): MachineStep {
  if (state === machineEnd) throw new Error("The reward machine has ended: there is no further step.");
  const taken = machine.edges.find(({ from, formula }) => from === state && holdsFormula(formula, trueNames));
  const next = taken ? taken.to : machineEnd;
  const paid = machine.edges.find(({ from, to }) => from === state && to === next);
  if (paid && paid.reward === undefined)
    throw new Error(`The reward from state ${state} to ${next} reads the simulator and is not in the file.`);
  return {
    state,
    next,
    reward: paid?.reward ?? 0,
    ended: next === machineEnd,
    fired: taken?.formula,
    corrected: taken?.reward ?? 0,
  };
}

/**
 * Runs the machine over the true propositions of each step until it ends; with potentials every reward gets
 * gamma * potential(next) - potential(state).
 */
export function runMachine(
  machine: RewardMachine,
  labels: readonly string[],
  shaping?: { readonly gamma: number; readonly potentials: ReadonlyMap<number, number> },
): MachineStep[] {
  const steps: MachineStep[] = [];
  let state = machine.initial;
  for (const label of labels) {
    const step = stepMachine(machine, state, label);
    const potential = (of: number): number => shaping?.potentials.get(of) ?? 0;
    const extra = shaping ? shaping.gamma * potential(step.next) - potential(state) : 0;
    steps.push({ ...step, reward: step.reward + extra, corrected: step.corrected + extra });
    state = step.next;
    if (step.ended) break;
  }
  return steps;
}
