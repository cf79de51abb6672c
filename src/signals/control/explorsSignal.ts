import { binary, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, recordedStepRewards, rowsOf } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import { indicesOf, nameParameter, namedNumbers, neededNumbers, stepSymbol } from "./controlSeries";
import { explorationBonus } from "./explorationShaping";

export const explors = derivedSignal({
  id: "explors-reward",
  title: "ExploRS shaped reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["rewards", "observations", "actions"],
  parameters: [
    nameParameter("state", "Index of the state.", "state"),
    nameParameter("action", "Index of the taken action.", "action"),
    nameParameter("visits", "Visits of the next state so far; empty = counted within this episode.", ""),
    { name: "scale", description: "Scale of the bonus (lambda).", type: "number", default: 1 },
    { name: "most", description: "Largest bonus, at no visits.", type: "number", default: 1 },
    {
      name: "clip",
      description: "Limit of the learned shaping; empty = none.",
      type: "number",
      minimum: 0,
      default: null,
    },
  ],
  presets: [
    {
      id: "tabular",
      title: "As released, tabular",
      values: { scale: 1, most: 1 },
      source:
        "machine-teaching-group/neurips2022_exploration-guided-reward-shaping, code_tabular/env_generic_with_teacher.py",
    },
    {
      id: "neural",
      title: "As released, neural",
      values: { clip: 0.1 },
      source: "machine-teaching-group/neurips2022_exploration-guided-reward-shaping (clipping_epsilon 0.1)",
    },
  ],
  source:
    "Devidze et al. 2022, Exploration-Guided Reward Shaping for Reinforcement Learning under Sparse Rewards",
  description:
    "Original reward, learned shaping of the state and action (input shaping, states by actions), and a bonus that fades with the visits of the next state and is 0 in a terminal one. The count grows for the state that is left, the bonus is read for the one that is entered, as released.",
  derive(context, parameters) {
    const rewards = recordedStepRewards(context.trajectory);
    if (!rewards) return missing("rewards");
    const table = context.inputs?.arrays?.["shaping"];
    if (!table)
      return missing(
        "components",
        "Needs the learned shaping: a model input named shaping, one row a state over actions.",
      );
    const shaping = rowsOf(table);
    const named: (readonly number[])[] = [];
    for (const [parameter, need, below] of [
      ["state", "observations", table.rows],
      ["action", "actions", table.width],
    ] as const) {
      const column = neededNumbers(context, parameters, parameter, need, `the ${parameter}'s index`);
      if ("missing" in column) return column;
      const found = indicesOf(column, below);
      if ("bad" in found)
        return missing(need, `The ${parameter} at step ${found.bad} is no whole number below ${below}.`);
      named.push(found);
    }
    const [states, actions] = named as [readonly number[], readonly number[]];
    const counted = namedNumbers(context, parameters, "visits");
    const scale = numberOf(parameters, "scale");
    const most = numberOf(parameters, "most");
    const limit = typeof parameters["clip"] === "number" ? parameters["clip"] : Infinity;
    const visits = new Map<number, number>();
    const size = rewards.length;
    const { outcome, columns } = context.trajectory;
    const ended = columns?.columns.find(({ role }) => role === "terminated");
    const bonus = Float64Array.from(states, (state, t) => {
      const next = states[t + 1];
      const terminal = ended ? ended.data[t] === 1 : t + 1 === size && outcome.truncated === false;
      visits.set(state, (visits.get(state) ?? 0) + 1);
      if (terminal) return explorationBonus(0, scale, most, true);
      const count = counted?.[t] ?? (next === undefined ? undefined : (visits.get(next) ?? 0));
      return count === undefined ? NaN : explorationBonus(count, scale, most);
    });
    const learned = Float64Array.from(states, (state, t) =>
      Math.min(limit, Math.max(-limit, shaping[state]![actions[t]!]!)),
    );
    const values = rewards.map((reward, t) => reward + learned[t]! + bonus[t]!);
    return {
      values,
      parts: { "original reward": rewards, "learned shaping": learned, bonus },
      notes: [
        ...(counted
          ? []
          : ["Visits are counted within this episode alone; name the column of counts to use the run's."]),
        ...(Number.isNaN(bonus[size - 1] ?? 0)
          ? ["The state after the last step is not recorded: its bonus is unknown."]
          : []),
      ],
      convention: `lambda ${scale}, largest bonus ${most}`,
      lines(index) {
        const expression = binary(
          "+",
          binary(
            "+",
            stepSymbol(context, "r", index, rewards[index]!, "original reward"),
            stepSymbol(context, "phi", index, learned[index]!, "learned shaping"),
          ),
          symbol(`b(s_${index + 1})`, bonus[index]!, "bonus of the next state"),
        );
        return [{ name: `r^_${index}`, expression, value: values[index]! }];
      },
    };
  },
});
