import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, describe, expect, it } from "vitest";
import type { SearchHit, StoreCalls } from "../../src/protocol/storeCalls";
import { StoreClient } from "./storeClient";

const clients: StoreClient[] = [];
const folder = (): string => mkdtempSync(join(tmpdir(), "lens-search-"));

async function opened(path: string): Promise<StoreClient> {
  const client = await StoreClient.start();
  clients.push(client);
  await client.call("index", { paths: [path], watch: false });
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

async function search(
  client: StoreClient,
  params: StoreCalls["search"]["params"],
): Promise<{ hits: SearchHit[]; summary: StoreCalls["search"]["result"] }> {
  const hits: SearchHit[] = [];
  const { result } = client.cancellable("search", params, (progress) => hits.push(...progress.hits));
  return { summary: await result, hits };
}

const line = (index: number, step: number): string =>
  `${JSON.stringify({
    input: `user\nproblem ${index}\nassistant\n`,
    output: `first thought ${index}\n\nthen ${index % 10 === 3 ? "Backtrack" : "go on"} to (${index})\n\nanswer ${index}`,
    score: 1,
    step,
  })}\n`;

describe("search over a run", () => {
  it("finds each match in its trajectory and step, at its place in the text", async () => {
    const data = folder();
    for (const step of [1, 2, 10])
      writeFileSync(
        join(data, `${step}.jsonl`),
        Array.from({ length: 200 }, (_, index) => line(1000 * step + index, step)).join(""),
      );
    const client = await opened(data);
    const { hits, summary } = await search(client, { pattern: { pattern: "backtrack" } });
    expect(summary).toEqual({
      matches: 60,
      trajectories: 60,
      searched: 600,
      total: 600,
      unreadable: 0,
      truncated: false,
    });
    expect(hits.map(({ trainingStep, row }) => [trainingStep, row])).toEqual(
      [1, 2, 10].flatMap((step) => Array.from({ length: 20 }, (_, index) => [step, 10 * index + 3])),
    );
    for (const hit of hits.slice(0, 5)) {
      const { steps } = await client.call("trajectory", { id: hit.trajectoryId });
      const text = steps[hit.stepIndex]?.[hit.field as "action"] ?? "";
      expect(text.slice(hit.offset, hit.offset + hit.length)).toBe("Backtrack");
      expect(hit.snippet).toMatchObject({ before: "then ", match: "Backtrack" });
    }
    const regex = await search(client, {
      pattern: { pattern: "\\((10..3|21.3)\\)", regex: true },
      trainingStepFrom: 2,
      trainingStepTo: 10,
    });
    expect(regex.summary.searched).toBe(400);
    expect(regex.hits.map((hit) => hit.snippet.match)).toEqual([
      ...Array.from({ length: 10 }, (_, index) => `(${2_103 + 10 * index})`),
      ...Array.from({ length: 20 }, (_, index) => `(${10_003 + 10 * index})`),
    ]);
    expect((await search(client, { pattern: { pattern: "backtrack", matchCase: true } })).hits).toEqual([]);
    expect((await search(client, { pattern: { pattern: "answer 1", wholeWord: true } })).hits).toEqual([]);
  });

  it("stops at its limit, tells few of one trajectory, and counts all", async () => {
    const data = folder();
    writeFileSync(
      join(data, "1.jsonl"),
      Array.from(
        { length: 50 },
        (_, index) =>
          `${JSON.stringify({ input: `p ${index}`, output: "ab ".repeat(40), score: 1, step: 1 })}\n`,
      ).join(""),
    );
    const client = await opened(data);
    const { hits, summary } = await search(client, { pattern: { pattern: "ab" }, limit: 25 });
    expect(hits).toHaveLength(25);
    expect(new Set(hits.map((hit) => hit.trajectoryId)).size).toBe(3);
    expect(summary.matches).toBe(120);
    const all = await search(client, { pattern: { pattern: "ab" }, hitsPerTrajectory: 1 });
    expect([all.hits.length, all.summary.matches, all.summary.trajectories]).toEqual([50, 2000, 50]);
  });

  it("reads tables as well, and says what has changed on the disk", async () => {
    const data = folder();
    const file = join(data, "completions_00001.parquet");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    await connection.run(
      `COPY (SELECT 1 AS step, 'p' || i AS prompt, CASE WHEN i = 4321 THEN 'the Needle here' ELSE 'hay ' || i END AS completion, 1.0 AS r, 0.5 AS advantage FROM range(5000) t(i)) TO '${file}' (FORMAT parquet)`,
    );
    connection.closeSync();
    writeFileSync(join(data, "7.jsonl"), line(1, 7) + line(2, 7));
    const client = await opened(data);
    const { hits } = await search(client, { pattern: { pattern: "needle" } });
    expect(hits.map(({ row, snippet, path }) => [row, snippet.match, path])).toEqual([
      [4321, "Needle", file],
    ]);
    writeFileSync(join(data, "7.jsonl"), "x".repeat(10));
    const { summary } = await search(client, { pattern: { pattern: "needle" } });
    expect([summary.matches, summary.unreadable]).toEqual([1, 2]);
  });

  it("can be cancelled, and refuses what it cannot search for", async () => {
    const data = folder();
    writeFileSync(
      join(data, "1.jsonl"),
      Array.from({ length: 60_000 }, (_, index) => line(index, 1)).join(""),
    );
    const client = await opened(data);
    let told = 0;
    const running = client.cancellable("search", { pattern: { pattern: "(t|h|e|n)+k", regex: true } }, () => {
      if (told++ === 0) running.cancel();
    });
    await expect(running.result).rejects.toMatchObject({ code: "cancelled" });
    for (const pattern of ["(", "(a)\\1", ""])
      await expect(client.call("search", { pattern: { pattern, regex: true } })).rejects.toMatchObject({
        code: "bad-pattern",
      });
    const { summary } = await search(client, { pattern: { pattern: "answer 59999" } });
    expect(summary).toMatchObject({ matches: 1, searched: 60_000 });
  });
});
