import { spawn } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { DatasetInfo, TrajectoryRow } from "../../src/model/summary";
import { eventually, StoreClient } from "./storeClient";

const clients: StoreClient[] = [];
const folder = (name = "lens-data-"): string => mkdtempSync(join(tmpdir(), name));

async function open(index?: string): Promise<Awaited<ReturnType<typeof StoreClient.start>>> {
  const client = await StoreClient.start(index);
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

interface Row {
  readonly input: string;
  readonly output: string;
  readonly score?: number | null;
  readonly step: number;
  readonly [name: string]: unknown;
}

const lines = (rows: readonly Row[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const row = (index: number, more: Partial<Row> = {}): Row => ({
  input: `prompt ${Math.floor(index / 4)}`,
  output: `a\n\nb ${index}`,
  score: index % 2,
  step: 1,
  ...more,
});
const rows = (count: number, from = 0): Row[] =>
  Array.from({ length: count }, (_, index) => row(from + index));

function only(datasets: readonly DatasetInfo[]): DatasetInfo {
  expect(datasets).toHaveLength(1);
  return datasets[0] as DatasetInfo;
}

async function all(client: StoreClient, datasetId: string): Promise<readonly TrajectoryRow[]> {
  const found: TrajectoryRow[] = [];
  for (;;) {
    const page = await client.call("rows", {
      query: { datasetId },
      start: found.length,
      end: found.length + 5000,
    });
    found.push(...page.rows);
    if (page.rows.length === 0) return found;
  }
}

describe("indexing", () => {
  it("gives each row back, with its group, its components and its place", async () => {
    const data = folder();
    writeFileSync(
      join(data, "1.jsonl"),
      lines([row(0, { acc: true, format: "0.5" }), row(1, { acc: null }), row(2), row(3)]),
    );
    writeFileSync(join(data, "2.jsonl"), lines(rows(4).map((one) => ({ ...one, step: 2 }))));
    writeFileSync(join(data, "10.jsonl"), lines(rows(4).map((one) => ({ ...one, step: 10 }))));
    const client = await open();
    const { datasets, warnings } = await client.call("index", { paths: [data], watch: false });
    expect(warnings).toEqual([]);
    const dataset = only(datasets);
    expect(dataset).toMatchObject({
      format: "verl",
      files: 3,
      trajectories: 12,
      groups: 3,
      trainingSteps: 3,
      path: data,
      components: ["acc", "format"],
    });
    const found = await all(client, dataset.id);
    expect(found.map((one) => one.trainingStep)).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 10, 10, 10, 10]);
    expect(found[0]).toMatchObject({
      reward: 0,
      success: true,
      components: { acc: 1, format: 0.5 },
      memberIndex: 0,
      groupSize: 4,
      row: 0,
    });
    expect(found[1]?.components).toEqual({ acc: null });
    expect(found[2]?.components).toEqual({});
    const trajectory = await client.call("trajectory", { id: (found[3] as TrajectoryRow).id });
    expect(trajectory.flatText?.response).toBe("a\n\nb 3");
    expect(trajectory.steps).toHaveLength((found[3] as TrajectoryRow).stepCount);
    expect(await client.call("rowAt", { path: join(data, "2.jsonl"), row: 2 })).toEqual(found[6]);
    expect((await client.call("datasetOfFile", { path: join(data, "10.jsonl") }))?.id).toBe(dataset.id);
    const group = await client.call("group", { groupId: found[4]?.groupId as string });
    expect(group.members.map((one) => one.id)).toEqual(found.slice(4, 8).map((one) => one.id));
    expect(group.group).toMatchObject({
      size: 4,
      rewardCount: 4,
      rewardMean: 0.5,
      rewardMin: 0,
      rewardMax: 1,
    });
    expect(group.group.rewardStd).toBeCloseTo(Math.sqrt(1 / 3), 12);
    const steps = await client.call("trainingSteps", { datasetId: dataset.id });
    expect(
      steps.map((one) => [
        one.trainingStep,
        one.trajectories,
        one.groups,
        one.rewardMean,
        one.noContrastShare,
      ]),
    ).toEqual([
      [1, 4, 1, 0.5, 0],
      [2, 4, 1, 0.5, 0],
      [10, 4, 1, 0.5, 0],
    ]);
  });

  it("keeps null, NaN, 0 and absent apart", async () => {
    const data = folder();
    writeFileSync(
      join(data, "1.jsonl"),
      [
        '{"input": "p", "output": "o", "score": 0, "step": 1, "c": 0}',
        '{"input": "p", "output": "o", "score": null, "step": 1, "c": null}',
        '{"input": "p", "output": "o", "score": NaN, "step": 1, "c": NaN}',
        '{"input": "p NaN", "output": "NaN and \\"Infinity\\"", "step": 1}',
        '{"input": "p", "output": "o", "score": -Infinity, "step": 1, "c": Infinity}',
      ].join("\n"),
    );
    const client = await open();
    const dataset = only((await client.call("index", { paths: [data], watch: false })).datasets);
    const found = await all(client, dataset.id);
    expect(found.map((one) => ["reward" in one, one.reward])).toEqual([
      [true, 0],
      [true, null],
      [true, Number.NaN],
      [false, undefined],
      [true, Number.NEGATIVE_INFINITY],
    ]);
    expect(found.map((one) => ["c" in one.components, one.components["c"]])).toEqual([
      [true, 0],
      [true, null],
      [true, Number.NaN],
      [false, undefined],
      [true, Number.POSITIVE_INFINITY],
    ]);
    const trajectories = await Promise.all(found.map((one) => client.call("trajectory", { id: one.id })));
    expect(trajectories.map(({ outcome }) => ["reward" in outcome, outcome.reward])).toEqual(
      found.map((one) => ["reward" in one, one.reward]),
    );
    expect(trajectories[3]?.flatText?.response).toBe('NaN and "Infinity"');
    const { rows: sql } = await client.call("query", {
      sql: "SELECT count(*), count(value), count(*) FILTER (WHERE isnan(value)), count(*) FILTER (WHERE value = 0) FROM components",
    });
    expect(sql).toEqual([[4, 3, 1, 1]]);
    expect(dataset.rewardMean).toBe(0);
  });

  it("gives the same ids after a restart and in a new index", async () => {
    const data = folder();
    writeFileSync(join(data, "1.jsonl"), lines(rows(8)));
    const index = folder();
    const first = await open(index);
    const dataset = only((await first.call("index", { paths: [data], watch: false })).datasets);
    const before = await all(first, dataset.id);
    await first.stop();
    const again = await open(index);
    expect(again.opened.rebuilt).toBe(false);
    expect(await again.call("datasets", {})).toHaveLength(1);
    expect(await all(again, dataset.id)).toEqual(before);
    const fresh = await open();
    const other = only((await fresh.call("index", { paths: [data], watch: false })).datasets);
    expect((await all(fresh, other.id)).map((one) => [one.id, one.groupId])).toEqual(
      before.map((one) => [one.id, one.groupId]),
    );
  });

  it("tells malformed lines once each with their number and keeps the rest", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    writeFileSync(
      file,
      `\uFEFF${JSON.stringify(row(0))}\r\n{"input": "x", "output":\r\n\r\n${JSON.stringify(row(1))}\r\n[1, 2]\r\n"text"\r\n{"score": 1}\r\n${JSON.stringify(row(2))}\r\n`,
    );
    const client = await open();
    const { datasets, warnings } = await client.call("index", { paths: [file], watch: false });
    expect((await all(client, only(datasets).id)).map((one) => one.row)).toEqual([0, 3, 7]);
    expect(warnings.map((note) => [note.code, note.where])).toEqual([
      ["malformed-line", `${file}:2`],
      ["unfit-record", `${file}:5`],
      ["unfit-record", `${file}:6`],
      ["missing-field", `${file}:7`],
    ]);
    expect(warnings[0]?.message).toMatch(/^Line 2 of 1\.jsonl is not valid JSON/);
    const again = await client.call("index", { paths: [file], watch: false });
    expect(again.warnings).toEqual(warnings);
    const last = await client.call("rowAt", { path: file, row: 7 });
    expect((await client.call("trajectory", { id: last?.id as string })).flatText?.response).toBe("a\n\nb 2");
  });

  it("names what only looks like data", async () => {
    const data = folder();
    writeFileSync(
      join(data, "pointer.jsonl"),
      "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    );
    writeFileSync(join(data, "page.parquet"), "<!DOCTYPE html><html><body>404</body></html>");
    writeFileSync(join(data, "empty.jsonl"), "");
    writeFileSync(
      join(data, "conflict.json"),
      '[\n<<<<<<< HEAD\n{"a": 1}\n=======\n{"a": 2}\n>>>>>>> other\n]\n',
    );
    writeFileSync(join(data, "cut.hdf5"), Buffer.from("894844460d0a1a0a00000000000808000400100000", "hex"));
    writeFileSync(join(data, "cut.parquet"), Buffer.from("PAR1 and then nothing of use"));
    mkdirSync(join(data, "folder.json"));
    writeFileSync(join(data, "settings.yaml"), "a: 1\n");
    const client = await open();
    const { datasets, warnings } = await client.call("index", { paths: [data], watch: false });
    expect(datasets).toEqual([]);
    expect(warnings.map((note) => note.code).sort()).toEqual([
      "conflict-markers",
      "empty-file",
      "html-page",
      "lfs-pointer",
      "unreadable-hdf5",
      "unreadable-parquet",
    ]);
    for (const note of warnings) expect(note.message).not.toMatch(/\n/);
    const asked = await client
      .call("index", { paths: [join(data, "settings.yaml")], watch: false })
      .catch((error: Error) => error);
    expect(asked).toMatchObject({ datasets: [] });
    await expect(
      client.call("index", { paths: [join(data, "nothing")], watch: false }),
    ).rejects.toMatchObject({ code: "unknown-path" });
  });

  it("reads a trajectory that fills a folder once, also when it is found again", async () => {
    const data = folder();
    const events = join(data, "conversation", "events");
    mkdirSync(events, { recursive: true });
    const event = (index: number): void =>
      writeFileSync(
        join(events, `${index}.json`),
        JSON.stringify({
          id: index,
          timestamp: "t",
          source: index === 0 ? "user" : "agent",
          message: `message ${index}`,
          action: "message",
          args: { content: `message ${index}` },
        }),
      );
    for (let index = 0; index < 12; index++) event(index);
    const index = folder();
    const first = await open(index);
    const before = only((await first.call("index", { paths: [data], watch: false })).datasets);
    expect(before.trajectories).toBe(1);
    await first.stop();
    const second = await open(index);
    event(12);
    const after = only((await second.call("index", { paths: [data], watch: false })).datasets);
    expect(after).toMatchObject({ trajectories: 1, steps: before.steps + 1 });
  });

  it("takes up where a killed process left off", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    writeFileSync(file, lines(rows(60_000)));
    const index = folder();
    const first = await open(index);
    const indexing = first.call("index", { paths: [data], watch: false }).catch(() => undefined);
    await eventually(
      () => first.events.length,
      (count) => count > 0,
    );
    await first.kill();
    await indexing;
    const second = await open(index);
    const dataset = only((await second.call("index", { paths: [data], watch: false })).datasets);
    expect(dataset.trajectories).toBe(60_000);
    const { rows: counted } = await second.call("query", {
      sql: 'SELECT count(*), count(DISTINCT id), min("row"), max("row") FROM trajectories',
    });
    expect(counted).toEqual([[60_000, 60_000, 0, 59_999]]);
  });

  it("stops when asked and goes on later", async () => {
    const data = folder();
    const long = "a line of reasoning. ".repeat(40);
    writeFileSync(
      join(data, "1.jsonl"),
      lines(Array.from({ length: 60_000 }, (_, index) => row(index, { output: long }))),
    );
    const client = await open();
    const indexing = client.cancellable("index", { paths: [data], watch: false });
    await eventually(
      () => client.events.length,
      (count) => count > 0,
    );
    indexing.cancel();
    await expect(indexing.result).rejects.toMatchObject({ code: "cancelled" });
    const dataset = only((await client.call("index", { paths: [data], watch: false })).datasets);
    expect(dataset.trajectories).toBe(60_000);
  });
});

describe("the index file", () => {
  it("is rebuilt when damaged", async () => {
    const data = folder();
    writeFileSync(join(data, "1.jsonl"), lines(rows(4)));
    const index = folder();
    for (const damage of [
      (path: string) => writeFileSync(path, "garbage".repeat(5000)),
      (path: string) => truncateSync(path, 6000),
      (path: string) => writeFileSync(path, ""),
    ]) {
      const first = await open(index);
      only((await first.call("index", { paths: [data], watch: false })).datasets);
      await first.stop();
      damage(first.opened.indexPath);
      const second = await open(index);
      expect(only((await second.call("index", { paths: [data], watch: false })).datasets).trajectories).toBe(
        4,
      );
      await second.stop();
    }
  });

  it("is one per window", async () => {
    const data = folder();
    writeFileSync(join(data, "1.jsonl"), lines(rows(4)));
    const index = folder();
    const first = await open(index);
    const second = await open(index);
    expect(second.opened.indexPath).not.toBe(first.opened.indexPath);
    const results = await Promise.all(
      [first, second].map((client) => client.call("index", { paths: [data], watch: true })),
    );
    expect(results.map((result) => only(result.datasets).trajectories)).toEqual([4, 4]);
    appendFileSync(join(data, "1.jsonl"), lines(rows(4, 4)));
    for (const client of [first, second])
      await eventually(
        async () => (await client.call("datasets", {}))[0]?.trajectories,
        (count) => count === 8,
      );
    await first.stop();
    const third = await open(index);
    expect(third.opened).toEqual({ indexPath: first.opened.indexPath, rebuilt: false });
    expect(readdirSync(index).filter((name) => name.endsWith(".duckdb"))).toHaveLength(2);
  });
});

describe("following", () => {
  it("loses and doubles no row of a writer that flushes in the middle of lines", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    writeFileSync(file, "");
    const client = await open();
    await client.call("index", { paths: [data], watch: true });
    const writer = spawn(
      process.execPath,
      [resolve("test/process/fixtures/writer.mjs"), file, "10000", "7"],
      { stdio: "inherit" },
    );
    const ended = new Promise<number | null>((done) => writer.on("exit", done));
    expect(await ended).toBe(0);
    const finished = performance.now();
    const dataset = only(
      await eventually(
        () => client.call("datasets", {}),
        (found) => found[0]?.trajectories === 10_000,
        20_000,
      ),
    );
    expect(performance.now() - finished).toBeLessThan(2_000 + 1_500);
    const { rows: counted } = await client.call("query", {
      sql: 'SELECT count(*), count(DISTINCT "row"), sum(reward), min(reward), max(reward), count(*) FILTER (WHERE reward = "row") FROM trajectories',
    });
    expect(counted).toEqual([[10_000, 10_000, 49_995_000, 0, 9_999, 10_000]]);
    expect(dataset.warnings).toEqual([]);
    // Told now and then: the last rows may be in the index before they are told.
    const told = (): number[] =>
      client.events
        .filter((event) => event.name === "datasetChanged")
        .map((event) => (event.payload as { addedRows: number }).addedRows);
    await eventually(
      () => told().reduce((sum, added) => sum + added, 0),
      (sum) => sum === 10_000,
    );
    expect(told().length).toBeGreaterThan(1);
    const middle = await client.call("rowAt", { path: file, row: 7_777 });
    expect((await client.call("trajectory", { id: middle?.id as string })).flatText?.response).toMatch(
      /^step 7777\n\né* done$/,
    );
  });

  it("holds a torn last line back until it is whole", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    const text = JSON.stringify(row(1));
    writeFileSync(file, lines(rows(1)) + text.slice(0, 20));
    const client = await open();
    const { datasets, warnings } = await client.call("index", { paths: [data], watch: true });
    expect(only(datasets).trajectories).toBe(1);
    expect(warnings.map((note) => note.code)).toEqual(["torn-line"]);
    appendFileSync(file, text.slice(20));
    // Whole, though its line end is still to come.
    const whole = await eventually(
      async () => only(await client.call("datasets", {})),
      (dataset) => dataset.trajectories === 2,
    );
    expect(whole.warnings).toEqual([]);
    appendFileSync(file, `\n${text}\n`);
    await eventually(
      async () => only(await client.call("datasets", {})),
      (dataset) => dataset.trajectories === 3,
    );
    expect((await all(client, whole.id)).map((one) => one.row)).toEqual([0, 1, 2]);
  });

  it("sees new files and folders, rewritten, rotated and removed ones", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    writeFileSync(file, lines(rows(6)));
    const client = await open();
    const dataset = only((await client.call("index", { paths: [data], watch: true })).datasets);
    const counted = (count: number): Promise<unknown> =>
      eventually(
        async () => (await client.call("rows", { query: {}, start: 0, end: 1 })).total,
        (total) => total === count,
      );
    writeFileSync(join(data, "2.jsonl"), lines(rows(2).map((one) => ({ ...one, step: 2 }))));
    await counted(8);
    mkdirSync(join(data, "more", "deep"), { recursive: true });
    writeFileSync(join(data, "more", "deep", "1.jsonl"), lines(rows(3)));
    await counted(11);
    // Rewritten shorter, then longer with another beginning.
    writeFileSync(file, lines(rows(1, 40)));
    await counted(6);
    writeFileSync(file, lines(rows(9, 80)));
    await counted(14);
    expect((await all(client, dataset.id)).slice(0, 9).map((one) => one.title)).toContain("prompt 20");
    // Rotated: moved away, a new one in its place.
    renameSync(file, join(data, "0.jsonl"));
    writeFileSync(file, lines(rows(2, 100)));
    await counted(16);
    rmSync(join(data, "0.jsonl"));
    await counted(7);
    rmSync(join(data, "more"), { recursive: true });
    await counted(4);
    expect(client.events.some((event) => event.name === "datasetRemoved")).toBe(true);
  });
});

describe("user SQL", () => {
  it("reads the views and nothing else", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    writeFileSync(file, lines(rows(4)));
    copyFileSync(file, join(data, "other.jsonl"));
    const client = await open();
    const { datasets } = await client.call("index", { paths: [data], watch: false });
    expect(datasets).toHaveLength(2);
    const query = (sql: string, more: object = {}): ReturnType<typeof client.call<"query">> =>
      client.call("query", { sql, ...more });
    for (const view of ["trajectories", "steps", "scores", "groups", "components"])
      expect((await query(`DESCRIBE ${view}`)).rows.length).toBeGreaterThan(3);
    expect((await query("WITH t AS (SELECT * FROM trajectories) SELECT count(*) AS n FROM t")).rows).toEqual([
      [8],
    ]);
    expect((await query("SELECT count(*) FROM trajectories", { datasetId: datasets[0]?.id })).rows).toEqual([
      [4],
    ]);
    expect(await query("SELECT id FROM trajectories", { limit: 3 })).toMatchObject({
      truncated: true,
      columns: [{ name: "id", type: "VARCHAR" }],
    });
    expect((await query("SUMMARIZE trajectories")).rows.length).toBeGreaterThan(10);
    expect((await query("EXPLAIN SELECT * FROM groups")).rows.length).toBeGreaterThan(0);
    const out = join(data, "out.csv");
    for (const sql of [
      `COPY trajectories TO '${out}'`,
      `ATTACH '${join(data, "x.db")}'`,
      "SELECT * FROM read_csv('/etc/passwd')",
      "SELECT * FROM read_text('/etc/passwd')",
      "FROM '/etc/passwd'",
      `SELECT * FROM read_json('${file}')`,
      "SELECT * FROM glob('/etc/*')",
      "INSTALL httpfs",
      "LOAD httpfs",
      "SET enable_external_access = true",
      "SET threads = 1",
      "SET VARIABLE dataset_id = 'x'",
      "PRAGMA enable_profiling",
      "DELETE FROM store.rows",
      "DROP VIEW trajectories",
      "CREATE TABLE t(a INTEGER)",
      "UPDATE store.rows SET reward = 1",
      "INSERT INTO store.meta VALUES ('a', 'b')",
      "EXPLAIN ANALYZE DELETE FROM store.rows",
      "SELECT 1; DROP VIEW trajectories",
      "BEGIN TRANSACTION",
      "CHECKPOINT",
      "EXPORT DATABASE '/tmp/x'",
      "CALL pragma_version()",
      "PREPARE p AS SELECT 1",
    ]) {
      await expect(query(sql), sql).rejects.toMatchObject({
        code: expect.stringMatching(/^(read-only-sql|bad-sql)$/) as string,
      });
    }
    expect(readdirSync(data).sort()).toEqual(["1.jsonl", "other.jsonl"]);
    expect((await query("SELECT count(*) FROM trajectories")).rows).toEqual([[8]]);
    await expect(query("SELEC 1")).rejects.toMatchObject({ code: "bad-sql" });
    await expect(query("SELECT nothing FROM trajectories")).rejects.toMatchObject({ code: "bad-sql" });
    await expect(query("  ")).rejects.toMatchObject({ code: "bad-sql" });
  });

  it("is stopped after its time, and by cancelling", async () => {
    const client = await open();
    const slow = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range = -1";
    const started = performance.now();
    await expect(client.call("query", { sql: slow, timeoutMs: 300 })).rejects.toMatchObject({
      code: "query-timeout",
    });
    expect(performance.now() - started).toBeLessThan(5_000);
    const running = client.cancellable("query", { sql: slow });
    setTimeout(() => running.cancel(), 200);
    await expect(running.result).rejects.toMatchObject({ code: "cancelled" });
    expect((await client.call("query", { sql: "SELECT 1" })).rows).toEqual([[1]]);
  });
});

describe("scores", () => {
  it("are found by trajectory, by cache key and in SQL, NaN included", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    writeFileSync(file, lines(rows(4)));
    const client = await open();
    const dataset = only((await client.call("index", { paths: [data], watch: false })).datasets);
    const id = (await all(client, dataset.id))[1]?.id as string;
    const series = {
      trajectoryId: id,
      name: "reward",
      level: "step",
      unit: "probability",
      values: Float64Array.of(Number.NaN, 0.1 + 0.2, 0),
      tokenText: ["a", "b", "c"],
      modelPath: "/models/prm",
      modelKind: "process-reward",
      provider: "cpu",
      method: "sigmoid",
    } as const;
    expect(
      await client.call("putScores", {
        series: [series, { ...series, name: "value" }],
        cacheKeys: ["k", "k"],
      }),
    ).toEqual({ stored: 2 });
    await client.call("putScores", { series: [series], cacheKeys: ["k"] });
    expect(await client.call("scores", { trajectoryId: id })).toEqual([series, { ...series, name: "value" }]);
    expect(await client.call("cachedScores", { cacheKeys: ["other", "k"] })).toEqual([
      null,
      expect.arrayContaining([series]),
    ]);
    const { rows: sql } = await client.call("query", {
      sql: "SELECT position, value, token FROM scores WHERE name = 'reward' ORDER BY position",
    });
    expect(sql).toEqual([
      [0, null, "a"],
      [1, 0.1 + 0.2, "b"],
      [2, 0, "c"],
    ]);
    // Rewritten: the scores of what was there before are gone with it.
    writeFileSync(file, lines(rows(2, 50)));
    await client.call("index", { paths: [data], watch: false });
    expect(await client.call("scores", { trajectoryId: id })).toEqual([]);
  });
});

describe("queries", () => {
  it("filter, sort and page, with missing values last", async () => {
    const data = folder();
    const score = [3, undefined, 1, 2, 2, 2];
    writeFileSync(
      join(data, "1.jsonl"),
      score
        .map(
          (value, index) =>
            `${JSON.stringify({ input: index < 4 ? "Alpha" : "Beta", output: "x".repeat(index + 1), step: 1, ...(value === undefined ? {} : { score: value }), acc: index % 2 })}\n`,
        )
        .join(""),
    );
    // The first row decides the format; rows without a score are rows all the same.
    const client = await open();
    const dataset = only((await client.call("index", { paths: [data], watch: false })).datasets);
    const order = async (query: object): Promise<number[]> =>
      (
        await client.call("rows", { query: { datasetId: dataset.id, ...query }, start: 0, end: 100 })
      ).rows.map((one) => one.row);
    expect(await order({})).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await order({ sort: "reward" })).toEqual([2, 3, 4, 5, 0, 1]);
    expect(await order({ sort: "reward", descending: true })).toEqual([0, 3, 4, 5, 2, 1]);
    expect(await order({ sort: "length", descending: true })).toEqual([5, 4, 3, 2, 1, 0]);
    expect(await order({ text: "alph" })).toEqual([0, 1, 2, 3]);
    expect(await order({ success: true })).toEqual([1, 3, 5]);
    expect(await order({ noContrast: true })).toEqual([4, 5]);
    expect(await order({ trainingStepFrom: 2 })).toEqual([]);
    const page = await client.call("rows", { query: { datasetId: dataset.id }, start: 2, end: 4 });
    expect([page.total, page.rows.map((one) => one.row)]).toEqual([6, [2, 3]]);
    await expect(client.call("row", { id: "no id" })).rejects.toMatchObject({ code: "unknown-trajectory" });
    await expect(client.call("trajectory", { id: "000000000000:1" })).rejects.toMatchObject({
      code: "unknown-trajectory",
    });
    expect(await client.call("row", { id: "000000000000:1" })).toBeNull();
    await expect(client.call("group", { groupId: "g0000000000000000" })).rejects.toMatchObject({
      code: "unknown-group",
    });
  });

  it("export to Parquet with a column per component", async () => {
    const data = folder();
    writeFileSync(join(data, "1.jsonl"), lines([row(0, { acc: 1 }), row(1, { acc: null }), row(2)]));
    const client = await open();
    const dataset = only((await client.call("index", { paths: [data], watch: false })).datasets);
    const to = join(folder(), "out.parquet");
    expect(await client.call("exportParquet", { datasetIds: [dataset.id], to })).toEqual({
      path: to,
      rows: 3,
    });
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    const result = await connection.runAndReadAll(
      `SELECT "row", reward, "component.acc" FROM '${to}' ORDER BY "row"`,
    );
    expect(result.getRows()).toEqual([
      [0, 0, 1],
      [1, 1, null],
      [2, 0, null],
    ]);
    // Scores come with it; cancelled or failed, the file that is there stays.
    const { rows } = await client.call("rows", { query: { sort: "row" }, start: 0, end: 10 });
    const scored = (name: string, level: "step" | "trajectory", values: readonly number[], row = 0) => ({
      trajectoryId: rows[row]!.id,
      name,
      level,
      unit: "reward",
      values: Float64Array.from(values),
      modelPath: "/models/prm",
      modelKind: "process-reward" as const,
      provider: "cpu" as const,
      method: "m",
    });
    const series = [scored("reward", "step", [NaN, 0.5, 1]), scored("total", "trajectory", [7], 1)];
    await client.call("putScores", { series, cacheKeys: ["a", "b"] });
    const export_ = { datasetIds: [dataset.id], to };
    const stopped = client.cancellable("exportParquet", export_);
    stopped.cancel();
    await expect(stopped.result).rejects.toMatchObject({ code: "cancelled" });
    expect(await client.call("exportParquet", export_)).toEqual({ path: to, rows: 3 });
    await expect(client.call("exportParquet", { datasetIds: ["none"], to })).rejects.toMatchObject({
      code: "nothing-to-export",
    });
    expect(readdirSync(join(to, ".."))).toEqual(["out.parquet"]);
    const withScores = await connection.runAndReadAll(
      `SELECT "component.acc", "score.prm.reward", "score.prm.total" FROM '${to}' ORDER BY "row"`,
    );
    expect(withScores.getRowsJS()).toEqual([
      [1, [null, 0.5, 1], null],
      [null, null, 7],
      [null, null, null],
    ]);
    await expect(
      client.call("exportParquet", { datasetIds: [dataset.id], to: join(data, "no", "out.parquet") }),
    ).rejects.toMatchObject({ code: "missing-folder" });
  });
});
