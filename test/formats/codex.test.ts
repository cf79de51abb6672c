import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { codex } from "../../src/formats/codex";
import type { JsonObject, JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const fixture = readFileSync("test/formats/fixtures/codex.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as JsonObject);
const detected = (firstRecord: JsonValue, array = true) =>
  codex.detect({ path: "/d/f.jsonl", bytes: 1, container: "json", array, firstRecord, siblings: [] })
    ?.confidence;

describe("sessions of Codex", () => {
  it("joins a thought, the calls made with it and what they gave, and keeps the program's repetitions out", () => {
    const { trajectories, summaries } = readValue(codex, fixture);
    expect(lines(trajectories[0])).toEqual([
      "system/prompt: You are a coder.",
      "user/prompt: <environment_context>\n<cwd>/w</cwd>\n</environment_context>",
      "user/prompt: Fix the adder.",
      'assistant/act: (Look first)  [shell {"command":["ls"]}] [apply_patch "*** Begin Patch"]',
      "tool/observe: add.py",
      "tool/observe: Success",
      "environment/observe: Earlier: adder was fixed.",
      "assistant/answer: Fixed.",
    ]);
    expect(summaries[0]).toMatchObject({
      ownId: "th-1",
      title: "Fix the adder.",
      stopReason: "task_complete",
      components: {
        input_tokens: 100,
        cached_input_tokens: 10,
        output_tokens: 20,
        reasoning_output_tokens: 5,
      },
    });
    expect(trajectories[0]?.steps[4]?.extra).toMatchObject({
      tool_call_id: "c1",
      name: "shell",
      metadata: { exit_code: 0 },
      timestamp: "2026-03-01T09:00:00.000Z",
    });
    expect(trajectories[0]?.extra).toMatchObject({
      model: "gpt-x-codex",
      session_meta: { cwd: "/w", git: { branch: "main" } },
    });
  });

  it("reads what `codex exec --json` prints: an item that began and ended is one call", () => {
    const item = {
      id: "i1",
      type: "command_execution",
      command: "ls",
      aggregated_output: "",
      exit_code: null,
      status: "in_progress",
    };
    const stream: JsonObject[] = [
      { type: "thread.started", thread_id: "th-2" },
      { type: "turn.started" },
      { type: "item.completed", item: { id: "i0", type: "reasoning", text: "Look" } },
      { type: "item.started", item },
      {
        type: "item.completed",
        item: { ...item, aggregated_output: "a", exit_code: 0, status: "completed" },
      },
      {
        type: "item.completed",
        item: {
          id: "i2",
          type: "mcp_tool_call",
          server: "s",
          tool: "find",
          arguments: { q: 1 },
          error: { message: "none" },
        },
      },
      { type: "item.started", item: { ...item, id: "i3", command: "sleep" } },
      { type: "item.completed", item: { id: "i4", item_type: "assistant_message", text: "Done." } },
      { type: "turn.completed", usage: { input_tokens: 10, output_tokens: 3 } },
      { type: "turn.completed", usage: { input_tokens: 20, output_tokens: 1 } },
    ];
    const { trajectories, summaries } = readValue(codex, stream);
    expect(lines(trajectories[0])).toEqual([
      'assistant/act: (Look)  [shell {"command":"ls"}]',
      "tool/observe: a",
      'assistant/act:  [find {"q":1}]',
      "tool/observe: none",
      'assistant/act:  [shell {"command":"sleep"}]',
      "tool/observe: ",
      "assistant/answer: Done.",
    ]);
    expect(trajectories[0]?.steps[1]?.extra).toMatchObject({ exit_code: 0, status: "completed" });
    expect(summaries[0]).toMatchObject({ ownId: "th-2", components: { input_tokens: 30, output_tokens: 4 } });
    expect(detected(stream[0]!)).toBe(0.9);
  });

  it("reads the events that older versions printed, where there are no items", () => {
    const event = (msg: JsonObject): JsonObject => ({ id: "0", msg });
    const { trajectories, summaries } = readValue(codex, [
      { model: "m", sandbox: "none" },
      { prompt: "List" },
      event({ type: "agent_reasoning", text: "hm" }),
      event({ type: "exec_command_begin", call_id: "c", command: ["ls"] }),
      event({ type: "exec_command_end", call_id: "c", stdout: "a", stderr: "", exit_code: 0 }),
      event({ type: "agent_message", message: "a" }),
      event({ type: "token_count", input_tokens: 3, output_tokens: 2 }),
      event({ type: "turn_aborted", reason: "interrupted" }),
    ]);
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: List",
      'assistant/act: (hm)  [shell {"command":["ls"]}]',
      "tool/observe: a",
      "assistant/answer: a",
    ]);
    expect(summaries[0]).toMatchObject({
      stopReason: "interrupted",
      components: { input_tokens: 3, output_tokens: 2 },
    });
    expect(trajectories[0]?.extra["other_entries"]).toContainEqual({ model: "m", sandbox: "none" });
  });

  it("reads rollouts from before lines had types, as lines and as one document, and who started a session", () => {
    const header = { id: "th-3", timestamp: "t", instructions: "Be brief." };
    const items = [
      { type: "message", role: "user", content: [{ type: "input_text", text: "Go" }] },
      {
        type: "local_shell_call",
        call_id: "k",
        status: "completed",
        action: { type: "exec", command: ["ls"] },
      },
      { type: "function_call_output", call_id: "k", output: "a" },
    ];
    const expected = [
      "system/prompt: Be brief.",
      "user/prompt: Go",
      'assistant/act:  [local_shell {"type":"exec","command":["ls"]}]',
      "tool/observe: a",
    ];
    expect(lines(readValue(codex, [header, ...items]).trajectories[0])).toEqual(expected);
    expect(lines(readValue(codex, { session: header, items }).trajectories[0])).toEqual(expected);
    expect([detected(header), detected({ session: header, items }, false)]).toEqual([0.8, 0.85]);
    const meta = {
      type: "session_meta",
      payload: { id: "sub", source: { subagent: { thread_spawn: { parent_thread_id: "main" } } } },
    };
    const said = { type: "response_item", payload: items[0]! };
    expect(readValue(codex, [meta, said]).summaries[0]).toMatchObject({ ownId: "sub", parentOwnId: "main" });
  });

  it("refuses a session without a turn", () => {
    expect(() => readValue(codex, [fixture[0]!])).toThrow(/no turn/);
  });
});
