import { binary, call, symbol } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { arrayInput, embeddingRows, missing, stepCount, stepNumbers } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, SignalContext, SignalInput } from "../signal";
import { cosine } from "./goalBaseline";
import { boundedScores, drawnFrames, videoReward, type DrawnFrame } from "./segmentalVideo";

const source =
  "Yuan et al. 2024, InstructVideo; ali-vilab/VGen, utils/reward/reward.py, DiffRewardModel.reward_scorer";

const parameters: readonly Parameter[] = [
  {
    name: "segments",
    description: "Segments of equal length; frames behind them are never drawn.",
    type: "integer",
    minimum: 1,
    default: 8,
  },
  {
    name: "attenuation",
    description: "How fast the weight falls away from the middle frame.",
    type: "number",
    minimum: 0,
    default: 1,
  },
  {
    name: "draw",
    description: "Which frame of a segment is scored: drawn with the seed, or the first.",
    type: "choice",
    choices: ["random", "first"],
    default: "random",
  },
  {
    name: "seed",
    description: "Seed of the draw; another one samples again.",
    type: "integer",
    minimum: 0,
    default: 0,
  },
];
const presets = [
  {
    id: "code",
    title: "InstructVideo, code",
    values: { segments: 8 },
    source: "ali-vilab/VGen, utils/reward/reward.py",
  },
  {
    id: "configs",
    title: "InstructVideo, published configurations",
    values: { segments: 4 },
    source: "ali-vilab/VGen, configs/instructvideo",
  },
];

/** Number in [0, 1) from a seed and a position, the same everywhere (mulberry32). */
function uniformNumber(seed: number, position: number): number {
  let t = (seed * 0x9e3779b1 + (position + 1) * 0x6d2b79f5) >>> 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

interface Drawn {
  readonly similarity: Float64Array;
  readonly drawn: readonly DrawnFrame[];
  readonly score: number;
}

function draw(context: SignalContext, values: ParameterValues): Drawn | Missing {
  const recorded = stepNumbers(context, ["similarity"]);
  let similarity = recorded;
  if (!similarity) {
    const frames = embeddingRows(context);
    if ("missing" in frames) return frames;
    const text = arrayInput(
      context,
      "prompt",
      "embeddings",
      "Needs the embedding of the prompt (prompt) beside the frames.",
    );
    if ("missing" in text) return text;
    similarity = Float64Array.from(frames, (row) => cosine(row, text[0]!));
  }
  const segments = numberOf(values, "segments");
  const length = Math.floor(similarity.length / segments);
  if (length < 1)
    return missing(
      "embeddings",
      `${similarity.length} frames cannot be cut into ${segments} segments: take fewer segments.`,
    );
  const seed = numberOf(values, "seed");
  const local = Array.from({ length: segments }, (_, s) =>
    textOf(values, "draw") === "first" ? 0 : Math.floor(uniformNumber(seed, s) * length),
  );
  const drawn = drawnFrames(similarity.length, local, numberOf(values, "attenuation"));
  return { similarity, drawn, score: boundedScores(Float64Array.of(videoReward(similarity, drawn)))[0]! };
}

const inputs: readonly SignalInput[] = [
  { kind: "step", name: "similarity", meaning: "image-text similarity of every frame" },
  { kind: "embeddings", name: "", meaning: "one a frame, where there is no similarity" },
  { kind: "array", name: "prompt", meaning: "[1][D], text embedding of the prompt" },
];

export const videoScore = derivedSignal({
  id: "segmental-video-reward",
  title: "Segmental video reward (InstructVideo)",
  family: "reward",
  level: "trajectory",
  unit: "reward",
  signed: true,
  needs: ["embeddings"],
  inputs,
  parameters,
  presets,
  source,
  description:
    "One frame is drawn from each segment of a video; the score is the mean of their similarities to the prompt, weighted by exp(-lambda times the distance from the middle frame). The drawn frames depend on the seed.",
  derive(context, values) {
    const result = draw(context, values);
    if ("missing" in result) return result;
    const { drawn, similarity, score } = result;
    return {
      values: Float64Array.of(score),
      notes: [`Drawn frames: ${drawn.map(({ frame }) => frame).join(", ")} of ${similarity.length}.`],
      convention: `${drawn.length} segments, lambda ${numberOf(values, "attenuation")}, seed ${numberOf(values, "seed")}`,
      lines: () => [
        {
          name: "r",
          expression: Number.isFinite(videoReward(similarity, drawn))
            ? call(
                "mean",
                ...drawn.map(({ frame, weight }) =>
                  binary(
                    "*",
                    symbol(`w_${frame}`, weight, "weight of the frame"),
                    symbol(`sim_${frame}`, similarity[frame]!, "similarity to the prompt", {
                      trajectoryId: context.trajectory.id,
                      stepIndex: frame,
                    }),
                  ),
                ),
              )
            : symbol("r", score, "infinite, so kept within -5 and 5"),
          value: score,
        },
      ],
    };
  },
});

export const videoContribution = derivedSignal({
  id: "segmental-video-frames",
  title: "Frames of the video reward (InstructVideo)",
  family: "reward",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["embeddings"],
  inputs,
  parameters,
  presets,
  source,
  description:
    "What each drawn frame adds to the segmental video reward: weight times similarity over the number of segments, so that they add up to the score. Frames that are not drawn have none.",
  derive(context, values) {
    const result = draw(context, values);
    if ("missing" in result) return result;
    const { drawn, similarity } = result;
    const size = Math.max(stepCount(context.trajectory), similarity.length);
    const out = new Float64Array(size).fill(NaN);
    const weights = out.slice();
    for (const { frame, weight } of drawn) {
      out[frame] = (weight * similarity[frame]!) / drawn.length;
      weights[frame] = weight;
    }
    const shown = new Float64Array(size).fill(NaN);
    shown.set(similarity);
    return {
      values: out,
      parts: { weight: weights, similarity: shown },
      notes: [],
      convention: `${drawn.length} segments, lambda ${numberOf(values, "attenuation")}, seed ${numberOf(values, "seed")}`,
      lines: (index) => [
        {
          name: `c_${index}`,
          expression: binary(
            "/",
            binary(
              "*",
              symbol("w", weights[index]!, "weight"),
              symbol("sim", similarity[index]!, "similarity"),
            ),
            symbol("S", drawn.length, "segments"),
          ),
          value: out[index]!,
        },
      ],
    };
  },
});
