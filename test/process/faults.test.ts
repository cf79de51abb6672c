import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failureData, type FailureData } from "../../src/model/failure";
import type { ScoreReport } from "../../src/model/score";
import { createServices } from "../../src/services/openServices";
import type { Services } from "../../src/services/services";
import { fixture } from "./inferenceClient";

/**
 * Everything that can go wrong with a model, injected one after the other into one set of services: the process that
 * stands for the editor lives, the user reads one sentence, and the next call is answered. The last test counts.
 */
const dist = resolve("dist");
const control = resolve("examples/workspace/control");
const reward = fixture("tiny-reward");
const good = resolve("examples/workspace/control/models/value.onnx");
const tally = { injected: 0, sentences: 0, answeredAfterwards: 0 };
let services: Services;
let ids: string[];

const folder = (name: string): string => mkdtempSync(join(tmpdir(), `lens-fault-${name}-`));

/** Services over a handful of short texts, for faults that have nothing to do with what is scored. */
async function openTexts(
  storageFolder: string,
  options: { readonly distFolder?: string; readonly idleMs?: number } = {},
): Promise<{ own: Services; texts: string[] }> {
  const own = createServices({ storageFolder, distFolder: dist, ...options });
  await own.datasets.index([resolve("test/process/fixtures/verl")], { watch: false });
  const { rows } = await own.datasets.rows({ sort: "row" }, 0, 4);
  return { own, texts: rows.map((row) => row.id) };
}

beforeAll(async () => {
  for (const name of ["store.js", "inference.js"])
    if (!existsSync(join(dist, name)))
      throw new Error(`dist/${name} is missing: run \`node esbuild.mjs\` first.`);
  services = createServices({ storageFolder: folder("store"), distFolder: dist });
  await services.datasets.index([control], { watch: false });
  ids = (await services.datasets.rows({ sort: "row" }, 0, 4)).rows.map((row) => row.id);
});

afterAll(() => services.dispose());

/** A linear congruential generator: the same damage and the same moments on every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

const oneSentence = ({ message }: Pick<FailureData, "message">): void => {
  tally.sentences++;
  // What a library says at length is cut with an ellipsis.
  expect(message).toMatch(/[.)…]$/);
  expect(message).not.toContain("\n");
  expect(message).not.toMatch(/\bat \S+:\d+:\d+/);
};

/** The queue goes on: a good model on an episode that no cache knows. */
async function goesOn(): Promise<void> {
  const copy = join(folder("good"), "value.onnx");
  copyFileSync(good, copy);
  writeFileSync(`${copy}_data`, String(Math.random()));
  const report = await services.scoring.score([ids[0]!], copy, "cpu");
  expect([report.failures, report.cached]).toEqual([[], 0]);
  tally.answeredAfterwards++;
}

const inject = async (run: () => Promise<ScoreReport>): Promise<FailureData> => {
  tally.injected++;
  const outcome = await run().then(
    (report) => report.failures[0] ?? { message: "nothing went wrong" },
    (error: unknown) => failureData(error),
  );
  oneSentence(outcome);
  return outcome as FailureData;
};

describe("a model or machine that fails", () => {
  it("NaN: fails the episode it belongs to", async () => {
    // An episode of zeros and minus ones makes log() of a negative number.
    const file = join(folder("nan"), "nan.onnx");
    copyFileSync(fixture("nan-sometimes.onnx"), file);
    const { message } = await inject(() => services.scoring.score([ids[0]!], file, "cpu"));
    expect(message).toMatch(/NaN|takes|has/);
    await goesOn();
  });

  it("wrong shapes, wrong inputs and files that are no models: each its own sentence", async () => {
    for (const [name, words] of [
      ["wrong-shape.onnx", /shape|takes/],
      ["wrong-inputs.onnx", /takes|expected/],
      ["three-values.onnx", /numbers a row|takes|has/],
      ["cut-off.onnx", /cut off/],
      ["not-onnx.onnx", /not in ONNX/],
      ["no-tokenizer", /tokenizer/],
    ] as const)
      expect((await inject(() => services.scoring.score([ids[0]!], fixture(name), "cpu"))).message).toMatch(
        words,
      );
    await goesOn();
  });

  it("hostile external data, by every way in", async () => {
    for (const name of ["absolute", "drive", "backslash", "constant", "branch"]) {
      const { message } = await inject(() =>
        services.scoring.score([ids[0]!], fixture(`hostile-${name}.onnx`), "cpu"),
      );
      expect(message).toContain("outside its own folder");
    }
    const { message } = await inject(() =>
      services.scoring.score([ids[0]!], fixture("missing-weights.onnx"), "cpu"),
    );
    expect(message).toContain("not beside it");
    const linked = folder("linked");
    const secret = join(folder("secret"), "secret.bin");
    writeFileSync(secret, Buffer.alloc(12));
    copyFileSync(fixture("hostile-linked.onnx"), join(linked, "model.onnx"));
    symlinkSync(secret, join(linked, "linked-weights.bin"));
    const link = await inject(() => services.scoring.score([ids[0]!], join(linked, "model.onnx"), "cpu"));
    expect(link.message).toContain("outside its own folder");
    await goesOn();
  });

  it("a hundred files damaged at random: a sentence or numbers each, and never the end of the queue", async () => {
    const random = generator(2026);
    const whole = readFileSync(good);
    const place = folder("damaged");
    const said: string[] = [];
    for (let i = 0; i < 100; i++) {
      const bytes = Buffer.from(whole);
      for (let flips = 1 + Math.floor(8 * random()); flips > 0; flips--)
        bytes[Math.floor(bytes.length * random())]! ^= 1 << Math.floor(8 * random());
      const file = join(place, `damaged-${i}.onnx`);
      writeFileSync(file, i % 4 === 0 ? bytes.subarray(0, Math.floor(bytes.length * random())) : bytes);
      tally.injected++;
      const message = await services.scoring.score([ids[0]!], file, "cpu").then(
        (report) => report.failures[0]?.message,
        (error: unknown) => failureData(error).message,
      );
      if (message === undefined) continue;
      oneSentence({ message });
      said.push(message);
    }
    // A quarter is cut off; a flipped bit inside the weights is a number like any other.
    expect(said.length).toBeGreaterThanOrEqual(25);
    await goesOn();
  });

  it("a model that does not fit into memory: refused with both numbers", async () => {
    process.env["TRAJECTORY_LENS_MEMORY_MIB"] = "0.1";
    const { own, texts } = await openTexts(folder("memory"));
    try {
      const { message } = await inject(() =>
        own.scoring.score(texts, fixture("tiny-policy-external"), "cpu"),
      );
      expect(message).toMatch(/hold .* MiB are free/);
    } finally {
      delete process.env["TRAJECTORY_LENS_MEMORY_MIB"];
      await own.dispose();
    }
    await goesOn();
  });

  it("a run that never comes back: cancelled, its process is ended, and another answers", async () => {
    const before = services.scoring;
    const cancel = new AbortController();
    const started = performance.now();
    setTimeout(() => cancel.abort(), 1_500);
    const failure = await inject(() =>
      before.score([ids[0]!], fixture("hanging.onnx"), "cpu", { signal: cancel.signal }),
    );
    expect(failure.code).toBe("cancelled");
    // The model itself would run for minutes.
    expect(performance.now() - started).toBeLessThan(20_000);
    await goesOn();
  });

  it("a process that is killed in the middle of a run", async () => {
    const scoring = services.scoring as typeof services.scoring & { readonly pid: number | undefined };
    const first = scoring.pid;
    setTimeout(() => process.kill(scoring.pid!, "SIGKILL"), 1_000);
    const failure = await inject(() => scoring.score([ids[0]!], fixture("hanging.onnx"), "cpu"));
    expect(failure.code).toBe("process-ended");
    await goesOn();
    expect(scoring.pid).not.toBe(first);
  });

  it("a process that is killed again and again under a full queue: each request scored, or told why not", async () => {
    const scoring = services.scoring as typeof services.scoring & { readonly pid: number | undefined };
    const requests = Array.from({ length: 20 }, async (_, i) => {
      const model = join(folder("killed"), "value.onnx");
      copyFileSync(good, model);
      writeFileSync(`${model}_data`, `killed ${i}`);
      return scoring.score([ids[i % ids.length]!], model, "cpu").then(
        (report) => (report.failures.length === 0 ? "scored" : "failed"),
        (error: unknown) => {
          oneSentence(failureData(error));
          return failureData(error).code;
        },
      );
    });
    let kills = 0;
    const killer = setInterval(() => {
      if (kills >= 3 || scoring.pid === undefined) return;
      process.kill(scoring.pid, "SIGKILL");
      kills++;
      tally.injected++;
    }, 150);
    try {
      const outcomes = await Promise.all(requests);
      expect(outcomes.every((outcome) => outcome === "scored" || outcome === "process-ended")).toBe(true);
      expect(outcomes).toContain("scored");
    } finally {
      clearInterval(killer);
    }
    expect(kills).toBeGreaterThan(0);
    await goesOn();
  });

  it("a data process that is killed while rows are read: a sentence at most, and the next read answers", async () => {
    const datasets = services.datasets as typeof services.datasets & { readonly pid: number | undefined };
    tally.injected++;
    const reads = Array.from({ length: 10 }, (_, i) =>
      datasets.trajectory(ids[i % ids.length]!).then(
        () => undefined,
        (error: unknown) => oneSentence(failureData(error)),
      ),
    );
    process.kill(datasets.pid!, "SIGKILL");
    await Promise.all(reads);
    expect((await datasets.rows({ sort: "row" }, 0, 4)).rows.map((row) => row.id)).toEqual(ids);
    await goesOn();
  });

  it("a native crash on every provider but the CPU", async () => {
    const crashing = folder("dist");
    symlinkSync(join(dist, "store.js"), join(crashing, "store.js"));
    copyFileSync(resolve("test/process/fixtures/crashingInference.cjs"), join(crashing, "inference.js"));
    const { own, texts } = await openTexts(folder("crash"), { distFolder: crashing });
    try {
      const model = join(folder("counter"), "counter.onnx");
      writeFileSync(model, "weights");
      await inject(() => own.scoring.score([texts[0]!], model, "webgpu"));
      const report = await own.scoring.score(texts, model, "auto");
      expect(report.provider).toBe("cpu");
      tally.answeredAfterwards++;
    } finally {
      await own.dispose();
    }
  });

  it("a machine without GPU libraries: the provider says so, and CPU answers", async () => {
    const before = process.env["VK_ICD_FILENAMES"];
    process.env["VK_ICD_FILENAMES"] = "/nonexistent.json";
    const { own, texts } = await openTexts(folder("no-gpu"));
    try {
      const statuses = await own.scoring.providers();
      expect(statuses.find((status) => status.provider === "cpu")!.available).toBe(true);
      for (const status of statuses.filter((one) => !one.available)) expect(status.detail).not.toBe("");
      const missing = statuses.find((status) => !status.available);
      if (missing) await inject(() => own.scoring.score(texts, reward, missing.provider));
      expect((await own.scoring.score(texts, reward, "cpu")).failures).toEqual([]);
      tally.answeredAfterwards++;
    } finally {
      await own.dispose();
      if (before === undefined) delete process.env["VK_ICD_FILENAMES"];
      else process.env["VK_ICD_FILENAMES"] = before;
    }
  });

  it("fifty requests of which every third is cancelled at a random moment: each answered once", async () => {
    const random = generator(12345);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const cancel = new AbortController();
        const model = join(folder("queue"), "value.onnx");
        copyFileSync(good, model);
        writeFileSync(`${model}_data`, String(i));
        if (i % 3 === 0) setTimeout(() => cancel.abort(), 400 * random());
        tally.injected++;
        return services.scoring.score([ids[i % ids.length]!], model, "cpu", { signal: cancel.signal }).then(
          (report) => (report.failures.length === 0 ? "scored" : "failed"),
          (error: unknown) => {
            oneSentence(failureData(error));
            return failureData(error).code;
          },
        );
      }),
    );
    expect(outcomes).toHaveLength(50);
    expect(new Set(outcomes.filter((_, i) => i % 3 !== 0))).toEqual(new Set(["scored"]));
    expect(outcomes.every((outcome) => outcome === "scored" || outcome === "cancelled")).toBe(true);
    expect(outcomes.filter((outcome) => outcome === "cancelled").length).toBeGreaterThan(0);
    await goesOn();
  });

  it("two windows on one storage folder score at the same time and see the same", async () => {
    const storage = folder("windows");
    mkdirSync(storage, { recursive: true });
    const [{ own: one, texts }, { own: two }] = [await openTexts(storage), await openTexts(storage)];
    try {
      tally.injected++;
      const reports = await Promise.all([
        one.scoring.score(texts, reward, "cpu"),
        two.scoring.score(texts, reward, "cpu"),
      ]);
      for (const report of reports) expect(report.failures).toEqual([]);
      expect(reports[0].series.map((series) => [...series.values])).toEqual(
        reports[1].series.map((series) => [...series.values]),
      );
      tally.answeredAfterwards++;
    } finally {
      await one.dispose();
      await two.dispose();
    }
  });

  it("an idle process gives its memory back, and the next call starts another", async () => {
    const { own, texts } = await openTexts(folder("idle"), { idleMs: 300 });
    try {
      const scoring = own.scoring as typeof own.scoring & { readonly pid: number | undefined };
      await scoring.score([texts[0]!], reward, "cpu");
      await expect.poll(() => scoring.pid, { timeout: 5_000 }).toBeUndefined();
      expect((await scoring.score([texts[1]!], reward, "cpu")).failures).toEqual([]);
      tally.answeredAfterwards++;
    } finally {
      await own.dispose();
    }
  });

  it("counts", () => {
    console.log(
      `faults: ${tally.injected} injected, ${tally.sentences} told in one sentence, ${tally.answeredAfterwards} times the next call was answered`,
    );
    expect(tally.injected).toBeGreaterThanOrEqual(170);
    expect(tally.answeredAfterwards).toBeGreaterThanOrEqual(13);
  });
});
