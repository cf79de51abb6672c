import { DuckDBInstance } from "@duckdb/node-api";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ScoreSeries } from "../../src/model/score";
import { eventually, StoreClient } from "./storeClient";

type Client = Awaited<ReturnType<typeof StoreClient.start>>;

const clients = new Set<Client>();
const folder = (): string => mkdtempSync(join(tmpdir(), "lens-windows-"));

async function open(index: string): Promise<Client> {
  const client = await StoreClient.start(index);
  clients.add(client);
  return client;
}

afterEach(async () => {
  await Promise.all([...clients].map((client) => client.stop()));
  clients.clear();
});

/** A deterministic stream of numbers in [0, 1). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

let serial = 0;
const lines = (count: number): string =>
  Array.from(
    { length: count },
    () => `${JSON.stringify({ input: `p ${serial >> 2}`, output: "a\n\nb", score: serial++, step: 1 })}\n`,
  ).join("");

const score = (trajectoryId: string, value: number): ScoreSeries => ({
  trajectoryId,
  name: "value",
  level: "trajectory",
  unit: "score",
  modelPath: "/models/value",
  modelKind: "scalar-reward",
  provider: "cpu",
  method: "test",
  values: Float64Array.of(value),
});

async function rewards(client: Client): Promise<number[]> {
  const { rows } = await client.call("query", {
    sql: "SELECT reward FROM trajectories ORDER BY reward",
    limit: 1_000_000,
  });
  return rows.map(([reward]) => Number(reward));
}

function onDisk(data: string): number[] {
  return readdirSync(data)
    .flatMap((name) => readFileSync(join(data, name), "utf8").split("\n"))
    .filter((text) => text !== "")
    .map((text) => (JSON.parse(text) as { score: number }).score)
    .sort((left, right) => left - right);
}

describe("two windows on one workspace", () => {
  it("never harm an index, whatever they do and however they die", async () => {
    const data = folder();
    const index = folder();
    for (let file = 1; file <= 5; file++) writeFileSync(join(data, `${file}.jsonl`), lines(200));
    const random = numbers(5);
    const windows: (Client | undefined)[] = [undefined, undefined];
    let kills = 0;
    let failures = 0;
    for (let operation = 0; operation < 90; operation++) {
      const which = random() < 0.5 ? 0 : 1;
      let client = windows[which];
      if (client === undefined) {
        client = await open(index);
        expect(client.opened.rebuilt, "no index was damaged").toBe(false);
        windows[which] = client;
      }
      const roll = random();
      const calls: Promise<unknown>[] = [];
      if (roll < 0.35) appendFileSync(join(data, `${1 + Math.floor(random() * 5)}.jsonl`), lines(300));
      if (roll < 0.5) calls.push(client.call("index", { paths: [data], watch: random() < 0.5 }));
      else if (roll < 0.6) writeFileSync(join(data, `${1 + Math.floor(random() * 5)}.jsonl`), lines(100));
      else if (roll < 0.75) {
        const page = await client.call("rows", { query: { sort: "reward" }, start: 0, end: 5 });
        const series = page.rows.map((row) => score(row.id, random()));
        if (series.length > 0)
          calls.push(client.call("putScores", { series, cacheKeys: series.map(() => "key") }));
      } else calls.push(client.call("query", { sql: "SELECT count(*), avg(value) FROM scores" }));
      if (random() < 0.25) {
        // In the middle of what it is doing.
        await new Promise((next) => setTimeout(next, Math.floor(random() * 40)));
        await client.kill();
        clients.delete(client);
        windows[which] = undefined;
        kills++;
        failures += (await Promise.allSettled(calls)).filter((result) => result.status === "rejected").length;
      } else await Promise.all(calls);
    }
    expect(kills).toBeGreaterThan(10);
    expect(failures, "some calls were cut off").toBeGreaterThan(0);
    const expected = onDisk(data);
    for (const which of [0, 1]) {
      const client = windows[which] ?? (await open(index));
      expect(client.opened.rebuilt).toBe(false);
      windows[which] = client;
      await client.call("index", { paths: [data], watch: false });
      await eventually(
        () => rewards(client),
        (found) => found.join() === expected.join(),
      );
    }
    expect(windows[0]?.opened.indexPath).not.toBe(windows[1]?.opened.indexPath);
    expect(readdirSync(index).filter((name) => name.endsWith(".duckdb"))).toHaveLength(2);
  }, 120_000);

  it("opened at the same moment take an index each", async () => {
    const index = folder();
    const opened = await Promise.all([open(index), open(index), open(index)]);
    expect(new Set(opened.map((client) => client.opened.indexPath)).size).toBe(3);
    expect(opened.map((client) => client.opened.rebuilt)).toEqual([false, false, false]);
  });
});

describe("an index that cannot be used", () => {
  const prepared = async (): Promise<{ data: string; index: string; path: string }> => {
    const data = folder();
    const index = folder();
    writeFileSync(join(data, "1.jsonl"), lines(500));
    const client = await open(index);
    await client.call("index", { paths: [data], watch: false });
    await client.stop();
    clients.delete(client);
    return { data, index, path: client.opened.indexPath };
  };

  it("of an older version is built anew", async () => {
    const { data, index, path } = await prepared();
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    await connection.run("UPDATE store.meta SET value = '0' WHERE key = 'version'");
    connection.closeSync();
    instance.closeSync();
    const client = await open(index);
    expect(client.opened).toEqual({ indexPath: path, rebuilt: true });
    await client.call("index", { paths: [data], watch: false });
    expect(await rewards(client)).toEqual(onDisk(data));
  });

  it("with views of an older version gets new ones and keeps its rows", async () => {
    const { index, path, data } = await prepared();
    const instance = await DuckDBInstance.create(path);
    const connection = await instance.connect();
    await connection.run("CREATE OR REPLACE VIEW trajectories AS SELECT 1 AS nothing");
    await connection.run("UPDATE store.meta SET value = 'old' WHERE key = 'views'");
    connection.closeSync();
    instance.closeSync();
    const client = await open(index);
    expect(client.opened.rebuilt).toBe(false);
    expect(await rewards(client)).toEqual(onDisk(data));
  });

  it("damaged anywhere is built anew, at once or when the damage shows", async () => {
    const { data, index, path } = await prepared();
    const whole = readFileSync(path);
    const expected = onDisk(data);
    const random = numbers(9);
    for (let attempt = 0; attempt < 12; attempt++) {
      const damaged = Buffer.from(whole);
      const start = Math.floor(random() * damaged.length);
      for (let at = start; at < Math.min(damaged.length, start + 4096); at++)
        damaged[at] = Math.floor(random() * 256);
      writeFileSync(path, damaged);
      rmSync(`${path}.wal`, { force: true });
      let found: number[] | undefined;
      for (let start = 0; start < 3 && found?.join() !== expected.join(); start++) {
        const client = await open(index);
        try {
          await client.call("index", { paths: [data], watch: false });
          found = await rewards(client);
        } catch (error) {
          expect((error as { code?: string }).code, String(error)).toBe("index-damaged");
        }
        await client.stop();
        clients.delete(client);
      }
      expect(found, `damage at ${start}`).toEqual(expected);
    }
  }, 60_000);
});
