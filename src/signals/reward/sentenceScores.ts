import type { Missing } from "../series/episode";
import { arrayInput, embeddedSteps, missing, onSteps, stepNumbers } from "../series/modelInputs";
import type { SignalContext } from "../signal";
import { languageScore } from "./contrastingGoal";

const sentences = [
  "Two cars have collided with each other on the road",
  "The road is clear with no car accidents",
] as const;

/** Score of every frame against the sentences of VLM-RL: recorded, or from embeddings. */
export function sentenceScores(
  context: SignalContext,
  kind: "contrast" | "lord" | "cosine",
): Float64Array | Missing {
  const recorded =
    kind === "contrast"
      ? stepNumbers(context, ["danger", "clg", "vlm_reward"])
      : stepNumbers(context, ["vlm_reward"]);
  if (recorded) return recorded;
  const frames = embeddedSteps(context);
  if ("missing" in frames) return frames;
  const texts = arrayInput(
    context,
    "sentences",
    "embeddings",
    `Needs the embeddings of the sentences (sentences): first "${sentences[0]}", then "${sentences[1]}".`,
  );
  if ("missing" in texts) return texts;
  if (kind === "contrast" && texts.length < 2)
    return missing("embeddings", "The contrast needs two sentences, the danger first; there is one.");
  return onSteps(
    context.trajectory,
    frames.steps,
    frames.rows.map((row) => languageScore(kind, row, texts)),
  );
}
