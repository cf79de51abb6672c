import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { evalScope } from "../../src/formats/evalScope";
import { helm } from "../../src/formats/helm";
import { openAiEvals } from "../../src/formats/openAiEvals";
import { lmEvalHarness } from "../../src/formats/lmEvalHarness";
import type { JsonObject } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const rows = (name: string): JsonObject[] =>
  readFileSync(`test/formats/fixtures/${name}`, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonObject);

describe("samples of lm-evaluation-harness", () => {
  const [generated, repeated, choice] = rows("lm-eval-harness.jsonl");

  it("reads a generation, though it be a number, with the first metric as its reward", () => {
    const { trajectories, summaries } = readValue(lmEvalHarness, generated!);
    expect(lines(trajectories[0])).toEqual(["user/prompt: Q: 2+2?\nA:", "assistant/answer: 4"]);
    expect(trajectories[0]?.outcome).toEqual({
      reward: 1,
      rewardSource: "exact_match",
      components: { exact_match: 1 },
    });
    expect(trajectories[0]?.task).toMatchObject({ id: "0", groundTruth: "4" });
    expect(trajectories[0]?.extra).toMatchObject({
      doc: { question: "2+2?" },
      filter: "strict-match",
      filtered_resps: ["4"],
    });
    expect(summaries[0]).toMatchObject({ groupKey: "0", ownId: "0" });
  });

  it("gives each repeat a trajectory and says that they share their score; a prompt may be messages as text", () => {
    const { trajectories } = readValue(lmEvalHarness, repeated!);
    expect(trajectories.map(lines)).toEqual([
      ["system/prompt: Be exact.", "user/prompt: 3+3?", "assistant/answer: 5"],
      ["system/prompt: Be exact.", "user/prompt: 3+3?", "assistant/answer: 6"],
    ]);
    expect(trajectories.map((one) => one.notes.map((note) => note.code))).toEqual([
      ["shared-score"],
      ["shared-score"],
    ]);
  });

  it("gives each continuation of a likelihood request its log-probability, and none of them the choice's score as reward", () => {
    const { trajectories } = readValue(lmEvalHarness, choice!);
    expect(
      trajectories.map((one) => [one.steps.at(-1)?.action, one.steps.at(-1)?.logprob, one.outcome]),
    ).toEqual([
      [" barks", -4.5, { components: { acc: 1, acc_norm: 0, loglikelihood: -4.5, is_greedy: 0 } }],
      [" sleeps", -1.25, { components: { acc: 1, acc_norm: 0, loglikelihood: -1.25, is_greedy: 1 } }],
    ]);
  });

  it("reads chats as the harness wraps them, and samples that forks write without arguments", () => {
    const chat = { gen_args_0: { arg_0: ['[{"role": "user", "content": "2+2?"}]'], arg_1: {} } };
    expect(lines(readValue(lmEvalHarness, { ...generated, arguments: chat }).trajectories[0])[0]).toBe(
      "user/prompt: 2+2?",
    );
    const fork = {
      doc_id: 3,
      target: "D",
      arguments: [],
      input: "Which?",
      filtered_resps: ["D"],
      exact_match: 1,
    };
    const { trajectories } = readValue(lmEvalHarness, fork);
    expect(lines(trajectories[0])).toEqual(["user/prompt: Which?", "assistant/answer: D"]);
    expect(trajectories[0]?.outcome.reward).toBe(1);
  });

  it("reads arguments as a list, and metrics without a list of their names", () => {
    const { metrics: _metrics, filter: _filter, ...old } = choice!;
    const { trajectories } = readValue(lmEvalHarness, {
      ...old,
      arguments: [
        ["The cat", " barks"],
        ["The cat", " sleeps"],
      ],
    });
    expect(trajectories.map((one) => one.outcome.components["acc_norm"])).toEqual([0, 0]);
    expect(() => readValue(lmEvalHarness, { ...old, resps: [] })).toThrow(/no request/);
  });
});

describe("predictions and reviews of EvalScope", () => {
  const [first, second] = rows("evalscope.jsonl");

  it("takes the only score, or the one that is named as the main one", () => {
    const { trajectories, summaries } = readValue(evalScope, first!);
    expect(lines(trajectories[0])).toEqual(["user/prompt: 2+2?", "assistant/answer: ANSWER: 4"]);
    expect(summaries[0]).toMatchObject({ reward: 1, groupKey: "0", ownId: "0", components: { acc: 1 } });
    expect(trajectories[0]?.task.groundTruth).toBe("4");
    expect(readValue(evalScope, second!).trajectories[0]?.outcome).toEqual({
      reward: 1,
      rewardSource: "loose",
      components: { strict: 0, loose: 1 },
    });
  });

  it("joins a prediction with the review of its index in the folder beside", () => {
    const prediction = {
      index: 1,
      model: "m",
      model_output: {
        choices: [{ message: { role: "assistant", content: "ANSWER: 5" }, stop_reason: "max_tokens" }],
        usage: { input_tokens: 3, output_tokens: 2 },
      },
      messages: [{ role: "user", content: "3+3?" }],
    };
    const path = "/out/predictions/m/sums.jsonl";
    expect(evalScope.companions?.(path, [], [])).toEqual(["../../reviews/m/sums.jsonl"]);
    const companions = new Map([["../../reviews/m/sums.jsonl", [first!, second!]]]);
    const { trajectories } = readValue(evalScope, prediction, { path, companions });
    expect(lines(trajectories[0])).toEqual(["user/prompt: 3+3?", "assistant/answer: ANSWER: 5"]);
    expect(trajectories[0]?.outcome).toEqual({
      reward: 1,
      rewardSource: "loose",
      stopReason: "max_tokens",
      truncated: true,
      components: { strict: 0, loose: 1, input_tokens: 3, output_tokens: 2 },
    });
    expect(trajectories[0]?.task.groundTruth).toBe("6");
    expect(readValue(evalScope, prediction, { path: "/out/p.jsonl" }).summaries[0]?.reward).toBeUndefined();
  });
});

describe("scenario states of HELM", () => {
  const run = JSON.parse(readFileSync("test/formats/fixtures/helm.json", "utf8")) as JsonObject;

  it("gives each completion a trajectory, with the measures of its own form of the instance", () => {
    const stat = (name: string, mean: number): JsonObject => ({
      name: { name, split: "test" },
      count: 1,
      sum: mean,
      mean,
    });
    const companions = new Map([
      [
        "per_instance_stats.json",
        [
          { instance_id: "id1", train_trial_index: 0, stats: [stat("exact_match", 1)] },
          {
            instance_id: "id1",
            perturbation: { name: "typos" },
            train_trial_index: 0,
            stats: [stat("exact_match", 0)],
          },
        ],
      ],
    ]);
    const { trajectories, summaries } = readValue(helm, run, { companions });
    expect(trajectories.map(lines)).toEqual([
      ["user/prompt: Q: 2+2?\nA:", "assistant/answer:  4"],
      ["user/prompt: 2+2 ?", "assistant/answer: (two and two) four"],
      ["user/prompt: 2+2 ?", "assistant/answer: 5"],
    ]);
    expect(summaries.map((one) => [one.groupKey, one.split, one.components, one.truncated])).toEqual([
      ["id1", "test", { exact_match: 1 }, false],
      ["id1", "test", { exact_match: 0 }, false],
      ["id1", "test", { exact_match: 0 }, true],
    ]);
    expect(trajectories[0]?.task.groundTruth).toBe("4");
    expect(trajectories[1]?.extra["perturbation"]).toEqual({ name: "typos" });
    expect(trajectories[0]?.steps[1]?.logprob).toBe(-0.5);
  });

  it("shows a request that was never answered, and refuses a run without requests", () => {
    const states = run["request_states"] as JsonObject[];
    const { result: _result, ...asked } = states[0]!;
    expect(lines(readValue(helm, { ...run, request_states: [asked] }).trajectories[0])[0]).toBe(
      "user/prompt: Q: 2+2?\nA:",
    );
    expect(() => readValue(helm, { ...run, request_states: [] })).toThrow(/no request/);
  });
});

describe("logs of OpenAI's evals", () => {
  it("gathers the events of each sample; a prompt that goes on is shown from where it goes on", () => {
    const { trajectories, summaries } = readValue(openAiEvals, rows("openai-evals.jsonl"));
    expect(trajectories.map(lines)).toEqual([
      ["system/prompt: Answer with a number.", "user/prompt: 2+2?", "assistant/answer: 4"],
      [
        "system/prompt: Answer with a number.",
        "user/prompt: 3+3?",
        "assistant/act: Let me ask.",
        'assistant/act:  [add {"a":3}]',
        "tool/observe: 6",
        "user/observe: Go on.",
        "assistant/answer: 7",
      ],
    ]);
    expect(summaries.map((one) => [one.ownId, one.success, one.components])).toEqual([
      ["sums.dev.0", true, {}],
      ["sums.dev.1", false, { score: 0.5 }],
    ]);
    expect(trajectories[0]?.task.groundTruth).toBe("4");
    expect(trajectories[0]?.extra).toMatchObject({ eval: "sums.dev.v0", run_id: "r1" });
    expect(() => readValue(openAiEvals, rows("openai-evals.jsonl").slice(0, 1))).toThrow(/no event/);
  });
});
