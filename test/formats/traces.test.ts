import { describe, expect, it } from "vitest";
import { langfuse } from "../../src/formats/langfuse";
import { langSmith } from "../../src/formats/langSmith";
import { openAiResponses } from "../../src/formats/openAiResponses";
import { openInference } from "../../src/formats/openInference";
import { otlp } from "../../src/formats/otlp";
import type { JsonObject, JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";
import { readFile, readParts } from "./readFile";

async function fixture(name: string) {
  const { records, format, problems } = await readFile(`test/formats/fixtures/${name}`);
  expect(problems).toEqual([]);
  return records.flatMap((record) => readParts(record, format!));
}

const CONVERSATION = [
  "user/prompt: Weather in Bern?",
  'assistant/act:  [weather {"city":"Bern"}]',
  "tool/observe: rain",
  "assistant/answer: It rains.",
];

describe("traces", () => {
  it("of OpenTelemetry gather the spans of a trace from all lines, in order of time, and show each message once", async () => {
    const [trace, ...others] = await fixture("otlp.jsonl");
    expect(others).toEqual([]);
    expect(lines(trace)).toEqual([
      "system/prompt: Be brief.",
      "user/prompt: Weather in Bern?",
      'assistant/act: (ask the tool)  [weather {"city":"Bern"}]',
      "tool/observe: rain, 9 degrees",
      "assistant/answer: It rains in Bern.",
    ]);
    expect(trace?.outcome).toEqual({
      reward: 0.75,
      rewardSource: "rl.reward",
      components: { relevance: 0.9 },
    });
    expect(trace?.steps[2]?.extra).toMatchObject({
      span_id: "a1",
      parent_span_id: "a0",
      depth: 1,
      duration_ms: 1500,
      attributes: { "gen_ai.usage.input_tokens": 12 },
    });
    expect(trace?.steps[3]?.extra).toMatchObject({ tool: "weather", arguments: { city: "Bern" } });
    expect((trace?.extra["spans"] as JsonObject[]).map((span) => span["id"])).toEqual(["a0"]);
  });

  it("of OpenLLMetry's flat keys and of message events read the same", () => {
    const span = (id: string, attributes: JsonObject, events: JsonValue[] = []): JsonObject => ({
      traceId: "t",
      spanId: id,
      name: "chat",
      startTimeUnixNano: id,
      endTimeUnixNano: id,
      attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: value } })),
      events,
    });
    const read = (...spans: JsonObject[]) =>
      lines(readValue(otlp, { resourceSpans: [{ scopeSpans: [{ spans }] }] }).trajectories[0]);
    expect(
      read(
        span("1", {
          "llm.request.type": "chat",
          "gen_ai.prompt.0.role": "user",
          "gen_ai.prompt.0.content": "Weather in Bern?",
          "gen_ai.completion.0.role": "assistant",
          "gen_ai.completion.0.tool_calls.0.name": "weather",
          "gen_ai.completion.0.tool_calls.0.arguments": '{"city":"Bern"}',
        }),
        span("2", {
          "traceloop.span.kind": "tool",
          "traceloop.entity.name": "weather",
          "traceloop.entity.output": "rain",
        }),
        span("3", {
          "llm.request.type": "chat",
          "gen_ai.prompt.0.role": "user",
          "gen_ai.prompt.0.content": "Weather in Bern?",
          "gen_ai.completion.0.role": "assistant",
          "gen_ai.completion.0.content": "It rains.",
        }),
      ),
    ).toEqual(CONVERSATION);
    const event = (name: string, content: JsonValue): JsonValue => ({
      name,
      attributes: [{ key: "gen_ai.event.content", value: { stringValue: JSON.stringify(content) } }],
    });
    expect(
      read(
        span("1", { "gen_ai.operation.name": "chat" }, [
          event("gen_ai.user.message", { content: "Hello" }),
          event("gen_ai.choice", { index: 0, message: { role: "assistant", content: "Hi." } }),
        ]),
      ),
    ).toEqual(["user/prompt: Hello", "assistant/answer: Hi."]);
  });

  it("of Langfuse's SDK hold its observations as attributes of spans", () => {
    const span = (
      id: string,
      parent: string | undefined,
      type: string,
      attributes: JsonObject,
    ): JsonObject => ({
      traceId: "t",
      spanId: id,
      ...(parent === undefined ? {} : { parentSpanId: parent }),
      name: type === "tool" ? "weather" : "ask",
      startTimeUnixNano: id,
      endTimeUnixNano: id,
      attributes: Object.entries({ type, ...attributes }).map(([key, value]) => ({
        key: `langfuse.observation.${key}`,
        value: { stringValue: typeof value === "string" ? value : JSON.stringify(value) },
      })),
    });
    const asked = { role: "user", content: "Weather in Bern?" };
    const call = {
      role: "assistant",
      content: "",
      tool_calls: [
        { id: "c", type: "function", function: { name: "weather", arguments: '{"city":"Bern"}' } },
      ],
    };
    const result = { role: "tool", tool_call_id: "c", content: "rain" };
    const spans = [
      span("1", undefined, "agent", { input: "Weather in Bern?", output: "It rains." }),
      span("2", "1", "generation", { input: [asked], output: call }),
      span("3", "1", "tool", { input: { city: "Bern" }, output: "rain" }),
      span("4", "1", "generation", {
        input: [asked, call, result],
        output: { role: "assistant", content: "It rains." },
      }),
    ];
    const { trajectories } = readValue(otlp, { resourceSpans: [{ scopeSpans: [{ spans }] }] });
    expect(trajectories.map(lines)).toEqual([CONVERSATION]);
    expect(trajectories[0]?.steps[2]?.extra).toMatchObject({ tool: "weather", arguments: { city: "Bern" } });
    expect(trajectories[0]?.steps[1]?.extra?.["attributes"]).toEqual({
      "langfuse.observation.type": "generation",
    });
  });

  it("that were instrumented twice show a call once, nested or side by side", () => {
    const span = (
      id: string,
      parent: string | undefined,
      start: number,
      end: number,
      output: string,
    ): JsonObject => ({
      traceId: "t",
      spanId: id,
      ...(parent === undefined ? {} : { parentSpanId: parent }),
      name: id,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(end),
      attributes: Object.entries({
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Again?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": output,
      }).map(([key, value]) => ({ key, value: { stringValue: value } })),
    });
    const said = (...spans: JsonObject[]) =>
      readValue(otlp, { resourceSpans: [{ scopeSpans: [{ spans }] }] }).trajectories[0]?.steps.map(
        (step) => step.extra?.["span"],
      );
    expect(said(span("outer", undefined, 1, 9, "no"), span("inner", "outer", 2, 8, "no"))).toEqual([
      "inner",
      "inner",
    ]);
    expect(said(span("outer", undefined, 1, 9, "no"), span("inner", undefined, 2, 8, "no"))).toEqual([
      "inner",
      "inner",
    ]);
    // The same words at another time are another call.
    expect(said(span("first", undefined, 1, 3, "no"), span("second", undefined, 4, 8, "no"))).toEqual([
      "first",
      "first",
      "second",
    ]);
  });

  it("of LangSmith merge what was written when a run began and when it ended", async () => {
    const [trace] = await fixture("langsmith.jsonl");
    expect(lines(trace)).toEqual(CONVERSATION);
    expect(trace?.outcome.components).toEqual({ correctness: 1 });
    expect(trace?.steps[1]?.extra).toMatchObject({
      span_id: "r2",
      parent_span_id: "r1",
      depth: 1,
      duration_ms: 1000,
    });
    expect(
      langSmith.detect({
        path: "",
        bytes: 1,
        container: "json",
        siblings: [],
        firstRecord: { post: [{ id: "a", dotted_order: "x", inputs: {} }] },
      }),
    ).toBeDefined();
    expect(
      langSmith.detect({
        path: "",
        bytes: 1,
        container: "json",
        siblings: [],
        firstRecord: { post: [{ id: "a" }] },
      }),
    ).toBeUndefined();
  });

  it("of LangSmith are read as trees of runs too, and Tempo's batches as spans", () => {
    const nested = readValue(langSmith, {
      id: "r1",
      run_type: "chain",
      name: "agent",
      trace_id: "r1",
      start_time: "2026-01-01T00:00:00",
      inputs: {},
      child_runs: [
        {
          id: "r2",
          run_type: "llm",
          parent_run_id: "r1",
          trace_id: "r1",
          start_time: "2026-01-01T00:00:01",
          end_time: "2026-01-01T00:00:02",
          inputs: { messages: [{ role: "user", content: "Hello" }] },
          outputs: { choices: [{ message: { role: "assistant", content: "Hi." } }] },
        },
      ],
    });
    expect(nested.trajectories.map(lines)).toEqual([["user/prompt: Hello", "assistant/answer: Hi."]]);
    expect(nested.trajectories[0]?.steps[1]?.extra).toMatchObject({ depth: 1 });
    const detect = (firstRecord: JsonObject) =>
      otlp.detect({ path: "", bytes: 1, container: "json", siblings: [], firstRecord });
    expect(detect({ batches: [{ resource: {}, scopeSpans: [] }] })).toBeDefined();
    expect(detect({ batches: [[1, 2]] })).toBeUndefined();
  });

  it("of Langfuse take scores of the trace, and spans named as called tools as tools", async () => {
    const [trace] = await fixture("langfuse.json");
    expect(lines(trace)).toEqual(["user/prompt: Weather?", ...CONVERSATION.slice(1)]);
    expect(trace?.outcome).toEqual({
      reward: 1,
      rewardSource: "reward",
      components: { helpfulness: 0.5, label: null },
    });
    expect(trace?.steps[2]?.extra).toMatchObject({ error: "slow", arguments: { city: "Bern" } });
    expect(
      langfuse.detect({
        path: "",
        bytes: 1,
        container: "json",
        siblings: [],
        firstRecord: { observations: [[1, 2]], actions: [] },
      }),
    ).toBeUndefined();
  });

  it("of Phoenix read nested and flat attributes, as JSON and as columns", async () => {
    const [first, second] = await fixture("openinference.jsonl");
    expect(lines(first)).toEqual([
      "user/prompt: Weather?",
      'assistant/act:  [weather {"city":"Bern"}]',
      "tool/observe: ",
    ]);
    expect(first?.steps[2]?.extra).toMatchObject({ error: "timeout", arguments: { city: "Bern" } });
    expect(lines(second)).toEqual(["environment/observe: hello\nbye"]);
    expect(second?.notes.map((note) => note.code)).toEqual(["missing-spans"]);
    const { trajectories } = readValue(openInference, [
      {
        "context.span_id": "s",
        "context.trace_id": "t",
        parent_id: null,
        span_kind: "LLM",
        start_time: "2026-01-01",
        end_time: "2026-01-01",
        "attributes.llm.input_messages": [{ message: { role: "user", content: "Hello" } }],
        "attributes.llm.output_messages": [{ message: { role: "assistant", content: "Hi." } }],
      },
    ]);
    expect(lines(trajectories[0])).toEqual(["user/prompt: Hello", "assistant/answer: Hi."]);
  });
});

describe("the Responses API", () => {
  it("is read with requests, as batch output, and as a list of items", async () => {
    const [whole, batch] = await fixture("openai-responses.jsonl");
    const said = [
      'assistant/act: (ask the tool)  [weather {"city":"Bern"}]',
      "tool/observe: rain",
      "assistant/answer: It rains.",
    ];
    expect(lines(whole)).toEqual(["system/prompt: Be brief.", "user/prompt: Weather in Bern?", ...said]);
    expect(whole?.outcome).toEqual({
      reward: 1,
      rewardSource: "reward",
      stopReason: "completed",
      components: {},
    });
    expect(batch?.outcome).toMatchObject({ stopReason: "max_output_tokens", truncated: true });
    expect(batch?.task.id).toBe("q2");
    const [items] = await fixture("openai-items.json");
    expect(lines(items)).toEqual(["user/prompt: Weather?", ...said]);
    expect(
      openAiResponses.detect({
        path: "",
        bytes: 1,
        container: "json",
        siblings: [],
        firstRecord: { response: { text: "a" } },
      }),
    ).toBeUndefined();
  });
});
