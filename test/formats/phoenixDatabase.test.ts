import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
  readFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/model/json";
import { phoenixDatabase } from "../../src/formats/phoenixDatabase";
import { companionState } from "../../src/store/containers/companions";
import { SqliteFile } from "../../src/store/containers/sqliteFile";
import { lines } from "./draftsOf";
import { readFile, readParts } from "./readFile";

const FIXTURE = "test/formats/fixtures/phoenix-sqlite.db";
const folder = mkdtempSync(join(tmpdir(), "phoenix-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function traces(path: string) {
  const { records, format, problems } = await readFile(path);
  expect(problems).toEqual([]);
  return {
    trajectories: records.flatMap((record) => readParts(record, format!)),
    summaries: records.flatMap((record) => record.summaries),
  };
}

describe("Phoenix's database", () => {
  it("gives a trajectory for each trace that has spans", async () => {
    const { trajectories, summaries } = await traces(FIXTURE);
    expect(summaries.map((summary) => summary.ownId)).toEqual(["trace-1", "trace-2", "trace-3"]);
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: Weather in Bern?",
      'assistant/act:  [weather {"city":"Bern"}]',
      "tool/observe: rain",
      "assistant/answer: It rains.",
    ]);
    expect(trajectories[0]?.extra).toMatchObject({ project: "weather", session_id: "session-a" });
    expect(trajectories[1]?.extra).not.toHaveProperty("session_id");
    expect(trajectories[2]?.outcome.stopReason).toBe("error: no network");
    // Times are those of the file, in UTC, to the millisecond.
    expect(trajectories[0]?.steps[3]?.extra).toMatchObject({ duration_ms: 1500 });
  });

  it("takes scores of the trace, its first span and its experiment, and leaves a missing score missing", async () => {
    const { trajectories } = await traces(FIXTURE);
    expect(trajectories[0]?.outcome).toMatchObject({
      reward: 0.75,
      rewardSource: "reward",
      components: { correctness: 0.5 },
    });
    expect(trajectories[1]?.outcome).not.toHaveProperty("reward");
    expect(trajectories[1]?.outcome.components).toEqual({ tone: null, match: 0 });
    const step = trajectories[0]?.steps[1]?.extra?.["attributes"] as JsonObject;
    expect(step["annotations"]).toEqual([
      { name: "tool choice", label: "good", score: 0.9, annotator_kind: "CODE" },
    ]);
    expect(step["llm"]).toEqual({ model_name: "small" });
  });

  it("makes the repetitions of an experiment's example a group with its expected output", async () => {
    const { trajectories, summaries } = await traces(FIXTURE);
    expect(summaries.map((summary) => summary.groupKey)).toEqual([
      "experiment 3, example 7",
      "experiment 3, example 7",
      undefined,
    ]);
    expect(trajectories[1]?.task.groundTruth).toEqual({ answer: "rain" });
    expect(trajectories[1]?.extra["experiment_run"]).toMatchObject({
      repetition: 2,
      output: { answer: "dry" },
    });
  });

  it("is read without a trace on the disk, and damage is one sentence", async () => {
    const copy = join(folder, "phoenix.db");
    copyFileSync(FIXTURE, copy);
    const before = readFileSync(copy);
    await traces(copy);
    expect(readdirSync(folder)).toEqual(["phoenix.db"]);
    expect(readFileSync(copy).equals(before)).toBe(true);
    const torn = join(folder, "torn.db");
    writeFileSync(torn, before.subarray(0, 3000));
    await expect(
      SqliteFile.open(torn).then((file) => file.rows("SELECT * FROM spans")),
    ).rejects.toMatchObject({
      code: "unreadable-sqlite",
    });
    expect(existsSync(`${torn}-journal`)).toBe(false);
  });

  it("reads what a running program has committed to its write-ahead log, and nothing that it has not", async () => {
    const copy = join(folder, "log.db");
    for (const end of ["", "-wal"])
      copyFileSync(`test/formats/fixtures/sqlite/log.db${end}`, `${copy}${end}`);
    const file = await SqliteFile.open(copy);
    expect(file.rows("SELECT * FROM rows ORDER BY number")).toEqual([
      { number: 1, text: "in the file" },
      { number: 2, text: "in the log" },
      // Beyond what a number can hold, digits stay digits.
      { number: "9007199254740993", text: "large" },
    ]);
    file.close();
    expect(readFileSync(`${copy}-wal`).equals(readFileSync("test/formats/fixtures/sqlite/log.db-wal"))).toBe(
      true,
    );
    expect(existsSync(`${copy}-shm`)).toBe(false);
    // Without its log, a database still opens, as it was when the log was last taken in.
    rmSync(`${copy}-wal`);
    const alone = await SqliteFile.open(copy);
    expect(alone.rows("SELECT count(*) AS rows FROM rows")).toEqual([{ rows: 1 }]);
    alone.close();
  });

  it("is read again when its log changes, while its own file stays as it was", async () => {
    const copy = join(folder, "growing.db");
    copyFileSync("test/formats/fixtures/sqlite/log.db", copy);
    const states = [companionState(phoenixDatabase, copy)];
    const log = readFileSync("test/formats/fixtures/sqlite/log.db-wal");
    for (const length of [2000, log.length]) {
      writeFileSync(`${copy}-wal`, log.subarray(0, length));
      states.push(companionState(phoenixDatabase, copy));
    }
    expect(new Set(states).size).toBe(3);
  });

  it("refuses to write, and passes over views, which would run what their author wrote", async () => {
    const { default: load } = await import("@sqlite.org/sqlite-wasm");
    const sqlite = await load();
    const memory = new sqlite.oo1.DB(":memory:");
    memory.exec(
      "CREATE TABLE rows (a); INSERT INTO rows VALUES (x'0102'), (NULL); CREATE VIEW spans AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    );
    const path = join(folder, "view.db");
    writeFileSync(path, sqlite.capi.sqlite3_js_db_export(memory));
    memory.close();
    const file = await SqliteFile.open(path);
    expect([...file.tables.keys()]).toEqual(["rows"]);
    expect(file.rows("SELECT a FROM rows")).toEqual([{ a: "<2 bytes>" }, { a: null }]);
    expect(() => file.rows("DELETE FROM rows")).toThrow(/cannot be read/);
    file.close();
  });
});
