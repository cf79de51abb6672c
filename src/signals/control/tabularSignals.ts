import { binary, number, symbol } from "../expression";
import type { Missing } from "../series/episode";
import { derivedSignal } from "../series/derivedSignal";
import { missing, rowsOf } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { Matrix, ParameterValues, SignalContext } from "../signal";
import { indicesOf, nameParameter, neededNumbers, stepSymbol } from "./controlSeries";
import { leastGaps, policyAdvantages, teacherScore } from "./rewardDesign";
import {
  applyToRewards,
  fullGapOperator,
  horizonGapOperator,
  occupancy,
  type TabularMdp,
} from "./tabularMdp";

/** An episode of a tabular task, with the task itself. */
interface TabularWorld {
  readonly mdp: TabularMdp;
  readonly states: readonly number[];
  readonly actions: readonly number[];
}

const modelHow =
  "Needs the task as tables: model inputs transitions (one row a state-action pair, state by state, over next states), target_policy (a row of action shares per state) and the rewards.";

/** The state, action and tables of an episode; `gamma` of the task comes from the parameters. */
function worldOf(context: SignalContext, parameters: ParameterValues): TabularWorld | Missing {
  const table = context.inputs?.arrays?.["transitions"];
  if (!table || table.width === 0 || table.rows % table.width !== 0) return missing("observations", modelHow);
  const states = table.width;
  const actions = table.rows / states;
  const rows = rowsOf(table);
  const mdp: TabularMdp = {
    states,
    actions,
    gamma: numberOf(parameters, "gamma"),
    transitions: Array.from({ length: states }, (_, s) =>
      Array.from({ length: states }, (__, next) =>
        Float64Array.from({ length: actions }, (___, a) => rows[s * actions + a]![next]!),
      ),
    ),
  };
  const indices = (name: "state" | "action", below: number): readonly number[] | Missing => {
    const named = neededNumbers(
      context,
      parameters,
      name,
      name === "state" ? "observations" : "actions",
      `the ${name}'s index`,
    );
    if ("missing" in named) return named;
    const found = indicesOf(named, below);
    return "bad" in found
      ? missing(
          name === "state" ? "observations" : "actions",
          `The ${name} at step ${found.bad} is no whole number below ${below}.`,
        )
      : found;
  };
  const visited = indices("state", states);
  if ("missing" in visited) return visited;
  const taken = indices("action", actions);
  if ("missing" in taken) return taken;
  return { mdp, states: visited, actions: taken };
}

/** A table over states and actions by name, [S][A]. */
function tableOf(context: SignalContext, name: string, mdp: TabularMdp): readonly Float64Array[] | Missing {
  const matrix: Matrix | undefined = context.inputs?.arrays?.[name];
  if (!matrix || matrix.rows !== mdp.states || matrix.width !== mdp.actions)
    return missing(
      "components",
      `Needs a model input named ${name} with ${mdp.states} rows of ${mdp.actions} actions.`,
    );
  return rowsOf(matrix).map((row) => Float64Array.from(row));
}

const greatest = (row: ArrayLike<number>): number => {
  let best = 0;
  for (let a = 1; a < row.length; a++) if (row[a]! > row[best]!) best = a;
  return best;
};

const common = [
  {
    name: "gamma",
    description: "Discount of the task; below 1.",
    type: "number",
    minimum: 0,
    maximum: 0.999999,
    default: 0.95,
  },
  nameParameter("state", "Index of the state.", "state"),
  nameParameter("action", "Index of the taken action.", "action"),
] as const;

export const exprdGap = derivedSignal({
  id: "exprd-gap",
  title: "EXPRD shortfall of a designed reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: false,
  needs: ["observations", "actions", "components"],
  parameters: [
    ...common,
    {
      name: "horizon",
      description: "Steps that the learner looks ahead.",
      type: "integer",
      minimum: 0,
      default: 4,
    },
    {
      name: "terms",
      description:
        "Rewards that a horizon of H counts: H + 1 (EXPRD) or H (the adaptive teacher's repository).",
      type: "choice",
      choices: ["inclusive", "exclusive"],
      default: "inclusive",
    },
  ],
  presets: [
    {
      id: "exprd",
      title: "EXPRD",
      values: { terms: "inclusive" },
      source:
        "adishs/neurips2021_explicable-reward-design_code, fourroom_reward_design_exprd.py, get_A_local_h (h = 0..H)",
    },
    {
      id: "aamas24",
      title: "Adaptive teacher",
      values: { terms: "exclusive" },
      source:
        "machine-teaching-group/aamas2024-informativeness-of-reward-functions, linekey_reward_design.py, get_A_local_h (h = 0..H-1)",
    },
  ],
  source:
    "Devidze et al. 2021, Explicable Reward Design for Reinforcement Learning Agents; run_fourroom_reward_design.py, calculate_I_R",
  description:
    "How far the target action's lead over the other actions, seen H steps ahead under the designed reward (input designed_reward), falls short of the lead it has under the original one (input original_reward). 0 = the reward shows the good action within H steps; the mean over states and horizons is minus the informativeness.",
  derive(context, parameters) {
    const world = worldOf(context, parameters);
    if ("missing" in world) return world;
    const { mdp } = world;
    const tables: (readonly Float64Array[])[] = [];
    for (const name of ["target_policy", "original_reward", "designed_reward"]) {
      const table = tableOf(context, name, mdp);
      if ("missing" in table) return table;
      tables.push(table);
    }
    const [optimal, original, designed] = tables as [
      readonly Float64Array[],
      readonly Float64Array[],
      readonly Float64Array[],
    ];
    const policy = optimal.map(greatest);
    const targets = leastGaps(mdp, policy, original, optimal);
    const horizon = numberOf(parameters, "horizon");
    const terms = horizon + (textOf(parameters, "terms") === "inclusive" ? 1 : 0);
    const gaps = applyToRewards(mdp, horizonGapOperator(mdp, policy, Math.max(1, terms)), designed);
    const full = applyToRewards(mdp, fullGapOperator(mdp, policy), designed);
    const broken = full.flatMap((row, s) =>
      [...row].flatMap((gap, a) => (optimal[s]![a] === 0 && gap < targets[s]! - 1e-6 ? [`${s}`] : [])),
    );
    /** The other action whose lead is smallest. */
    const worst = (state: number): number => {
      let at = -1;
      for (let a = 0; a < mdp.actions; a++)
        if (optimal[state]![a] === 0 && (at < 0 || gaps[state]![a]! < gaps[state]![at]!)) at = a;
      return at;
    };
    const value = (state: number): number =>
      worst(state) < 0 ? 0 : Math.max(0, targets[state]! - gaps[state]![worst(state)]!);
    return {
      values: Float64Array.from(world.states, value),
      parts: {
        "designed reward": Float64Array.from(world.states, (s, t) => designed[s]![world.actions[t]!]!),
        "gap of the taken action": Float64Array.from(world.states, (s, t) => gaps[s]![world.actions[t]!]!),
        "target gap": Float64Array.from(world.states, (s) => targets[s]!),
      },
      notes:
        broken.length > 0
          ? [
              `The designed reward does not keep the target policy optimal by the asked margin in state${broken.length > 1 ? "s" : ""} ${[...new Set(broken)].slice(0, 8).join(", ")}.`,
            ]
          : ["The designed reward keeps the target policy optimal by the asked margin."],
      convention: `horizon ${horizon}, ${terms} rewards`,
      lines(index) {
        const state = world.states[index]!;
        const other = worst(state);
        const expression =
          other < 0
            ? number(0)
            : {
                kind: "call" as const,
                name: "max",
                arguments: [
                  number(0),
                  binary(
                    "-",
                    symbol(`delta(${state})`, targets[state]!, "smallest lead under the original reward"),
                    symbol(
                      `gap_${horizon}(${state},${other})`,
                      gaps[state]![other]!,
                      `lead over action ${other} within the horizon`,
                    ),
                  ),
                ],
              };
        return [{ name: `shortfall_${index}`, expression, value: value(state) }];
      },
    };
  },
});

export const adaptiveTeacher = derivedSignal({
  id: "adaptive-teacher",
  title: "What a reward teaches this learner",
  family: "control",
  level: "step",
  unit: "score",
  signed: true,
  needs: ["observations", "actions", "components"],
  parameters: [
    ...common,
    {
      name: "expected",
      description:
        "The learner's expected reward of a state: over its own actions, or as released, where the table is read column by column.",
      type: "choice",
      choices: ["corrected", "released"],
      default: "corrected",
    },
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { expected: "released" },
      source:
        "machine-teaching-group/aamas2024-informativeness-of-reward-functions, linekey_reward_design.py, reward_design_model_based_Ada_TL",
    },
    {
      id: "paper",
      title: "As in the paper",
      values: { expected: "corrected" },
      source: "Devidze et al. 2024, Informativeness of Reward Functions in Reinforcement Learning (h = 1)",
    },
  ],
  source: "Devidze et al. 2024, Informativeness of Reward Functions in Reinforcement Learning",
  description:
    "For the state and action of each step: positive where the designed reward pushes this learner towards what the target policy values, negative where it misleads it. The sum over all pairs is the teacher's score. Needs inputs start, learner_policy, target_policy, original_reward, designed_reward.",
  derive(context, parameters) {
    const world = worldOf(context, parameters);
    if ("missing" in world) return world;
    const { mdp } = world;
    const tables: (readonly Float64Array[])[] = [];
    for (const name of ["target_policy", "learner_policy", "original_reward", "designed_reward"]) {
      const table = tableOf(context, name, mdp);
      if ("missing" in table) return table;
      tables.push(table);
    }
    const start = context.inputs?.arrays?.["start"];
    if (!start || start.data.length !== mdp.states)
      return missing(
        "observations",
        `Needs a model input named start with ${mdp.states} probabilities of the first state.`,
      );
    const [target, learner, original, designed] = tables as [
      Float64Array[],
      Float64Array[],
      Float64Array[],
      Float64Array[],
    ];
    const advantages = policyAdvantages(mdp, target.map(greatest), original);
    const visits = occupancy(mdp, start.data, target);
    const kind = textOf(parameters, "expected") === "released" ? "released" : "corrected";
    const { terms, score } = teacherScore(mdp, advantages, visits, learner, designed, start.data, kind);
    const values = Float64Array.from(world.states, (s, t) => terms[s]![world.actions[t]!]!);
    return {
      values,
      notes: [`The teacher's score of this reward for this learner is ${score}.`],
      convention: `h = 1, expected reward ${kind}`,
      lines(index) {
        const s = world.states[index]!;
        const a = world.actions[index]!;
        const share = learner[s]![a]!;
        const term = terms[s]![a]!;
        const weight = visits[s]! * (occupancy(mdp, start.data, learner)[s]! * share);
        const lead = advantages[s]![a]! - learner[s]!.reduce((sum, p, b) => sum + p * advantages[s]![b]!, 0);
        const push = share * weight * lead === 0 ? 0 : term / (share * weight * lead);
        const expression = binary(
          "*",
          binary(
            "*",
            binary(
              "*",
              stepSymbol(context, "pi_L", index, share, "learner's probability of the action"),
              symbol("mu_T mu_L", weight, "how often target and learner come here"),
            ),
            symbol("A_T - E A_T", lead, "lead of the action under the target policy"),
          ),
          symbol("R - E R", push, "lead of its designed reward"),
        );
        return [{ name: `I_${index}`, expression, value: term }];
      },
    };
  },
});
