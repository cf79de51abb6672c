/**
 * `npm run bench -- signals`: GRPO and GAE over 1,000,000 steps, and numpy doing the same in the same run.
 * Prints a table with the best of several repetitions and the ratios; `--json` prints the numbers alone.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { generalisedAdvantages } from "../../src/signals/advantage/generalisedAdvantages";
import { grpo, grpoConvention } from "../../src/signals/group/grpo";
import { normaliseGroups } from "../../src/signals/kernels/groupNormalisation";
import { successorValues } from "../../src/signals/series/successorValues";
import { resolveParameters } from "../../src/signals/signal";

const steps = 1_000_000;
const groupSize = 8;
const episodeLength = 200;
const repetitions = 7;

/** The same numbers on both sides: x_i = frac(i * golden ratio). */
const golden = 0.6180339887498949;
const numbers = (offset: number): Float64Array =>
  Float64Array.from({ length: steps }, (_, i) => ((i + offset) * golden) % 1);

interface Timing {
  readonly milliseconds: number;
  readonly checksum: number;
}

function best(run: () => Float64Array): Timing {
  let milliseconds = Infinity;
  let checksum = 0;
  for (let k = 0; k < repetitions; k++) {
    const before = performance.now();
    const out = run();
    milliseconds = Math.min(milliseconds, performance.now() - before);
    checksum = out.reduce((sum, value) => sum + Math.abs(value), 0);
  }
  return { milliseconds, checksum };
}

const rewards = numbers(0);
const values = numbers(7);
const groups = Int32Array.from({ length: steps }, (_, i) => Math.floor(i / groupSize));
const terminated = Uint8Array.from({ length: steps }, (_, i) => ((i + 1) % episodeLength === 0 ? 1 : 0));
const running = new Uint8Array(steps);
const convention = grpoConvention(resolveParameters(grpo, "verl"));

const ours: Readonly<Record<string, Timing>> = {
  GRPO: best(() => normaliseGroups(rewards, groups, steps / groupSize, convention).advantages),
  GAE: best(() => {
    const successors = successorValues(values, terminated, running, 0, undefined);
    return generalisedAdvantages({ rewards, values, ...successors }, 0.99, 0.95).advantages;
  }),
};

// numpy gets its natural form: groups as a matrix, episodes as a matrix with a loop over time alone.
const script = `
import json, sys, time
import numpy as np
N, G, L, R = ${steps}, ${groupSize}, ${episodeLength}, ${repetitions}
i = np.arange(N, dtype=np.float64)
r = (i * ${golden}) % 1
v = ((i + 7) * ${golden}) % 1
def grpo():
    x = r.reshape(-1, G)
    return ((x - x.mean(1, keepdims=True)) / (x.std(1, ddof=1, keepdims=True) + 1e-6)).reshape(-1)
def gae_matrix():
    R_, V = r.reshape(-1, L), v.reshape(-1, L)
    A = np.zeros_like(R_); last = np.zeros(R_.shape[0])
    for t in range(L - 1, -1, -1):
        nxt = V[:, t + 1] if t + 1 < L else 0.0
        last = R_[:, t] + 0.99 * nxt - V[:, t] + 0.99 * 0.95 * last
        A[:, t] = last
    return A.reshape(-1)
def gae_flat():
    A = np.zeros(N); last = 0.0
    for t in range(N - 1, -1, -1):
        end = (t + 1) % L == 0
        nxt = 0.0 if end or t + 1 == N else v[t + 1]
        last = r[t] + 0.99 * nxt - v[t] + (0.0 if end else 0.99 * 0.95 * last)
        A[t] = last
    return A
def best(f, k):
    b = 1e9
    for _ in range(k):
        s = time.perf_counter(); out = f(); b = min(b, time.perf_counter() - s)
    return {"milliseconds": b * 1000, "checksum": float(np.abs(out).sum())}
print(json.dumps({"version": np.__version__, "GRPO": best(grpo, R), "GAE": best(gae_matrix, R), "GAE flat": best(gae_flat, 1)}))
`;

interface Numpy {
  readonly version: string;
  readonly GRPO: Timing;
  readonly GAE: Timing;
  readonly "GAE flat": Timing;
}

function numpy(): Numpy | undefined {
  for (const python of [".venv/bin/python", "python3"]) {
    if (python.startsWith(".") && !existsSync(python)) continue;
    const { status, stdout } = spawnSync(python, ["-c", script], { encoding: "utf8" });
    if (status === 0) return JSON.parse(stdout) as Numpy;
  }
  return undefined;
}

const theirs = numpy();
const rows = [
  {
    name: "GRPO, verl convention, groups of 8",
    mine: ours["GRPO"]!,
    other: theirs?.GRPO,
    how: "numpy, matrix of groups",
  },
  {
    name: "GAE, 5,000 episodes of 200",
    mine: ours["GAE"]!,
    other: theirs?.GAE,
    how: "numpy, matrix of equal episodes",
  },
  {
    name: "GAE, 5,000 episodes of 200",
    mine: ours["GAE"]!,
    other: theirs?.["GAE flat"],
    how: "numpy, loop over steps (ragged episodes)",
  },
];
if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ steps, repetitions, ours, numpy: theirs ?? null }));
} else {
  console.log(
    `${steps.toLocaleString("en")} steps, best of ${repetitions}; node ${process.version}, numpy ${theirs?.version ?? "not found"}`,
  );
  console.log("| what | ms | yardstick | ms | ours / yardstick | sums agree |");
  console.log("| --- | ---: | --- | ---: | ---: | --- |");
  for (const { name, mine, other, how } of rows) {
    const agree = other
      ? Math.abs(mine.checksum - other.checksum) <= 1e-9 * Math.abs(other.checksum)
      : undefined;
    const right = other
      ? `${how} | ${other.milliseconds.toFixed(1)} | ${(mine.milliseconds / other.milliseconds).toFixed(2)} | ${agree ? "yes" : "no"}`
      : "numpy not found | | | ";
    console.log(`| ${name} | ${mine.milliseconds.toFixed(1)} | ${right} |`);
    if (agree === false) process.exitCode = 1;
  }
}
const total = ours["GRPO"]!.milliseconds + ours["GAE"]!.milliseconds;
if (total > 1000) {
  console.error(`GRPO and GAE took ${total.toFixed(0)} ms; the budget is 1000 ms.`);
  process.exitCode = 1;
}
