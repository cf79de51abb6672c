import type { Missing } from "../series/episode";
import { missing, rowsOf } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import type { Matrix, ParameterValues, SignalContext } from "../signal";
import { indicesOf, nameParameter, neededNumbers } from "./controlSeries";
import type { TabularMdp } from "./tabularMdp";

/** An episode of a tabular task, with the task itself. */
export interface TabularWorld {
  readonly mdp: TabularMdp;
  readonly states: readonly number[];
  readonly actions: readonly number[];
}

const modelHow =
  "Needs the task as tables: model inputs transitions (one row a state-action pair, state by state, over next states), target_policy (a row of action shares per state) and the rewards.";

/** The state, action and tables of an episode; `gamma` of the task comes from the parameters. */
export function worldOf(context: SignalContext, parameters: ParameterValues): TabularWorld | Missing {
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
export function tableOf(
  context: SignalContext,
  name: string,
  mdp: TabularMdp,
): readonly Float64Array[] | Missing {
  const matrix: Matrix | undefined = context.inputs?.arrays?.[name];
  if (!matrix || matrix.rows !== mdp.states || matrix.width !== mdp.actions)
    return missing(
      "components",
      `Needs a model input named ${name} with ${mdp.states} rows of ${mdp.actions} actions.`,
    );
  return rowsOf(matrix).map((row) => Float64Array.from(row));
}

/** The first of the greatest entries. */
export const greatest = (row: ArrayLike<number>): number => {
  let best = 0;
  for (let a = 1; a < row.length; a++) if (row[a]! > row[best]!) best = a;
  return best;
};

/** Parameters of every signal on a tabular task. */
export const tabularParameters = [
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
