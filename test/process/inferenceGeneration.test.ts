import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Trajectory } from "../../src/model/trajectory";
import type { GenerationOptions, InferenceCalls } from "../../src/protocol/inferenceCalls";
import { fixture, InferenceClient, reference, textTrajectory } from "./inferenceClient";

const modelPath = fixture("tiny-policy");
const row = reference.text[0]!;
const trajectory = textTrajectory("t", row.prompt, row.response);
const greedy: GenerationOptions = { count: 1, temperature: 0, topP: 1, maxNewTokens: 20, stop: [], seed: 1 };
const sampled: GenerationOptions = { ...greedy, count: 6, temperature: 1 };

describe("continuing a trajectory", () => {
  let client: InferenceClient;
  beforeAll(() => {
    client = new InferenceClient();
  });
  afterAll(() => client.close());

  const generate = (
    options: GenerationOptions,
    point: InferenceCalls["generate"]["params"]["point"] = { afterStep: 0 },
  ) => client.call("generate", { modelPath, provider: "cpu", trajectory, point, options });

  /** The tokens that a continuation was made of, scored as a trajectory of their own. */
  const rescore = async (prefix: readonly number[], ids: Int32Array) => {
    const all = [...prefix, ...ids];
    const whole: Trajectory = {
      ...textTrajectory("again", "", []),
      steps: [],
      tokens: {
        count: all.length,
        ids: Int32Array.from(all),
        mask: Uint8Array.from(all, (_, i) => (i < prefix.length ? 0 : 1)),
        series: {},
      },
    };
    const { flatText: _, ...withoutText } = whole;
    const report = await client.call("score", { modelPath, provider: "cpu", trajectories: [withoutText] });
    expect(report.failures).toEqual([]);
    const values = (name: string) => [
      ...report.series.find((series) => series.name === name)!.values.slice(prefix.length),
    ];
    return { logprob: values("logprob"), rank: values("rank") };
  };

  it("greedily takes the likeliest token each time, with the probabilities that scoring gives", async () => {
    const { continuations, prefixTokens } = await generate(greedy);
    expect(prefixTokens).toBe(row.promptTokens);
    const again = await rescore(row.ids.slice(0, prefixTokens), continuations[0]!.ids);
    expect(new Set(again.rank)).toEqual(new Set([1]));
    again.logprob.forEach((value, i) => expect(continuations[0]!.logprobs[i]).toBeCloseTo(value, 4));
  });

  it("samples several continuations, the same for the same seed, each with its own probabilities", async () => {
    const texts: (readonly string[])[] = [];
    const call = client.start(
      "generate",
      { modelPath, provider: "cpu", trajectory, point: { afterStep: 2 }, options: sampled },
      (progress) => texts.push(progress.texts),
    );
    const first = await call.result;
    const second = await generate(sampled, { afterStep: 2 });
    const other = await generate({ ...sampled, seed: 2 }, { afterStep: 2 });
    expect(second.continuations).toEqual(first.continuations);
    expect(other.continuations).not.toEqual(first.continuations);
    expect(new Set(first.continuations.map((continuation) => continuation.text)).size).toBeGreaterThan(1);
    expect(texts.length).toBeGreaterThan(1);
    expect(texts.at(-1)).toEqual(first.continuations.map((continuation) => continuation.text));
    const prefix = row.ids.slice(0, first.prefixTokens);
    for (const { ids, logprobs } of first.continuations) {
      (await rescore(prefix, ids)).logprob.forEach((value, i) => expect(logprobs[i]).toBeCloseTo(value, 4));
    }
  });

  it("stops at a stop text, at the length and at the end of the context", async () => {
    const stopped = await generate({ ...sampled, count: 24, maxNewTokens: 40, stop: ["3", "a"] });
    const atStop = stopped.continuations.filter((continuation) => continuation.stopReason === "stop");
    expect(atStop.length).toBeGreaterThan(0);
    for (const { text } of atStop) expect(text).toMatch(/^[^3a]*[3a]$/);
    for (const { stopReason, ids } of stopped.continuations)
      if (stopReason === "length") expect(ids.length).toBe(40);
    const full = await generate({ ...greedy, maxNewTokens: 1000 });
    expect(["context", "end"]).toContain(full.continuations[0]!.stopReason);
    expect(full.prefixTokens + full.continuations[0]!.ids.length).toBeLessThanOrEqual(160);
  });

  it("forks behind a token, and refuses places that are not there", async () => {
    const { prefixTokens } = await generate(greedy, { afterToken: 4 });
    expect(prefixTokens).toBe(5);
    await expect(generate(greedy, { afterToken: 999 })).rejects.toMatchObject({ code: "bad-fork-point" });
    await expect(generate({ ...greedy, temperature: -1 })).rejects.toMatchObject({ code: "bad-parameter" });
    await expect(
      client.call("generate", {
        modelPath: fixture("tiny-prm"),
        provider: "cpu",
        trajectory,
        point: { afterStep: 0 },
        options: greedy,
      }),
    ).rejects.toMatchObject({ code: "model-does-not-fit" });
  });

  it("values states by grading their continuations", async () => {
    const values = (pattern: string) =>
      client.call("stateValues", {
        modelPath,
        provider: "cpu",
        trajectory,
        afterSteps: [0, 1, 3],
        options: { ...sampled, count: 16 },
        grader: { kind: "regex", pattern },
      });
    const all = await values("");
    expect(all.values.map(({ afterStep, value, trials }) => [afterStep, value, trials])).toEqual([
      [0, 1, 16],
      [1, 1, 16],
      [3, 1, 16],
    ]);
    const some = await values("[aeiou]{2}|=.*=.*=.*=.*=");
    for (const { successes, trials, value, interval } of some.values) {
      expect(value).toBe(successes! / trials);
      expect(interval[0]).toBeLessThanOrEqual(value);
      expect(interval[1]).toBeGreaterThanOrEqual(value);
    }
  });

  it("can be cancelled", async () => {
    const call = client.start(
      "generate",
      {
        modelPath,
        provider: "cpu",
        trajectory,
        point: { afterStep: 0 },
        options: { ...sampled, count: 64, maxNewTokens: 150 },
      },
      ({ texts }) => {
        if (texts.some((text) => text.length > 4)) client.cancel(call.id);
      },
    );
    await expect(call.result).rejects.toMatchObject({ code: "cancelled" });
  });

  it("tells the belief in the answer before each step, as scoring the answer there would", async () => {
    const asked = { ...trajectory, task: { ...trajectory.task, groundTruth: { target: "24" } } };
    const report = await client.call("answerBelief", {
      modelPath,
      provider: "cpu",
      trajectories: [asked, { ...trajectory, id: "none" }],
      template: "answer {answer.target}\n",
    });
    expect(report.failures).toEqual([
      { trajectoryId: "none", message: expect.stringContaining("no ground truth") },
    ]);
    const beliefs = report.series[0]!;
    expect(beliefs).toMatchObject({ name: "answer_logprob", level: "step" });
    expect(beliefs.values[0]).toBeNaN();
    for (let step = 1; step <= row.response.length; step++) {
      // The same text written out: what was said before the step, then the answer line.
      const said = row.response.slice(0, step - 1);
      const written = textTrajectory("written", row.prompt, [...said, "answer 24\n"]);
      const scored = await client.call("score", { modelPath, provider: "cpu", trajectories: [written] });
      const logprob = scored.series.find((series) => series.name === "logprob")!;
      const answer = logprob.values.filter(
        (_, i) => logprob.tokenText![i]!.includes("24") && i >= logprob.values.length - 3,
      );
      expect(answer.length).toBe(1);
      expect(beliefs.values[step]).toBeCloseTo(answer[0]!, 4);
    }
  });
});
