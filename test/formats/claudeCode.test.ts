import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { claudeCode } from "../../src/formats/claudeCode";
import type { JsonObject, JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const fixture = readFileSync("test/formats/fixtures/claude-code.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as JsonObject);
const detected = (firstRecord: JsonValue, array = true) =>
  claudeCode.detect({ path: "/d/f.jsonl", bytes: 1, container: "json", array, firstRecord, siblings: [] })
    ?.confidence;

describe("sessions of Claude Code", () => {
  it("joins the blocks of an answer, puts results of calls made at once in their place, and follows both ways", () => {
    const { trajectories, summaries } = readValue(claudeCode, fixture);
    const beginning = [
      "user/prompt: Fix the adder",
      'assistant/act: (look)  [Read {"f":1}] [Grep {"p":1}]',
      "tool/observe: one",
      "tool/observe: two",
      "environment/observe: hook ran",
      "assistant/act: Done.",
    ];
    expect(trajectories.map(lines)).toEqual([
      [...beginning, "user/observe: Now test it well", "assistant/answer: Tested well."],
      [...beginning, "user/observe: Now test it", "assistant/answer: Tested badly."],
    ]);
    expect(summaries.map((one) => [one.groupKey, one.ownId, one.title])).toEqual([
      ["s1", "s1", "Fix the adder"],
      ["s1", "s1", "Fix the adder"],
    ]);
    expect(trajectories[0]?.notes.map((note) => note.code)).toEqual(["no-reward", "branched-session"]);
    expect(trajectories[0]?.extra).toMatchObject({
      sessionId: "s1",
      cwd: "/w",
      gitBranch: "main",
      summary: "Adder",
    });
    expect(trajectories[0]?.steps[2]?.extra).toMatchObject({
      toolUseResult: { x: 1 },
      name: "Read",
      tool_call_id: "t1",
    });
    expect(trajectories[0]?.steps[1]?.extra).toMatchObject({ uuid: "a1", model: "claude-x" });
  });

  it("counts the tokens of an answer once, though each of its lines repeats them", () => {
    const { summaries } = readValue(claudeCode, fixture);
    expect(summaries[0]?.components).toEqual({ input_tokens: 9, output_tokens: 19 });
  });

  it("takes a session whose lines name no parents in their order, and bears what is no line", () => {
    const plain = fixture.slice(1, 9).map((line) => ({ ...line, parentUuid: null }));
    const { trajectories } = readValue(claudeCode, [...plain, "noise", 42]);
    expect(trajectories).toHaveLength(1);
    expect(trajectories[0]?.steps).toHaveLength(6);
    expect(trajectories[0]?.extra["other_entries"]).toEqual(["noise", 42]);
  });

  it("goes on over a compaction and over parents that were not kept", () => {
    const line = (uuid: string, parentUuid: string | null, more: JsonObject): JsonObject => ({
      uuid,
      parentUuid,
      sessionId: "s",
      ...more,
    });
    const user = (content: string): JsonObject => ({ type: "user", message: { role: "user", content } });
    const { trajectories } = readValue(claudeCode, [
      line("a", null, user("Go")),
      line("b", "a", { type: "assistant", message: { role: "assistant", content: "Going" } }),
      line("c", null, {
        type: "system",
        subtype: "compact_boundary",
        content: "Compacted",
        logicalParentUuid: "b",
      }),
      line("d", "c", user("On")),
      line("e", "gone", { type: "assistant", message: { role: "assistant", content: "There" } }),
    ]);
    expect(trajectories.map(lines)).toEqual([
      [
        "user/prompt: Go",
        "assistant/act: Going",
        "environment/observe: Compacted",
        "user/observe: On",
        "assistant/answer: There",
      ],
    ]);
  });

  it("reads the stream of a run: its cost and turns, and a sub-agent as a trajectory of its own", () => {
    const said = (text: string, parent: string | null, id: string): JsonObject => ({
      type: "assistant",
      message: {
        id,
        role: "assistant",
        content: [{ type: "text", text }],
        usage: { input_tokens: 1, output_tokens: 2 },
      },
      parent_tool_use_id: parent,
      session_id: "s9",
    });
    const stream: JsonObject[] = [
      { type: "system", subtype: "init", session_id: "s9", cwd: "/w", tools: ["Task"] },
      {
        ...said("", null, "m0"),
        message: {
          id: "m0",
          role: "assistant",
          content: [{ type: "tool_use", id: "t1", name: "Task", input: { prompt: "Look" } }],
        },
      },
      {
        type: "user",
        message: { role: "user", content: "Look" },
        parent_tool_use_id: "t1",
        session_id: "s9",
      },
      said("Seen", "t1", "m1"),
      {
        type: "user",
        message: { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "Seen" }] },
        parent_tool_use_id: null,
        session_id: "s9",
      },
      said("Done", null, "m2"),
      {
        type: "result",
        subtype: "error_max_turns",
        num_turns: 2,
        duration_ms: 7,
        total_cost_usd: 0.25,
        session_id: "s9",
      },
    ];
    const { trajectories, summaries } = readValue(claudeCode, stream);
    expect(trajectories.map(lines)).toEqual([
      ['assistant/act:  [Task {"prompt":"Look"}]', "tool/observe: Seen", "assistant/answer: Done"],
      ["user/prompt: Look", "assistant/answer: Seen"],
    ]);
    expect(summaries[0]).toMatchObject({
      ownId: "s9",
      truncated: true,
      stopReason: "error_max_turns",
      components: { input_tokens: 1, output_tokens: 2, total_cost_usd: 0.25, num_turns: 2, duration_ms: 7 },
    });
    expect(summaries[1]).toMatchObject({ ownId: "s9/t1", parentOwnId: "s9", title: "sub-agent: Look" });
    expect(stream.filter((line) => line["type"] !== "user").map((line) => detected(line))).toEqual([
      0.9, 0.9, 0.9, 0.9, 0.9,
    ]);
  });

  it("reads Qwen Code's and Cursor's lines, and an exported session", () => {
    const qwen = (type: string, role: string, parts: JsonValue): JsonObject => ({
      uuid: type,
      parentUuid: null,
      sessionId: "q",
      type,
      message: { role, parts },
    });
    expect(
      lines(
        readValue(claudeCode, [
          qwen("user", "user", [{ text: "List" }]),
          qwen("assistant", "model", [
            { text: "hm", thought: true },
            { functionCall: { id: "c", name: "ls", args: {} } },
          ]),
          qwen("tool_result", "user", [
            { functionResponse: { id: "c", name: "ls", response: { output: "a" } } },
          ]),
        ]).trajectories[0],
      ),
    ).toEqual(["user/prompt: List", "assistant/act: (hm)  [ls {}]", "tool/observe: a"]);
    const call = (id: string, subtype: string, inner: JsonObject): JsonObject => ({
      type: "tool_call",
      subtype,
      call_id: id,
      session_id: "c",
      tool_call: { shellToolCall: inner },
    });
    const args = { command: "ls" };
    const said = (text: string): JsonObject => ({
      type: "assistant",
      message: { role: "assistant", content: [{ type: "text", text }] },
      session_id: "c",
    });
    expect(
      lines(
        readValue(claudeCode, [
          { type: "user", message: { role: "user", content: "List" }, session_id: "c" },
          { type: "thinking", subtype: "delta", text: "Two ", session_id: "c" },
          { type: "thinking", subtype: "delta", text: "at once", session_id: "c" },
          said("I look."),
          call("k", "started", { args }),
          call("l", "started", { args: { command: "rg" } }),
          call("l", "completed", { result: { error: "denied" } }),
          call("k", "completed", { args, result: "a" }),
          call("m", "started", { args }),
        ]).trajectories[0],
      ),
    ).toEqual([
      "user/prompt: List",
      'assistant/act: (Two at once) I look. [shell {"command":"ls"}] [shell {"command":"rg"}]',
      'tool/observe: {\n  "error": "denied"\n}',
      "tool/observe: a",
      'assistant/act:  [shell {"command":"ls"}]',
    ]);
    const web = {
      loglines: [
        { type: "user", message: { role: "user", content: "Hi" } },
        { type: "assistant", message: { role: "assistant", content: "Yo" } },
      ],
    };
    expect(detected(web, false)).toBe(0.8);
    expect(lines(readValue(claudeCode, web).trajectories[0])).toEqual([
      "user/prompt: Hi",
      "assistant/answer: Yo",
    ]);
  });

  it("tells runs apart that were logged one after another into one file", () => {
    const run = (id: string, cost: number): JsonObject[] => [
      { type: "system", subtype: "init", session_id: id },
      {
        type: "assistant",
        message: { role: "assistant", content: id },
        parent_tool_use_id: null,
        session_id: id,
      },
      { type: "result", subtype: "success", total_cost_usd: cost, session_id: id },
    ];
    const { summaries } = readValue(claudeCode, [...run("one", 1), ...run("two", 2)]);
    expect(summaries.map((one) => [one.ownId, one.components["total_cost_usd"], one.groupKey])).toEqual([
      ["one", 1, undefined],
      ["two", 2, undefined],
    ]);
  });

  it("takes the grade of the Harbor trial that it was run in, however deep its log lies, and none of a trial without one", () => {
    const path = "/jobs/t/agent/sessions/projects/-app/s.jsonl";
    const names = claudeCode.companions?.(path, [], []) ?? [];
    expect(names[0]).toBe("../../../../result.json");
    expect(claudeCode.companions?.("/home/me/.claude/projects/-app/s.jsonl", [], [])).toEqual([]);
    const graded = (result: JsonObject) =>
      readValue(claudeCode, fixture, { path, companions: new Map([[names[0]!, result]]) }).trajectories[0];
    const trial = {
      trial_name: "t__1",
      task_name: "t",
      verifier_result: { rewards: { reward: 0 } },
      agent_result: { cost_usd: 0.5 },
    };
    expect(graded(trial)?.outcome).toMatchObject({
      reward: 0,
      success: false,
      components: { input_tokens: 9, output_tokens: 19, cost_usd: 0.5 },
    });
    expect(graded(trial)?.task).toEqual({ id: "t", prompt: "Fix the adder" });
    expect(graded(trial)?.notes.map((note) => note.code)).toEqual(["branched-session"]);
    expect(graded({ exception_info: { exception_type: "AgentTimeoutError" } })).toMatchObject({
      outcome: { stopReason: "AgentTimeoutError", truncated: true },
      notes: [{ code: "no-reward" }, { code: "branched-session" }],
    });
  });

  it("makes one dataset of the sessions of a folder, of all days, and of a job's trials", () => {
    const places = [
      "/home/me/.claude/projects/-app/s.jsonl",
      "/home/me/.codex/sessions/2026/03/01/rollout-x.jsonl",
      "/jobs/j/fix-bug__aB3dE5f/agent/sessions/projects/-app/s.jsonl",
    ];
    expect(places.map((path) => claudeCode.datasetPath?.(path))).toEqual([
      "/home/me/.claude/projects/-app",
      "/home/me/.codex/sessions",
      "/jobs/j",
    ]);
  });

  it("shows the last words and costs of a run that was asked for its result alone", () => {
    const result = {
      type: "result",
      subtype: "success",
      num_turns: 3,
      duration_ms: 5,
      total_cost_usd: 0.5,
      result: "Fixed.",
      session_id: "r",
    };
    const { trajectories, summaries } = readValue(claudeCode, result);
    expect(detected(result, false)).toBe(0.85);
    expect(lines(trajectories[0])).toEqual(["assistant/answer: Fixed."]);
    expect(summaries[0]).toMatchObject({ ownId: "r", components: { num_turns: 3, total_cost_usd: 0.5 } });
    expect(trajectories[0]?.notes.map((note) => note.code)).toEqual(["no-reward", "result-only"]);
  });

  it("refuses a session without a turn, and leaves other lists of messages alone", () => {
    expect(() => readValue(claudeCode, [{ type: "summary", summary: "S", leafUuid: "x" }])).toThrow(
      /no turn/,
    );
    for (const other of [
      { role: "user", content: "Hi" },
      { type: "message", message: "x" },
      { type: "user", content: "Hi" },
    ])
      expect(detected(other)).toBeUndefined();
  });
});
