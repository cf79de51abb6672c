import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/model/json";
import { lines } from "./draftsOf";
import { readFile, readParts } from "./readFile";

const FIXTURE = "test/formats/fixtures/mlflow-traces.json";
const folder = mkdtempSync(join(tmpdir(), "mlflow-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function read(path: string) {
  const { records, format, problems } = await readFile(path);
  expect([format?.id, problems]).toEqual(["mlflow-traces", []]);
  return {
    trajectories: records.flatMap((record) => readParts(record, format!)),
    summaries: records.flatMap(({ summaries }) => summaries),
  };
}

/** A database with MLflow's tables, in the columns that matter. */
async function database(statements: readonly string[]): Promise<string> {
  const { default: load } = await import("@sqlite.org/sqlite-wasm");
  const sqlite = await load();
  const memory = new sqlite.oo1.DB(":memory:");
  memory.exec(
    `CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
     CREATE TABLE trace_info (request_id TEXT, experiment_id INTEGER, timestamp_ms INTEGER, status TEXT, request_preview TEXT, response_preview TEXT);
     CREATE TABLE trace_tags (key TEXT, value TEXT, request_id TEXT);
     CREATE TABLE spans (trace_id TEXT, span_id TEXT, start_time_unix_nano INTEGER, content TEXT);
     CREATE TABLE assessments (assessment_id TEXT, trace_id TEXT, name TEXT, assessment_type TEXT, value TEXT, created_timestamp INTEGER, span_id TEXT, rationale TEXT, valid BOOLEAN);
     INSERT INTO experiments VALUES (1, 'loop')`,
  );
  for (const statement of statements) memory.exec(statement);
  const path = join(folder, "mlruns.db");
  writeFileSync(path, sqlite.capi.sqlite3_js_db_export(memory));
  memory.close();
  return path;
}

const quoted = (value: unknown): string => `'${JSON.stringify(value).replaceAll("'", "''")}'`;
const spans = (JSON.parse(readFileSync(FIXTURE, "utf8")) as { spans: JsonObject[] }).spans;
const trace = (id: string, own: readonly JsonObject[]): string[] => [
  `INSERT INTO trace_info VALUES ('${id}', 1, ${id.slice(-1)}, 'OK', 'asked', 'answered')`,
  ...own.map(
    (span) =>
      `INSERT INTO spans VALUES ('${id}', '${String(span["span_id"])}', ${String(span["start_time_unix_nano"])}, ${quoted(span)})`,
  ),
];
const CONVERSATION = [
  "user/prompt: Weather in Bern?",
  'assistant/act:  [weather {"city":"Bern"}]',
  "tool/observe: rain",
  "assistant/answer: It rains.",
];

describe("MLflow's traces", () => {
  it("in a file are read with the reward that verl's loop returned", async () => {
    const { trajectories, summaries } = await read(FIXTURE);
    expect(summaries[0]?.ownId).toBe("tr-7");
    expect(lines(trajectories[0])).toEqual(CONVERSATION);
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 0.25, rewardSource: "reward_score" });
    expect(trajectories[0]?.steps[3]?.extra).toMatchObject({ duration_ms: 1 });
  });

  it("in the database have groups, steps and scores, where they were given to the whole and still hold", async () => {
    const tags = { sample_index: "4", step: "12", rollout_n: "0", validate: "True", experiment_name: "e" };
    const path = await database([
      ...trace("tr-1", spans),
      ...Object.entries(tags).map(
        ([key, value]) => `INSERT INTO trace_tags VALUES ('${key}', '${value}', 'tr-1')`,
      ),
      `INSERT INTO assessments VALUES ('1', 'tr-1', 'correct', 'feedback', 'true', 1, NULL, 'as seen', NULL),
        ('2', 'tr-1', 'quality', 'feedback', '0.5', 2, NULL, NULL, 1), ('3', 'tr-1', 'quality', 'feedback', '0.9', 3, NULL, NULL, 0),
        ('4', 'tr-1', 'call', 'feedback', '1', 4, 'b', NULL, 1), ('5', 'tr-1', 'answer', 'expectation', '"rain"', 5, NULL, NULL, 1),
        ('6', 'tr-1', 'label', 'feedback', '"good"', 6, 'a', NULL, 1)`,
    ]);
    const { trajectories, summaries } = await read(path);
    expect(lines(trajectories[0])).toEqual(CONVERSATION);
    expect(summaries[0]).toMatchObject({
      groupKey: "e/True/4",
      trainingStep: 12,
      split: "val",
      reward: 0.25,
    });
    expect(trajectories[0]?.outcome.components).toEqual({ correct: 1, quality: 0.5 });
    expect(trajectories[0]?.task.groundTruth).toBe("rain");
    expect((trajectories[0]?.extra["assessments"] as JsonObject[]).map((one) => one["name"])).toEqual([
      "correct",
      "quality",
      "call",
      "answer",
      "label",
    ]);
  });

  it("of a loop without calls in between show its texts, and traces without spans their preview", async () => {
    const output = { prompt_text: "user\nq\nassistant\n", response_text: "a", reward_score: 1 };
    const loop = {
      ...spans[0],
      attributes: {
        ...(spans[0]?.["attributes"] as JsonObject),
        "mlflow.spanOutputs": JSON.stringify(output),
      },
    };
    const { trajectories } = await read(await database([...trace("tr-1", [loop]), ...trace("tr-2", [])]));
    expect(trajectories[0]?.flatText).toEqual({ prompt: "user\nq\nassistant\n", response: "a" });
    expect(trajectories[0]?.outcome.reward).toBe(1);
    expect(lines(trajectories[1])).toEqual(["user/prompt: asked", "assistant/answer: answered"]);
    expect(trajectories[1]?.notes.map(({ code }) => code)).toEqual(["spans-elsewhere"]);
  });
});
