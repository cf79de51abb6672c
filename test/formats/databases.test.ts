import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { FormatRecord } from "../../src/formats/format";
import { mappedFormat } from "../../src/formats/mapped";
import type { ColumnMapping } from "../../src/model/columnMapping";
import { openRecords } from "../../src/store/containers/recordSource";
import { columnsOf, probe } from "../../src/store/probe";
import { lines } from "./draftsOf";
import { readFile, readParts } from "./readFile";

const folder = mkdtempSync(join(tmpdir(), "databases-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A SQLite file that the given statements make. */
async function database(name: string, sql: string): Promise<string> {
  const { default: load } = await import("@sqlite.org/sqlite-wasm");
  const sqlite = await load();
  const memory = new sqlite.oo1.DB(":memory:");
  memory.exec(sql);
  const path = join(folder, name);
  writeFileSync(path, sqlite.capi.sqlite3_js_db_export(memory));
  memory.close();
  return path;
}

/** What a user's mapping makes of a file. */
async function mapped(path: string, mapping: Pick<ColumnMapping, "columns" | "rows">) {
  const format = mappedFormat(mapping);
  const found = await probe(path, format);
  if (found.kind !== "readable") throw new Error(`not readable: ${found.kind}`);
  const source = await openRecords(path, found.stored, format);
  try {
    const records = (await source.read(0, source.count)).filter(
      (one) => one !== undefined && !(one instanceof Error),
    );
    return {
      trajectories: records.flatMap((record, row) => {
        const context = { path, relativePath: path, row };
        const read = { row, record: record as FormatRecord, context };
        return readParts({ ...read, summaries: format.summarise(read.record, context) }, format);
      }),
    };
  } finally {
    source.close();
  }
}

/** A database that the given statements make, read as the store reads it. */
async function read(name: string, sql: string) {
  const { records, format, problems } = await readFile(await database(name, sql));
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

  it("can be mapped: rows of the table that has the columns, in order, with missing values missing", async () => {
    const path = await database(
      "log.db",
      `CREATE TABLE settings (name TEXT);
       CREATE TABLE generations (question TEXT, "model output" TEXT, score REAL, run TEXT);
       INSERT INTO generations VALUES ('2+2?', '4', 1.5, 'a'), ('2+2?', '5', NULL, 'a'), ('3+3?', '6', 0, 'b')`,
    );
    const found = await probe(path);
    expect(found).toMatchObject({
      kind: "unknown",
      proposal: { mapping: { columns: { prompt: "question", response: "model output", reward: "score" } } },
    });
    expect((await columnsOf(path)).columns.map(({ name }) => name)).toContain("model output");
    const { trajectories } = await mapped(path, {
      columns: { prompt: "question", response: "model output", reward: "score", group: "question" },
    });
    expect(trajectories.map(({ outcome }) => outcome.reward)).toEqual([1.5, null, 0]);
    expect(trajectories[2]?.extra).toEqual({ run: "b" });
  });

  it("can be mapped by episode where rows are steps", async () => {
    const path = await database(
      "steps.db",
      `CREATE TABLE laps (lap INTEGER, speed REAL, steer REAL, r REAL);
       INSERT INTO laps VALUES (7, 1, 0.5, 1), (3, 9, 0, 5), (7, 2, 0.25, 2)`,
    );
    const { trajectories } = await mapped(path, {
      columns: { episode: "lap", observation: "speed", action: "steer", reward: "r" },
      rows: "step",
    });
    expect(trajectories.map(({ outcome }) => outcome.reward)).toEqual([3, 5]);
  });
});
