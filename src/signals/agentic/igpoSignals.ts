import { binary, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { groupMembers } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import { needHow, type ParameterValues, type Signal, type SignalContext } from "../signal";
import { firstReleaseAdvantages, igpoAdvantages, type IgpoResult } from "./igpo";

const source = "Wang et al. 2025, Information Gain-based Policy Optimization; GuoqingWang1/IGPO";

interface Prepared {
  readonly own: number;
  readonly result: IgpoResult;
  readonly masks: readonly ArrayLike<number>[];
}

function prepare(context: SignalContext, parameters: ParameterValues): Prepared | Missing {
  const { group, trajectory } = context;
  if (!group) return { missing: ["group"], how: needHow.group };
  const rewards: Float64Array[] = [];
  const masks: ArrayLike<number>[] = [];
  for (const member of group.members) {
    const tokens = member.trajectory?.tokens;
    const series = tokens?.series["reward"];
    if (!tokens || !series)
      return {
        missing: ["rewards"],
        how: `Needs token rewards of every member; ${member.trajectoryId} has none.`,
      };
    rewards.push(series.map((value) => (Number.isNaN(value) ? 0 : value)));
    masks.push(tokens.mask ?? new Uint8Array(tokens.count).fill(1));
  }
  const own = group.members.findIndex((member) => member.trajectoryId === trajectory.id);
  if (own < 0) return { missing: ["group"], how: needHow.group };
  const tasks = group.members.map(() => group.groupId);
  if (textOf(parameters, "release") === "first") {
    const { advantages, returns } = firstReleaseAdvantages(rewards, masks, tasks, {
      gamma: 1,
      baseline: "position",
      divideByStd: false,
      epsilon: 0,
    });
    return { own, result: { advantages, normalised: returns }, masks };
  }
  const result = igpoAdvantages(rewards, masks, tasks, {
    norm: textOf(parameters, "norm") as "joint" | "separate",
    divideByStd: parameters["divideByStd"] === true,
    gamma: numberOf(parameters, "gamma"),
    epsilon: 1e-6,
    outcomeWeight: numberOf(parameters, "outcomeWeight"),
    gainWeight: numberOf(parameters, "gainWeight"),
  });
  return { own, result, masks };
}

/** IGPO's turn advantages, spread on the tokens of each turn. */
export const igpo: Signal = {
  id: "igpo",
  title: "IGPO advantage",
  family: "agentic",
  level: "token",
  unit: "advantage",
  signed: true,
  needs: ["group", "rewards", "tokenMask"],
  parameters: [
    {
      name: "release",
      description:
        "The newer code, or the first release: return-to-go inside a run of policy tokens minus the group's mean at the same token position.",
      type: "choice",
      choices: ["newer", "first"],
      default: "newer",
    },
    { name: "gamma", description: "Discount per turn.", type: "number", minimum: 0, maximum: 1, default: 1 },
    {
      name: "norm",
      description: "Normalise outcomes and gains together, or apart.",
      type: "choice",
      choices: ["joint", "separate"],
      default: "joint",
    },
    { name: "divideByStd", description: "Divide by the group's deviation.", type: "boolean", default: true },
    { name: "outcomeWeight", description: "Curriculum weight of the outcome.", type: "number", default: 1 },
    { name: "gainWeight", description: "Curriculum weight of the gains.", type: "number", default: 1 },
  ],
  presets: [
    {
      id: "function",
      title: "IGPO, function defaults",
      values: {},
      source:
        "IGPO, verl/trainer/ppo/core_algos.py, compute_grpo_outcome_advantage (through debajoycs98/IGPO)",
    },
    {
      id: "script",
      title: "IGPO, train.sh",
      values: { norm: "separate" },
      source: "GuoqingWang1/IGPO, train.sh",
    },
    {
      id: "first-release",
      title: "IGPO, first release",
      values: { release: "first" },
      source:
        "GuoqingWang1/IGPO at bff163b7, core_algos.py, compute_grpo_outcome_advantage (gamma 1, no deviation)",
    },
  ],
  source,
  description:
    "Normalised information gains and answer score of the group, accumulated turn by turn from the end and given to all tokens of the turn. As released the outcome's place is the mask's sum minus one, which is wrong when the mask has holes.",
  compute(context, parameters) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return prepared;
    const { result, own, masks } = prepared;
    return {
      level: "token",
      values: result.advantages[own]!.map((value, t) => (masks[own]![t] ? value : NaN)),
      parts: {
        [textOf(parameters, "release") === "first" ? "return to go" : "normalised reward"]:
          result.normalised[own]!,
      },
      group: groupMembers(context),
      notes: [],
    };
  },
  explain(context, parameters, index) {
    const prepared = prepare(context, parameters);
    if ("missing" in prepared) return undefined;
    const { result, own, masks } = prepared;
    const row = result.normalised[own]!;
    if (textOf(parameters, "release") === "first") {
      const value = result.advantages[own]![index];
      if (value === undefined || !masks[own]![index]) return undefined;
      const at = { trajectoryId: context.trajectory.id, tokenIndex: index };
      return {
        title: "IGPO advantage",
        convention: "first release: gamma 1, mean of the group at the same token position, no deviation",
        lines: [
          {
            name: `A_${index}`,
            expression: binary(
              "-",
              symbol(`G_${index}`, row[index]!, "return to go inside this run of policy tokens", at),
              symbol(
                "mean(G)",
                row[index]! - value,
                "mean return of the group at this position; 0 for a group of one",
              ),
            ),
            value,
          },
        ],
        source,
        notes: [],
      };
    }
    if (index < 0 || index >= row.length || !masks[own]![index]) return undefined;
    const value = result.advantages[own]![index]!;
    const places = [...row.keys()].filter((t) => t >= index && row[t] !== 0);
    const gamma = symbol("gamma", numberOf(parameters, "gamma"), "discount per turn");
    const terms = places.map((t, k): Expression => {
      const reward = symbol(`r_${t}`, row[t]!, "normalised reward", {
        trajectoryId: context.trajectory.id,
        tokenIndex: t,
      });
      return k === 0 ? reward : binary("*", binary("^", gamma, { kind: "number", value: k }), reward);
    });
    return {
      title: "IGPO advantage",
      convention: `${textOf(parameters, "norm")}, gamma ${numberOf(parameters, "gamma")}`,
      lines: [
        {
          name: `A_${index}`,
          expression:
            terms.length === 0
              ? { kind: "number", value: 0 }
              : { kind: "call", name: "sum", arguments: terms },
          value,
        },
      ],
      source,
      notes: terms.length === 0 ? ["No reward follows this token."] : [],
    };
  },
};
