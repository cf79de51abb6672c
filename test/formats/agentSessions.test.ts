import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { geminiCli } from "../../src/formats/geminiCli";
import { goose } from "../../src/formats/goose";
import { openCode } from "../../src/formats/openCode";
import { piAgent } from "../../src/formats/piAgent";
import type { JsonObject, JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";
import { readFile, readParts } from "./readFile";

const lined = (name: string): JsonObject[] =>
  readFileSync(`test/formats/fixtures/${name}`, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonObject);

describe("sessions of Gemini CLI", () => {
  const expected = [
    "user/prompt: List the files",
    'assistant/act: (Plan\nUse ls.) I list them. [ls {"path":"."}]',
    "tool/observe: a.txt",
    "environment/observe: Request cancelled.",
    "assistant/answer: a.txt is there.",
  ];

  it("reads a recorded chat as lines, with what was taken back left out, and as a document", () => {
    const log = lined("gemini-cli.jsonl");
    const { trajectories, summaries } = readValue(geminiCli, log);
    expect(lines(trajectories[0])).toEqual(expected);
    expect(trajectories[0]?.extra).toMatchObject({ projectHash: "abc", summary: "Lists" });
    expect(summaries[0]).toMatchObject({
      ownId: "g-1",
      components: { input_tokens: 30, output_tokens: 7, cached_tokens: 1, thought_tokens: 2, tool_tokens: 0 },
    });
    expect(trajectories[0]?.steps[2]?.extra).toMatchObject({ status: "success", tool_call_id: "ls-1" });
    const messages = log.filter((line) => "type" in line && line["content"] !== "wrong");
    expect(lines(readValue(geminiCli, { ...log[0], messages }).trajectories[0])).toEqual(expected);
  });

  it("replaces a message that is written again, and all of them where they are set", () => {
    const said = (id: string, content: string): JsonObject => ({ id, type: "user", content });
    const header = { sessionId: "s", projectHash: "p" };
    const read = (log: JsonObject[]): string[] => lines(readValue(geminiCli, log).trajectories[0]);
    expect(read([header, said("a", "1"), said("b", "2"), said("a", "one")])).toEqual([
      "user/prompt: one",
      "user/prompt: 2",
    ]);
    expect(read([header, said("a", "1"), { $set: { messages: [said("c", "3")] } }])).toEqual([
      "user/prompt: 3",
    ]);
    expect(read([header, said("a", "1"), { $rewindTo: "nowhere" }, said("d", "4")])).toEqual([
      "user/prompt: 4",
    ]);
  });

  it("reads the stream: words in pieces, calls and what they gave", () => {
    const stream: JsonObject[] = [
      { type: "init", session_id: "g-2", model: "m" },
      { type: "message", role: "user", content: "List" },
      { type: "message", role: "assistant", content: "I ", delta: true },
      { type: "message", role: "assistant", content: "list.", delta: true },
      { type: "tool_use", tool_name: "ls", tool_id: "t1", parameters: { p: 1 } },
      { type: "tool_result", tool_id: "t1", status: "error", error: { type: "x", message: "no" } },
      { type: "message", role: "assistant", content: "None.", delta: true },
      { type: "result", status: "success", stats: { input_tokens: 6, output_tokens: 3, duration_ms: 12 } },
    ];
    const { trajectories, summaries } = readValue(geminiCli, stream);
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: List",
      'assistant/act: I list. [ls {"p":1}]',
      "tool/observe: no",
      "assistant/answer: None.",
    ]);
    expect(summaries[0]).toMatchObject({
      stopReason: "success",
      components: { input_tokens: 6, output_tokens: 3, duration_ms: 12 },
    });
    expect(trajectories[0]?.steps[2]?.extra).toMatchObject({ name: "ls", status: "error" });
  });
});

describe("sessions of OpenCode", () => {
  const exported = JSON.parse(readFileSync("test/formats/fixtures/opencode.json", "utf8")) as JsonObject;
  const answer = (exported["messages"] as { info: JsonObject; parts: JsonObject[] }[])[1]!;

  it("reads an export: who speaks stands apart from what is said, a tool's part is the call and what it gave", () => {
    const { trajectories, summaries } = readValue(openCode, exported);
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: List",
      'assistant/act: (hm)  [bash {"command":"ls"}]',
      "tool/observe: a",
      "assistant/answer: a is there",
    ]);
    expect(summaries[0]).toMatchObject({
      ownId: "ses_1",
      stopReason: "stop",
      components: {
        input_tokens: 5,
        output_tokens: 6,
        reasoning_tokens: 1,
        cache_read_tokens: 2,
        cache_write_tokens: 0,
        cost: 0.5,
      },
    });
    expect(trajectories[0]?.steps[2]?.extra).toMatchObject({
      name: "bash",
      state: { status: "completed", metadata: { exit: 0 } },
    });
    expect(trajectories[0]?.extra["marks"]).toHaveLength(2);
  });

  it("reads what `opencode run` prints, and a call that is still running", () => {
    const event = (part: JsonObject): JsonObject => ({ type: "x", timestamp: 1, sessionID: "ses_1", part });
    const running = {
      ...answer.parts[2],
      messageID: "msg_3",
      callID: "c2",
      state: { status: "running", input: {} },
    };
    const stream = [...answer.parts.slice(0, 3), answer.parts[4]!, running].map(event);
    const { trajectories, summaries } = readValue(openCode, [
      ...stream,
      { type: "error", sessionID: "ses_1", error: { name: "E" } },
    ]);
    expect(lines(trajectories[0])).toEqual([
      'assistant/act: (hm)  [bash {"command":"ls"}]',
      "tool/observe: a",
      "assistant/act:  [bash {}]",
    ]);
    expect(summaries[0]).toMatchObject({ ownId: "ses_1", components: { cost: 0.5, input_tokens: 5 } });
    expect(trajectories[0]?.extra["other_entries"]).toHaveLength(1);
  });
});

describe("sessions of Goose", () => {
  it("reads a header and messages, and refuses a header alone", () => {
    const log = lined("goose.jsonl");
    const { trajectories, summaries } = readValue(goose, log, { path: "/s/20260101_1.jsonl" });
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: List",
      'assistant/act:  [developer__shell {"command":"ls"}]',
      "tool/observe: a",
      "assistant/answer: a",
    ]);
    expect(summaries[0]).toMatchObject({
      ownId: "20260101_1",
      components: { input_tokens: 35, output_tokens: 15, total_tokens: 50 },
    });
    expect(() => readValue(goose, log.slice(0, 1))).toThrow(/no message/);
  });
});

describe("sessions of Pi", () => {
  it("follows the parents of entries: each way a session went is a trajectory, the last first", () => {
    const { trajectories, summaries } = readValue(piAgent, lined("pi-agent.jsonl"));
    const beginning = [
      "user/prompt: Rename the file.",
      'assistant/act: (mv does it)  [bash {"command":"mv a b"}]',
      "tool/observe: mv: no a",
      "environment/observe: The file was not there.",
    ];
    expect(trajectories.map(lines)).toEqual([
      [...beginning, "user/observe: Then make it.", "assistant/answer: Made."],
      [...beginning, "assistant/answer: There is no a."],
    ]);
    expect(summaries.map((one) => [one.ownId, one.groupKey, one.stopReason, one.truncated])).toEqual([
      ["p-1", "p-1", "length", true],
      ["p-1", "p-1", "stop", false],
    ]);
    expect(summaries[0]?.components).toEqual({
      input_tokens: 40,
      output_tokens: 10,
      cache_read_tokens: 2,
      cache_write_tokens: 0,
      cost: 0.5,
    });
    expect(trajectories[0]?.steps[2]?.extra).toMatchObject({
      tool_call_id: "t1",
      name: "bash",
      is_error: true,
    });
    expect(trajectories[0]?.extra).toMatchObject({ cwd: "/w", other_entries: [{ type: "model_change" }] });
  });

  it("reads sessions from before entries had ids, and refuses a header alone", () => {
    const log = [
      { type: "session", id: "p-0", cwd: "/w" },
      { type: "message", message: { role: "user", content: "Hi" } },
      { type: "message", message: { role: "bashExecution", command: "ls", output: "a", exitCode: 0 } },
    ];
    expect(lines(readValue(piAgent, log).trajectories[0])).toEqual([
      "user/prompt: Hi",
      "environment/prompt: a",
    ]);
    expect(() => readValue(piAgent, log.slice(0, 1))).toThrow(/no message/);
  });
});

describe("sessions in the log of a shell", () => {
  it.each(["claude-code.jsonl", "codex.jsonl", "gemini-cli.jsonl"])(
    "%s is read behind words that are no JSON",
    async (name) => {
      const folder = mkdtempSync(join(tmpdir(), "sessions-"));
      try {
        const path = join(folder, "agent.log");
        const own = readFileSync(`test/formats/fixtures/${name}`, "utf8");
        writeFileSync(path, `$ run the agent\nStarting ...\n${own}exit code 0\n`);
        const plain = await readFile(`test/formats/fixtures/${name}`);
        const logged = await readFile(path);
        expect(logged.format?.id).toBe(plain.format?.id);
        const steps = (result: typeof plain) =>
          result.records.flatMap((record) => readParts(record, result.format!)).map(lines);
        expect(steps(logged)).toEqual(steps(plain));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});

describe("databases of sessions", () => {
  /** The trajectories of a SQLite file that the given statements make. */
  async function stored(sql: string) {
    const { default: load } = await import("@sqlite.org/sqlite-wasm");
    const sqlite = await load();
    const memory = new sqlite.oo1.DB(":memory:");
    memory.exec(sql);
    const folder = mkdtempSync(join(tmpdir(), "sessions-"));
    try {
      const path = join(folder, "own.db");
      writeFileSync(path, sqlite.capi.sqlite3_js_db_export(memory));
      const { format, records } = await readFile(path);
      return { id: format?.id, trajectories: records.flatMap((record) => readParts(record, format!)) };
    } finally {
      memory.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const quoted = (value: JsonValue): string => `'${JSON.stringify(value).replaceAll("'", "''")}'`;

  it("reads OpenCode's", async () => {
    const { id, trajectories } = await stored(`
      CREATE TABLE session (id TEXT, parent_id TEXT, directory TEXT, title TEXT);
      CREATE TABLE message (id TEXT, session_id TEXT, data TEXT);
      CREATE TABLE part (id TEXT, message_id TEXT, session_id TEXT, data TEXT);
      INSERT INTO session VALUES ('s1', NULL, '/w', 'One'), ('s2', 's1', '/w', 'Two');
      INSERT INTO message VALUES ('m1', 's1', ${quoted({ role: "user" })}), ('m2', 's1', ${quoted({ role: "assistant", cost: 1, finish: "stop" })}), ('m3', 's2', ${quoted({ role: "user" })});
      INSERT INTO part VALUES ('p1', 'm1', 's1', ${quoted({ type: "text", text: "Hi" })}), ('p2', 'm2', 's1', ${quoted({ type: "text", text: "Yo" })}), ('p3', 'm3', 's2', ${quoted({ type: "text", text: "Sub" })});`);
    expect(id).toBe("opencode");
    expect(trajectories.map(lines)).toEqual([
      ["user/prompt: Hi", "assistant/answer: Yo"],
      ["user/prompt: Sub"],
    ]);
    expect(
      trajectories.map((one) => [one.task.id, one.parentId, one.outcome.stopReason, one.outcome.components]),
    ).toEqual([
      ["s1", undefined, "stop", { cost: 1 }],
      ["s2", "s1", undefined, {}],
    ]);
  });

  it("reads Goose's", async () => {
    const { id, trajectories } = await stored(`
      CREATE TABLE sessions (id TEXT, description TEXT, working_dir TEXT, accumulated_input_tokens INTEGER);
      CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id TEXT, role TEXT, content_json TEXT);
      INSERT INTO sessions VALUES ('g', 'D', '/w', 7);
      INSERT INTO messages VALUES (1, 'g', 'user', ${quoted([{ type: "text", text: "Hi" }])}), (2, 'g', 'assistant', ${quoted(
        [
          { type: "thinking", thinking: "hm", signature: "" },
          { type: "text", text: "Yo" },
        ],
      )});`);
    expect(id).toBe("goose");
    expect(trajectories.map(lines)).toEqual([["user/prompt: Hi", "assistant/answer: (hm) Yo"]]);
    expect(trajectories[0]?.outcome.components).toEqual({ input_tokens: 7 });
  });
});
