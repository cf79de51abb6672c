import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Note } from "../../src/model/trajectory";
import { closeIndex, openIndex, type IndexDatabase } from "../../src/store/indexDatabase";
import { Indexer } from "../../src/store/indexer";
import { IndexWriter } from "../../src/store/indexWriter";
import type { ResultOf, WorkerJob } from "../../src/store/summariseWorker";
import { WorkerPool } from "../../src/store/workerPool";

// The interleavings that a writer beside the reader meets by chance, each made to happen: the file changes between two
// stretches of one reading, between reading and writing, or goes while its rows are being written.

/** Does its jobs in this thread, and lets somebody else at the file before each. */
class InterruptedPool extends WorkerPool {
  between: () => void = () => undefined;
  constructor() {
    super(undefined);
  }
  override run<J extends WorkerJob>(job: J): Promise<ResultOf<J>> {
    this.between();
    return super.run(job);
  }
}

const opened: IndexDatabase[] = [];
afterEach(() => {
  for (const database of opened.splice(0)) closeIndex(database);
});

interface Bench {
  readonly file: string;
  readonly indexer: Indexer;
  readonly writer: IndexWriter;
  readonly pool: InterruptedPool;
  readonly warnings: Note[];
  scores(): Promise<number[]>;
  notes(): Promise<string[]>;
}

async function bench(): Promise<Bench> {
  const database = await openIndex(mkdtempSync(join(tmpdir(), "lens-index-")));
  opened.push(database);
  const writer = await IndexWriter.create(database.writer);
  const pool = new InterruptedPool();
  const warnings: Note[] = [];
  const indexer = new Indexer(database, writer, pool, {
    changed: () => undefined,
    removed: () => undefined,
    warning: (note) => warnings.push(note),
  });
  await indexer.loadFiles();
  const all = async (sql: string): Promise<unknown[]> =>
    (await database.reader.runAndReadAll(sql)).getRows().map(([value]) => value);
  return {
    file: join(mkdtempSync(join(tmpdir(), "lens-rewritten-")), "1.jsonl"),
    indexer,
    writer,
    pool,
    warnings,
    scores: async () => (await all("SELECT reward FROM store.rows ORDER BY row_no")) as number[],
    notes: async () => (await all("SELECT code FROM store.warnings")) as string[],
  };
}

const lines = (from: number, to: number): string =>
  Array.from(
    { length: to - from },
    (_, index) =>
      `${JSON.stringify({ input: "p", output: `${"ü ".repeat(40)}${from + index}`, score: from + index, step: 1 })}\n`,
  ).join("");

const onDisk = (file: string): number[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((text) => text !== "")
    .map((text) => (JSON.parse(text) as { score: number }).score);

/** Cuts a file in the middle of a line, and lets it grow again: the line is finished, others follow. */
function cutAndGrow(file: string, atByte: number, from: number, to: number): void {
  const text = readFileSync(file);
  const lineEnd = text.indexOf(0x0a, atByte) + 1;
  truncateSync(file, lineEnd - 20);
  appendFileSync(file, text.subarray(lineEnd - 20, lineEnd));
  appendFileSync(file, lines(from, to));
}

describe("a file that is rewritten while it is read", () => {
  it("is cut and grows again between two stretches of one reading", async () => {
    const { file, indexer, pool, scores } = await bench();
    writeFileSync(file, lines(0, 20_000));
    let done = false;
    pool.between = () => {
      if (done) return;
      done = true;
      // Inside of the first stretch, which is read: the ends of the file will agree all the same.
      cutAndGrow(file, 100_000, 50_000, 75_000);
    };
    await indexer.refresh(file, undefined, false);
    await indexer.refresh(file, undefined, false);
    expect(done).toBe(true);
    expect(await scores()).toEqual(onDisk(file));
  });

  it("is cut and grows again between reading and writing", async () => {
    const { file, indexer, writer, scores } = await bench();
    writeFileSync(file, lines(0, 100));
    await indexer.refresh(file, undefined, false);
    appendFileSync(file, lines(100, 150));
    let release = (): void => undefined;
    const held = writer.transaction(() => new Promise<void>((resolve) => (release = resolve)));
    const reading = indexer.refresh(file, undefined, false);
    await new Promise((next) => setTimeout(next, 200));
    cutAndGrow(file, 5_000, 1_000, 1_400);
    release();
    await Promise.all([held, reading]);
    await indexer.refresh(file, undefined, false);
    expect(await scores()).toEqual(onDisk(file));
  });

  it("is cut and grows again at once after it was looked at", async () => {
    const { file, indexer, scores } = await bench();
    writeFileSync(file, lines(0, 100));
    await indexer.refresh(file, undefined, false);
    appendFileSync(file, lines(100, 150));
    const reading = indexer.refresh(file, undefined, false);
    cutAndGrow(file, 5_000, 1_000, 1_400);
    await reading;
    await indexer.refresh(file, undefined, false);
    expect(await scores()).toEqual(onDisk(file));
  });

  it("only grows between two stretches, and is not read again for that", async () => {
    const { file, indexer, pool, scores } = await bench();
    writeFileSync(file, lines(0, 20_000));
    let runs = 0;
    pool.between = () => {
      runs++;
      appendFileSync(file, lines(20_000 + runs, 20_001 + runs));
    };
    await indexer.refresh(file, undefined, false);
    const stretches = runs;
    pool.between = () => undefined;
    expect(await scores()).toHaveLength(20_000);
    await indexer.refresh(file, undefined, false);
    expect(await scores()).toEqual(onDisk(file));
    expect(runs).toBe(stretches);
  });

  it("is empty in the index, with a warning, until it comes to rest", async () => {
    const { file, indexer, pool, scores, notes } = await bench();
    let from = 0;
    const rewrite = (): void => {
      writeFileSync(file, lines(from, from + 20_000));
      from += 20_000;
    };
    rewrite();
    pool.between = rewrite;
    await indexer.refresh(file, undefined, false);
    expect(await scores()).toEqual([]);
    expect(await notes()).toEqual(["rewritten-file"]);
    pool.between = () => undefined;
    // It rests for four times what its readings took, which on a busy machine is long.
    while ((await scores()).length === 0) {
      await new Promise((next) => setTimeout(next, 100));
      await indexer.refresh(file, undefined, false);
    }
    expect(await scores()).toEqual(onDisk(file));
    expect(await notes()).toEqual([]);
  }, 180_000);

  it("goes while its rows are being written, and leaves none", async () => {
    const { file, indexer, writer, scores } = await bench();
    writeFileSync(file, lines(0, 100));
    let release = (): void => undefined;
    const held = writer.transaction(() => new Promise<void>((resolve) => (release = resolve)));
    const reading = indexer.refresh(file, undefined, false);
    await new Promise((next) => setTimeout(next, 50));
    rmSync(file);
    const gone = indexer.refresh(file, undefined, false);
    await new Promise((next) => setTimeout(next, 50));
    release();
    await Promise.all([held, reading, gone]);
    expect(await scores()).toEqual([]);
    expect([...indexer.files.paths()]).toEqual([]);
  });

  it("keeps its size and time through a change within the clock's grain", async () => {
    const { file, indexer, scores } = await bench();
    const when = new Date();
    writeFileSync(file, lines(0, 10));
    utimesSync(file, when, when);
    const { size, mtimeMs, ino } = statSync(file);
    await indexer.refresh(file, undefined, false);
    writeFileSync(file, lines(0, 10).replaceAll('"score":3', '"score":9'));
    utimesSync(file, when, when);
    expect(statSync(file)).toMatchObject({ size, mtimeMs, ino });
    // Once the grain has passed, the content is looked at once more.
    await new Promise((next) => setTimeout(next, 2_200));
    await indexer.refresh(file, undefined, false);
    expect(await scores()).toEqual(onDisk(file));
  });
});
