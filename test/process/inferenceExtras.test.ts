import { copyFileSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelDeclaration } from "../../src/model/modelDeclaration";
import type { ScoreReport } from "../../src/model/score";
import type { Trajectory } from "../../src/model/trajectory";
import type { PolicyQuestion, ScoreExtras } from "../../src/protocol/inferenceCalls";
import { episode, fixture, InferenceClient, reference, textTrajectory } from "./inferenceClient";

/** What PyTorch and NumPy computed; see test/fixtures/models/make_more_models.py. */
interface MoreReference {
  readonly text: readonly {
    readonly topIds: readonly (readonly number[])[];
    readonly topLogprob: readonly (readonly number[])[];
    readonly refLogprob: readonly number[];
    readonly kl: readonly number[];
    readonly combinedLogprob: readonly number[];
    readonly overruled: readonly number[];
    readonly hidden: readonly (readonly (readonly number[])[])[];
    readonly lastLogits: readonly number[];
  }[];
  readonly labels: { readonly good: string; readonly bad: string; readonly values: readonly number[] };
  readonly embeddings: readonly (readonly number[])[];
  readonly episode: Readonly<Record<string, readonly number[] & readonly (readonly number[])[]>>;
}

const more = JSON.parse(readFileSync(fixture("reference-more.json"), "utf8")) as MoreReference;
const policy = fixture("tiny-policy");
const trajectories = reference.text.map((row, i) => textTrajectory(`t${i}`, row.prompt, row.response));
const [first] = trajectories as [Trajectory];
const row = reference.text[0]!;

const near = (actual: ArrayLike<number>, expected: readonly number[], digits = 4): void => {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => expect(actual[i]).toBeCloseTo(value, digits));
};

describe("what models give beside their usual numbers", () => {
  let client: InferenceClient;
  beforeAll(() => {
    client = new InferenceClient();
  });
  afterAll(() => client.close());

  const score = (
    modelPath: string,
    chosen: readonly Trajectory[],
    extras?: ScoreExtras,
    declaration?: ModelDeclaration,
  ): Promise<ScoreReport> =>
    client.call("score", {
      modelPath,
      provider: "cpu",
      trajectories: chosen,
      ...(extras ? { extras } : {}),
      ...(declaration ? { declaration } : {}),
    });
  const series = (report: ScoreReport, name: string, id = "t0"): Float64Array => {
    expect(report.failures).toEqual([]);
    return report.series.find((one) => one.name === name && one.trajectoryId === id)!.values;
  };
  const array = (report: ScoreReport, name: string, id = "t0") =>
    report.arrays!.find((one) => one.name === name && one.trajectoryId === id)!;

  it("names the likeliest alternatives of every token that the policy wrote", async () => {
    const report = await score(policy, trajectories, { topK: 3 });
    trajectories.forEach(({ id }, i) => {
      const ids = array(report, "topk_id", id);
      const logprobs = array(report, "topk_logprob", id);
      const { promptTokens } = reference.text[i]!;
      expect([ids.rows, ids.width]).toEqual([reference.text[i]!.ids.length, 3]);
      for (let token = 0; token < promptTokens * 3; token++) expect(ids.data[token]).toBeNaN();
      for (let token = promptTokens; token < ids.rows; token++) {
        expect([...ids.data.slice(token * 3, token * 3 + 3)]).toEqual(more.text[i]!.topIds[token - 1]);
        near(logprobs.data.slice(token * 3, token * 3 + 3), more.text[i]!.topLogprob[token - 1]!);
      }
      expect(ids.labels!.length).toBe(ids.rows * 3);
      const ranks = series(report, "rank", id);
      const own = reference.text[i]!.ids;
      for (let token = promptTokens; token < ids.rows; token++)
        if (ranks[token] === 1) expect(ids.data[token * 3]).toBe(own[token]);
    });
  });

  it("measures the exact KL to a reference with the same tokenizer, with and without shared prefixes", async () => {
    const report = await score(policy, trajectories, { reference: fixture("tiny-reference") });
    trajectories.forEach(({ id }, i) => {
      const { promptTokens } = reference.text[i]!;
      near(
        series(report, "ref_logprob", id).slice(promptTokens),
        more.text[i]!.refLogprob.slice(promptTokens - 1),
      );
      near(series(report, "kl", id).slice(promptTokens), more.text[i]!.kl.slice(promptTokens - 1));
      near(
        series(report, "logprob", id).slice(promptTokens),
        reference.text[i]!.logprob.slice(promptTokens - 1),
      );
    });
    const alone = await client.call("score", {
      modelPath: policy,
      provider: "cpu",
      trajectories,
      extras: { reference: fixture("tiny-reference"), topK: 2 },
      sharePrefixes: false,
    });
    const from = reference.text[1]!.promptTokens;
    near(series(alone, "kl", "t1").slice(from), [...series(report, "kl", "t1").slice(from)], 5);
    const itself = await score(policy, [first], { reference: policy });
    for (const kl of series(itself, "kl").filter((value) => !Number.isNaN(value)))
      expect(Math.abs(kl)).toBeLessThan(1e-6);
  });

  it("adds the logits of a reasoner and a backbone, and says where the reasoner overruled it", async () => {
    const report = await score(policy, trajectories, { backbone: fixture("tiny-reference") });
    const from = row.promptTokens;
    near(series(report, "combined_logprob").slice(from), more.text[0]!.combinedLogprob.slice(from - 1));
    near(series(report, "backbone_logprob").slice(from), more.text[0]!.refLogprob.slice(from - 1));
    near(
      series(report, "guidance").slice(from),
      more.text[0]!.combinedLogprob.map((value, i) => value - more.text[0]!.refLogprob[i]!).slice(from - 1),
    );
    near(series(report, "overruled").slice(from), more.text[0]!.overruled.slice(from - 1));
  });

  it("returns the states after the layers that an export has, the same through shared prefixes", async () => {
    const states = fixture("tiny-states");
    const report = await score(states, trajectories, { hiddenLayers: [0, 1, -1] });
    trajectories.forEach(({ id }, i) => {
      const own = report.arrays!.filter((one) => one.name === "hidden_states" && one.trajectoryId === id);
      expect(own.map((one) => one.layer)).toEqual([0, 1, 2]);
      own.forEach((one, layer) => {
        expect(one.width).toBe(32);
        more.text[i]!.hidden[layer]!.forEach((expected, r) =>
          expected.forEach((value, c) => expect(one.data[r * 5 * 32 + c * 7]).toBeCloseTo(value, 4)),
        );
      });
    });
    await expect(score(states, [first], { hiddenLayers: [7] })).rejects.toMatchObject({
      code: "no-hidden-states",
    });
    await expect(score(policy, [first], { hiddenLayers: [1] })).rejects.toMatchObject({
      code: "no-hidden-states",
    });
  });

  it("reads step labels in the vocabulary of a process reward model", async () => {
    const { good, bad, values } = more.labels;
    const report = await score(policy, [first], {}, { kind: "process-reward", stepLabels: [good, bad] });
    near(series(report, "reward").slice(1), values);
    expect(report.series[0]!.unit).toBe("probability");
    await expect(
      score(policy, [first], {}, { kind: "process-reward", stepLabels: ["two tokens", bad] }),
    ).rejects.toMatchObject({ code: "bad-step-labels" });
  });

  it("gives the reward of every prefix and of every token where a model has them", async () => {
    const scalar = await score(fixture("tiny-reward"), [first], { prefixes: true });
    const prefixes = series(scalar, "prefix_reward");
    expect(prefixes[0]).toBeNaN();
    for (let step = 1; step <= row.response.length; step++) {
      const cut = textTrajectory("t0", row.prompt, row.response.slice(0, step));
      near(series(await score(fixture("tiny-reward"), [cut]), "reward"), [prefixes[step]!], 6);
    }
    near([prefixes.at(-1)!], [reference.pooled[0]!]);
    const tokens = await score(fixture("tiny-prm"), [first], { perToken: true });
    const perToken = series(tokens, "token_reward");
    expect(perToken.length).toBe(row.ids.length);
    expect(perToken.at(-1)).toBeCloseTo(row.stepScores.at(-1)!, 4);
  });

  it("embeds every step as the folder says: mean over tokens, length 1", async () => {
    const report = await score(fixture("tiny-embedding"), [first, { ...first, id: "twin" }]);
    expect(report.modelKind).toBe("embedding");
    for (const id of ["t0", "twin"]) {
      const found = array(report, "embeddings", id);
      expect([found.rows, found.width]).toEqual([row.response.length + 1, 32]);
      more.embeddings.forEach((vector, step) => near(found.data.slice(step * 32, (step + 1) * 32), vector));
    }
    const cls = await score(fixture("tiny-embedding"), [first], {}, { pooling: "cls", normalise: false });
    expect(array(cls, "embeddings").method).toContain("cls over tokens (as declared)");
    expect(Math.hypot(...array(cls, "embeddings").data.slice(0, 32))).not.toBeCloseTo(1, 2);
  });

  it("compares the rollouts of a group in both orders", async () => {
    const group = [0, 1, 2].map((i) => ({
      ...textTrajectory(`g${i}`, row.prompt, reference.text[i]!.response.slice(0, 1)),
      groupId: "g",
    }));
    const declaration: ModelDeclaration = {
      kind: "preference-pair",
      pairTemplate: "{prompt}{a}{b}",
      output: "scores",
    };
    const report = await score(fixture("tiny-prm"), [...group, first], {}, declaration);
    const wins = group.map(({ id }) => report.series.find((one) => one.trajectoryId === id)!.values[0]!);
    // Every comparison is won by one side or the other.
    expect(wins.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1.5, 6);
    expect(new Set(wins.map((value) => value.toFixed(6))).size).toBe(3);
    expect(report.failures).toEqual([
      { trajectoryId: "t0", message: expect.stringContaining("nobody to be compared with") as string },
    ]);
  });

  it("scores with encoders, dynamics, flows and clips as NumPy does", async () => {
    const e = more.episode;
    const control = episode("t0", e["observations"]!, e["actions"]!);
    const discrete = episode(
      "t0",
      e["observations"]!,
      e["discreteActions"]!.map((action) => [action]),
    );
    const encoder = array(await score(fixture("encoder.onnx"), [control]), "latent");
    near(encoder.data, e["latent"]!.flat());
    const decoded = await score(fixture("autoencoder.onnx"), [control]);
    near(series(decoded, "reconstruction_error"), e["reconstructionError"]!);
    near(
      series(await score(fixture("inverse-continuous.onnx"), [control]), "inverse_error"),
      e["inverseError"]!,
    );
    near(
      series(await score(fixture("inverse-discrete.onnx"), [discrete]), "inverse_logprob"),
      e["inverseLogprob"]!,
    );
    const ensemble = await score(fixture("dynamics-ensemble.onnx"), [control]);
    near(series(ensemble, "disagreement"), e["disagreement"]!);
    near(series(ensemble, "prediction_error"), e["predictionError"]!);
    expect(array(ensemble, "next_observation").width).toBe(12);
    const discriminators = await score(fixture("dynamics-discriminators.onnx"), [control]);
    expect(discriminators.modelKind).toBe("dynamics-ensemble");
    near(array(discriminators, "dynamics_logits").data, e["dynamicsLogits"]!.flat());
    const flow = await score(fixture("flow.onnx"), [control]);
    near(series(flow, "log_flow"), e["logFlow"]!);
    expect(array(flow, "forward_logits").rows).toBe(7);
    const video = await score(fixture("video-reward.onnx"), [control]);
    near(series(video, "reward"), e["videoReward"]!.slice(0, 6));
    for (const [report, kind] of [
      [decoded, "autoencoder"],
      [ensemble, "dynamics-ensemble"],
      [flow, "flow"],
      [video, "video-reward"],
    ] as const)
      expect(report.modelKind).toBe(kind);
    near(array(video, "video_reward").data, e["videoReward"]!);
    expect([...array(decoded, "frames").data]).toEqual([...Float32Array.from(e["observations"]!.flat())]);
    const text = await score(fixture("encoder.onnx"), [first]);
    expect(text.failures[0]!.message).toContain("no columns of numbers");
  });

  it("leaves out the head of a long text only where that was chosen, and says so", async () => {
    const long = textTrajectory("t0", row.prompt, [...row.response, ...row.response, ...row.response]);
    const refused = await score(policy, [long], {}, { contextLength: 60 });
    expect(refused.failures[0]!.message).toMatch(/^The text has \d+ tokens, more than the 60/);
    const declaration: ModelDeclaration = { contextLength: 60, context: "truncate-head" };
    const cut = await score(policy, [long], {}, declaration);
    const values = series(cut, "logprob");
    expect(cut.series[0]!.method).toMatch(/the first \d+ of \d+ tokens left out/);
    expect(values.slice(0, values.length - 60).every(Number.isNaN)).toBe(true);
    expect(values.slice(-59).some(Number.isNaN)).toBe(false);
    const steps = await score(fixture("tiny-prm"), [long], {}, declaration);
    expect(series(steps, "reward")[1]).toBeNaN();
    expect(series(steps, "reward").at(-1)).toBeGreaterThan(0);
    const whole = await score(fixture("tiny-reward"), [long], {}, declaration);
    expect(whole.series[0]!.method).toMatch(/left out/);
  });

  it("runs half precision, 8 bits and weights in a file of their own", async () => {
    const exact = series(await score(policy, [first]), "logprob");
    const apart = await score(fixture("tiny-policy-external"), [first]);
    expect([...series(apart, "logprob")]).toEqual([...exact]);
    const defined = (values: Float64Array): number[] => [...values].filter((value) => !Number.isNaN(value));
    const differences = async (name: string): Promise<number> => {
      const values = defined(series(await score(fixture(name), [first]), "logprob"));
      return Math.max(...values.map((value, i) => Math.abs(value - defined(exact)[i]!)));
    };
    const half = await differences("tiny-policy-fp16");
    const byte = await differences("tiny-policy-int8");
    expect(half).toBeGreaterThan(0);
    expect(half).toBeLessThan(0.02);
    expect(byte).toBeGreaterThan(half);
    expect(byte).toBeLessThan(0.5);
  });

  it("asks for follow-ups and judgements behind steps and trajectories", async () => {
    const questions: PolicyQuestion[] = [
      {
        name: "satisfied",
        text: "",
        at: "trajectory",
        followUps: [
          { text: "answer 24\n", sign: 1 },
          { text: "answer 8\n", sign: -1 },
        ],
      },
      { name: "right", text: "", at: "step", judgement: ["4", "8"] },
    ];
    const report = await client.call("questions", {
      modelPath: policy,
      provider: "cpu",
      trajectories: [first],
      questions,
    });
    // The judgement behind a step is what the same tokens say as step labels of a process reward model.
    near(series(report, "right").slice(1), more.labels.values);
    const likelihood = async (text: string): Promise<number> => {
      const longer = textTrajectory("t0", row.prompt, [...row.response, text]);
      const values = series(await score(policy, [longer]), "logprob");
      return values.slice(row.ids.length).reduce((sum, value) => sum + value, 0);
    };
    const [good, bad] = [await likelihood("answer 24\n"), await likelihood("answer 8\n")];
    near(array(report, "satisfied:follow_up_logprob").data, [good, bad]);
    near(series(report, "satisfied"), [good - bad]);
    expect(array(report, "satisfied:follow_up_logit").data.every(Number.isFinite)).toBe(true);
    await expect(
      client.call("questions", {
        modelPath: policy,
        provider: "cpu",
        trajectories: [first],
        questions: [{ name: "empty", text: "", at: "step" }],
      }),
    ).rejects.toMatchObject({ code: "bad-question" });
  });

  it("refuses a second model with other tokens, and extras that a kind does not have", async () => {
    await expect(score(fixture("tiny-reward"), [first], { topK: 3 })).rejects.toMatchObject({
      code: "bad-parameter",
    });
    await expect(score(policy, [first], { topK: 0 })).rejects.toMatchObject({ code: "bad-parameter" });
    await expect(score(policy, [first], { reference: fixture("tiny-prm") })).rejects.toMatchObject({
      code: "model-does-not-fit",
    });
  });

  it("refuses weights from outside the model's folder, however a file asks for them", async () => {
    for (const name of ["absolute", "drive", "backslash", "constant", "branch"]) {
      const found = await client.call("inspect", { path: fixture(`hostile-${name}.onnx`) });
      expect([name, found.problem]).toEqual([
        name,
        expect.stringContaining("asks for weights outside its own folder"),
      ]);
    }
    const folder = mkdtempSync(join(tmpdir(), "lens-linked-"));
    const secret = join(mkdtempSync(join(tmpdir(), "lens-secret-")), "secret.bin");
    writeFileSync(secret, Buffer.alloc(12));
    copyFileSync(fixture("hostile-linked.onnx"), join(folder, "model.onnx"));
    symlinkSync(secret, join(folder, "linked-weights.bin"));
    const linked = await client.call("inspect", { path: join(folder, "model.onnx") });
    expect(linked.problem).toContain("asks for weights outside its own folder");
    const missing = await client.call("inspect", { path: fixture("missing-weights.onnx") });
    expect(missing.problem).toContain("needs the weight file weights-that-are-not-there.bin");
  });
});

describe("a tokenizer for a model on a server", () => {
  it("is loaded once, and anew when its files change", async () => {
    const client = new InferenceClient();
    try {
      const folder = mkdtempSync(join(tmpdir(), "lens-tokenizer-"));
      copyFileSync(join(policy, "tokenizer_config.json"), join(folder, "tokenizer_config.json"));
      const json = JSON.parse(readFileSync(join(policy, "tokenizer.json"), "utf8")) as {
        model: { vocab: Record<string, number> };
      };
      const write = (): void => writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
      const ids = async (): Promise<number[]> => [
        ...(await client.call("prepare", { tokenizer: folder, trajectory: textTrajectory("t", "!#", []) }))
          .ids,
      ];
      write();
      const { "!": mark, "#": hash } = json.model.vocab;
      expect(await ids()).toEqual([mark, hash]);
      expect(await ids()).toEqual([mark, hash]);
      Object.assign(json.model.vocab, { "!": hash, "#": mark });
      write();
      expect(await ids()).toEqual([hash, mark]);
    } finally {
      await client.close();
    }
  });
});

describe("a model that does not fit into memory", () => {
  it("is refused with the numbers, unless its declaration says to try", async () => {
    const client = new InferenceClient({ TRAJECTORY_LENS_MEMORY_MIB: "0.1" });
    try {
      const call = (declaration?: ModelDeclaration) =>
        client.call("score", {
          modelPath: fixture("tiny-policy-external"),
          provider: "cpu",
          trajectories: [first],
          ...(declaration ? { declaration } : {}),
        });
      await expect(call()).rejects.toMatchObject({
        code: "model-too-large",
        message: expect.stringMatching(/its file and weight files hold .* MiB are free/) as string,
      });
      expect((await call({ ignoreMemory: true })).failures).toEqual([]);
    } finally {
      await client.close();
    }
  });
});
