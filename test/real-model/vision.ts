import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { decodePicture } from "../../src/inference/pictures/decodePicture";
import { loadPictureProcessor } from "../../src/inference/pictures/pictureProcessor";
import { Failure } from "../../src/model/failure";
import type { ModelDeclaration } from "../../src/model/modelDeclaration";
import type { ScoreReport } from "../../src/model/score";
import type { MediaReference, Trajectory } from "../../src/model/trajectory";
import type { InferenceClient } from "../process/inferenceClient";
import { bareTrajectory, type Checks } from "./checks";

const TOLERANCE = 1e-3;

interface Reference {
  readonly pictures: readonly string[];
  readonly clips: readonly (readonly string[])[];
  readonly clip: {
    readonly texts: Readonly<Record<string, readonly string[]>>;
    readonly textEmbeddings: Readonly<Record<string, readonly (readonly number[])[]>>;
    readonly imageEmbeddings: readonly (readonly number[])[];
    readonly accuracy: number;
  };
  readonly reward: {
    readonly rewards: readonly number[];
    readonly errors: readonly (readonly number[])[];
    readonly correlation: number;
  };
  readonly angle: { readonly file: string; readonly rows: readonly (readonly number[])[] };
  readonly processors: readonly {
    readonly processor: string;
    readonly picture: string;
    readonly values: string;
    readonly shape: readonly number[];
  }[];
  readonly video: { readonly frames: number; readonly means: readonly (readonly number[])[] };
}

/** A trajectory whose steps show the files, one each; the first step shows nothing. */
function showing(folder: string, id: string, media: readonly MediaReference[]): Trajectory {
  return {
    ...bareTrajectory,
    id,
    source: { path: join(folder, "data", "rollouts.jsonl"), row: 0, part: 0 },
    task: { prompt: "Look." },
    steps: [
      { index: 0, role: "user", kind: "prompt", observation: "Look." },
      ...media.map((one, i) => ({ index: i + 1, role: "assistant" as const, media: [one] })),
    ],
  };
}

const picture = (path: string): MediaReference => ({ kind: "image", path });

/** Rows of a table, or none. */
function rowsOf(report: ScoreReport, id: string, name: string): readonly number[][] {
  const found = report.arrays?.find((one) => one.trajectoryId === id && one.name === name);
  return found
    ? Array.from({ length: found.rows }, (_, row) => [
        ...found.data.subarray(row * found.width, (row + 1) * found.width),
      ])
    : [];
}

/** Models of pictures and videos against Python: processors, an image-text model, rewards of clips, an autoencoder. */
export async function checkVision(client: InferenceClient, folder: string, checks: Checks): Promise<void> {
  const reference = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as Reference;
  await checkProcessors(folder, reference, checks);

  const score = (
    modelPath: string,
    trajectories: readonly Trajectory[],
    declaration?: ModelDeclaration,
  ): Promise<ScoreReport> =>
    client.call("score", {
      modelPath: join(folder, modelPath),
      provider: "cpu",
      trajectories,
      ...(declaration ? { declaration } : {}),
    });
  const screens = showing(folder, "screens", reference.pictures.map(picture));
  const kindOf = async (path: string): Promise<string> => {
    const info = await client.call("inspect", { path: join(folder, path) });
    return info.problem ?? info.kind;
  };

  checks.check(
    "the image-text model is recognised",
    (await kindOf("clip")) === "embedding",
    await kindOf("clip"),
  );
  const clip = await score("clip", [screens], { texts: reference.clip.texts });
  for (const failure of clip.failures) checks.check(failure.trajectoryId, false, failure.message);
  const [blank, ...rows] = rowsOf(clip, "screens", "embeddings");
  checks.check("a step without a picture has no embedding", blank?.every(Number.isNaN) === true, "all NaN");
  const wanted = reference.clip.imageEmbeddings.flat();
  checks.near(
    `image embeddings of ${rows.length} screens (trained on drawn scenes, accuracy ${reference.clip.accuracy.toFixed(2)} of 12 kinds)`,
    rows.flat(),
    wanted,
    TOLERANCE,
  );
  for (const [name, vectors] of Object.entries(reference.clip.textEmbeddings))
    checks.near(`text embeddings “${name}”`, rowsOf(clip, "screens", name).flat(), vectors.flat(), TOLERANCE);

  const halves = await score("clip-halves", [screens], { texts: reference.clip.texts });
  for (const failure of halves.failures) checks.check(failure.trajectoryId, false, failure.message);
  checks.near(
    "the same as vision_model.onnx and text_model.onnx",
    [
      ...rowsOf(halves, "screens", "embeddings").slice(1).flat(),
      ...rowsOf(halves, "screens", "prompt").flat(),
    ],
    [...wanted, ...reference.clip.textEmbeddings["prompt"]!.flat()],
    TOLERANCE,
  );

  const angle = await score("angle", [screens]);
  checks.near(
    `${reference.angle.file} from a wheel`,
    rowsOf(angle, "screens", "embeddings").slice(1).flat(),
    reference.angle.rows.flat(),
    TOLERANCE,
  );

  const clips = reference.clips.map((files, i) => showing(folder, `clip${i}`, files.map(picture)));
  checks.check(
    "the video-reward model is recognised",
    (await kindOf("reward/video_reward.onnx")) === "video-reward",
    "frames [batch, time, 3, 32, 32]",
  );
  const rewards = await score("reward/video_reward.onnx", clips);
  for (const failure of rewards.failures) checks.check(failure.trajectoryId, false, failure.message);
  checks.near(
    `rewards of clips (held-out correlation ${reference.reward.correlation.toFixed(3)})`,
    clips.map(({ id }) => rewards.series.find((one) => one.trajectoryId === id)?.values[0] ?? Number.NaN),
    reference.reward.rewards,
    TOLERANCE,
  );
  checks.check(
    "the autoencoder is recognised",
    (await kindOf("autoencoder/autoencoder.onnx")) === "autoencoder",
    "observation [batch, 3, 32, 32]",
  );
  const decoded = await score("autoencoder/autoencoder.onnx", clips);
  for (const [i, { id }] of clips.entries()) {
    const errors = decoded.series.find((one) => one.trajectoryId === id)?.values;
    checks.near(
      `reconstruction errors of clip ${i}`,
      errors?.subarray(1),
      reference.reward.errors[i]!,
      TOLERANCE,
    );
  }
  const pair = await score("halves", clips);
  checks.near(
    "reconstruction errors by encoder.onnx and decoder.onnx",
    clips.flatMap(({ id }) => [
      ...(pair.series.find((one) => one.trajectoryId === id)?.values.subarray(1) ?? []),
    ]),
    reference.reward.errors.flat(),
    TOLERANCE,
  );
  await checkVideo(folder, reference, score, checks);
}

async function checkProcessors(folder: string, reference: Reference, checks: Checks): Promise<void> {
  const worst = new Map<string, number>();
  let values = 0;
  for (const { processor, picture: name, values: file, shape } of reference.processors) {
    const own = await loadPictureProcessor(
      {
        path: folder,
        name: processor,
        layout: "huggingface-folder",
        onnxPath: join(folder, "processors", processor, "model.onnx"),
        folder: join(folder, "processors", processor),
        onnx: { bytes: 0, externalFiles: [], metadata: {} },
      },
      {},
      false,
    );
    const bytes = readFileSync(join(folder, file));
    const expected = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const pixels = await own.pixels(await decodePicture(readFileSync(join(folder, "data", name)), name));
    const fits = [pixels.channels, pixels.height, pixels.width].join() === shape.join();
    let difference = fits ? 0 : Infinity;
    pixels.data.forEach((value, i) => (difference = Math.max(difference, Math.abs(value - expected[i]!))));
    worst.set(processor, Math.max(worst.get(processor) ?? 0, difference));
    values += expected.length;
  }
  for (const [processor, difference] of worst)
    checks.check(
      `pixel values of ${processor.replace(/Pil$/, "")}`,
      difference <= TOLERANCE,
      `largest difference ${difference.toExponential(1)} on ${reference.pictures.length} files`,
    );
  checks.check("pixel values were compared", values > 1e6, `${values.toLocaleString("en")} numbers`);
}

/** The frames of a video, through the ffmpeg that made it, as the model of clips reads them. */
async function checkVideo(
  folder: string,
  { video }: Reference,
  score: (
    path: string,
    trajectories: readonly Trajectory[],
    declaration?: ModelDeclaration,
  ) => Promise<ScoreReport>,
  checks: Checks,
): Promise<void> {
  const { countFrames, videoFrames } = await import("../../src/inference/pictures/videoFrames");
  const before = process.env["PATH"];
  process.env["PATH"] = [join(folder, "bin"), before].join(delimiter);
  try {
    const path = join(folder, "data", "video.mp4");
    const { signal } = new AbortController();
    const total = await countFrames(path, "video.mp4", {}, signal);
    checks.check("frames of the video", total === video.frames, `${total} of ${video.frames}`);
    const wanted = [0, 7, 8, 29];
    const means: number[] = [];
    for await (const { picture: frame } of videoFrames(path, "video.mp4", {}, wanted, signal))
      for (const channel of [0, 1, 2]) {
        let sum = 0;
        for (let i = channel; i < frame.data.length; i += 3) sum += frame.data[i]!;
        means.push((sum * 3) / frame.data.length);
      }
    checks.near(
      "mean colours of chosen frames",
      means,
      wanted.flatMap((frame) => video.means[frame]!),
      1e-9,
    );
    const whole = readFileSync(path);
    const cut = join(folder, "data", "cut.mp4");
    writeFileSync(cut, whole.subarray(0, whole.length / 2));
    const said = await countFrames(cut, "cut.mp4", {}, signal).then(
      (frames) => `${frames} frames`,
      (error: unknown) => (error instanceof Failure ? error.message : String(error)),
    );
    checks.check(
      "a video that is cut off",
      /^The video cut\.mp4 (?:cannot be read|holds no frames)/.test(said),
      said,
    );
    const stopped = new AbortController();
    setTimeout(() => stopped.abort(), 1);
    const from = performance.now();
    await countFrames(path, "video.mp4", {}, stopped.signal).catch(() => undefined);
    const took = performance.now() - from;
    checks.check(
      "a cancelled video lets go",
      stopped.signal.aborted && took < 10_000,
      `${took.toFixed(0)} ms`,
    );
    const part = { from: 1, to: 2 };
    const inPart = await countFrames(path, "video.mp4", part, signal);
    checks.check("a part of the video", inPart === 10, `${inPart} frames in one second of ten a second`);
  } finally {
    process.env["PATH"] = before;
  }
  const shown = showing(folder, "video", [{ kind: "video", path: "video.mp4" }]);
  const report = await score("reward/video_reward.onnx", [shown], { frames: 12 });
  const reward = report.series.find(({ level }) => level === "trajectory");
  checks.check(
    "a reward of twelve frames of the video",
    report.failures.length === 0 &&
      Number.isFinite(reward?.values[0]) &&
      reward?.method.includes("12 of 30 frames") === true,
    report.failures[0]?.message ?? `${reward?.values[0]?.toFixed(4)}, ${reward?.method}`,
  );
}
