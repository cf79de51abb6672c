// `npm run test:fuzz [-- --parts=64 --flips=64 --structured=64 --seed=1]`: damaged and hostile files through every reader. Reads
// the fixtures, and the real files of SAMPLES_DIRS (default ../shared/samples, corpus, corpus-synthetic) where they are
// there. Each file is read in a child process of limited memory, which is ended when it hangs.
import { fork, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { damagedInputs, hostileInputs, type FuzzInput } from "./fuzzInputs";
import { runFuzz, type FuzzOutcome } from "./fuzzRun";
import { splicedInputs, structuredInputs } from "./fuzzStructures";

const { values } = parseArgs({
  options: {
    parts: { type: "string", default: "64" },
    flips: { type: "string", default: "64" },
    structured: { type: "string", default: "64" },
    seed: { type: "string", default: "1" },
    largest: { type: "string", default: "200000" },
    only: { type: "string", default: "" },
    child: { type: "string" },
  },
});
const HANG_MS = 90_000;
const MEMORY_MB = 1536;

function filesOf(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && !/\.(?:py|md|txt|log|png|jpe?g|mp4)$/.test(path))
    .sort();
}

/** Fixtures, and one real file of each folder: the smallest, since each is read hundreds of times. */
function sources(): string[] {
  const dirs = (
    process.env["SAMPLES_DIRS"] ?? "../shared/samples:../shared/corpus:../shared/corpus-synthetic"
  ).split(":");
  const smallest = new Map<string, string>();
  for (const path of dirs.flatMap(filesOf)) {
    const size = statSync(path).size;
    if (size === 0 || size > Number(values.largest)) continue;
    const key = `${path.split(/[/\\]/).slice(0, 5).join("/")} ${/\.[^.]*$/.exec(path)?.[0] ?? ""}`;
    const known = smallest.get(key);
    if (known === undefined || statSync(known).size > size) smallest.set(key, path);
  }
  return [...filesOf("test/formats/fixtures"), ...smallest.values()].filter((path) =>
    path.includes(values.only),
  );
}

function inputs(): FuzzInput[] {
  const damaged = sources().flatMap((source) => [
    ...damagedInputs(source, Number(values.parts), Number(values.flips), values.seed, true),
    ...structuredInputs(source, Number(values.structured), values.seed),
  ]);
  const spliced = Number(values.structured) > 0 ? splicedInputs(sources()) : [];
  return [...hostileInputs(true), ...spliced, ...damaged];
}

async function child(first: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  const all = inputs();
  try {
    for (let index = first; index < all.length; index++) {
      process.send?.({ started: index });
      const outcome = await runFuzz(all[index] as FuzzInput, folder);
      process.send?.({ index, outcome, memory: process.memoryUsage.rss() });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Message {
  readonly started?: number;
  readonly index?: number;
  readonly outcome?: FuzzOutcome;
  readonly memory?: number;
}

/** Runs the inputs from one on; ends early when the child dies or hangs. @returns the input to go on with */
function stretch(
  first: number,
  take: (message: Message) => void,
  lost: (index: number, why: string) => void,
): Promise<number> {
  return new Promise((resolve) => {
    let current = first;
    let why = "";
    const worker: ChildProcess = fork(
      process.argv[1] as string,
      [...process.argv.slice(2), `--child=${first}`],
      {
        execArgv: ["--enable-source-maps", `--max-old-space-size=${MEMORY_MB}`],
        stdio: ["ignore", "ignore", "ignore", "ipc"],
      },
    );
    const hang = (): NodeJS.Timeout =>
      setTimeout(() => {
        why = `hangs: more than ${HANG_MS / 1000} s`;
        worker.kill("SIGKILL");
      }, HANG_MS);
    let timer = hang();
    worker.on("message", (message: Message) => {
      if (message.started !== undefined) current = message.started;
      clearTimeout(timer);
      timer = hang();
      take(message);
    });
    worker.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(-1);
      else {
        lost(current, why === "" ? `the process died (${code ?? signal})` : why);
        resolve(current + 1);
      }
    });
  });
}

async function main(): Promise<void> {
  const all = inputs();
  const counts = new Map<string, number>();
  const faults: string[] = [];
  let slowest = { ms: 0, name: "" };
  let mostMemory = 0;
  let done = 0;
  const started = performance.now();
  const lost = (index: number, why: string): void => {
    faults.push(`${all[index]?.name ?? index}: ${why}`);
    done++;
  };
  const take = ({ outcome, memory }: Message): void => {
    if (outcome === undefined) return;
    done++;
    counts.set(
      `${outcome.kind} ${outcome.result}`,
      (counts.get(`${outcome.kind} ${outcome.result}`) ?? 0) + 1,
    );
    if (outcome.ms > slowest.ms) slowest = { ms: outcome.ms, name: outcome.name };
    mostMemory = Math.max(mostMemory, memory ?? 0);
    for (const fault of outcome.faults) faults.push(`${outcome.name}: ${fault}`);
  };
  for (let next = 0; next >= 0 && next < all.length;) next = await stretch(next, take, lost);
  const kinds = ["truncation", "flips", "numbers", "blocks", "extension", "hostile"];
  const results = ["read", "warned", "refused", "left"];
  console.log(
    `| kind | files | ${results.join(" | ")} |\n| --- | --- | ${results.map(() => "---").join(" | ")} |`,
  );
  for (const kind of kinds) {
    const numbers = results.map((result) => counts.get(`${kind} ${result}`) ?? 0);
    console.log(`| ${kind} | ${numbers.reduce((sum, number) => sum + number, 0)} | ${numbers.join(" | ")} |`);
  }
  console.log(
    `${done} files of ${sources().length} sources in ${Math.round((performance.now() - started) / 1000)} s (${cpus().length} cores); slowest ${Math.round(slowest.ms)} ms (${slowest.name}); most memory ${Math.round(mostMemory / 2 ** 20)} MB; ${faults.length} faults`,
  );
  const groups = new Map<string, string[]>();
  for (const fault of faults) {
    const key = fault.replace(/^.*?: (?:record \d+: )?/s, "").slice(0, 160);
    groups.set(key, [...(groups.get(key) ?? []), fault]);
  }
  for (const [key, list] of [...groups].sort((left, right) => right[1].length - left[1].length))
    console.log(`FAULT x${list.length}: ${key}\n    first: ${list[0]?.slice(0, 300)}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

if (values.child === undefined) await main();
else await child(Number(values.child));
