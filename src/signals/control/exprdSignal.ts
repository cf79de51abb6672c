import { binary, number, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { numberOf, textOf } from "../series/parameters";
import { leastGaps } from "./rewardDesign";
import { applyToRewards, fullGapOperator, horizonGapOperator } from "./tabularMdp";
import { greatest, tableOf, tabularParameters, worldOf } from "./tabularWorld";

export const exprdGap = derivedSignal({
  id: "exprd-gap",
  title: "EXPRD shortfall of a designed reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: false,
  needs: ["observations", "actions", "components"],
  parameters: [
    ...tabularParameters,
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
