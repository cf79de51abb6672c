import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import type { ColumnMapping } from "../../src/model/columnMapping";
import { eventually, StoreClient } from "./storeClient";

const clients: StoreClient[] = [];

async function open(
  index = mkdtempSync(join(tmpdir(), "lens-index-")),
): Promise<{ readonly client: StoreClient; readonly index: string }> {
  const client = await StoreClient.start(index);
  clients.push(client);
  return { client, index };
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

const mapping: ColumnMapping = {
  files: "odd*.jsonl",
  columns: { prompt: "q", response: "said", reward: "points" },
};

const line = (index: number): string =>
  `${JSON.stringify({ q: `p${index}`, said: `s${index}`, points: index })}\n`;

function odd(rows: number): string {
  const path = join(mkdtempSync(join(tmpdir(), "lens-map-")), "odd-1.jsonl");
  writeFileSync(path, Array.from({ length: rows }, (_, index) => line(index)).join(""));
  return path;
}

describe("mappings of columns in the data process", () => {
  it("are offered for a file of no known format, and nothing is read by the offer", async () => {
    const path = odd(0);
    writeFileSync(path, `${JSON.stringify({ task: "a", solution: "b", final_reward: 1 })}\n`.repeat(3));
    const { client } = await open();
    const { datasets, warnings } = await client.call("index", { paths: [path], watch: false });
    expect(datasets).toEqual([]);
    expect(warnings.map((note) => [note.code, note.message])).toEqual([
      [
        "unmapped-columns",
        "odd-1.jsonl is of no known format; it could be read with task as prompt, solution as response, final_reward as reward. Map its columns to open it.",
      ],
    ]);
    const { proposal } = await client.call("columns", { path });
    expect(proposal?.mapping.columns).toEqual({
      prompt: "task",
      response: "solution",
      reward: "final_reward",
    });
  });

  it("open a file at once, survive a restart without the settings, and end with the setting", async () => {
    const path = odd(3);
    const first = await open();
    const { datasets } = await first.client.call("index", {
      paths: [path],
      watch: false,
      mappings: [mapping],
    });
    expect(datasets.map((one) => [one.formatTitle, one.trajectories, one.rewardMean])).toEqual([
      ["Mapped columns", 3, 1],
    ]);
    const page = await first.client.call("rows", { query: {}, start: 0, end: 10 });
    const trajectory = await first.client.call("trajectory", { id: page.rows[1]!.id });
    expect(trajectory).toMatchObject({
      task: { prompt: "p1" },
      outcome: { reward: 1, rewardSource: "points" },
    });
    await first.client.stop();

    const second = await open(first.index);
    const again = await second.client.call("index", { paths: [path], watch: false });
    expect(again.datasets.map((one) => one.trajectories)).toEqual([3]);
    expect((await second.client.call("trajectory", { id: page.rows[1]!.id })).task.prompt).toBe("p1");

    const changed = await second.client.call("index", {
      paths: [path],
      watch: false,
      mappings: [{ ...mapping, columns: { prompt: "said", response: "q" } }],
    });
    expect(changed.datasets.map((one) => [one.trajectories, one.rewardMean])).toEqual([[3, undefined]]);
    const gone = await second.client.call("index", { paths: [path], watch: false, mappings: [] });
    expect(gone.datasets).toEqual([]);
  });

  it("follow a mapped file that grows", async () => {
    const path = odd(2);
    const { client } = await open();
    await client.call("index", { paths: [path], watch: true, mappings: [mapping] });
    appendFileSync(path, line(2) + line(3));
    await eventually(
      async () => (await client.call("rows", { query: {}, start: 0, end: 10 })).total,
      (total) => total === 4,
    );
  });

  it("leave files of known formats as they are, and say when a mapping does not fit its files", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-map-"));
    mkdirSync(join(folder, "run"));
    const known = join(folder, "run", "1.jsonl");
    writeFileSync(known, `${JSON.stringify({ input: "a", output: "b", score: 1, step: 1 })}\n`.repeat(2));
    const { client } = await open();
    const { datasets, warnings } = await client.call("index", {
      paths: [known],
      watch: false,
      mappings: [{ files: "run/*.jsonl", columns: { prompt: "nope" } }, mapping],
    });
    expect(datasets.map((one) => one.format)).toEqual(["verl"]);
    const told = client.events.filter((event) => event.name === "warning").map((event) => event.payload);
    expect([...warnings, ...told].map((note) => (note as { code: string }).code)).toContain("unfit-mapping");
  });
});

describe("trajectory-lens index --mapping", () => {
  const run = async (...args: string[]): Promise<unknown> => {
    const storage = mkdtempSync(join(tmpdir(), "lens-cli-"));
    const child = promisify(execFile)(process.execPath, [
      resolve("dist/cli.js"),
      ...args,
      "--json",
      "--storage",
      storage,
    ]);
    const { stdout } = await child.catch((error: unknown) => error as { stdout: string });
    return JSON.parse(stdout) as unknown;
  };

  it("reads a file of no known format, and names what is wrong with a mapping", async () => {
    const path = odd(2);
    const mappingFile = join(mkdtempSync(join(tmpdir(), "lens-map-")), "columns.json");
    writeFileSync(mappingFile, JSON.stringify([mapping]));
    expect(await run("index", path, "--mapping", mappingFile)).toMatchObject({
      datasets: [{ format: "mapped:prompt=q&response=said&reward=points", trajectories: 2, rewardMean: 0.5 }],
    });
    writeFileSync(mappingFile, JSON.stringify({ files: "*.jsonl", columns: { prompts: "q" } }));
    expect(await run("index", path, "--mapping", mappingFile)).toMatchObject({
      error: { code: "bad-mapping", message: expect.stringContaining(mappingFile) as string },
    });
    writeFileSync(mappingFile, "{");
    expect(await run("index", path, "--mapping", mappingFile)).toMatchObject({
      error: { code: "unreadable-mapping" },
    });
  });
});
