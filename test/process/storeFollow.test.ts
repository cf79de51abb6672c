import { spawn } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { eventually, StoreClient } from "./storeClient";

const clients: StoreClient[] = [];
const folder = (): string => mkdtempSync(join(tmpdir(), "lens-follow-"));

async function open(): Promise<StoreClient> {
  const client = await StoreClient.start();
  clients.push(client);
  return client;
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

const line = (serial: number): string =>
  `${JSON.stringify({ input: "p", output: `a ${serial}`, score: serial, step: 1 })}\n`;

/** `file:row score` of every row on the disk. */
function onDisk(data: string): string[] {
  return readdirSync(data)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) =>
      readFileSync(join(data, name), "utf8")
        .split("\n")
        .filter((text) => text !== "")
        .map((text, row) => `${name}:${row} ${(JSON.parse(text) as { score: number }).score}`),
    )
    .sort();
}

async function inIndex(client: StoreClient): Promise<string[]> {
  const { rows } = await client.call("query", {
    sql: `SELECT parse_filename(path) || ':' || "row" || ' ' || CAST(reward AS INTEGER) FROM trajectories`,
    limit: 100_000,
  });
  return rows.map(([text]) => String(text)).sort();
}

describe("links to folders", () => {
  it("lead to runs on another disk, once, and not round in circles", async () => {
    const client = await open();
    const [project, disk] = [folder(), folder()];
    for (const name of ["run", "later"]) mkdirSync(join(disk, name));
    writeFileSync(join(disk, "run", "1.jsonl"), line(1));
    mkdirSync(join(project, "own"));
    writeFileSync(join(project, "own", "1.jsonl"), line(2));
    symlinkSync(join(disk, "run"), join(project, "runs"));
    symlinkSync(join(disk, "run"), join(project, "same-runs"));
    symlinkSync(join(project, "own"), join(project, "same-own"));
    symlinkSync(project, join(disk, "run", "round"));
    symlinkSync(dirname(project), join(project, "around"));
    symlinkSync(join(project, "nothing"), join(project, "broken"));
    // Opened by way of the link before the rest is read.
    await client.call("index", { paths: [join(project, "runs", "1.jsonl")], watch: false });
    const found = await client.call("index", { paths: [project], watch: true });
    expect(found.datasets.map(({ path, files }) => [relative(project, path), files])).toEqual([
      ["own", 1],
      ["runs", 1],
    ]);
    const paths = async (): Promise<unknown[]> =>
      (
        await client.call("query", { sql: "SELECT path FROM trajectories ORDER BY path", limit: 100 })
      ).rows.map(([path]) => relative(project, String(path)));
    writeFileSync(join(disk, "run", "2.jsonl"), line(3));
    symlinkSync(join(disk, "later"), join(project, "run-2"));
    writeFileSync(join(disk, "later", "1.jsonl"), line(4));
    await eventually(paths, (all) => all.length === 4);
    expect(await paths()).toEqual(["own/1.jsonl", "run-2/1.jsonl", "runs/1.jsonl", "runs/2.jsonl"]);
    rmSync(join(project, "runs"));
    // The other link to the same run stands in for it.
    const left = ["own/1.jsonl", "run-2/1.jsonl", "same-runs/1.jsonl", "same-runs/2.jsonl"];
    await eventually(paths, (all) => JSON.stringify(all) === JSON.stringify(left));
  }, 120_000);
});

describe("runs of many files that change at once", () => {
  const FILES = 600;
  const write = (data: string, score: number): void => {
    for (let file = 0; file < FILES; file++) writeFileSync(join(data, `${file}.jsonl`), line(score + file));
  };

  it("reads all of them anew, keeps those of other runs, and forgets a run once", async () => {
    const client = await open();
    const root = folder();
    const [run, other] = [join(root, "run"), join(root, "other")];
    for (const data of [run, other]) mkdirSync(data);
    write(run, 0);
    writeFileSync(join(other, "0.jsonl"), line(7));
    const first = await client.call("index", { paths: [root], watch: true });
    expect(first.datasets.map(({ files, trajectories }) => [files, trajectories])).toEqual([
      [1, 1],
      [FILES, FILES],
    ]);
    write(run, 100_000);
    const now = [...onDisk(run), ...onDisk(other)].sort();
    await eventually(
      () => inIndex(client),
      (rows) => JSON.stringify(rows) === JSON.stringify(now),
    );
    rmSync(run, { recursive: true });
    await eventually(
      () => inIndex(client),
      (rows) => rows.length === 1,
    );
    await eventually(
      () => client.events.filter(({ name }) => name === "datasetRemoved").map(({ payload }) => payload),
      (removed) => removed.length > 0,
    );
    await client.call("index", { paths: [root], watch: true });
    const runs = await client.call("datasets", {});
    expect(runs.map(({ files, trajectories }) => [files, trajectories])).toEqual([[1, 1]]);
    expect(client.events.filter(({ name }) => name === "datasetRemoved")).toHaveLength(1);
  });
});

describe("following files that do not only grow", () => {
  it.each([3, 11])(
    "ends with what is on the disk, whatever a writer did (seed %i)",
    async (seed) => {
      const data = folder();
      writeFileSync(join(data, "1.jsonl"), line(0));
      const client = await open();
      await client.call("index", { paths: [data], watch: true });
      const writer = spawn(
        process.execPath,
        [resolve("test/process/fixtures/unrulyWriter.mjs"), data, "250", String(seed)],
        { stdio: "inherit" },
      );
      expect(await new Promise((done) => writer.on("exit", done))).toBe(0);
      const expected = onDisk(data);
      expect(expected.length).toBeGreaterThan(100);
      await eventually(
        () => inIndex(client),
        (found) => JSON.stringify(found) === JSON.stringify(expected),
        // What the watcher missed is seen by polling, which on a busy machine backs off to half a minute.
        75_000,
      );
      // And it stays so.
      await new Promise((next) => setTimeout(next, 1_500));
      expect(await inIndex(client)).toEqual(expected);
    },
    120_000,
  );

  it("notices a file that was replaced by one of the same size and time", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    writeFileSync(file, line(1) + line(2));
    const client = await open();
    await client.call("index", { paths: [data], watch: true });
    const { atime, mtime, size } = statSync(file);
    writeFileSync(join(data, "other.tmp"), line(3) + line(4));
    expect(statSync(join(data, "other.tmp")).size).toBe(size);
    utimesSync(join(data, "other.tmp"), atime, mtime);
    utimesSync(file, atime, mtime);
    await client.call("index", { paths: [data], watch: true });
    renameSync(join(data, "other.tmp"), file);
    await eventually(
      () => inIndex(client),
      (found) => found.join() === "1.jsonl:0 3,1.jsonl:1 4",
    );
  });

  it("leaves alone what lies beside a file that was followed alone", async () => {
    const data = folder();
    const file = join(data, "1.jsonl");
    writeFileSync(file, line(1));
    const client = await open();
    await client.call("index", { paths: [file], watch: true });
    writeFileSync(join(data, "2.jsonl"), line(2));
    appendFileSync(file, line(3));
    await eventually(
      () => inIndex(client),
      (found) => found.join() === "1.jsonl:0 1,1.jsonl:1 3",
    );
    await new Promise((next) => setTimeout(next, 1_500));
    expect(await inIndex(client)).toHaveLength(2);
  });

  it("sees growth by polling where the system tells nothing", async () => {
    const data = folder();
    // More folders than are watched, as on file systems that tell nothing: what lies in the last ones is found by polling.
    for (let index = 0; index < 520; index++) {
      mkdirSync(join(data, `run${String(index).padStart(3, "0")}`));
      writeFileSync(join(data, `run${String(index).padStart(3, "0")}`, "1.jsonl"), line(index));
    }
    const client = await open();
    await client.call("index", { paths: [data], watch: true });
    await eventually(
      async () => (await inIndex(client)).length,
      (count) => count === 520,
    );
    // Polling takes a twentieth of the time, so that it is as slow as the machine is at asking for times.
    const asking = performance.now();
    for (let index = 0; index < 520; index++) {
      const run = join(data, `run${String(index).padStart(3, "0")}`);
      await stat(run);
      await readdir(run);
      await stat(join(run, "1.jsonl"));
    }
    const patience = Math.max(3_500, 120 * (performance.now() - asking));
    for (const run of ["run000", "run519"]) {
      const before = performance.now();
      appendFileSync(join(data, run, "1.jsonl"), line(1_000));
      const expected = (await inIndex(client)).length;
      await eventually(
        async () => (await inIndex(client)).filter((text) => text.endsWith(" 1000")).length,
        (count) => count === (run === "run000" ? 1 : 2),
        patience + 500,
      );
      expect(performance.now() - before, run).toBeLessThan(patience);
      expect(expected).toBeGreaterThan(0);
    }
  }, 120_000);
});
