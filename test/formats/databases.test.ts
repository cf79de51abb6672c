import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { lines } from "./draftsOf";
import { readFile, readParts } from "./readFile";

const folder = mkdtempSync(join(tmpdir(), "databases-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A SQLite file that the given statements make, read as the store reads it. */
async function read(name: string, sql: string) {
  const { default: load } = await import("@sqlite.org/sqlite-wasm");
  const sqlite = await load();
  const memory = new sqlite.oo1.DB(":memory:");
  memory.exec(sql);
  const path = join(folder, name);
  writeFileSync(path, sqlite.capi.sqlite3_js_db_export(memory));
  memory.close();
  const { records, format, problems } = await readFile(path);
  return {
    id: format?.id,
    problems: problems.map(({ message }) => message),
    trajectories: records.flatMap((record) => readParts(record, format!)),
    summaries: records.flatMap(({ summaries }) => summaries),
  };
}

const quoted = (value: unknown): string => `'${JSON.stringify(value).replaceAll("'", "''")}'`;

describe("trackio's database", () => {
  const metrics =
    "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_name TEXT, timestamp TEXT, step INTEGER, metrics TEXT);";
  const table = {
    loss: 0.1,
    completions: {
      _type: "trackio.table",
      _value: [
        { step: 3, prompt: "2+2?", completion: "4", exact_reward: 1, style_reward: 0.25, advantage: 0.5 },
        { step: 3, prompt: "2+2?", completion: "5", exact_reward: 0, style_reward: null, advantage: -0.5 },
      ],
    },
  };

  it("gives the completions that TRL logs, with the sum of its reward functions, in text or in bytes", async () => {
    const bytes = Buffer.from(JSON.stringify({ ...table, step: 4 })).toString("hex");
    const { id, summaries, trajectories } = await read(
      "trl.db",
      `${metrics} INSERT INTO metrics VALUES (1, 'a', 't', 3, ${quoted(table)}), (2, 'a', 't', 3, '{"loss": 0.2}'), (3, 'b', 't', 3, x'${bytes}')`,
    );
    expect(id).toBe("trackio");
    expect(
      summaries.map(({ groupKey, trainingStep, reward, advantage }) => [
        groupKey,
        trainingStep,
        reward,
        advantage,
      ]),
    ).toEqual([
      ["a/2+2?", 3, 1.25, 0.5],
      ["a/2+2?", 3, 0, -0.5],
      ["b/2+2?", 3, 1.25, 0.5],
      ["b/2+2?", 3, 0, -0.5],
    ]);
    expect(trajectories[1]?.outcome.components).toEqual({ exact_reward: 0, style_reward: null });
    expect(trajectories[1]?.notes.map(({ code }) => code)).toContain("reward-none");
  });

  it("gives conversations that were logged as traces", async () => {
    const messages = [
      { role: "user", content: "q" },
      { role: "assistant", content: "a" },
    ];
    const { trajectories, problems } = await read(
      "traces.db",
      `${metrics} CREATE TABLE traces (id TEXT, run_name TEXT, step INTEGER, key TEXT, messages TEXT, metadata TEXT, spans TEXT);
       INSERT INTO traces VALUES ('x', 'a', 7, 'rollouts', ${quoted(messages)}, '{"reward": 0, "env": "math"}', '[]'),
         ('y', 'a', 7, 'rollouts', '[]', '{}', '[]')`,
    );
    expect(trajectories).toHaveLength(1);
    expect(problems).toEqual(["The trace has no messages."]);
    expect(trajectories[0]).toMatchObject({
      trainingStep: 7,
      outcome: { reward: 0, rewardSource: "reward" },
      extra: { run: "a", name: "rollouts", metadata: { env: "math" } },
    });
  });
});

describe("sessions of OpenAI's Agents SDK", () => {
  it("are conversations, one a session, in the order in which items were added", async () => {
    const items = [
      { role: "user", content: "Weather in Bern?" },
      { type: "function_call", call_id: "c", name: "weather", arguments: '{"city":"Bern"}' },
      { type: "function_call_output", call_id: "c", output: "rain" },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "It rains." }] },
    ];
    const { id, trajectories, summaries } = await read(
      "sessions.db",
      `CREATE TABLE agent_sessions (session_id TEXT, created_at TEXT);
       CREATE TABLE agent_messages (id INTEGER PRIMARY KEY, session_id TEXT, message_data TEXT);
       INSERT INTO agent_sessions VALUES ('s2', '2026-02'), ('s1', '2026-01');
       ${items.map((item, index) => `INSERT INTO agent_messages VALUES (${10 - index}, 's2', ${quoted(items[3 - index])}), (${20 + index}, 's1', ${quoted(item)});`).join("")}`,
    );
    expect(id).toBe("openai-items");
    expect(summaries.map(({ ownId }) => ownId)).toEqual(["s1", "s2"]);
    for (const one of trajectories)
      expect(lines(one)).toEqual([
        "user/prompt: Weather in Bern?",
        'assistant/act:  [weather {"city":"Bern"}]',
        "tool/observe: rain",
        "assistant/answer: It rains.",
      ]);
  });
});

describe("other databases", () => {
  it("are of no format, and nothing in them is guessed", async () => {
    const { id } = await read("other.db", "CREATE TABLE moz_places (id INTEGER, url TEXT)");
    expect(id).toBeUndefined();
  });
});
