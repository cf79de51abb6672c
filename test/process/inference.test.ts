import { existsSync, mkdtempSync, rmSync, truncateSync, copyFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ScoreReport, ScoreSeries } from "../../src/model/score";
import type { Trajectory } from "../../src/model/trajectory";
import { episode, fixture, InferenceClient, reference, textTrajectory } from "./inferenceClient";

const texts = reference.text.map((row, i) => textTrajectory(`t${i}`, row.prompt, row.response));
const seriesOf = (report: ScoreReport, id: string, name: string): ScoreSeries => {
  const found = report.series.find((series) => series.trajectoryId === id && series.name === name);
  if (!found) throw new Error(`no ${name} for ${id}: ${JSON.stringify(report.failures)}`);
  return found;
};

/** Largest absolute difference; NaN must stand in the same places. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    expect(Number.isNaN(actual[i]), `NaN at ${i}`).toBe(Number.isNaN(expected[i]));
    if (!Number.isNaN(actual[i])) largest = Math.max(largest, Math.abs(actual[i]! - expected[i]!));
  }
  return largest;
}

describe("inference process", () => {
  let client: InferenceClient;
  beforeAll(() => {
    client = new InferenceClient();
  });
  afterAll(() => client.close());

  const score = (
    model: string,
    trajectories: readonly Trajectory[],
    extra: { maxBatchTokens?: number; sharePrefixes?: boolean; longText?: "refuse" | "slide" } = {},
  ): Promise<ScoreReport> =>
    client.call("score", { modelPath: fixture(model), provider: "cpu", trajectories, ...extra });

  it("probes every provider alone and finds that CPU works", async () => {
    const told: string[] = [];
    const statuses = await client.start("providers", {}, ({ probing }) => told.push(probing)).result;
    expect(statuses.at(-1)).toMatchObject({ provider: "cpu", available: true });
    expect(told).toEqual(statuses.map((status) => status.provider));
    for (const status of statuses) expect(status.detail).toMatch(/^[A-Z].*\.$/);
    const skipped = await client.call("providers", { skip: ["webgpu"] });
    expect(skipped.find((status) => status.provider === "webgpu")).toMatchObject({ available: false });
  });

  it("gives PyTorch's log-probabilities, entropies and ranks, prompt masked", async () => {
    const report = await score("tiny-policy", texts);
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ provider: "cpu", modelKind: "policy-lm", trajectories: 4 });
    reference.text.forEach((row, i) => {
      const mask = (values: readonly number[]): number[] =>
        [NaN, ...values].map((value, at) => (at < row.promptTokens ? NaN : value));
      expect(difference(seriesOf(report, `t${i}`, "logprob").values, mask(row.logprob))).toBeLessThan(2e-4);
      expect(difference(seriesOf(report, `t${i}`, "entropy").values, mask(row.entropy))).toBeLessThan(2e-4);
      expect(difference(seriesOf(report, `t${i}`, "rank").values, mask(row.rank))).toBe(0);
      expect(seriesOf(report, `t${i}`, "logprob").tokenText!.join("")).toBe(
        row.prompt + row.response.join(""),
      );
    });
  });

  it("gives PyTorch's process rewards at the tokens that end steps", async () => {
    const report = await score("tiny-prm", texts);
    expect(report.failures).toEqual([]);
    reference.text.forEach((row, i) => {
      const series = seriesOf(report, `t${i}`, "reward");
      expect(series.level).toBe("step");
      expect(difference(series.values, [NaN, ...row.stepScores])).toBeLessThan(1e-5);
    });
    expect(seriesOf(report, "t3", "reward").method).toContain('"\\n" added behind 1 step');
    expect(seriesOf(report, "t0", "reward").method).not.toContain("added");
  });

  it("gives the pooled reward of a whole text", async () => {
    const report = await score("tiny-reward", texts);
    reference.pooled.forEach((value, i) =>
      expect(seriesOf(report, `t${i}`, "reward").values[0]).toBeCloseTo(value, 5),
    );
  });

  it("does not depend on batching, padding or shared prefixes", async () => {
    const many = Array.from({ length: 12 }, (_, i) => {
      const row = reference.text[i % 2]!;
      return textTrajectory(
        `m${i}`,
        row.prompt.repeat(2),
        row.response.slice(0, 1 + (i % row.response.length)),
      );
    });
    for (const model of ["tiny-policy", "tiny-prm", "tiny-reward"]) {
      const alone = await score(model, many, { maxBatchTokens: 1, sharePrefixes: false });
      const together = await score(model, many, { sharePrefixes: false });
      const shared = await score(model, many);
      expect(alone.failures).toEqual([]);
      for (const series of alone.series) {
        expect(
          difference(seriesOf(together, series.trajectoryId, series.name).values, series.values),
        ).toBeLessThan(1e-5);
        expect(
          difference(seriesOf(shared, series.trajectoryId, series.name).values, series.values),
        ).toBeLessThan(1e-5);
      }
      if (model === "tiny-policy") expect(shared.tokens).toBeLessThan(0.6 * alone.tokens);
    }
  });

  it("uses the file's own token ids where they are this model's, and says so", async () => {
    const row = reference.text[1]!;
    const [words] = [texts[1]!];
    const withIds: Trajectory = {
      ...words,
      id: "ids",
      tokens: {
        count: row.ids.length,
        ids: Int32Array.from(row.ids),
        mask: Uint8Array.from(row.ids, (_, i) => (i < row.promptTokens ? 0 : 1)),
        series: {},
      },
    };
    const foreign: Trajectory = {
      ...withIds,
      id: "foreign",
      tokens: { ...withIds.tokens!, ids: Int32Array.from(row.ids, (id) => (id + 40) % 250) },
    };
    const report = await score("tiny-policy", [words, withIds, foreign]);
    const plain = seriesOf(report, words.id, "logprob");
    expect(seriesOf(report, "ids", "logprob").method).toContain("token ids of the file");
    expect(difference(seriesOf(report, "ids", "logprob").values, plain.values)).toBeLessThan(1e-6);
    expect(seriesOf(report, "foreign", "logprob").method).toContain("text as written");
    expect(difference(seriesOf(report, "foreign", "logprob").values, plain.values)).toBeLessThan(1e-6);
  });

  it("refuses a text longer than the context in words, or slides over it when asked", async () => {
    const long = textTrajectory(
      "long",
      "go\n",
      Array.from({ length: 40 }, (_, i) => `${i} + 1 = ${i + 1}, left 3\n`),
    );
    const refused = await score("tiny-policy", [long, texts[0]!]);
    expect(refused.failures).toHaveLength(1);
    expect(refused.failures[0]!.message).toMatch(/tokens, more than the 160/);
    expect(seriesOf(refused, "t0", "logprob").values.length).toBe(reference.text[0]!.ids.length);
    const slid = await score("tiny-policy", [long], { longText: "slide" });
    const series = seriesOf(slid, "long", "logprob");
    expect([...series.values].filter(Number.isNaN).length).toBeLessThan(4);
    expect(series.method).toContain("overlapping windows");
  });

  it("scores control episodes as PyTorch's distributions do", async () => {
    const { control } = reference;
    const discrete = episode(
      "d",
      control.observations,
      control.discreteActions.map((action) => [action]),
    );
    const continuous = episode("c", control.observations, control.continuousActions);
    const a = await score("discrete.onnx", [discrete]);
    expect(a.modelKind).toBe("policy-discrete");
    expect(difference(seriesOf(a, "d", "logprob").values, control.discreteLogprob)).toBeLessThan(1e-5);
    expect(difference(seriesOf(a, "d", "entropy").values, control.discreteEntropy)).toBeLessThan(1e-5);
    const b = await score("gaussian.onnx", [continuous]);
    expect(difference(seriesOf(b, "c", "logprob").values, control.gaussianLogprob)).toBeLessThan(1e-4);
    expect(difference(seriesOf(b, "c", "entropy").values, control.gaussianEntropy)).toBeLessThan(1e-5);
    const misfit = await score("gaussian.onnx", [discrete, continuous]);
    expect(misfit.failures).toHaveLength(1);
    expect(misfit.failures[0]!.message).toMatch(/a mean of 2 .* actions have 1/);
    expect(misfit.series).toHaveLength(2);
  });

  it("says in one sentence what is wrong with a model", async () => {
    const wrong = (model: string): Promise<string | undefined> =>
      client.call("inspect", { path: fixture(model) }).then((info) => info.problem);
    expect(await wrong("wrong-inputs.onnx")).toMatch(
      /expected input_ids .* found inputs pixels float32 \[batch, 3, 8, 8\]/,
    );
    expect(await wrong("not-onnx.onnx")).toMatch(/not a readable ONNX model/);
    expect(await wrong("cut-off.onnx")).toMatch(/not a readable ONNX model/);
    expect(await wrong("outside-its-folder.onnx")).toMatch(/weights outside its own folder/);
    expect(await wrong("no-tokenizer")).toMatch(/has no tokenizer\.json/);
    expect(await wrong("nowhere")).toMatch(/There is no model at/);
    expect(await client.call("inspect", { path: fixture("tiny-prm") })).toMatchObject({
      kind: "process-reward",
      layout: "huggingface-folder",
      name: "tiny-prm",
    });
    expect(await client.call("inspect", { path: fixture("tiny-policy/onnx/model.onnx") })).toMatchObject({
      kind: "policy-lm",
    });
    for (const model of ["cut-off.onnx", "wrong-inputs.onnx", "no-tokenizer"]) {
      await expect(score(model, texts)).rejects.toMatchObject({
        message: expect.stringMatching(/\.$/),
        hint: expect.stringMatching(/\.$/),
      });
    }
    // The process still works.
    expect((await score("tiny-prm", texts)).series).toHaveLength(4);
  });

  it("keeps scoring the rest when a model gives NaN or a wrong shape for one trajectory", async () => {
    const fine = episode(
      "fine",
      [
        [1, 0, 0],
        [2, 0, 0],
      ],
      [[0]],
    );
    const bad = episode(
      "bad",
      [
        [1, 0, 0],
        [-2, 0, 0],
      ],
      [[0]],
    );
    const nan = await score("nan-sometimes.onnx", [bad, fine]);
    expect(nan.failures).toMatchObject([
      { trajectoryId: "bad", message: expect.stringContaining("NaN for value at row 1") },
    ]);
    expect(seriesOf(nan, "fine", "value").values[0]).toBe(0);
    expect(seriesOf(nan, "fine", "bootstrap_value").values[0]).toBeCloseTo(Math.log(2), 6);
    const shape = await score("wrong-shape.onnx", [fine]);
    expect(shape.failures[0]!.message).toMatch(/returned value of shape \[\] for 2 rows/);
    const three = await score("three-values.onnx", [fine]);
    expect(three.failures[0]!.message).toMatch(/returned 3 numbers a row/);
    const text = await score("discrete.onnx", [texts[0]!]);
    expect(text.failures[0]!.message).toMatch(/has no columns of numbers/);
    const other = await score("discrete.onnx", [episode("wide", [[1, 2, 3, 4]], [[0]])]);
    expect(other.failures[0]!.message).toMatch(
      /takes obs float32 \[batch, 3\]: 3 numbers a step; the episode has observations of 4/,
    );
  });

  it("stops between batches when cancelled and answers the next call", async () => {
    const many = Array.from({ length: 400 }, (_, i) =>
      textTrajectory(`c${i}`, `use ${i} 8 2 to make 24\n`, reference.text[0]!.response),
    );
    const progress: number[] = [];
    const call = client.start(
      "score",
      {
        modelPath: fixture("tiny-policy"),
        provider: "cpu",
        trajectories: many,
        maxBatchTokens: 64,
        sharePrefixes: false,
      },
      ({ done }) => {
        progress.push(done);
        if (progress.length === 5) client.cancel(call.id);
      },
    );
    const queued = client.start("score", {
      modelPath: fixture("tiny-prm"),
      provider: "cpu",
      trajectories: texts,
    });
    const dropped = client.start("score", {
      modelPath: fixture("tiny-prm"),
      provider: "cpu",
      trajectories: texts,
    });
    client.cancel(dropped.id);
    await expect(call.result).rejects.toMatchObject({ code: "cancelled" });
    expect(progress.at(-1)).toBeLessThan(400);
    expect((await queued.result).series).toHaveLength(4);
    await expect(dropped.result).rejects.toMatchObject({ code: "cancelled" });
  });

  it("answers fifty queued calls of which some are cancelled, each once", async () => {
    const before = process.memoryUsage().rss;
    const calls = Array.from({ length: 50 }, (_, i) => {
      const call = client.start("score", {
        modelPath: fixture(["tiny-policy", "tiny-prm", "tiny-reward"][Math.floor(i / 10) % 3]!),
        provider: "cpu",
        trajectories: texts,
        maxBatchTokens: 64,
      });
      const cancelled = (i * 7) % 5 < 2;
      if (cancelled) setTimeout(() => client.cancel(call.id), (i * 37) % 400);
      return { call, cancelled };
    });
    const outcomes = await Promise.allSettled(calls.map(({ call }) => call.result));
    outcomes.forEach((outcome, i) => {
      if (outcome.status === "fulfilled") expect(outcome.value.series.length).toBeGreaterThanOrEqual(4);
      else {
        expect(calls[i]!.cancelled).toBe(true);
        expect(outcome.reason).toMatchObject({ code: "cancelled" });
      }
    });
    expect(outcomes.filter((outcome) => outcome.status === "rejected").length).toBeGreaterThan(0);
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled").length).toBeGreaterThanOrEqual(30);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20);
    expect((await score("tiny-prm", texts)).series).toHaveLength(4);
  });

  it("answers an unknown call with a sentence", async () => {
    await expect(client.call("nonsense" as "unload", {})).rejects.toMatchObject({ code: "unknown-call" });
    expect(await client.call("unload", {})).toBeNull();
  });

  it("reads a model again after its file was cut off and repaired", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-model-"));
    const path = join(folder, "discrete.onnx");
    try {
      copyFileSync(fixture("discrete.onnx"), path);
      const run = episode(
        "d",
        reference.control.observations,
        reference.control.discreteActions.map((action) => [action]),
      );
      const call = () => client.call("score", { modelPath: path, provider: "cpu", trajectories: [run] });
      const first = await call();
      truncateSync(path, 100);
      await expect(call()).rejects.toMatchObject({ code: "unreadable-model" });
      copyFileSync(fixture("discrete.onnx"), path);
      expect(seriesOf(await call(), "d", "logprob").values).toEqual(seriesOf(first, "d", "logprob").values);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the life of the inference process", () => {
  it("ends when its parent lets go", async () => {
    const client = new InferenceClient();
    await client.call("unload", {});
    client.child.disconnect();
    expect(await client.exited()).toBe(0);
  });

  it("killed in the middle, fails the call and nothing else", async () => {
    const client = new InferenceClient();
    const many = Array.from({ length: 300 }, (_, i) =>
      textTrajectory(`c${i}`, `use ${i} 8 2 to make 24\n`, reference.text[0]!.response),
    );
    const call = client.start(
      "score",
      { modelPath: fixture("tiny-policy"), provider: "cpu", trajectories: many, maxBatchTokens: 64 },
      ({ done }) => {
        if (done > 0) client.child.kill("SIGKILL");
      },
    );
    await expect(call.result).rejects.toMatchObject({ code: "exited", message: "ended with SIGKILL" });
  });
});

/** Debian's Chromium brings a software Vulkan on which the WebGPU provider runs without a GPU. */
const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";

describe.skipIf(!existsSync(swiftShader))(
  `WebGPU on SwiftShader (skipped where ${swiftShader} is absent)`,
  () => {
    it("agrees with the CPU to 1e-3", async () => {
      const client = new InferenceClient({ VK_ICD_FILENAMES: swiftShader, XDG_RUNTIME_DIR: "/tmp" });
      try {
        const statuses = await client.call("providers", {});
        expect(statuses.find((status) => status.provider === "webgpu")).toMatchObject({ available: true });
        for (const model of ["tiny-policy", "tiny-prm"]) {
          const cpu = await client.call("score", {
            modelPath: fixture(model),
            provider: "cpu",
            trajectories: texts,
          });
          const gpu = await client.call("score", {
            modelPath: fixture(model),
            provider: "webgpu",
            trajectories: texts,
          });
          expect(gpu.provider).toBe("webgpu");
          expect(gpu.failures).toEqual([]);
          for (const series of cpu.series) {
            if (series.name === "rank") continue;
            const other = seriesOf(gpu, series.trajectoryId, series.name).values;
            series.values.forEach((value, i) => {
              if (!Number.isNaN(value))
                expect(Math.abs(other[i]! - value)).toBeLessThan(1e-3 * Math.max(1, Math.abs(value)));
            });
          }
        }
        const auto = await client.call("score", {
          modelPath: fixture("tiny-prm"),
          provider: "auto",
          trajectories: texts,
        });
        expect(auto.provider).toBe("webgpu");
      } finally {
        await client.close();
      }
    }, 240_000);
  },
);
