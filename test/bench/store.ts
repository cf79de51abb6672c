/**
 * `npm run bench -- store [--scale S] [--rounds N] [--only TEXT] [--json]`: the index against DuckDB's own readers, a plain
 * JSON.parse loop and a newline scan, in turns and in one run, then the other budgets of the store. Scale 1 is 1 GB of
 * verl rows and 2 GB of Parquet; inputs are kept in .cache/bench-store. The data process is dist/store.js.
 */
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { cpus, tmpdir, totalmem, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { StoreClient } from "../process/storeClient";
import { replaceFiles } from "./store/replacedFiles";
import { makeInputs, Numbers, verlLines, type Input } from "./store/inputs";

const { values: options } = parseArgs({
  options: {
    scale: { type: "string", default: "1" },
    rounds: { type: "string", default: "2" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const scale = Number(options.scale);
const rounds = Number(options.rounds);

type Client = Awaited<ReturnType<typeof StoreClient.start>>;

async function seconds(work: () => Promise<unknown> | unknown): Promise<number> {
  const before = performance.now();
  await work();
  return (performance.now() - before) / 1000;
}

/** Reads every column of every row, with an aggregate that needs each value: a plain `count` reads Parquet's statistics alone. */
async function duckdbRead(connection: DuckDBConnection, input: Input): Promise<void> {
  const from =
    input.kind === "json"
      ? `read_json('${input.pattern}', format = 'newline_delimited', maximum_object_size = 100000000)`
      : `read_parquet('${input.pattern}')`;
  const columns = (await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`)).getRows();
  const needed = columns.map(([name, type]) => {
    if (type === "VARCHAR") return `sum(strlen("${String(name)}"))`;
    return String(type).endsWith("[]") ? `sum(len("${String(name)}"))` : `max("${String(name)}")`;
  });
  const result = await connection.runAndReadAll(`SELECT count(*), ${needed.join(", ")} FROM ${from}`);
  if (Number(result.getRows()[0]?.[0]) !== input.rows)
    throw new Error(`DuckDB read ${String(result.getRows()[0]?.[0])} of ${input.rows} rows`);
}

/** Passes over the lines of a file in one thread. */
function eachLine(path: string, use: (bytes: Buffer, start: number, end: number) => void): number {
  const file = openSync(path, "r");
  let buffer = Buffer.allocUnsafe(8 * 2 ** 20);
  let held = 0;
  let count = 0;
  for (;;) {
    const got = readSync(file, buffer, held, buffer.length - held, null);
    held += got;
    let start = 0;
    for (let end = buffer.indexOf(10, start); end >= 0 && end < held; end = buffer.indexOf(10, start)) {
      use(buffer, start, end);
      count++;
      start = end + 1;
    }
    if (got === 0) break;
    buffer.copyWithin(0, start, held);
    held -= start;
    if (held === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
  }
  closeSync(file);
  return count;
}

/** Peak resident memory of a process in MB, where the system tells. */
function peakMb(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? NaN) / 1024;
  } catch {
    return Number.NaN;
  }
}

const temporary: string[] = [];
const indexFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "lens-bench-"));
  temporary.push(folder);
  return folder;
};

interface Measured {
  readonly input: Input;
  readonly ours: number;
  readonly duckdb: number;
  readonly parse: number | undefined;
  readonly scan: number | undefined;
  readonly firstRows: number;
  readonly peak: number;
}

/** Indexes an input from nothing in a fresh data process. */
async function indexOnce(input: Input): Promise<{ seconds: number; firstRows: number; peak: number }> {
  const client = await StoreClient.start(indexFolder());
  const before = performance.now();
  const { datasets } = await client.call("index", { paths: [input.path], watch: false });
  const took = (performance.now() - before) / 1000;
  const rows = datasets.reduce((sum, dataset) => sum + dataset.trajectories, 0);
  if (rows !== input.rows) throw new Error(`${input.name}: ${rows} of ${input.rows} rows are in the index`);
  const first = client.events.find((event) => event.name === "datasetChanged");
  const peak = peakMb(client.child.pid);
  await client.stop();
  return { seconds: took, firstRows: (first?.at ?? Number.NaN) - before, peak };
}

async function measure(input: Input, connection: DuckDBConnection): Promise<Measured> {
  let ours = Infinity;
  let duckdb = Infinity;
  let parse = Infinity;
  let scan = Infinity;
  let firstRows = Infinity;
  let peak = 0;
  const isOneFile = input.path === input.pattern && input.kind === "json";
  for (let round = 0; round < rounds; round++) {
    const own = await indexOnce(input);
    ours = Math.min(ours, own.seconds);
    firstRows = Math.min(firstRows, own.firstRows);
    peak = Math.max(peak, own.peak);
    duckdb = Math.min(duckdb, await seconds(() => duckdbRead(connection, input)));
    if (!isOneFile) continue;
    parse = Math.min(
      parse,
      await seconds(() =>
        eachLine(input.path, (bytes, start, end) => void JSON.parse(bytes.toString("utf8", start, end))),
      ),
    );
    scan = Math.min(scan, await seconds(() => eachLine(input.path, () => undefined)));
  }
  return {
    input,
    ours,
    duckdb,
    parse: isOneFile ? parse : undefined,
    scan: isOneFile ? scan : undefined,
    firstRows,
    peak,
  };
}

/** Times calls one after another. @returns median and 95th percentile in ms */
async function percentiles(
  count: number,
  call: (index: number) => Promise<unknown>,
): Promise<{ p50: number; p95: number }> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) times.push(1000 * (await seconds(() => call(index))));
  times.sort((left, right) => left - right);
  return { p50: times[Math.floor(count / 2)] ?? NaN, p95: times[Math.floor(0.95 * count)] ?? NaN };
}

interface Budget {
  readonly what: string;
  readonly measured: string;
  readonly budget: string;
  readonly held: boolean;
}

/** The budgets that are no ratio of rows a second: reopening, appending, fetching, memory. */
async function otherBudgets(inputs: readonly Input[], measured: readonly Measured[]): Promise<Budget[]> {
  const budgets: Budget[] = [];
  for (const { input, firstRows } of measured)
    budgets.push({
      what: `first rows: ${input.name}`,
      measured: `${firstRows.toFixed(0)} ms`,
      budget: "500 ms",
      held: firstRows <= 500,
    });

  const folder = indexFolder();
  globalThis.gc?.();
  const hostBefore = process.memoryUsage().rss;
  let client: Client = await StoreClient.start(folder);
  const { datasets } = await client.call("index", { paths: inputs.map((input) => input.path), watch: false });
  const total = datasets.reduce((sum, dataset) => sum + dataset.trajectories, 0);
  const hostMb = (process.memoryUsage().rss - hostBefore) / 2 ** 20;
  budgets.push({
    what: `memory of the host side with all inputs open`,
    measured: `${hostMb.toFixed(0)} MB`,
    budget: "60 MB",
    held: hostMb < 60,
  });
  await client.stop();

  let reopened = Infinity;
  for (let round = 0; round < 3; round++) {
    const started = performance.now();
    client = await StoreClient.start(folder);
    const [dataset] = await client.call("datasets", {});
    await client.call("rows", { query: { datasetId: dataset?.id ?? "" }, start: 0, end: 100 });
    reopened = Math.min(reopened, performance.now() - started);
    if (round < 2) await client.stop();
  }
  budgets.push({
    what: `reopening an index of ${total.toLocaleString("en")} rows: process start to first page`,
    measured: `${reopened.toFixed(0)} ms`,
    budget: "300 ms",
    held: reopened <= 300,
  });

  const short = datasets.find((dataset) => dataset.name.startsWith("short-run")) ?? datasets[0];
  const picked = await client.call("query", {
    sql: "SELECT id FROM trajectories USING SAMPLE reservoir(500 ROWS) REPEATABLE (7)",
    limit: 500,
    ...(short === undefined ? {} : { datasetId: short.id }),
  });
  const ids = picked.rows.map((row) => String(row[0]));
  const fetched = await percentiles(ids.length, (index) =>
    client.call("trajectory", { id: ids[index] as string }),
  );
  budgets.push({
    what: `one trajectory out of ${(short?.trajectories ?? 0).toLocaleString("en")}, p50 / p95`,
    measured: `${fetched.p50.toFixed(1)} / ${fetched.p95.toFixed(1)} ms`,
    budget: "20 ms p95",
    held: fetched.p95 <= 20,
  });

  const verl = measured.find(({ input }) => input.name === "verl rows");
  if (verl !== undefined) {
    const { path, bytes, rows } = verl.input;
    for (const share of [0.001, 0.01]) {
      const make = verlLines(new Numbers(9), rows);
      const more = Math.max(1, Math.round(share * rows));
      appendFileSync(path, Array.from({ length: more }, (_, index) => `${make(index)}\n`).join(""));
      const size = statSync(path).size;
      const took = await seconds(() => client.call("index", { paths: [path], watch: false }));
      truncateSync(path, bytes);
      const part = took / verl.ours;
      budgets.push({
        what: `appending ${(100 * share).toFixed(1)}% (${((size - bytes) / 2 ** 20).toFixed(1)} MB) to the verl rows, share of the time of the whole`,
        measured: `${(1000 * took).toFixed(0)} ms, ${(100 * part).toFixed(1)}%`,
        budget: "in proportion",
        held: took <= 0.25 + 3 * share * verl.ours,
      });
      await client.call("index", { paths: [path], watch: false });
    }
  }
  await client.stop();

  const replaced = await replaceFiles(Math.max(100, Math.round(20_000 * scale)));
  const share = (time: number): string =>
    `${time.toFixed(1)} s, ${(100 * (time / replaced.first)).toFixed(0)}%`;
  const row = (what: string, time: number, most: number): Budget => ({
    what: `${replaced.files.toLocaleString("en")} small files, share of the time of indexing them (${replaced.first.toFixed(1)} s): ${what}`,
    measured: share(time),
    budget: `${100 * most}%`,
    held: time <= most * replaced.first,
  });
  budgets.push(
    row("looking again, nothing new", replaced.again, 0.25),
    row("all written anew", replaced.rewritten, 1.5),
    row("all removed", replaced.removed, 0.5),
  );
  return budgets;
}

const folder = resolve(".cache/bench-store", `scale-${scale}`);
const all = await makeInputs(folder, scale);
const inputs = all.filter((input) => options.only === undefined || input.name.includes(options.only));
const connection = await (await DuckDBInstance.create(":memory:")).connect();
const measured: Measured[] = [];
try {
  for (const input of inputs) measured.push(await measure(input, connection));
  const budgets = await otherBudgets(inputs, measured);
  const perSecond = (input: Input, time: number): string =>
    Math.round(input.rows / time).toLocaleString("en");
  if (options.json) console.log(JSON.stringify({ scale, rounds, measured, budgets }));
  else {
    console.log(
      `scale ${scale}, best of ${rounds}; ${cpus().length} x ${cpus()[0]?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GB, node ${process.version}, load ${loadavg()[0]?.toFixed(1)}\n`,
    );
    console.log(
      "| input | MB | rows | index, rows/s | DuckDB, rows/s | ratio | of JSON.parse | of a newline scan | peak MB |",
    );
    console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (const { input, ours, duckdb, parse, scan, peak } of measured)
      console.log(
        `| ${input.name} | ${(input.bytes / 2 ** 20).toFixed(0)} | ${input.rows.toLocaleString("en")} | ${perSecond(input, ours)} | ${perSecond(input, duckdb)} | ${(duckdb / ours).toFixed(2)} | ${parse === undefined ? "" : (parse / ours).toFixed(2)} | ${scan === undefined ? "" : (scan / ours).toFixed(3)} | ${peak.toFixed(0)} |`,
      );
    console.log("\n| what | measured | budget | held |\n| --- | ---: | ---: | --- |");
    for (const { what, measured: value, budget, held } of budgets)
      console.log(`| ${what} | ${value} | ${budget} | ${held ? "yes" : "no"} |`);
  }
} finally {
  for (const path of temporary) rmSync(path, { recursive: true, force: true });
}
