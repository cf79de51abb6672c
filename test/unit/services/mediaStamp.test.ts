import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelInfo } from "../../../src/model/score";
import type { Trajectory } from "../../../src/model/trajectory";
import { mayReadPictures, mediaStamp } from "../../../src/services/mediaStamp";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "stamp-"));
  writeFileSync(join(folder, "a.png"), "first");
  writeFileSync(join(folder, "b.png"), "second");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const showing = (...paths: readonly string[]): Trajectory => ({
  id: "t",
  datasetId: "d",
  format: "chat",
  source: { path: join(folder, "run.jsonl"), row: 0, part: 0 },
  task: {},
  steps: paths.map((path, index) => ({
    index,
    role: "assistant" as const,
    media: [{ kind: "image" as const, path }],
  })),
  outcome: { components: {} },
  extra: {},
  notes: [],
});

describe("what a score of pictures depends on", () => {
  it("is their content and order, found beside the file or in the dataset's folder", async () => {
    const first = await mediaStamp(showing("a.png", "b.png"), []);
    expect(await mediaStamp(showing("a.png", "b.png"), [])).toBe(first);
    expect(await mediaStamp(showing("b.png", "a.png"), [])).not.toBe(first);
    writeFileSync(join(folder, "b.png"), "third!");
    const changed = await mediaStamp(showing("a.png", "b.png"), []);
    expect(changed).not.toBe(first);
    const elsewhere = {
      ...showing("a.png", "b.png"),
      source: { path: join(folder, "data", "run.jsonl"), row: 0, part: 0 },
    };
    expect(await mediaStamp(elsewhere, [])).not.toBe(changed);
    expect(await mediaStamp(elsewhere, [folder])).toBe(changed);
  });

  it("is asked of models with an input of pictures alone", () => {
    const model = (kind: ModelInfo["kind"], ...inputs: readonly string[]): boolean =>
      mayReadPictures({ path: "", name: "", kind, layout: "onnx-file", bytes: 0, inputs });
    expect(
      model("embedding", "input_ids int64 [batch, sequence]", "attention_mask int64 [batch, sequence]"),
    ).toBe(false);
    expect(model("embedding", "pixel_values float32 [batch, 3, 224, 224]")).toBe(true);
    expect(model("video-reward", "frames float32 [batch, time, 3, 32, 32]")).toBe(true);
    expect(model("video-reward", "frames float32 [batch, time, 512]")).toBe(false);
    expect(model("policy-lm", "past_key_values.0.key float32 [batch, 4, past, 64]")).toBe(false);
  });
});
