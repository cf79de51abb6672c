import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { StoreClient } from "./storeClient";

const clients: StoreClient[] = [];

async function opened(rows: readonly object[]): Promise<{ client: StoreClient; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), "lens-sql-"));
  writeFileSync(join(folder, "1.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const client = await StoreClient.start();
  clients.push(client);
  await client.call("index", { paths: [folder], watch: false });
  return { client, folder };
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

const ROW = { input: "p", output: "a\n\nb", score: 1, step: 3, acc: true };

/** Columns and types of a view as docs/sql.md lists them. */
function documented(view: string): string[] {
  const text = readFileSync("docs/sql.md", "utf8");
  const section = text.slice(text.indexOf(`\n## ${view}\n`) + 1).split("\n## ", 1)[0] ?? "";
  return [...section.matchAll(/^\| (`[^|]+`) \| (\w+) \|/gm)].flatMap(([, names = "", type = ""]) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name]) => `${name} ${type}`),
  );
}

describe("the views for SQL", () => {
  it("have the columns that docs/sql.md lists, and no others", async () => {
    const { client } = await opened([ROW]);
    for (const view of ["trajectories", "components", "steps", "groups", "scores"]) {
      const { rows } = await client.call("query", { sql: `DESCRIBE ${view}` });
      expect(rows.map(([name, type]) => `${String(name)} ${String(type)}`).sort(), view).toEqual(
        documented(view).sort(),
      );
    }
    const { rows } = await client.call("query", {
      sql: "SELECT format, training_step, reward, success, step_count FROM trajectories",
    });
    expect(rows).toEqual([["verl", 3, 1, true, 3]]);
  });

  it("keep ids beyond 2^53 exact", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-sql-"));
    writeFileSync(
      join(folder, "1.jsonl"),
      '{"input": "p", "output": "a", "score": 1, "step": 1, "uid": 9007199254740993}\n{"input": "p", "output": "a", "score": 1, "step": 1, "uid": 9007199254740995}\n',
    );
    const client = await StoreClient.start();
    clients.push(client);
    await client.call("index", { paths: [folder], watch: false });
    const { rows } = await client.call("query", { sql: "SELECT id, own_id FROM trajectories ORDER BY row" });
    expect(rows.map(([, own]) => own)).toEqual(["9007199254740993", "9007199254740995"]);
    const trajectory = await client.call("trajectory", { id: String(rows[0]?.[0]) });
    expect(JSON.stringify(trajectory.extra)).toContain('"9007199254740993"');
  });
});

describe("SQL of users", () => {
  it("reaches no file, setting, function of the system or other statement", async () => {
    const { client, folder } = await opened([ROW]);
    const file = join(folder, "1.jsonl");
    for (const sql of [
      `SELECT * FROM '${file}'`,
      `SELECT * FROM read_json_auto('${file}')`,
      `SELECT * FROM read_ndjson_objects('${file}')`,
      `SELECT * FROM read_blob('${file}')`,
      "SELECT * FROM read_csv_auto('https://example.com/a.csv')",
      "SELECT * FROM read_parquet('s3://bucket/a.parquet')",
      `SELECT * FROM sniff_csv('${file}')`,
      `SELECT * FROM parquet_metadata('${file}')`,
      "SELECT getenv('HOME')",
      `ATTACH '${file}' AS other (TYPE sqlite)`,
      "DETACH memory",
      "USE memory",
      `IMPORT DATABASE '${folder}'`,
      `COPY (SELECT 1) TO '${join(folder, "out.parquet")}' (FORMAT parquet)`,
      `COPY store.rows FROM '${file}'`,
      "PRAGMA database_list; SELECT 1",
      "PRAGMA memory_limit = '1GB'",
      "FORCE INSTALL httpfs FROM 'http://localhost'",
      "CREATE MACRO m(a) AS a",
      "CREATE TEMP TABLE t AS SELECT 1",
      "CREATE SECRET s (TYPE s3)",
      "CREATE OR REPLACE VIEW trajectories AS SELECT 1",
      "ALTER TABLE store.rows DROP COLUMN reward",
      "TRUNCATE store.rows",
      "WITH gone AS (SELECT 1) DELETE FROM store.rows",
      "EXPLAIN ANALYZE UPDATE store.rows SET reward = 0",
      "SELECT 1; SELECT 2",
      "SET memory_limit = '1GB'",
      "RESET ALL",
      "VACUUM",
      "COMMIT",
      "EXECUTE p",
      "DEALLOCATE p",
      "LOAD '/tmp/evil.duckdb_extension'",
    ]) {
      const outcome = await client.call("query", { sql }).then(
        (result) => ({ code: `ran: ${JSON.stringify(result).slice(0, 200)}` }),
        (error: { code: string }) => error,
      );
      expect(outcome.code, sql).toMatch(/^(read-only-sql|bad-sql)$/);
    }
    expect(readFileSync(file, "utf8")).toContain('"acc":true');
    expect((await client.call("query", { sql: "SELECT count(*) FROM trajectories" })).rows).toEqual([[1]]);
  });

  it("stops recursion without end, products without end and sorts without end", async () => {
    const { client } = await opened([ROW]);
    for (const sql of [
      "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
      "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c WHERE a.range + b.range = c.range",
      "SELECT count(DISTINCT hash(range)) FROM range(100000000000)",
    ]) {
      const started = performance.now();
      await expect(client.call("query", { sql, timeoutMs: 300 }), sql).rejects.toMatchObject({
        code: "query-timeout",
      });
      expect(performance.now() - started, sql).toBeLessThan(5_000);
    }
    expect((await client.call("query", { sql: "SELECT 1 + 1" })).rows).toEqual([[2]]);
  });

  it("stops a query whose time or patience is over before it has begun", async () => {
    const { client } = await opened([ROW]);
    const sql = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t";
    for (const timeoutMs of [0, 1, 2, 4])
      await expect(client.call("query", { sql, timeoutMs })).rejects.toMatchObject({ code: "query-timeout" });
    const { result, cancel } = client.cancellable("query", { sql });
    cancel();
    await expect(result).rejects.toMatchObject({ code: "cancelled" });
  });

  it.each([0, 500])("ends with the window %i ms after a query without end was sent", async (ms) => {
    const { client } = await opened([ROW]);
    const sql = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t";
    client.call("query", { sql }).catch(() => undefined);
    await new Promise((next) => setTimeout(next, ms));
    await client.stop();
    expect([client.child.exitCode, client.child.signalCode]).toContain("SIGKILL");
  });
});
