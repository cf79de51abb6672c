import { describe, expect, it } from "vitest";
import { chatList, chatMessages } from "../../src/formats/chatMessages";
import { messageList } from "../../src/formats/messages";
import { lines, readValue } from "./draftsOf";

const listed = (messages: Parameters<typeof readValue>[1]) => readValue(chatList, messages).trajectories[0];

describe("messages of other shapes", () => {
  it("reads Anthropic's blocks: thoughts apart, calls joined with what they gave, results with the tool's name", () => {
    const trajectory = listed([
      { role: "user", content: "Count the files." },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "A listing will do.", signature: "c2ln" },
          { type: "text", text: "I list them." },
          { type: "tool_use", id: "u1", name: "bash", input: { command: "ls" } },
        ],
        stop_reason: "tool_use",
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "u1",
            content: [{ type: "text", text: "a b" }],
            is_error: false,
          },
          { type: "text", text: "Be quick." },
        ],
      },
      { role: "assistant", content: [{ type: "text", text: "Two." }] },
    ]);
    expect(lines(trajectory)).toEqual([
      "user/prompt: Count the files.",
      'assistant/act: (A listing will do.) I list them. [bash {"command":"ls"}]',
      "tool/observe: a b",
      "user/observe: Be quick.",
      "assistant/answer: Two.",
    ]);
    expect(trajectory?.steps[1]).toMatchObject({
      toolCalls: [{ id: "u1" }],
      extra: { stop_reason: "tool_use", reasoning_signatures: ["c2ln"] },
    });
    expect(trajectory?.steps[2]?.extra).toEqual({ tool_call_id: "u1", is_error: false, name: "bash" });
  });

  it("begins a new message where a thought follows a call, and keeps a server tool's result in its place", () => {
    const trajectory = listed([
      { role: "user", content: "Who won?" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Search." },
          { type: "server_tool_use", id: "s1", name: "web_search", input: { query: "cup" } },
          {
            type: "web_search_tool_result",
            tool_use_id: "s1",
            content: [{ type: "web_search_result", url: "u" }],
          },
          { type: "thinking", thinking: "It says blue." },
          { type: "redacted_thinking", data: "xx" },
          { type: "text", text: "Blue." },
        ],
      },
    ]);
    expect(lines(trajectory)).toEqual([
      "user/prompt: Who won?",
      'assistant/act: (Search.)  [web_search {"query":"cup"}]',
      'tool/observe: [\n  {\n    "type": "web_search_result",\n    "url": "u"\n  }\n]',
      "assistant/answer: (It says blue.) Blue.",
    ]);
    expect(trajectory?.steps[2]?.extra).toMatchObject({ name: "web_search", type: "web_search_tool_result" });
    expect(trajectory?.steps[3]?.extra).toEqual({
      content_parts: [{ type: "redacted_thinking", data: "xx" }],
    });
  });

  it("reads Gemini's contents with the system's instruction", () => {
    const { trajectories } = readValue(chatMessages, {
      systemInstruction: { parts: [{ text: "Be brief." }] },
      contents: [
        { role: "user", parts: [{ text: "Time?" }] },
        {
          role: "model",
          parts: [{ text: "ask the clock", thought: true }, { functionCall: { name: "now", args: {} } }],
        },
        { role: "user", parts: [{ functionResponse: { name: "now", response: { output: "12:00" } } }] },
        { role: "model", parts: [{ text: "Noon." }] },
      ],
      score: 0,
    });
    expect(lines(trajectories[0])).toEqual([
      "system/prompt: Be brief.",
      "user/prompt: Time?",
      "assistant/act: (ask the clock)  [now {}]",
      "tool/observe: 12:00",
      "assistant/answer: Noon.",
    ]);
    expect(trajectories[0]?.outcome.reward).toBe(0);
    expect(trajectories[0]?.extra).toEqual({ score: 0 });
  });

  it("puts the system's words of an Anthropic request first, but not before those of the messages", () => {
    const messages = [{ role: "user", content: "Hi" }];
    const system = [{ type: "text", text: "Be kind." }];
    expect(lines(readValue(chatMessages, { system, messages }).trajectories[0])).toEqual([
      "system/prompt: Be kind.",
      "user/prompt: Hi",
    ]);
    const own = readValue(chatMessages, {
      system,
      messages: [{ role: "system", content: "Own." }, ...messages],
    });
    expect(lines(own.trajectories[0])[0]).toBe("system/prompt: Own.");
    expect(own.trajectories[0]?.extra).toEqual({ system });
  });

  it.each([
    ["messages_to_dict", (type: string, fields: object) => ({ type, data: { ...fields, type } })],
    [
      "the serialiser",
      (type: string, fields: object) => ({
        lc: 1,
        type: "constructor",
        id: [
          "langchain",
          "schema",
          "messages",
          { human: "HumanMessage", ai: "AIMessageChunk", tool: "ToolMessage" }[type] ?? "",
        ],
        kwargs: fields,
      }),
    ],
  ])("reads LangChain's dumps of %s", (_name, dumped) => {
    const trajectory = listed([
      dumped("human", { content: "Hi" }),
      dumped("ai", {
        content: [{ type: "tool_use", id: "c1", name: "clock", input: { zone: "UTC" } }],
        tool_calls: [{ name: "clock", args: { zone: "UTC" }, id: "c1" }],
        usage_metadata: { input_tokens: 7 },
      }),
      dumped("tool", { content: "12:00", tool_call_id: "c1" }),
    ] as never);
    expect(lines(trajectory)).toEqual([
      "user/prompt: Hi",
      'assistant/act:  [clock {"zone":"UTC"}]',
      "tool/observe: 12:00",
    ]);
    expect(trajectory?.steps[1]?.extra).toEqual({ usage_metadata: { input_tokens: 7 } });
  });

  it("reads AutoGen's messages, new and old", () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2 };
    expect(
      lines(
        listed([
          { source: "user", models_usage: null, content: "Hi", type: "TextMessage" },
          { source: "helper", models_usage: null, content: "think", type: "ThoughtEvent" },
          {
            source: "helper",
            models_usage: usage,
            content: [{ id: "c", name: "f", arguments: '{"x":1}' }],
            type: "ToolCallRequestEvent",
          },
          {
            source: "helper",
            models_usage: null,
            content: [{ content: "one", call_id: "c", is_error: false }],
            type: "ToolCallExecutionEvent",
          },
          { source: "helper", models_usage: null, content: "one", type: "ToolCallSummaryMessage" },
        ]),
      ),
    ).toEqual([
      "user/prompt: Hi",
      "assistant/act: (think) ",
      'assistant/act:  [f {"x":1}]',
      "tool/observe: one",
      "assistant/answer: one",
    ]);
    const gathered = listed([
      { role: "user", name: "u", content: "Hi" },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "a", function: { name: "f", arguments: "{}" } },
          { id: "b", function: { name: "g", arguments: "{}" } },
        ],
      },
      {
        role: "tool",
        name: "u",
        content: "1\n\n2",
        tool_responses: [
          { tool_call_id: "a", role: "tool", content: "1" },
          { tool_call_id: "b", role: "tool", content: "2" },
        ],
      },
    ]);
    expect(lines(gathered).slice(2)).toEqual(["tool/observe: 1", "tool/observe: 2"]);
  });

  it("reads Pydantic AI's requests and responses", () => {
    expect(
      lines(
        listed([
          {
            kind: "request",
            parts: [
              { part_kind: "system-prompt", content: "Be exact." },
              { part_kind: "user-prompt", content: "1 + 1" },
            ],
          },
          {
            kind: "response",
            model_name: "m",
            parts: [
              { part_kind: "thinking", content: "easy" },
              { part_kind: "tool-call", tool_name: "add", args: '{"a":1}', tool_call_id: "t" },
            ],
          },
          {
            kind: "request",
            parts: [{ part_kind: "tool-return", tool_name: "add", content: "2", tool_call_id: "t" }],
          },
          { kind: "response", parts: [{ part_kind: "text", content: "2" }] },
        ]),
      ),
    ).toEqual([
      "system/prompt: Be exact.",
      "user/prompt: 1 + 1",
      'assistant/act: (easy)  [add {"a":1}]',
      "tool/observe: 2",
      "assistant/answer: 2",
    ]);
  });

  it("reads the AI SDK's and Goose's parts, where a part may hold the call and what it gave", () => {
    const trajectory = listed([
      { role: "user", parts: [{ type: "text", text: "Go" }] },
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "now" },
          {
            type: "tool-move",
            toolCallId: "m",
            state: "output-available",
            input: { to: 2 },
            output: { type: "text", value: "moved" },
          },
          { type: "text", text: "Gone." },
        ],
      },
      {
        role: "assistant",
        content: [
          {
            type: "toolRequest",
            id: "g",
            toolCall: { status: "success", value: { name: "shell", arguments: { command: "ls" } } },
          },
        ],
      },
      {
        role: "user",
        content: [{ type: "toolResponse", id: "g", toolResult: { status: "error", error: "denied" } }],
      },
    ]);
    expect(lines(trajectory)).toEqual([
      "user/prompt: Go",
      'assistant/act: (now)  [move {"to":2}]',
      "tool/observe: moved",
      "assistant/act: Gone.",
      'assistant/act:  [shell {"command":"ls"}]',
      "tool/observe: denied",
    ]);
    expect(trajectory?.steps[5]?.extra).toMatchObject({ tool_call_id: "g", is_error: true, name: "shell" });
  });

  it("reads the messages of a log whose other lines are none, and keeps these", () => {
    const header = { session: "s", started: 1 };
    const trajectory = listed([
      header,
      { role: "user", content: "Hi" },
      { event: "saved" },
      { role: "assistant", content: "Yo" },
    ]);
    expect(lines(trajectory)).toEqual(["user/prompt: Hi", "assistant/answer: Yo"]);
    expect(trajectory?.extra).toEqual({ other_entries: [header, { event: "saved" }] });
    expect(() => listed([header])).toThrow(/no list of messages/);
  });

  it("gives a list of plain messages back as it is", () => {
    const plain = [
      {
        role: "user",
        content: [
          { type: "text", text: "Hi" },
          { type: "image_url", image_url: { url: "p.png" } },
        ],
      },
    ];
    expect(messageList(plain)).toBe(plain);
  });
});
