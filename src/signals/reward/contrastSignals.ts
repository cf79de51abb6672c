import { binary, call, symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { givenEmbeddings, groupMembers, memberContexts, missing } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import {
  distinctNeighbours,
  fusedReward,
  hullCorners,
  principalPlane,
  type Neighbour,
} from "./contrastInstructions";
import { cosine } from "./goalBaseline";

const source =
  "Shen et al. 2024, The Trickle-down Impact of Reward (In-)consistency on RLHF; shadowkiller33/Contrast-Instruction";

/** Embedding of the whole text: that of its last step with one. */
function embeddingOf(context: SignalContext): Float64Array | undefined {
  const last = givenEmbeddings(context).at(-1);
  return last && Float64Array.from(last);
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
  inputs: [{ kind: "embeddings", name: "", meaning: "one of every member" }],
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
  inputs: [{ kind: "embeddings", name: "", meaning: "one of every member" }],
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
