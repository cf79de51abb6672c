import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelDeclaration } from "../../src/model/modelDeclaration";
import type { ScoreReport } from "../../src/model/score";
import type { MediaReference, Trajectory } from "../../src/model/trajectory";
import { InferenceClient } from "./inferenceClient";

const models = resolve("test/fixtures/pictures/models");
type Colour = readonly [number, number, number];

/** A picture of one colour: however it is resized and cropped, its mean is that colour. */
function plainPng([red, green, blue]: Colour, width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i += 3) data.set([red, green, blue], i);
  return encode({ width, height, data, channels: 3, depth: 8 });
}

/** What CLIP's settings of the fixture make of a colour. */
const normalised = (colour: Colour): number[] => colour.map((value) => (value / 255 - 0.5) / 0.25);

let folder: string;
let client: InferenceClient;

const trajectory = (id: string, media: readonly (MediaReference | undefined)[]): Trajectory => ({
  id,
  datasetId: "set",
  format: "chat",
  source: { path: join(folder, "rollouts", "run.jsonl"), row: 0, part: 0 },
  task: {},
  steps: media.map((one, index) => ({
    index,
    role: "assistant" as const,
    ...(one ? { media: [one] } : {}),
  })),
  outcome: { components: {} },
  extra: {},
  notes: [],
});
const shot = (path: string): MediaReference => ({ kind: "image", path });

const score = (
  model: string,
  trajectories: readonly Trajectory[],
  declaration?: ModelDeclaration,
  by: InferenceClient = client,
): Promise<ScoreReport> =>
  by.call("score", {
    modelPath: join(models, model),
    provider: "cpu",
    trajectories,
    mediaRoots: { set: folder },
    ...(declaration ? { declaration } : {}),
  });

const rows = (report: ScoreReport, id: string, name = "embeddings"): number[][] => {
  const found = report.arrays?.find((one) => one.trajectoryId === id && one.name === name);
  return found
    ? Array.from({ length: found.rows }, (_, row) => [
        ...found.data.subarray(row * found.width, (row + 1) * found.width),
      ])
    : [];
};
const near = (actual: readonly number[] | Float64Array | undefined, expected: readonly number[]): void => {
  expect(actual?.length).toBe(expected.length);
  expected.forEach((value, i) => expect(actual![i]).toBeCloseTo(value, 5));
};
const message = (report: ScoreReport, id: string): string | undefined =>
  report.failures.find(({ trajectoryId }) => trajectoryId === id)?.message;

const [red, green, grey]: readonly [Colour, Colour, Colour] = [
  [200, 10, 30],
  [20, 180, 60],
  [128, 128, 128],
];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pictures-"));
  mkdirSync(join(folder, "rollouts", "shots"), { recursive: true });
  writeFileSync(join(folder, "rollouts", "shots", "wide.png"), plainPng(red, 60, 20));
  writeFileSync(join(folder, "rollouts", "shots", "tall.png"), plainPng(green, 11, 47));
  writeFileSync(join(folder, "root.png"), plainPng(grey, 16, 16));
  writeFileSync(join(folder, "rollouts", "shots", "broken.png"), plainPng(red, 60, 20).subarray(0, 60));
  writeFileSync(join(folder, "rollouts", "shots", "page.png"), "<html>not found</html>");
  writeFileSync(join(folder, "rollouts", "clip.mp4"), "\0\0\0\x18ftypisom");
  copyFileSync("test/fixtures/pictures/lossy.webp", join(folder, "rollouts", "shots", "wrong-name.jpg"));
  client = new InferenceClient();
});
afterAll(async () => {
  await client.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("embeddings of pictures", () => {
  it("have a row a step, none for a step without a picture, and the same for the same picture", async () => {
    const info = await client.call("inspect", { path: join(models, "embedding") });
    expect([info.kind, info.problem]).toEqual(["embedding", undefined]);
    const report = await score("embedding", [
      trajectory("a", [shot("shots/wide.png"), undefined, shot("shots/tall.png"), shot("shots/wide.png")]),
      trajectory("b", [shot("shots/tall.png")]),
    ]);
    expect(report.failures).toEqual([]);
    const [first, second, third, fourth] = rows(report, "a");
    near(first, normalised(red));
    expect(second!.every(Number.isNaN)).toBe(true);
    near(third, normalised(green));
    expect(fourth).toEqual(first);
    near(rows(report, "b")[0], normalised(green));
    expect(report.arrays![0]!.method).toBe(
      "image_embeds, one row a step; the first picture of each step; pictures as CLIPImageProcessor prepares them",
    );
  });

  it("finds media beside the file, in the dataset's folder and inside the trajectory, and nowhere else", async () => {
    const inline = `data:image/png;base64,${Buffer.from(plainPng(red, 5, 5)).toString("base64")}`;
    symlinkSync("/etc/hostname", join(folder, "rollouts", "link.png"));
    const report = await score("embedding", [
      trajectory("root", [shot("root.png")]),
      trajectory("inline", [shot(inline)]),
      trajectory("outside", [shot("../../../../../../etc/hostname")]),
      trajectory("link", [shot("link.png")]),
      trajectory("absolute", [shot(join(folder, "root.png"))]),
      trajectory("gone", [shot("shots/gone.png")]),
    ]);
    near(rows(report, "root")[0], normalised(grey));
    near(rows(report, "inline")[0], normalised(red));
    for (const id of ["outside", "link", "absolute", "gone"])
      expect(message(report, id)).toMatch(/^The file \S+ is not in the dataset's folder /);
  });

  it("one bad picture fails its own trajectory, in words, and the next call is answered", async () => {
    const report = await score("embedding", [
      trajectory("good", [shot("shots/wide.png")]),
      trajectory("cut", [shot("shots/wide.png"), shot("shots/broken.png")]),
      trajectory("page", [shot("shots/page.png")]),
      trajectory("text", [undefined]),
    ]);
    near(rows(report, "good")[0], normalised(red));
    expect(message(report, "cut")).toBe("The picture shots/broken.png is cut off.");
    expect(message(report, "page")).toBe(
      "The picture shots/page.png is a web page; pictures are read as PNG, JPEG or WebP.",
    );
    expect(message(report, "text")).toBe(
      "Trajectory text shows no pictures and no video, so a model of pictures cannot look at it.",
    );
    const again = await score("embedding", [trajectory("webp", [shot("shots/wrong-name.jpg")])]);
    expect(rows(again, "webp")[0]!.every(Number.isFinite)).toBe(true);
  });

  it("says what a model needs that has no settings, and which texts it cannot embed", async () => {
    const folderWithout = join(folder, "bare");
    mkdirSync(folderWithout);
    copyFileSync(join(models, "embedding", "model.onnx"), join(folderWithout, "model.onnx"));
    await expect(
      client.call("score", {
        modelPath: folderWithout,
        provider: "cpu",
        trajectories: [trajectory("a", [shot("root.png")])],
      }),
    ).rejects.toMatchObject({ code: "missing-processor" });
    await expect(
      score("embedding", [trajectory("a", [shot("root.png")])], { texts: { goal: ["a red circle"] } }),
    ).rejects.toMatchObject({ message: expect.stringContaining("tokenizer") as string });
  });
});

describe("rewards of pictures", () => {
  it("one a frame by a model with a fixed batch, and their mean", async () => {
    const report = await score("frame_reward.onnx", [
      trajectory("a", [shot("shots/wide.png"), undefined, shot("shots/tall.png"), shot("root.png")]),
    ]);
    expect(report.failures).toEqual([]);
    const mean = (colour: Colour): number => (colour[0] + colour[1] + colour[2]) / 765;
    const steps = report.series.find(({ level }) => level === "step");
    near(
      steps?.values.filter((value) => !Number.isNaN(value)),
      [mean(red), mean(green), mean(grey)],
    );
    expect(steps?.values[1]).toBeNaN();
    const whole = report.series.find(({ name, level }) => name === "video_reward" && level === "trajectory");
    near(whole?.values, [(mean(red) + mean(green) + mean(grey)) / 3]);
    expect(steps?.method).toContain("pictures of 16 by 16 in 0..1 (no preprocessor_config.json)");
  });

  it("one of a whole clip, which ends with the last picture", async () => {
    const report = await score("clip_reward.onnx", [
      trajectory("a", [shot("shots/wide.png"), shot("shots/tall.png")]),
    ]);
    near(report.series[0]?.values, [(20 + 180 + 60) / 765]);
    expect(report.series[0]?.level).toBe("trajectory");
    expect(rows(report, "a", "video_reward")).toHaveLength(1);
  });

  it("refuses NaN", async () => {
    const report = await score("nan_reward.onnx", [trajectory("a", [shot("root.png")])]);
    expect(message(report, "a")).toBe("nan_reward returned NaN, so its rewards are not used.");
  });

  it("says what to install for videos, and what is wrong with one", async () => {
    const blind = new InferenceClient({ PATH: "" });
    try {
      const report = await score(
        "clip_reward.onnx",
        [trajectory("v", [{ kind: "video", path: "clip.mp4" }])],
        undefined,
        blind,
      );
      expect(message(report, "v")).toBe("Videos are read with ffmpeg, and there is no ffmpeg on the PATH.");
    } finally {
      await blind.close();
    }
    const report = await score("clip_reward.onnx", [
      trajectory("v", [{ kind: "video", path: "rollouts/shots/page.png" }]),
    ]);
    expect(message(report, "v")).toBe(
      "The video rollouts/shots/page.png is no MP4, MOV, WebM, MKV or AVI file.",
    );
  });
});

describe("an autoencoder of pictures", () => {
  it("gives the reconstruction error of each picture", async () => {
    const report = await score("autoencoder.onnx", [
      trajectory("a", [shot("shots/wide.png"), undefined, shot("root.png")]),
    ]);
    expect(report.failures).toEqual([]);
    // The model halves its input, so that the error is a quarter of the mean square.
    const error = (colour: Colour): number =>
      colour.reduce((sum, value) => sum + (value / 255) ** 2, 0) / 3 / 4;
    const values = report.series[0]!.values;
    near([values[0]!, values[2]!], [error(red), error(grey)]);
    expect(values[1]).toBeNaN();
    near(
      rows(report, "a", "latent")[0],
      red.map((value) => value / 255),
    );
    expect(rows(report, "a", "latent")[1]!.every(Number.isNaN)).toBe(true);
  });
});

describe("models of states that are pictures", () => {
  it("read the picture of every step, or say how many show one", async () => {
    const report = await score("value.onnx", [
      trajectory("all", [shot("shots/wide.png"), shot("root.png")]),
      trajectory("some", [shot("shots/wide.png"), undefined]),
    ]);
    const mean = (colour: Colour): number => (colour[0] + colour[1] + colour[2]) / 765;
    near(report.series.find(({ name }) => name === "value")?.values, [mean(red), mean(grey)]);
    expect(message(report, "some")).toBe(
      "1 of the 2 steps of trajectory some show a picture; a value model needs one at every step.",
    );
  });
});
