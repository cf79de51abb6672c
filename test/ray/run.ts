/**
 * `npm run test:ray`: scores the example rollouts as Ray Data jobs on a real local cluster of two workers, holds the
 * numbers to the inference process's, and kills a worker and a whole job half-way: nothing may be lost or doubled.
 * Skipped with a message where Python or the package index is not there. The environment is kept in .cache/ray.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ScoreSeries } from "../../src/model/score";
import { createServices } from "../../src/services/openServices";
import type { Services } from "../../src/services/services";

const environment = resolve(".cache/ray");
const python = join(environment, "bin", "python");
const rollouts = resolve("examples/workspace/reasoning/runs/grpo/rollouts");
const models = resolve("examples/workspace/reasoning/models");
/** float32 logits of other batches: the last bits differ. */
const TOLERANCE = 1e-4;

/** @returns why the test cannot run here */
function prepareEnvironment(): string | undefined {
  if (process.platform === "win32") return "the job is tested on Linux and macOS";
  const has = (): boolean =>
    existsSync(python) &&
    spawnSync(python, ["-c", "import ray.data, onnxruntime"], { stdio: "ignore" }).status === 0;
  if (has()) return undefined;
  const run = (program: string, ...args: string[]): boolean =>
    spawnSync(program, args, { stdio: "ignore" }).status === 0;
  if (!existsSync(python) && !run("python3", "-m", "venv", environment))
    return "python3 with venv is not here";
  run(
    python,
    "-m",
    "pip",
    "install",
    "-q",
    "--disable-pip-version-check",
    "--no-input",
    "ray[data]",
    "onnxruntime",
  );
  return has() ? undefined : "ray[data] and onnxruntime cannot be installed";
}

let [passed, failed] = [0, 0];
function check(what: string, holds: boolean, detail: string): void {
  console.log(`${holds ? "pass" : "FAIL"}  ${what}: ${detail}`);
  if (holds) passed++;
  else failed++;
}

const folder = mkdtempSync(join(tmpdir(), "lens-ray-"));

function servicesIn(name: string): Services {
  return createServices({ storageFolder: join(folder, name), distFolder: resolve("dist") });
}

async function idsOf(services: Services, limit: number): Promise<readonly string[]> {
  const { datasets } = await services.datasets.index([rollouts], { watch: false });
  const ids: string[] = [];
  for (const dataset of datasets) {
    const page = await services.datasets.rows({ datasetId: dataset.id, sort: "row" }, 0, limit - ids.length);
    ids.push(...page.rows.map((row) => row.id));
  }
  return ids;
}

/** Largest difference between two scorings; infinite where a number is missing on one side. */
function difference(own: readonly ScoreSeries[], other: readonly ScoreSeries[], name: string): number {
  const byId = new Map(other.filter((one) => one.name === name).map((one) => [one.trajectoryId, one]));
  const mine = own.filter((series) => series.name === name);
  if (mine.length === 0 || mine.length !== byId.size) return Infinity;
  let worst = 0;
  for (const one of mine) {
    const twin = byId.get(one.trajectoryId);
    if (twin?.values.length !== one.values.length) return Infinity;
    for (const [at, value] of one.values.entries()) {
      const given = twin.values[at] ?? Number.NaN;
      if (Number.isNaN(value) !== Number.isNaN(given)) return Infinity;
      if (!Number.isNaN(value)) worst = Math.max(worst, Math.abs(value - given));
    }
  }
  return worst;
}

interface Job {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; output: string }>;
}

function start(args: readonly string[]): Job {
  const child = spawn(python, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const hear = (chunk: Buffer): void => void (output += chunk.toString("utf8"));
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  return { child, ended: new Promise((done) => child.on("close", (code) => done({ code, output }))) };
}

/** Processes below one, with their command lines. */
function descendants(root: number): { pid: number; command: string }[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended while it was looked at.
    }
  }
  const below = (pid: number): boolean => {
    for (let at = parents.get(pid); at !== undefined && at > 1; at = parents.get(at))
      if (at === root) return true;
    return false;
  };
  return [...parents.keys()].filter(below).map((pid) => {
    try {
      return { pid, command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() };
    } catch {
      return { pid, command: "" };
    }
  });
}

const outputs = (job: string): string[] =>
  existsSync(join(job, "output"))
    ? readdirSync(join(job, "output")).filter((name) => name.endsWith(".parquet"))
    : [];

/** Waits until the job has written something. @returns false when it ended before */
async function halfWay(job: string, running: Job): Promise<boolean> {
  let over = false;
  void running.ended.then(() => (over = true));
  for (let tries = 0; tries < 1200 && !over; tries++) {
    if (outputs(job).length >= 2) return true;
    await pause(50);
  }
  return false;
}

async function main(): Promise<void> {
  const reason = prepareEnvironment();
  if (reason !== undefined) {
    console.log(`skipped: ${reason}`);
    console.log("0 passed, 0 failed, 1 skipped");
    return;
  }
  const [local, remote] = [servicesIn("local"), servicesIn("remote")];
  try {
    const ids = await idsOf(remote, 1024);
    await idsOf(local, 1024);
    const some = ids.slice(0, 192);
    for (const [model, name] of [
      ["policy", "logprob"],
      ["prm", "reward"],
    ] as const) {
      const path = join(models, model);
      const job = join(folder, `job-${model}`);
      const here = await local.scoring.score(some, path, "cpu");
      const prepared = await remote.rayJobs.prepare(some, path, job);
      const { code, output } = await start(await remote.rayJobs.command(job, { workers: 2, provider: "cpu" }))
        .ended;
      check(`${model}: the job ends well`, code === 0, output.trim().split("\n").at(-1) ?? "");
      const result = await remote.rayJobs.collect(job);
      check(
        `${model}: every trajectory has a result`,
        result.scored === prepared.trajectories &&
          result.missing === 0 &&
          // A text that the model cannot read is refused here and there alike.
          result.scored === some.length - here.failures.length,
        `${result.scored} of ${some.length}, ${prepared.failures.length} refused`,
      );
      const there = (await Promise.all(some.map((id) => remote.datasets.scores(id)))).flat();
      for (const series of name === "logprob" ? ["logprob", "entropy", "rank"] : ["reward"]) {
        const worst = difference(here.series, there, series);
        check(
          `${model}: ${series} equals local scoring`,
          worst <= TOLERANCE,
          `largest difference ${worst.toExponential(1)}`,
        );
      }
      const again = await remote.scoring.score(some.slice(0, 8), path, "cpu");
      check(
        `${model}: later scoring is answered from the job`,
        again.cached === 8,
        `${again.cached} of 8 cached`,
      );
    }

    // A worker is killed: its rows are computed by another one.
    const job = join(folder, "job-killed");
    await remote.rayJobs.prepare(ids, join(models, "policy"), job);
    const command = await remote.rayJobs.command(job, { workers: 2, provider: "cpu" });
    const disturbed = start([...command, "--batch-rows", "2"]);
    const running = await halfWay(job, disturbed);
    const victim = descendants(disturbed.child.pid ?? 0).find((process) =>
      process.command.includes("MapWorker"),
    );
    if (victim) process.kill(victim.pid, "SIGKILL");
    const { code, output } = await disturbed.ended;
    const after = await remote.rayJobs.collect(job);
    check(
      "a worker was killed half-way",
      running && victim !== undefined,
      `process ${victim?.command ?? "none"}`,
    );
    check(
      "nothing is lost or doubled",
      code === 0 && after.scored === ids.length && after.missing === 0,
      `${after.scored} of ${ids.length}; ${output.trim().split("\n").at(-1) ?? ""}`,
    );

    // The whole job is killed, and started again.
    const second = join(folder, "job-restarted");
    await remote.rayJobs.prepare(ids, join(models, "policy"), second);
    const args = await remote.rayJobs.command(second, { workers: 2, provider: "cpu" });
    const first = start([...args, "--batch-rows", "2"]);
    const begun = await halfWay(second, first);
    const below = descendants(first.child.pid ?? 0);
    first.child.kill("SIGKILL");
    for (const { pid } of below) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It went with the job.
      }
    }
    await first.ended;
    // What a writer that died leaves behind: a file without its end. It must not stand in the way.
    const whole = outputs(second)[0];
    if (whole !== undefined) {
      const bytes = readFileSync(join(second, "output", whole));
      writeFileSync(join(second, "output", "unfinished.parquet"), bytes.subarray(0, bytes.length / 2));
    }
    const kept = (await remote.rayJobs.collect(second)).scored;
    const restarted = await start(args).ended;
    const all = await remote.rayJobs.collect(second);
    check(
      "a job was killed half-way",
      begun && kept > 0 && kept < ids.length,
      `${kept} of ${ids.length} were done`,
    );
    check(
      "a restarted job goes on where it stopped",
      restarted.code === 0 && all.scored === ids.length && /"done": [1-9]/.test(restarted.output),
      restarted.output.trim().split("\n").slice(-2).join(" "),
    );
  } finally {
    await Promise.all([local.dispose(), remote.dispose()]);
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${passed} passed, ${failed} failed, 0 skipped`);
  if (failed > 0) process.exitCode = 1;
}

await main();
