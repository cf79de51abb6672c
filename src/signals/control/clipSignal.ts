import { symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { groupMembers, memberContexts, missing, trajectoryNumber } from "../series/modelInputs";
import type { SignalContext } from "../signal";

/** The video reward of a clip: a score of the model run on it, a recorded component, or the mean over windows of frames. */
function clipReward(context: SignalContext): number | undefined {
  const matrix = context.inputs?.arrays?.["video_reward"];
  if (matrix && matrix.data.length > 0)
    return Array.from(matrix.data).reduce((sum, value) => sum + value, 0) / matrix.data.length;
  return trajectoryNumber(context, ["video_reward"]);
}

export const clipChoice = derivedSignal({
  id: "best-of-n-clips",
  title: "Best of N clips by video reward",
  family: "control",
  level: "trajectory",
  unit: "reward",
  signed: true,
  needs: ["group", "components", "observations"],
  inputs: [
    { kind: "array", name: "video_reward", meaning: "[windows][1], the video-reward model on the clip" },
    { kind: "trajectory", name: "video_reward", meaning: "the same as one number of the file or of a model" },
  ],
  parameters: [],
  presets: [],
  source:
    "ReSim and Video2Reward (no code released); video reward by a model of the user's, input layout [1, T, 3, 224, 224]",
  description:
    "Score of a candidate clip by a video-reward model of your own (input or component video_reward: an ONNX model that takes [1, frames, 3, 224, 224] in 0..1 and returns one number), with its rank in the group and whether it is the one that best-of-N keeps. The authors published no model; nothing is filled in.",
  derive(context) {
    const members = memberContexts(context);
    if ("missing" in members) return members;
    const scored = members.map((member) => ({ id: member.trajectory.id, score: clipReward(member) }));
    const own = scored.find(({ id }) => id === context.trajectory.id)?.score;
    if (own === undefined)
      return missing(
        "components",
        "Needs a video reward of this clip: score it with a video-reward model ([1, T, 3, 224, 224] in, one number out).",
      );
    const known = scored.filter(
      (entry): entry is { id: string; score: number } =>
        entry.score !== undefined && !Number.isNaN(entry.score),
    );
    const rank = 1 + known.filter(({ score }) => score > own).length;
    const best = known.find(({ score }) => score === Math.max(...known.map((entry) => entry.score)));
    return {
      values: Float64Array.of(own),
      parts: {
        rank: Float64Array.of(rank),
        kept: Float64Array.of(best?.id === context.trajectory.id ? 1 : 0),
      },
      group: groupMembers(context),
      notes:
        known.length < scored.length
          ? [
              `${scored.length - known.length} of ${scored.length} clips have no video reward and take no part.`,
            ]
          : [],
      convention: `best of ${known.length}`,
      lines: () => [
        { name: "score", expression: symbol("video reward", own, "output of the model"), value: own },
        ...(best
          ? [
              {
                name: "best",
                expression: {
                  kind: "call" as const,
                  name: "max",
                  arguments: known.map(({ id, score }): Expression =>
                    symbol(`score(${id})`, score, "video reward", { trajectoryId: id }),
                  ),
                },
                value: best.score,
              },
            ]
          : []),
      ],
    };
  },
});
