import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { agentsSdkTraces } from "../../src/formats/agentsSdkTraces";
import { browserUse } from "../../src/formats/browserUse";
import { smolagents, smolagentsSteps } from "../../src/formats/smolagents";
import type { JsonObject, JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const text = (name: string): string => readFileSync(`test/formats/fixtures/${name}`, "utf8");

describe("histories of browser-use", () => {
  const history = JSON.parse(text("browser-use.json")) as JsonObject;

  it("reads what was seen, thought and done, several actions of a step with what came of each", () => {
    const { trajectories, summaries } = readValue(browserUse, history);
    expect(lines(trajectories[0])).toEqual([
      "environment/observe: Page\nhttps://shop.example/",
      'assistant/act: (thinking: a shop\nevaluation_previous_goal: none yet\nmemory: nothing\nnext_goal: search)  [input_text {"index":3,"text":"lamp"}] [click_element {"index":4}]',
      "tool/observe: typed lamp",
      "tool/observe: no element 4",
      "environment/observe: Page\nhttps://shop.example/2",
      "tool/observe: model timed out",
      "environment/observe: Page\nhttps://shop.example/3",
      'assistant/answer: (evaluation_previous_goal: ok\nmemory: m\nnext_goal: finish)  [done {"text":"A lamp for 5","success":true}]'.replace(
        "answer",
        "act",
      ),
      "tool/observe: A lamp for 5",
    ]);
    expect(trajectories[0]?.steps[0]?.media).toEqual([{ kind: "image", path: "screenshots/step_1.png" }]);
    expect(trajectories[0]?.steps[6]?.extra?.["screenshot"]).toBe("an embedded picture of 720 characters");
    expect(trajectories[0]?.steps[8]?.terminated).toBe(true);
    expect(summaries[0]).toMatchObject({
      success: true,
      truncated: false,
      stopReason: "done",
      components: { input_tokens: 150 },
    });
  });

  it("does not take an unfinished history for a failure", () => {
    const cut = { history: (history["history"] as JsonValue[]).slice(0, 2) };
    const { trajectories, summaries } = readValue(browserUse, cut);
    expect(summaries[0]).toMatchObject({ truncated: true, stopReason: "not done" });
    expect(summaries[0]?.success).toBeUndefined();
    expect(trajectories[0]?.notes[0]?.code).toBe("not-done");
    expect(() => readValue(browserUse, { history: [] })).toThrow(/no `history`/);
  });
});

describe("runs of smolagents", () => {
  const steps = JSON.parse(text("smolagents-steps.json")) as JsonValue;

  it("reads the memory of a run: task, plan, actions, errors and the final answer", () => {
    const { trajectories } = readValue(smolagentsSteps, steps);
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: What is 6 times 7?",
      "assistant/think: (Multiply.) ",
      'assistant/act: Thought: compute [python_interpreter "print(6*7"]',
      "tool/observe: Error: never closed",
      'assistant/answer: Again [python_interpreter "final_answer(6*7)"]',
      "tool/observe: Execution logs:\n42",
    ]);
    expect(trajectories[0]?.outcome.components).toEqual({ input_tokens: 25, output_tokens: 5 });
    expect(trajectories[0]?.steps[4]).toMatchObject({
      terminated: true,
      extra: { action_output: 42, step_number: 2 },
    });
    expect(trajectories[0]?.steps[2]?.extra).not.toHaveProperty("model_input_messages");
  });

  it("reads rows of a benchmark with their answers and grades", () => {
    const rows = text("smolagents.jsonl")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as JsonObject);
    const read = rows.map((row) => readValue(smolagents, row));
    expect(
      read.map(({ summaries: [one] }) => [
        one?.ownId,
        one?.reward,
        one?.stopReason,
        one?.truncated,
        one?.title,
      ]),
    ).toEqual([
      ["g1", 1, "success", false, "What is 6 times 7?"],
      ["g2", 0, "max_steps_error", true, "And 6 times 8?"],
    ]);
    expect(read[0]?.trajectories[0]?.task).toEqual({
      id: "g1",
      prompt: "What is 6 times 7?",
      groundTruth: "42",
    });
    expect(() => readValue(smolagents, { steps: [] })).toThrow(/no steps/);
  });
});

describe("traces of the Agents SDK", () => {
  const entries = text("agents-sdk-traces.jsonl")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonObject);

  it("reads calls of the model and of tools in order of time, each message once", () => {
    const { trajectories, summaries } = readValue(agentsSdkTraces, entries);
    expect(lines(trajectories[0])).toEqual([
      "system/prompt: Be brief.",
      "user/prompt: Rain?",
      'assistant/act:  [weather {"city":"Bonn"}]',
      "tool/observe: wet",
      "assistant/answer: Yes.",
    ]);
    expect(summaries[0]).toMatchObject({ ownId: "trace_1", groupKey: "chat_7" });
    expect(trajectories[0]?.extra).toMatchObject({
      workflow_name: "Weather",
      spans: [{ id: "s1", name: "Helper" }],
    });
  });

  it("reads them in a document too, and says where only ids of responses were exported", () => {
    const [trace, ...spans] = entries;
    expect(readValue(agentsSdkTraces, { ...trace, spans }).trajectories[0]?.steps).toHaveLength(5);
    const silent = { ...spans[0], span_data: { type: "response", response_id: "resp_1" } };
    expect(
      readValue(agentsSdkTraces, { data: [silent] }).trajectories[0]?.notes.map((note) => note.code),
    ).toContain("no-words");
    expect(() => readValue(agentsSdkTraces, [trace!])).toThrow(/no span/);
  });
});
