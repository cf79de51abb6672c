import { describe, expect, it } from "vitest";
import { verifiersTraces } from "../../src/formats/verifiersTraces";
import type { JsonObject } from "../../src/model/json";
import { readValue } from "./draftsOf";

const sampled = (more: JsonObject): JsonObject => ({
  parent: 0,
  sampled: true,
  message: { role: "assistant", content: "2" },
  token_ids: [7, 8, 9],
  mask: [false, true, true],
  logprobs: [-0.5, -0.25],
  ...more,
});

const episode = (node: JsonObject, trace: JsonObject = {}): JsonObject => ({
  task: { type: "Sum", data: { prompt: "1 + 1?" } },
  ok: true,
  traces: [
    {
      nodes: [
        { message: { role: "user", content: "1 + 1?" }, sampled: false, token_ids: [1], mask: [false] },
        node,
      ],
      rewards: { correct: { score: 1, weight: 1 } },
      stop_condition: "agent_completed",
      ...trace,
    },
  ],
});

describe("verifiers traces", () => {
  it("lay what the trainer recorded on the sampled tokens, and named loss weights on all", () => {
    const { trajectories } = readValue(
      verifiersTraces,
      episode(
        sampled({
          trainer_logprobs: [-0.75, -0.5],
          entropies: [0.1, 0.2],
          loss_weights: { rl: [0, 1, 0.5], echo: [0.25, 0, 0] },
        }),
      ),
    );
    expect(trajectories[0]?.tokens?.series).toEqual({
      logprob: Float64Array.of(NaN, NaN, -0.5, -0.25),
      trainer_logprob: Float64Array.of(NaN, NaN, -0.75, -0.5),
      entropy: Float64Array.of(NaN, NaN, 0.1, 0.2),
      "loss_weights.rl": Float64Array.of(NaN, 0, 1, 0.5),
      "loss_weights.echo": Float64Array.of(NaN, 0.25, 0, 0),
    });
  });

  it("are truncated when the last answer was cut, though the agent ended by itself", () => {
    const truncated = (trace: JsonObject): boolean | undefined =>
      readValue(verifiersTraces, episode(sampled({}), trace)).summaries[0]?.truncated;
    const cut = { node: 1, finish_reason: "length" };
    expect(
      truncated({
        calls: [
          { node: 0, finish_reason: "length" },
          { node: 1, finish_reason: "stop" },
        ],
      }),
    ).toBe(false);
    expect(truncated({ calls: [cut] })).toBe(true);
    // A call that failed committed nothing.
    expect(truncated({ calls: [cut, { finish_reason: "stop", error: { type: "ProviderError" } }] })).toBe(
      true,
    );
    expect(truncated({ stop_condition: "compaction_failed" })).toBe(true);
    expect(truncated({})).toBe(false);
  });
});
