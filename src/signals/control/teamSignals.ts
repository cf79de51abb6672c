import { binary, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import {
  groupMembers,
  memberContexts,
  missing,
  recordedStepRewards,
  stepCount,
  stepNumbers,
} from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { stepSymbol } from "./controlSeries";
import { distributeRewards } from "./teamRewards";

/** The side that a player's trajectory belongs to, as the file names it. */
function teamOf({ trajectory }: SignalContext, field: string): string | undefined {
  const value = trajectory.extra[field] ?? trajectory.outcome.components[field];
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

export const teamSpirit = derivedSignal({
  id: "team-spirit",
  title: "Team-mixed reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["group", "rewards"],
  parameters: [
    {
      name: "spirit",
      description: "Share of the team's mean in a player's reward.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.3,
    },
    {
      name: "team",
      description: "Field of the trajectory that names its side.",
      type: "string",
      default: "team",
    },
  ],
  presets: [
    {
      id: "lucy",
      title: "Lucy-SKG",
      values: { spirit: 0.3 },
      source:
        "Lucas Emery's rlgym-tools, extra_rewards/distribute_rewards.py, DistributeRewards; Enkhai/Lucy (team spirit 0.3)",
    },
  ],
  source:
    "rlgym-tools, DistributeRewards; Berner et al. 2019, Dota 2 with Large Scale Deep Reinforcement Learning (team spirit)",
  description:
    "Reward of one player in a match whose players are the members of the group: spirit times the team's mean, the rest of the own reward, minus the opponents' mean. A side without players has mean 0.",
  derive(context, parameters) {
    const members = memberContexts(context);
    if ("missing" in members) return members;
    const field = textOf(parameters, "team");
    const sides = members.map((member) => teamOf(member, field));
    const rewards = members.map(({ trajectory }) => recordedStepRewards(trajectory));
    const own = members.findIndex(({ trajectory }) => trajectory.id === context.trajectory.id);
    if (sides.some((side) => side === undefined))
      return missing(
        "group",
        `Needs the side of every player: a field "${field}" of each trajectory (parameter team).`,
      );
    if (rewards.some((row) => row === undefined)) return missing("rewards");
    const names = [...new Set(sides)];
    const teams = sides.map((side) => names.indexOf(side));
    const steps = Array.from({ length: stepCount(context.trajectory) }, (_, t) =>
      Float64Array.from(rewards, (row) => row![t] ?? NaN),
    );
    const spirit = numberOf(parameters, "spirit");
    const values = Float64Array.from(steps, (row) => distributeRewards(row, teams, spirit)[own]!);
    const mean = (row: Float64Array, belongs: (k: number) => boolean): number => {
      const side = [...row.keys()].filter(belongs);
      return side.length === 0 ? 0 : side.reduce((sum, k) => sum + row[k]!, 0) / side.length;
    };
    const allies = Float64Array.from(steps, (row) => mean(row, (k) => teams[k] === teams[own]));
    const opponents = Float64Array.from(steps, (row) => mean(row, (k) => teams[k] !== teams[own]));
    return {
      values,
      parts: { "own reward": rewards[own]!, "team mean": allies, "opponents' mean": opponents },
      group: groupMembers(context),
      notes: names.length < 2 ? ["All players are on one side: the opponents' mean counts as 0."] : [],
      convention: `team spirit ${spirit}`,
      lines(index) {
        const tau = symbol("tau", spirit, "team spirit");
        const mixed = binary(
          "+",
          binary("*", tau, symbol("mean(team)", allies[index]!, "mean reward of the side")),
          binary(
            "*",
            binary("-", { kind: "number", value: 1 }, tau),
            stepSymbol(context, "r", index, rewards[own]![index]!, "own reward"),
          ),
        );
        return [
          {
            name: `r'_${index}`,
            expression: binary(
              "-",
              mixed,
              symbol("mean(opponents)", opponents[index]!, "mean reward of the others"),
            ),
            value: values[index]!,
          },
        ];
      },
    };
  },
});

/**
 * Reads `goal:10, concede:-3`.
 * @throws Error that names the part which has no weight
 */
function parseEventWeights(text: string): readonly (readonly [string, number])[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const [name, weight] = part.split(":").map((piece) => piece.trim());
      const value = Number(weight);
      if (!name || !weight || Number.isNaN(value))
        throw new Error(`Parameter events must look like "goal:10, concede:-3"; "${part}" does not.`);
      return [name, value] as const;
    });
}

export const eventRewards = derivedSignal({
  id: "event-reward",
  title: "Event reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["components"],
  parameters: [
    {
      name: "events",
      description:
        'Counters and what an increase of each pays: "goal:10, concede:-3"; names of columns or step fields.',
      type: "string",
      default: "goal:10, concede:-3, shot:1.5, save:3, touch:0.05, demo:2, demoed:-2",
    },
  ],
  presets: [
    {
      id: "lucy",
      title: "Lucy-SKG",
      values: {},
      source: "Enkhai/Lucy, experiment/lucy_match_params.py; lucy-utils, rewards/misc.py, EventReward",
    },
  ],
  source: "Moschopoulos et al. 2023, Lucy-SKG; RLGym, EventReward",
  description:
    "Weighted sum of the increases of event counters since the step before; decreases pay nothing, and the first step has no step before it. Counters that are not recorded take no part, and are named.",
  derive(context, parameters) {
    const weights = parseEventWeights(textOf(parameters, "events"));
    const counters = weights.map(([name]) => stepNumbers(context, [name]));
    if (counters.every((counter) => counter === undefined))
      return missing(
        "components",
        `Needs event counters at every step: none of ${weights.map(([name]) => name).join(", ")} is a column or step field.`,
      );
    const size = stepCount(context.trajectory);
    const gain = (k: number, t: number): number =>
      t === 0 ? 0 : Math.max(0, counters[k]![t]! - counters[k]![t - 1]!);
    const known = weights.flatMap(([name, weight], k) => (counters[k] ? [{ name, weight, k }] : []));
    const values = Float64Array.from({ length: size }, (_, t) =>
      known.reduce((sum, { weight, k }) => sum + weight * gain(k, t), 0),
    );
    const absent = weights.flatMap(([name], k) => (counters[k] ? [] : [name]));
    return {
      values,
      parts: Object.fromEntries(known.map(({ name, k }) => [name, counters[k]!])),
      notes: absent.length > 0 ? [`Not recorded, so not paid: ${absent.join(", ")}.`] : [],
      convention: weights.map(([name, weight]) => `${name} ${weight}`).join(", "),
      lines: (index) => [
        {
          name: `r_${index}`,
          expression: {
            kind: "call",
            name: "sum",
            arguments: known.map(({ name, weight, k }): Expression =>
              binary(
                "*",
                symbol(`w_${name}`, weight, "weight"),
                stepSymbol(context, `+${name}`, index, gain(k, index), "increase of the counter"),
              ),
            ),
          },
          value: values[index]!,
        },
      ],
    };
  },
});
