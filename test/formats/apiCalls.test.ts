import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { apiCalls } from "../../src/formats/apiCalls";
import type { JsonObject, JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const [several, called] = readFileSync("test/formats/fixtures/api-calls.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as JsonObject);
const detected = (firstRecord: JsonValue) =>
  apiCalls.detect({ path: "/d/f.jsonl", bytes: 1, container: "jsonl", firstRecord, siblings: [] })
    ?.confidence;

describe("calls of a model's interface", () => {
  it("gives each choice a trajectory of one group, with its tokens where they are listed", () => {
    const { trajectories, summaries } = readValue(apiCalls, several!);
    expect(trajectories.map(lines)).toEqual([
      ["system/prompt: Be brief.", "user/prompt: 2+2?", "assistant/answer: 4"],
      ["system/prompt: Be brief.", "user/prompt: 2+2?", "assistant/answer: (two and two) It is"],
    ]);
    expect(new Set(summaries.map((one) => one.groupKey)).size).toBe(1);
    expect(
      summaries.map((one) => [one.ownId, one.reward, one.stopReason, one.truncated, one.tokenCount]),
    ).toEqual([
      ["c1", 1, "stop", false, 1],
      ["c1", 1, "length", true, undefined],
    ]);
    expect(trajectories[0]?.tokens).toMatchObject({
      text: ["4"],
      series: { logprob: Float64Array.of(-0.25) },
    });
    expect(trajectories[0]?.steps[2]).toMatchObject({ tokenStart: 0, tokenEnd: 1 });
    expect(trajectories[0]?.outcome.components).toEqual({ prompt_tokens: 9, completion_tokens: 4 });
    expect(trajectories[0]?.extra).toMatchObject({ request: { model: "m", temperature: 1 }, choice: 0 });
    expect(trajectories[0]?.extra["request"]).not.toHaveProperty("messages");
    expect(lines(readValue(apiCalls, called!).trajectories[0])).toEqual(
      ["user/prompt: Time?", "assistant/answer:  [now {}]"].map((line) => line.replace("answer", "act")),
    );
  });

  it("reads lines of batches, whose responses lie deeper, and names those that failed", () => {
    const body = {
      object: "chat.completion",
      choices: [{ message: { content: "Hi" }, finish_reason: "stop" }],
    };
    expect(
      readValue(apiCalls, { custom_id: "q", response: { status_code: 200, body }, error: null }).summaries[0],
    ).toMatchObject({
      ownId: "q",
      stopReason: "stop",
    });
    const message = {
      type: "message",
      role: "assistant",
      content: [{ type: "text", text: "Hi" }],
      stop_reason: "max_tokens",
      usage: { input_tokens: 1 },
    };
    const anthropic = readValue(apiCalls, { custom_id: "a", result: { type: "succeeded", message } });
    expect(lines(anthropic.trajectories[0])).toEqual(["assistant/answer: Hi"]);
    expect(anthropic.summaries[0]).toMatchObject({ truncated: true, components: { input_tokens: 1 } });
    expect(() => readValue(apiCalls, { custom_id: "q", response: null, error: { message: "no" } })).toThrow(
      /no response/,
    );
    const failed = readValue(apiCalls, {
      id: "f",
      input: { messages: [{ role: "user", content: "Hi" }] },
      output: null,
    });
    expect(failed.summaries[0]).toMatchObject({ stopReason: "error", stepCount: 1 });
  });

  it("reads bare responses, and texts with their log-probabilities", () => {
    const gemini = {
      candidates: [{ content: { role: "model", parts: [{ text: "Yo" }] }, finishReason: "MAX_TOKENS" }],
      usageMetadata: { promptTokenCount: 3 },
    };
    expect(readValue(apiCalls, gemini).summaries[0]).toMatchObject({
      truncated: true,
      components: { promptTokenCount: 3 },
    });
    const text = {
      object: "text_completion",
      prompt: "2+2=",
      choices: [
        {
          text: " 4",
          logprobs: { tokens: [" 4"], token_logprobs: [-0.5] },
          token_ids: [17],
          finish_reason: "stop",
        },
      ],
    };
    const { trajectories } = readValue(apiCalls, text);
    expect(lines(trajectories[0])).toEqual(["user/prompt: 2+2=", "assistant/answer:  4"]);
    expect(trajectories[0]?.tokens).toMatchObject({
      ids: Int32Array.of(17),
      series: { logprob: Float64Array.of(-0.5) },
    });
    expect([gemini, text, several!].map((row) => detected(row))).toEqual([0.6, 0.6, 0.55]);
  });

  it("leaves rows alone that hold no response", () => {
    for (const row of [
      { choices: ["a", "b"], question: "?" },
      { messages: [{ role: "user", content: "Hi" }] },
      { prompt: "a", completion: "b" },
    ])
      expect(detected(row)).toBeUndefined();
  });
});
