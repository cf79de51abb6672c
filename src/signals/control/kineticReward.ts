import { binary, symbol, type Expression, type ExpressionReference } from "../expression";
import type { Missing } from "../series/episode";
import { derivedSignal } from "../series/derivedSignal";
import { missing, stepCount, type Row } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, SignalContext } from "../signal";
import { stepVectors } from "./controlSeries";
import {
  alignment,
  ballToGoalDifference,
  playerToBall,
  velocityToBall,
  weightedAlignment,
} from "./rocketPotentials";

const point = (name: string, description: string, standard: string): Parameter => ({
  name,
  description: `${description}: a column or model input of three numbers, or the labels' name before .x, .y, .z.`,
  type: "string",
  default: standard,
});

/** Rows of a named point at every step, or how to get them. */
function points(context: SignalContext, parameters: ParameterValues, name: string): readonly Row[] | Missing {
  const rows = stepVectors(context, textOf(parameters, name));
  return rows && rows[0]!.length >= 3
    ? rows
    : missing(
        "observations",
        `Needs ${name.replaceAll("_", " ")} at every step: a column of three numbers named "${textOf(parameters, name)}".`,
      );
}

/**
 * Kinesthetic reward combination (Moschopoulos et al. 2023, Lucy-SKG, eq. 2): the geometric mean of the components' sizes
 * with one sign. `paper`: + when all components are above 0. `released`: + when none is below 0, and what is 0 gives 0
 * with +. `product`: the sign of the product (DistanceWeightedAlignBallGoal).
 */
export type CombinationSign = "paper" | "released" | "product";

function combinationSign(components: readonly number[], rule: CombinationSign): number {
  if (rule === "product") return Math.sign(components.reduce((product, value) => product * value, 1));
  return components.every((value) => (rule === "paper" ? value > 0 : value >= 0)) ? 1 : -1;
}

export function kineticCombination(components: readonly number[], rule: CombinationSign): number {
  const size = Math.abs(components.reduce((product, value) => product * value, 1));
  const root =
    components.length === 3
      ? Math.cbrt(size)
      : components.length === 2
        ? Math.sqrt(size)
        : size ** (1 / components.length);
  return combinationSign(components, rule) * root;
}

export const lucyKrc = derivedSignal({
  id: "lucy-krc",
  title: "Lucy-SKG kinesthetic reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["observations"],
  parameters: [
    point("player_position", "Player", "car_0.position"),
    point("player_velocity", "Player's velocity", "car_0.velocity"),
    point("ball_position", "Ball", "ball.position"),
    {
      name: "utility",
      description:
        "Offensive potential (alignment, speed to the ball, distance), alignment weighted by distance, ball to goals, or one component.",
      type: "choice",
      choices: [
        "offensive-potential",
        "weighted-alignment",
        "ball-to-goals",
        "alignment",
        "player-to-ball",
        "velocity-to-ball",
      ],
      default: "offensive-potential",
    },
    {
      name: "sign",
      description:
        "Sign of the combination: + when all are above 0 (paper), or when none is below 0 (released).",
      type: "choice",
      choices: ["released", "paper"],
      default: "released",
    },
    {
      name: "team",
      description: "Side of the player.",
      type: "choice",
      choices: ["blue", "orange"],
      default: "blue",
    },
    { name: "dispersion", description: "Widens the distance reward.", type: "number", default: 1 },
    { name: "density", description: "Sharpens the distance reward.", type: "number", default: 1 },
    {
      name: "offense",
      description: "Weight of the line to the opponent's goal.",
      type: "number",
      default: 0.5,
    },
    { name: "defense", description: "Weight of the line from the own goal.", type: "number", default: 0.5 },
  ],
  presets: [
    {
      id: "lucy",
      title: "Lucy's offensive potential",
      values: { utility: "offensive-potential", density: 1.1, sign: "released" },
      source: "Enkhai/Lucy, experiment/lucy_match_params.py; lucy-utils, rewards/player_ball.py",
    },
    {
      id: "paper",
      title: "Equation 2 of the paper",
      values: { utility: "offensive-potential", sign: "paper" },
      source: "Moschopoulos et al. 2023, Lucy-SKG, eq. 2",
    },
    {
      id: "lucy-align",
      title: "Lucy's weighted alignment",
      values: { utility: "weighted-alignment", dispersion: 1.1 },
      source: "Enkhai/Lucy, experiment/lucy_match_params.py, DistanceWeightedAlignBallGoal",
    },
    {
      id: "lucy-ball",
      title: "Lucy's ball to goals",
      values: { utility: "ball-to-goals", offense: 0.6, defense: 0.4 },
      source:
        "Enkhai/Lucy, experiment/lucy_match_params.py, LiuDistanceBallToGoalDiff (dispersions .6 and .4)",
    },
  ],
  source:
    "Moschopoulos et al. 2023, Lucy-SKG: Learning to Play Rocket League Efficiently Using Deep Reinforcement Learning",
  description:
    "Geometric mean of reward components with one sign: it is large only when every component is. Shape it over time with potential shaping (Lucy pays gamma Phi(s') - Phi(s), 0 at the first step). Offense and defense weigh the two goal lines, or spread the two goals.",
  derive(context, parameters) {
    const utility = textOf(parameters, "utility");
    const ball = points(context, parameters, "ball_position");
    if ("missing" in ball) return ball;
    const needsPlayer = utility !== "ball-to-goals";
    const player = needsPlayer ? points(context, parameters, "player_position") : ball;
    if ("missing" in player) return player;
    const needsVelocity = utility === "offensive-potential" || utility === "velocity-to-ball";
    const velocity = needsVelocity ? points(context, parameters, "player_velocity") : ball;
    if ("missing" in velocity) return velocity;
    const team = textOf(parameters, "team") === "orange" ? "orange" : "blue";
    const density = numberOf(parameters, "density");
    const shape = { dispersion: numberOf(parameters, "dispersion"), density };
    const offense = numberOf(parameters, "offense");
    const defense = numberOf(parameters, "defense");
    const rule = textOf(parameters, "sign") === "paper" ? "paper" : "released";
    const mirror = (row: Row): Row =>
      team === "orange" ? row.map((value, d) => (d === 1 ? -value : value)) : row;
    const components = Array.from(
      { length: stepCount(context.trajectory) },
      (_, t): readonly (readonly [string, number])[] => {
        const [p, b] = [player[t]!, ball[t]!];
        const aligned = (): readonly [string, number] => [
          "alignment",
          alignment(p, b, team, { offense, defense }),
        ];
        const near = (): readonly [string, number] => ["distance", playerToBall(p, b, shape)];
        const fast = (): readonly [string, number] => ["velocity", velocityToBall(p, b, velocity[t]!)];
        switch (utility) {
          case "offensive-potential":
            return [aligned(), fast(), near()];
          case "weighted-alignment":
            return [aligned(), near()];
          case "ball-to-goals":
            return [
              [
                "ball",
                ballToGoalDifference(
                  mirror(b),
                  { dispersion: offense, density },
                  { dispersion: defense, density },
                ),
              ],
            ];
          case "alignment":
            return [aligned()];
          case "player-to-ball":
            return [near()];
          default:
            return [fast()];
        }
      },
    );
    const single = components[0]?.length === 1;
    const combine = (values: readonly number[]): number =>
      single
        ? values[0]!
        : utility === "weighted-alignment"
          ? weightedAlignment(values[0]!, values[1]!)
          : kineticCombination(values, rule);
    const values = Float64Array.from(components, (row) => combine(row.map(([, value]) => value)));
    const names = (components[0] ?? []).map(([name]) => name);
    return {
      values,
      parts: Object.fromEntries(
        single ? [] : names.map((name, k) => [name, Float64Array.from(components, (row) => row[k]![1])]),
      ),
      notes: [],
      convention: `${utility}, ${team}, sign: ${utility === "weighted-alignment" ? "of the product" : rule}`,
      lines(index) {
        const row = components[index]!;
        const reference: ExpressionReference = { trajectoryId: context.trajectory.id, stepIndex: index };
        const symbols = row.map(([name, value]) =>
          symbol(`R_${name}`, value, `${name} at step ${index}`, reference),
        );
        if (single) return [{ name: `R_${index}`, expression: symbols[0]!, value: values[index]! }];
        const numbers = row.map(([, value]) => value);
        const sign = combinationSign(numbers, utility === "weighted-alignment" ? "product" : rule);
        const product = symbols.reduce((left, right): Expression => binary("*", left, right));
        const root = binary(
          "^",
          { kind: "call", name: "abs", arguments: [product] },
          binary("/", { kind: "number", value: 1 }, { kind: "number", value: row.length }),
        );
        return [
          {
            name: `R_${index}`,
            expression: binary("*", symbol("sgn", sign, "one sign for all components"), root),
            value: values[index]!,
          },
        ];
      },
    };
  },
});
