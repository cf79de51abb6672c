/**
 * `npm run test:producers`: the real Python libraries write their own files with seeds, the readers read them, and every
 * value is held to what the library itself reads back. A library that cannot be installed is skipped with the reason. The
 * environments are kept in .cache/producers and, where versions conflict, .cache/producers-NAME.
 * `-- --only trl,minari` runs some of them, `-- --all` those too that take long to install, `-- --keep FOLDER` leaves the
 * files there.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Checks } from "../real-model/checks";
import { lastLine, prepareBase, pythonWith, type Library } from "./environments";
import { checkFiles } from "./files";

interface Producer extends Library {
  readonly name: string;
  /** In this folder; it writes files and expected.json into the folder that it is given. */
  readonly script: string;
  /** Takes a minute and more to install: only with `--all`, or when it is named. */
  readonly heavy?: true;
}

const producers: readonly Producer[] = [
  { name: "pyarrow", script: "write_tables.py", packages: ["pyarrow"], modules: ["pyarrow"] },
  { name: "torch.save", script: "write_torch.py", packages: [], modules: ["torch"] },
  {
    name: "Minari",
    script: "write_minari.py",
    packages: ["minari[create,hdf5,arrow]", "pillow"],
    modules: ["minari", "h5py", "pyarrow", "PIL"],
  },
  {
    name: "Stable-Baselines3",
    script: "write_stable_baselines3.py",
    packages: ["stable-baselines3", "pandas"],
    modules: ["stable_baselines3", "pandas"],
  },
  {
    name: "replay buffers",
    script: "write_replay_buffers.py",
    // tianshou pins an older pandas than it needs.
    packages: [
      "stable-baselines3",
      "deepdiff",
      "matplotlib",
      "numba",
      "overrides<8",
      "pettingzoo",
      "sensai-utils",
      "tensorboard",
    ],
    alone: ["tianshou==2.0.1"],
    modules: ["tianshou", "numba", "deepdiff", "matplotlib", "tensorboard"],
    own: "trainers",
    heavy: true,
  },
  { name: "TRL", script: "write_trl.py", packages: ["trl"], modules: ["trl", "transformers", "datasets"] },
  { name: "datasets", script: "write_datasets.py", packages: ["datasets"], modules: ["datasets"] },
  {
    name: "data frames",
    script: "write_dataframes.py",
    packages: ["pandas", "polars", "duckdb"],
    modules: ["pandas", "polars", "duckdb"],
    own: "trainers",
  },
  {
    name: "verl",
    script: "write_verl.py",
    // What its trainers import; it pins older versions of transformers than it needs.
    packages: [
      "cachetools",
      "codetiming",
      "datasets",
      "fastapi",
      "hydra-core",
      "orjson",
      "peft",
      "pylatexenc",
      "ray",
      "tensordict",
      "torchdata",
      "TransferQueue",
      "uvicorn",
    ],
    alone: ["verl==0.9.1"],
    modules: ["verl", "datasets", "fastapi", "orjson", "uvicorn", "ray", "transfer_queue", "tensordict"],
    own: "trainers",
  },
  {
    name: "tinker-cookbook",
    script: "write_tinker_cookbook.py",
    packages: ["tinker", "chz", "pillow"],
    alone: ["tinker-cookbook==0.6.1"],
    modules: ["tinker_cookbook", "tinker", "chz", "PIL"],
    own: "trainers",
  },
  {
    name: "ART",
    script: "write_art.py",
    // Weave, which it asks for, is for tracing to a server.
    packages: ["litellm", "polars", "duckdb", "setproctitle", "tblib"],
    alone: ["openpipe-art==0.5.18"],
    modules: ["art", "litellm", "polars", "duckdb", "tblib"],
    own: "trainers",
  },
  {
    name: "Atropos",
    script: "write_atropos.py",
    packages: ["jsonlines", "markdown", "math-verify", "nltk", "pydantic-cli", "tenacity", "wandb"],
    alone: ["atroposlib==0.4.0"],
    modules: ["atroposlib", "jsonlines", "markdown", "tenacity", "wandb"],
    own: "trainers",
  },
  { name: "Inspect AI", script: "write_inspect.py", packages: ["inspect-ai"], modules: ["inspect_ai"] },
  { name: "verifiers", script: "write_verifiers.py", packages: ["verifiers"], modules: ["verifiers"] },
  {
    name: "mini-swe-agent",
    script: "write_mini_swe_agent.py",
    packages: ["mini-swe-agent"],
    modules: ["minisweagent"],
  },
  {
    name: "agents",
    script: "write_agents.py",
    packages: [
      "smolagents",
      "openai",
      "openai-agents",
      "langchain-core",
      "langgraph",
      "pydantic-ai-slim[openai]",
    ],
    modules: ["smolagents", "agents", "langchain_core", "langgraph", "pydantic_ai"],
    own: "agents",
  },
  {
    name: "OpenTelemetry",
    script: "write_traces.py",
    packages: [
      "openai",
      "opentelemetry-sdk",
      "opentelemetry-exporter-otlp-json-file",
      "opentelemetry-instrumentation-openai-v2==2.4b0",
      // It asks for later ones as well, which lack a part of it that it imports.
      "opentelemetry-util-genai==0.4b0",
      "openinference-instrumentation-openai",
      "langfuse",
      "pydantic-ai-slim[openai]",
    ],
    modules: ["opentelemetry.exporter", "openinference", "langfuse", "pydantic_ai"],
    own: "agents",
  },
  {
    name: "RLlib",
    script: "write_rllib.py",
    packages: ["ray[tune]", "dm-tree", "lz4", "ormsgpack", "gymnasium"],
    modules: ["ray", "tensorboardX", "tree", "lz4", "ormsgpack"],
    own: "trainers",
  },
  { name: "W&B", script: "write_wandb.py", packages: ["wandb"], modules: ["wandb"], own: "trainers" },
  {
    name: "lm-eval",
    script: "write_lm_eval.py",
    packages: ["lm_eval"],
    modules: ["lm_eval", "evaluate", "sacrebleu"],
    own: "trainers",
    heavy: true,
  },
  {
    name: "TFDS",
    script: "write_tfds.py",
    packages: ["tensorflow-cpu", "tensorflow-datasets", "gymnasium"],
    modules: ["tensorflow", "tensorflow_datasets"],
    own: "tensorflow",
    heavy: true,
  },
  { name: "MLflow", script: "write_mlflow.py", packages: ["mlflow"], modules: ["mlflow"], own: "mlflow" },
  {
    name: "trackio",
    script: "write_trackio.py",
    packages: ["trackio", "pandas"],
    modules: ["trackio", "pandas"],
    own: "trackio",
  },
  // These two pin old versions of Gymnasium.
  {
    name: "imitation",
    script: "write_imitation.py",
    packages: ["imitation"],
    modules: ["imitation"],
    own: "imitation",
  },
  { name: "d3rlpy", script: "write_d3rlpy.py", packages: ["d3rlpy"], modules: ["d3rlpy"], own: "d3rlpy" },
  {
    name: "LeRobot",
    script: "write_lerobot.py",
    // It pins older versions of PyTorch than it needs, and its arrays of one number older ones of NumPy.
    packages: ["lerobot<0.4", "numpy<2.4"],
    alone: ["lerobot==0.4.4"],
    modules: ["lerobot", "datasets"],
    own: "lerobot",
  },
];

const SCRIPT_TIMEOUT_MS = 5 * 60_000;

/** @returns why its files cannot be had here; a script that fails is no such reason */
async function checkProducer(
  producer: Producer,
  folder: string,
  checks: Checks,
): Promise<string | undefined> {
  const { name, script } = producer;
  const found = pythonWith(producer);
  if ("reason" in found) return found.reason;
  const { status, error, stderr } = spawnSync(found.python, [resolve("test/producers", script), folder], {
    encoding: "utf8",
    timeout: SCRIPT_TIMEOUT_MS,
    maxBuffer: 2 ** 28,
    env: {
      ...process.env,
      CUDA_VISIBLE_DEVICES: "",
      // Nothing is fetched, reported or kept outside the folder.
      HF_HUB_OFFLINE: "1",
      HF_HOME: join(folder, "huggingface"),
      HF_HUB_DISABLE_TELEMETRY: "1",
      WANDB_MODE: "disabled",
      DO_NOT_TRACK: "1",
      PYTHONDONTWRITEBYTECODE: "1",
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
      TOKENIZERS_PARALLELISM: "false",
      OMP_NUM_THREADS: "1",
    },
  });
  if (status !== 0 || error !== undefined)
    checks.check(`${name} writes`, false, error?.message ?? lastLine(stderr));
  else await checkFiles(name, folder, checks);
  return undefined;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: "string" }, all: { type: "boolean" }, keep: { type: "string" } },
  });
  const only = values.only?.toLowerCase().split(",");
  const reason = prepareBase();
  if (reason !== undefined) {
    console.log(`skipped: ${reason}`);
    console.log("0 passed, 0 failed, 1 skipped");
    return;
  }
  const checks = new Checks();
  let skipped = 0;
  const folder =
    values.keep === undefined ? mkdtempSync(join(tmpdir(), "lens-producers-")) : resolve(values.keep);
  try {
    for (const producer of producers) {
      if (only?.includes(producer.name.toLowerCase()) === false) continue;
      if (producer.heavy === true && values.all !== true && only === undefined) {
        console.log(`left out: ${producer.name} takes long to install; -- --all runs it`);
        continue;
      }
      const started = Date.now();
      const place = join(folder, producer.script.replace(/^write_|\.py$/g, ""));
      rmSync(place, { recursive: true, force: true });
      try {
        const why = await checkProducer(producer, place, checks);
        if (why !== undefined) {
          console.log(`skipped: ${producer.name}: ${why}`);
          skipped++;
        }
      } catch (error) {
        checks.check(producer.name, false, error instanceof Error ? error.message : String(error));
      }
      console.log(`${producer.name}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
    }
  } finally {
    if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${checks.passed} passed, ${checks.failed} failed, ${skipped} skipped`);
  if (checks.failed > 0) process.exitCode = 1;
}

await main();
