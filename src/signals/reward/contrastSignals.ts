import { binary, call, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { groupMembers, memberContexts, missing, rowsOf, trajectoryNumber } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import {
  consistency,
  distinctNeighbours,
  fusedReward,
  hullCorners,
  principalPlane,
  type Neighbour,
} from "./contrastInstructions";
import { cosine } from "./goalBaseline";

const source =
  "Shen et al. 2024, The Trickle-down Impact of Reward (In-)consistency on RLHF; shadowkiller33/Contrast-Instruction";

/** Rewards of a pair of instructions (q, t) with their preferred responses, [instruction][response]. */
function gridOf(context: SignalContext): readonly (readonly [number, number])[] | undefined {
  const matrix = context.inputs?.arrays?.["grid"];
  if (matrix?.rows === 2 && matrix.width === 2)
    return rowsOf(matrix).map((row) => [row[0]!, row[1]!] as const);
  const names = ["score_qq", "score_qt", "score_tq", "score_tt"];
  const values = names.map((name) => trajectoryNumber(context, [name]));
  if (values.includes(undefined)) return undefined;
  const [qq, qt, tq, tt] = values as number[];
  return [
    [qq!, qt!],
    [tq!, tt!],
  ];
}

export const contrastConsistency = derivedSignal({
  id: "contrast-consistency",
  title: "Consistency of a reward model (Contrast Instructions)",
  family: "reward",
  level: "pair",
  unit: "share",
  signed: false,
  needs: ["components"],
  parameters: [
    {
      name: "kind",
      description:
        "Response: an instruction's own response must beat the other's; instruction: a response's own instruction must beat the other's; grid: all four comparisons.",
      type: "choice",
      choices: ["response", "instruction", "grid"],
      default: "response",
    },
    {
      name: "rule",
      description: "Equal rewards lose (inference scripts) or win (reward_fusion.py).",
      type: "choice",
      choices: ["strict", "ties-win"],
      default: "strict",
    },
  ],
  presets: [
    {
      id: "response",
      title: "Response consistency",
      values: { kind: "response" },
      source: "shadowkiller33/Contrast-Instruction, code/inference_mt.py",
    },
    {
      id: "instruction",
      title: "Instruction consistency",
      values: { kind: "instruction" },
      source: "shadowkiller33/Contrast-Instruction, code/inference.py, inference_para.py, inference_sum.py",
    },
    {
      id: "fusion-rule",
      title: "Counted as in reward_fusion.py",
      values: { rule: "ties-win" },
      source: "shadowkiller33/Contrast-Instruction, code/reward_fusion.py (>= instead of >)",
    },
  ],
  source,
  description:
    "Whether a reward model prefers the response that belongs to an instruction, and the instruction that belongs to a response, on a pair of similar instructions. Constant rewards score 0 under the strict rule and 1 when ties win.",
  derive(context, parameters) {
    const grid = gridOf(context);
    if (!grid)
      return missing(
        "components",
        "Needs the four rewards of the pair (score_qq, score_qt, score_tq, score_tt: instruction, then response): score the pair with a reward model.",
      );
    const [[qq, qt], [tq, tt]] = grid as [[number, number], [number, number]];
    const kind = textOf(parameters, "kind");
    const rule = textOf(parameters, "rule") as "strict" | "ties-win";
    const pairs: readonly (readonly [number, number])[] =
      kind === "response"
        ? [[qq, qt]]
        : kind === "instruction"
          ? [[qq, tq]]
          : [
              [qq, qt],
              [tt, tq],
              [qq, tq],
              [tt, qt],
            ];
    if (pairs.flat().some((value) => Number.isNaN(value)))
      return missing("components", "One of the four rewards is not a number.");
    const { share, count } = consistency(pairs, rule);
    return {
      values: Float64Array.of(share),
      parts: { margin: Float64Array.of(Math.min(...pairs.map(([a, b]) => a - b))) },
      notes: [`${count} of ${pairs.length} comparisons are won.`],
      convention: `${kind}, ${rule}`,
      lines: () => [
        {
          name: "C",
          expression: call(
            "mean",
            ...pairs.map(([a, b], k) =>
              symbol(`win_${k + 1}`, Number(a > b || (rule === "ties-win" && a === b)), `${a} against ${b}`),
            ),
          ),
          value: share,
        },
      ],
    };
  },
});

function embeddingOf(context: SignalContext): Float64Array | undefined {
  const matrix = context.inputs?.embeddings;
  return matrix && matrix.rows > 0 ? Float64Array.from(rowsOf(matrix)[0]!) : undefined;
}

function embeddedMembers(
  context: SignalContext,
): { readonly members: readonly SignalContext[]; readonly embeddings: readonly Float64Array[] } | Missing {
  const members = memberContexts(context);
  if ("missing" in members) return members;
  const embeddings = members.map(embeddingOf);
  const without = embeddings.indexOf(undefined);
  if (without >= 0)
    return missing(
      "embeddings",
      `Needs an embedding of every member of the group; ${members[without]!.trajectory.id} has none.`,
    );
  return { members, embeddings: embeddings as Float64Array[] };
}

export const fusedRewardSignal = derivedSignal({
  id: "reward-fusion",
  title: "Fused reward (RewardFusion)",
  family: "reward",
  level: "trajectory",
  unit: "reward",
  signed: true,
  needs: ["group", "outcomeReward", "embeddings"],
  parameters: [
    {
      name: "neighbours",
      description: "Most neighbours that count.",
      type: "integer",
      minimum: 0,
      default: 5,
    },
    {
      name: "similarity",
      description: "Least cosine of a neighbour.",
      type: "number",
      minimum: -1,
      maximum: 1,
      default: 0.9,
    },
    {
      name: "distinct",
      description: "Leave repeated texts out; as released only one side of a pair does so.",
      type: "boolean",
      default: true,
    },
  ],
  presets: [
    {
      id: "side-j",
      title: "RewardFusion, j side (repeats left out)",
      values: { distinct: true },
      source: "shadowkiller33/Contrast-Instruction, code/reward_fusion.py, RewardTrainer.compute_loss",
    },
    {
      id: "side-k",
      title: "RewardFusion, k side (repeats stay, as released)",
      values: { distinct: false },
      source: "shadowkiller33/Contrast-Instruction, code/reward_fusion.py, RewardTrainer.compute_loss",
    },
  ],
  source: `${source}, code/reward_fusion.py`,
  description:
    "Mean of a text's own reward and its neighbours' rewards, weighted by 1 and by similarity; neighbours are the members of the group whose embeddings are near. It changes when members are added or dropped.",
  derive(context, parameters) {
    const found = embeddedMembers(context);
    if ("missing" in found) return found;
    const { members, embeddings } = found;
    const own = members.indexOf(context);
    const rewards = members.map(({ trajectory }) => trajectory.outcome.reward);
    const reward = rewards[own];
    if (typeof reward !== "number") return missing("outcomeReward");
    const least = numberOf(parameters, "similarity");
    const textAt = (k: number): string => {
      const { trajectory } = members[k]!;
      return trajectory.flatText?.response ?? trajectory.steps.map(({ action }) => action ?? "").join("\n");
    };
    const near = members.flatMap((_, k): (Neighbour & { readonly k: number })[] => {
      const similarity = cosine(embeddings[own]!, embeddings[k]!);
      return k !== own && similarity >= least && typeof rewards[k] === "number"
        ? [{ text: textAt(k), similarity, k }]
        : [];
    });
    near.sort((a, b) => b.similarity - a.similarity);
    const listed = parameters["distinct"] === true ? distinctNeighbours(near) : near;
    const kept = (listed as typeof near).slice(0, numberOf(parameters, "neighbours"));
    const value = fusedReward(
      reward,
      kept,
      kept.map(({ k }) => rewards[k]!),
    );
    const weights = kept.reduce((sum, { similarity }) => sum + similarity, 1);
    return {
      values: Float64Array.of(value),
      parts: { neighbours: Float64Array.of(kept.length), "own reward": Float64Array.of(reward) },
      group: groupMembers(context),
      notes: kept.map(
        ({ k, similarity }) =>
          `${members[k]!.trajectory.id}: similarity ${similarity}, reward ${rewards[k]!}.`,
      ),
      convention: `up to ${numberOf(parameters, "neighbours")} neighbours, cosine >= ${least}`,
      lines: () => [
        {
          name: "r",
          expression: binary(
            "/",
            call(
              "sum",
              symbol("r_i", reward, "own reward", { trajectoryId: context.trajectory.id }),
              ...kept.map(({ k, similarity }) =>
                binary(
                  "*",
                  symbol(`s_${k}`, similarity, "similarity"),
                  symbol(`r_${k}`, rewards[k]!, "reward of the neighbour", {
                    trajectoryId: members[k]!.trajectory.id,
                  }),
                ),
              ),
            ),
            symbol("weights", weights, "1 and the similarities"),
          ),
          value,
        },
      ],
    };
  },
});

export const hullCorner = unexplainedSignal({
  id: "convex-hull-corner",
  title: "Corner of the hull (ConvexDA)",
  family: "reward",
  level: "trajectory",
  unit: "flag",
  signed: false,
  needs: ["group", "embeddings"],
  parameters: [],
  presets: [
    {
      id: "paper",
      title: "ConvexDA, as meant",
      values: {},
      source:
        "shadowkiller33/Contrast-Instruction, code/DA_convex.py (the released loop keeps the last corner only)",
    },
  ],
  source: `${source}, code/DA_convex.py`,
  description:
    "1 when the embedding of this variant is a corner of the convex hull of its group in the plane of the two main directions, so that the augmentation keeps it. Variants on one line have no hull.",
  derive(context) {
    const found = embeddedMembers(context);
    if ("missing" in found) return found;
    const { members, embeddings } = found;
    try {
      const plane = principalPlane(embeddings);
      const corners = hullCorners(plane);
      const own = members.indexOf(context);
      return {
        values: Float64Array.of(Number(corners.includes(own))),
        parts: { x: Float64Array.of(plane[own]![0]), y: Float64Array.of(plane[own]![1]) },
        group: groupMembers(context),
        notes: [`${corners.length} of ${members.length} variants are corners.`],
        convention: "PCA to two dimensions, corners of the convex hull",
      };
    } catch (error) {
      return missing("embeddings", error instanceof Error ? error.message : String(error));
    }
  },
});
