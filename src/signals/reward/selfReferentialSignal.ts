import { binary, call, number, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { givenEmbeddings, groupMembers, memberContexts, missing } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import type { SignalContext } from "../signal";
import { liberoTask, selfReferentialRewards, type EmbeddedTrajectory } from "./selfReferential";

/** Embedding of a whole trajectory: the mean of its rows, in the float32 of the world model. */
function trajectoryEmbedding(context: SignalContext): Float32Array | undefined {
  const rows = givenEmbeddings(context);
  if (rows.length === 0) return undefined;
  return Float32Array.from(
    { length: rows[0]!.length },
    (_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length,
  );
}

/** Task of a trajectory: its LIBERO name without the trial, else its task's id, else its group. */
function taskOf({ trajectory, group }: SignalContext): string {
  const name = trajectory.extra["task_file_name"];
  if (typeof name === "string") return liberoTask(name);
  return trajectory.task.id === undefined ? (group?.groupId ?? "") : liberoTask(trajectory.task.id);
}

export const selfReferentialReward = derivedSignal({
  id: "srpo",
  title: "Self-referential progress reward (SRPO)",
  family: "reward",
  level: "trajectory",
  unit: "reward",
  signed: false,
  needs: ["group", "embeddings"],
  inputs: [
    { kind: "embeddings", name: "", meaning: "of a world model, of every member; rows are averaged" },
    { kind: "trajectory", name: "task_file_name", meaning: "LIBERO name of the trial, which groups by task" },
  ],
  parameters: [
    { name: "coefficient", description: "Multiplies the reward.", type: "number", minimum: 0, default: 1 },
  ],
  presets: [
    {
      id: "code",
      title: "SRPO, code",
      values: { coefficient: 1 },
      source: "sii-research/siiRL, siirl/utils/reward_score/embodied.py, compute_embodied_reward",
    },
    {
      id: "scripts",
      title: "SRPO, shipped scripts",
      values: { coefficient: 5 },
      source: "sii-research/siiRL, examples/embodied_srpo_trainer (reward_coef 5.0)",
    },
  ],
  source:
    "Fei et al. 2025, SRPO; sii-research/siiRL, siirl/utils/reward_score/embodied.py, compute_embodied_reward",
  description:
    "1 for a success; a failure earns up to 0.6 by how near its embedding is to the successes of the same task in the batch. Distances are scaled over the failures, so the best failure gets 0.596 whatever its true distance. An empty embedding has 0, a success too.",
  derive(context, parameters) {
    const members = memberContexts(context);
    if ("missing" in members) return members;
    const batch: EmbeddedTrajectory[] = [];
    for (const member of members) {
      const embedding = trajectoryEmbedding(member);
      if (!embedding)
        return missing(
          "embeddings",
          `Needs a world model's embedding of every member of the group; ${member.trajectory.id} has none.`,
        );
      const { success } = member.trajectory.outcome;
      if (typeof success !== "boolean")
        return missing(
          "outcomeReward",
          `Needs whether each member succeeded; ${member.trajectory.id} does not say.`,
        );
      batch.push({ embedding, success, task: taskOf(member) });
    }
    const width = batch[0]!.embedding.length;
    if (batch.some(({ embedding }) => embedding.length !== width))
      return missing(
        "embeddings",
        "The members' embeddings have different lengths: score them with one model.",
      );
    const rewards = selfReferentialRewards(batch);
    const own = members.indexOf(context);
    const reward = rewards[own]!;
    const coefficient = numberOf(parameters, "coefficient");
    const value = coefficient * reward.score;
    const dead = rewards.filter(({ emptyEmbedding }, i) => emptyEmbedding && batch[i]!.success).length;
    const distance = reward.normalisedDistance;
    return {
      values: Float64Array.of(value),
      parts: {
        "distance to the successes": Float64Array.of(reward.distance ?? NaN),
        "scaled distance": Float64Array.of(distance ?? NaN),
        "empty embedding": Float64Array.of(Number(reward.emptyEmbedding)),
      },
      group: groupMembers(context),
      notes: [
        ...(reward.emptyEmbedding ? ["The embedding is empty (all zeros): the reward is 0."] : []),
        ...(dead > 0
          ? [`${dead} successes of the group have an empty embedding and are treated as failures.`]
          : []),
        ...(distance === undefined && !batch[own]!.success && !reward.emptyEmbedding
          ? ["No success of the same task with an embedding: failures get 0."]
          : []),
      ],
      convention: `coefficient ${coefficient}`,
      lines: () => [
        {
          name: "R",
          expression:
            distance === undefined
              ? binary("*", symbol("coef", coefficient), symbol("score", reward.score, "1 = success, else 0"))
              : binary(
                  "*",
                  symbol("coef", coefficient),
                  binary(
                    "*",
                    number(0.6),
                    call(
                      "sigmoid",
                      binary(
                        "*",
                        number(10),
                        binary("-", number(0.5), symbol("d", distance, "scaled distance")),
                      ),
                    ),
                  ),
                ),
          value,
        },
      ],
    };
  },
});
