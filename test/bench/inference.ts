/**
 * `npm run bench -- inference [--model DIR] [--sequences N] [--length N] [--threads N] [--batch TOKENS] [--context N] [--nodes N] [--parts text,generation,group,tree] [--python FILE] [--rounds N] [--transformers [--gguf FILE --torch-model DIR]]`
 *
 * Tokens per second of the built inference process against PyTorch eager on the same weights, threads and batches,
 * taken in turns in one run; how far that is from what the machine's arithmetic and memory allow; and what a shared
 * prefix costs. Numbers agree or the benchmark fails.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { planBatches } from "../../src/inference/batching";
import { prefixForest } from "../../src/inference/prefixForest";
import { readModelConfig } from "../../src/inference/modelConfig";
import type { ScoreReport } from "../../src/model/score";
import { machineBounds } from "./machineBounds";
import { readOnnxFile } from "../../src/inference/onnxFile";
import { InferenceClient } from "../process/inferenceClient";
import { draws, tokenTrajectory } from "../process/tokenTrajectories";

const { values: options } = parseArgs({
  options: {
    model: { type: "string", default: "examples/workspace/reasoning/models/policy" },
    sequences: { type: "string", default: "256" },
    length: { type: "string", default: "64" },
    threads: { type: "string", default: "2" },
    batch: { type: "string", default: "4096" },
    rounds: { type: "string", default: "5" },
    /** Longest sequence of the shared-prefix parts. */
    context: { type: "string", default: "256" },
    /** Nodes of the tree. */
    nodes: { type: "string", default: "500" },
    python: { type: "string", default: ".venv/bin/python" },
    transformers: { type: "boolean", default: false },
    "torch-model": { type: "string" },
    gguf: { type: "string" },
    /** Which parts are measured. */
    parts: { type: "string", default: "text,generation,group,tree" },
  },
});
const [sequences, length, threads, batch, rounds] = [
  options.sequences,
  options.length,
  options.threads,
  options.batch,
  options.rounds,
].map(Number) as [number, number, number, number, number];
const [context, nodeCount] = [Number(options.context), Number(options.nodes)];
const parts = new Set(options.parts.split(","));
const modelPath = options.model;
const config = readModelConfig(modelPath);
if (!config?.vocab_size) throw new Error(`${modelPath} has no config.json with vocab_size`);
const vocabulary = config.vocab_size;

const draw = draws(1);
/** Ids below 400 are ordinary tokens in every vocabulary used here, and none is special past 3. */
const token = (): number => 3 + draw(Math.min(vocabulary, 400) - 3);
const randomIds = (n: number): number[] => Array.from({ length: n }, token);

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
const client = new InferenceClient({ TRAJECTORY_LENS_THREADS: String(threads) });
const ours = (rows: readonly (readonly number[])[], sharePrefixes: boolean): Promise<ScoreReport> =>
  client.call("score", {
    modelPath,
    provider: "cpu",
    trajectories: rows.map(tokenTrajectory),
    maxBatchTokens: batch,
    sharePrefixes,
  });

interface TorchAnswer {
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly tokens: number;
  readonly logprobs: readonly (readonly number[])[];
}

function startTorch(): {
  ask(batches: readonly (readonly (readonly number[])[])[]): Promise<TorchAnswer>;
  end(): void;
} {
  const extra = [
    ...(options.transformers ? ["--transformers"] : []),
    ...(options.gguf ? ["--gguf", options.gguf] : []),
  ];
  const child = spawn(
    options.python,
    ["test/bench/torch_policy.py", "--model", options["torch-model"] ?? modelPath, ...extra],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let ready: Promise<unknown> = lines.next();
  return {
    async ask(batches) {
      await ready;
      child.stdin.write(`${JSON.stringify({ batches, threads })}\n`);
      const answer = lines.next();
      ready = answer;
      const { value, done } = await answer;
      if (done) throw new Error("PyTorch ended without an answer");
      return JSON.parse(value as string) as TorchAnswer;
    },
    end: () => void child.stdin.end(),
  };
}

async function throughput(): Promise<void> {
  const rows = Array.from({ length: sequences }, () =>
    randomIds(Math.max(2, length - draw(Math.ceil(length / 3)))),
  );
  const tokens = rows.reduce((sum, row) => sum + row.length, 0);
  const plan = planBatches(
    rows.map((row) => row.length),
    { maxTokens: batch, padding: true },
  );
  const batches = plan.map(({ members }) => members.map((i) => rows[i]!));
  const torch = existsSync(options.python) ? startTorch() : undefined;
  const machine = await machineBounds(threads);
  const times: { ours: number[]; torch: number[] } = { ours: [], torch: [] };
  const processor = { ours: 0, torch: 0 };
  let worst = 0;
  for (let round = 0; round <= rounds; round++) {
    const report = await ours(rows, false);
    if (report.failures.length > 0) throw new Error(report.failures[0]!.message);
    const answer = await torch?.ask(batches);
    if (round === 0) {
      // The first round warms both up and shows that they compute the same.
      const order = plan.flatMap(({ members }) => members);
      answer?.logprobs.forEach((expected, at) => {
        const values = report.series.find(
          (series) => series.trajectoryId === `t${order[at]}` && series.name === "logprob",
        )!.values;
        expected.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - values[i + 1]!))));
      });
      if (worst > 1e-3) throw new Error(`log-probabilities differ from PyTorch's by ${worst}`);
      continue;
    }
    for (let again = 0; again < 4; again++) await machine.measure();
    times.ours.push(tokens / report.seconds);
    processor.ours += report.processorSeconds ?? NaN;
    if (!answer) continue;
    times.torch.push(tokens / answer.seconds);
    processor.torch += answer.processorSeconds;
  }
  torch?.end();
  const { bandwidth, arithmeticOfCore } = machine.best();
  await machine.release();
  console.log(
    `${sequences} sequences of up to ${length} tokens (${tokens} tokens), batches of ${batch} tokens, ${threads} threads, best of ${rounds} rounds in turns`,
  );
  console.log(
    `  inference process   ${Math.max(...times.ours)
      .toFixed(0)
      .padStart(8)} tokens/s (log-probability, entropy, rank)`,
  );
  if (times.torch.length === 0)
    console.log(`  PyTorch eager       not measured: ${options.python} is absent`);
  else {
    const ratio = Math.max(...times.ours) / Math.max(...times.torch);
    const middle = median(times.ours.map((value, i) => value / times.torch[i]!));
    console.log(
      `  PyTorch eager       ${Math.max(...times.torch)
        .toFixed(0)
        .padStart(8)} tokens/s (log-probability, entropy)`,
    );
    console.log(
      `  ratio               ${ratio.toFixed(2).padStart(8)}   (median over rounds ${middle.toFixed(2)})   largest difference ${worst.toExponential(1)}`,
    );
    // What the threads used is hardly changed by other programs that use the machine too.
    const perToken = (seconds: number): string => ((1e6 * seconds) / (tokens * rounds)).toFixed(1);
    console.log(
      `  processor time      ${perToken(processor.ours)} us a token, PyTorch ${perToken(processor.torch)}: ${(processor.torch / processor.ours).toFixed(2)} times the tokens for the same work`,
    );
  }
  // Each weight is multiplied and added once a token and read once a run, except the table that tokens are looked up in.
  const onnx = readOnnxFile(join(modelPath, "onnx", "model.onnx"));
  const bytes = onnx.bytes - 4 * vocabulary * (config?.hidden_size ?? 0);
  const micros = (seconds: number): string => (1e6 * seconds).toPrecision(3);
  const arithmetic = bytes / 2 / arithmeticOfCore;
  const own = processor.ours / (tokens * rounds);
  console.log(
    `  arithmetic bound    ${micros(arithmetic)} us of processor time a token: ${(bytes / 2e6).toFixed(1)} million operations, a product of matrices does ${(arithmeticOfCore / 1e9).toFixed(0)} GFLOP a second of a core; ours takes ${micros(own)} (${(own / arithmetic).toFixed(2)} times the bound)`,
  );
  const reading = (plan.length * bytes) / bandwidth / tokens;
  console.log(
    `  memory bound        ${micros(reading)} us a token: ${plan.length} runs read ${(bytes / 1e6).toFixed(1)} MB of weights each at ${(bandwidth / 1e9).toFixed(1)} GB/s; ours takes ${micros(1 / Math.max(...times.ours))}`,
  );
  if (parts.has("generation")) await generation(bytes, bandwidth);
}

/** Fewer tokens in a continuation say little about the time of one. */
const SHORTEST_CONTINUATION = 8;

/** One continuation reads every weight once a token: the case that memory bounds. */
async function generation(bytes: number, bandwidth: number): Promise<void> {
  const ids = randomIds(16);
  const timed = async (maxNewTokens: number, from: number): Promise<{ seconds: number; tokens: number }> => {
    const started = performance.now();
    const { continuations } = await client.call("generate", {
      modelPath,
      provider: "cpu",
      trajectory: tokenTrajectory(ids, 0),
      point: { afterToken: 15 },
      options: { count: 1, temperature: 1, topP: 1, maxNewTokens, stop: [], seed: from },
    });
    return { seconds: (performance.now() - started) / 1000, tokens: continuations[0]!.ids.length };
  };
  let fastest = Infinity;
  for (let round = 0; round <= 2 * rounds; round++) {
    // The difference leaves out the prompt and the call itself.
    const [long, short] = [await timed(32, round + 1), await timed(1, round + 1)];
    if (round === 0 || long.tokens < SHORTEST_CONTINUATION || long.seconds <= short.seconds) continue;
    fastest = Math.min(fastest, (long.seconds - short.seconds) / (long.tokens - 1));
  }
  console.log(
    fastest === Infinity
      ? "  generation          not measured: no continuation was long enough"
      : `  generation          ${(1 / fastest).toFixed(0).padStart(8)} tokens/s, one sequence; memory allows ${(bandwidth / bytes).toFixed(0)} (${((100 * bytes) / bandwidth / fastest).toFixed(0)}%)`,
  );
}

/** Time with shared prefixes computed once, over the time of as many unshared tokens as there are unique ones. */
async function sharedPrefixes(name: string, rows: readonly (readonly number[])[]): Promise<void> {
  const total = rows.reduce((sum, row) => sum + row.length, 0);
  const unique = prefixForest(rows, { minSaved: 1, maxSegment: Infinity }).tokens;
  // As many tokens as are unique, in sequences of the same mean length that share nothing.
  const mean = Math.round(total / rows.length);
  const yardstick = Array.from({ length: Math.max(1, Math.round(unique / mean)) }, () => randomIds(mean));
  const yardstickTokens = yardstick.length * mean;
  const seconds: { shared: number[]; alone: number[]; unique: number[] } = {
    shared: [],
    alone: [],
    unique: [],
  };
  let computed = 0;
  const processor = { shared: 0, unique: 0 };
  for (let round = 0; round <= rounds; round++) {
    const shared = await ours(rows, true);
    const alone = await ours(rows, false);
    const unshared = await ours(yardstick, false);
    computed = shared.tokens;
    if (round === 0) continue;
    seconds.shared.push(shared.seconds);
    seconds.alone.push(alone.seconds);
    seconds.unique.push((unshared.seconds * unique) / yardstickTokens);
    processor.shared += shared.processorSeconds ?? NaN;
    processor.unique += ((unshared.processorSeconds ?? NaN) * unique) / yardstickTokens;
  }
  // The best round of each: other work on the machine only ever adds time.
  const [shared, alone, unshared] = [seconds.shared, seconds.alone, seconds.unique].map((list) =>
    Math.min(...list),
  ) as [number, number, number];
  const ratio = shared / unshared;
  console.log(`${name}: ${total} tokens, ${unique} unique, ${computed} computed`);
  console.log(
    `  computed / unique tokens ${(computed / unique).toFixed(3)}   time / time of unique tokens ${ratio.toFixed(2)}   time / time of each alone ${(shared / alone).toFixed(2)}   processor time / that of unique tokens ${(processor.shared / processor.unique).toFixed(2)}`,
  );
}

try {
  console.log(`model ${modelPath}   load ${loadavg()[0]!.toFixed(1)}`);
  if (parts.has("text")) await throughput();
  const limit = Math.min(config.max_position_embeddings ?? 2048, context);
  const prompt = randomIds(Math.floor(limit * 0.5));
  const tail = Math.floor(limit * 0.4);
  if (parts.has("group"))
    await sharedPrefixes(
      "group of 16 rollouts of one prompt",
      Array.from({ length: 16 }, () => [...prompt, ...randomIds(tail - draw(8))]),
    );
  const nodes: number[][] = [randomIds(Math.min(24, Math.floor(limit / 8)))];
  const step = Math.max(4, Math.floor(limit / 10));
  while (nodes.length < nodeCount) {
    const parent = nodes[Math.floor((nodes.length - 1) / 4)]!;
    nodes.push([...parent, ...randomIds(step)]);
  }
  const leaves = nodes.slice(Math.floor((nodes.length - 1) / 4) + 1);
  if (parts.has("tree")) await sharedPrefixes(`tree of ${nodeCount} nodes, four children each`, leaves);
  console.log(`load at the end ${loadavg()[0]!.toFixed(1)}`);
} finally {
  await client.close();
}
