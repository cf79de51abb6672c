// The Python environment of the example trainers: .venv in the checkout, from examples/requirements.txt.
// `node scripts/python-environment.mjs` makes it and prints its interpreter.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, ".venv");
const requirements = join(root, "examples/requirements.txt");
const stamp = join(folder, "trajectory-lens-requirements");
const interpreter = join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");

/** Runs a program and keeps the end of what it prints. @returns { ok, tail } */
function attempt(program, args, { log = () => {}, timeoutMs = 1_200_000, env = {} } = {}) {
  log(`$ ${program} ${args.join(" ")}`);
  return new Promise((done) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
    let tail = "";
    const keep = (chunk) => {
      tail = (tail + chunk).slice(-3000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    child.on("error", (error) => {
      clearTimeout(timer);
      done({ ok: false, tail: error.message });
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      done({ ok: code === 0, tail });
    });
  });
}

const lastLine = (text) => text.trim().split("\n").at(-1) ?? "";

/** Python 3.10 or later on PATH, or undefined. `TRAJECTORY_LENS_PYTHON` comes first. */
function systemPython() {
  const candidates = [process.env.TRAJECTORY_LENS_PYTHON, "python3", "python"].filter(Boolean);
  return candidates.find((program) => {
    const probe = spawnSync(program, ["-c", "import sys; sys.exit(0 if sys.version_info >= (3, 10) else 1)"], { stdio: "ignore" });
    return probe.status === 0;
  });
}

/**
 * Makes .venv match examples/requirements.txt. What is there already is kept.
 * @returns { python } when it is ready, otherwise { reason }, one sentence for whoever wanted to train
 */
export async function ensurePythonEnvironment({ log = () => {} } = {}) {
  const hash = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (existsSync(interpreter) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return { python: interpreter };

  if (!existsSync(interpreter)) {
    const system = systemPython();
    if (!system) return { reason: "The example trainers need Python 3.10 or later, and there is none on PATH." };
    let made = await attempt(system, ["-m", "venv", folder], { log });
    const debianRoot = process.platform === "linux" && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
    if (!made.ok && debianRoot) {
      // Debian splits ensurepip out of its Python.
      const env = { DEBIAN_FRONTEND: "noninteractive" };
      await attempt("apt-get", ["update", "-q"], { log, env });
      await attempt("apt-get", ["install", "-y", "--no-install-recommends", "python3-venv"], { log, env });
      made = await attempt(system, ["-m", "venv", "--clear", folder], { log });
    }
    if (!made.ok) return { reason: `No virtual environment could be made with ${system} -m venv: ${lastLine(made.tail)}` };
  }

  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
  // PyTorch first and by its exact version: resolved together with the rest it may bring gigabytes of CUDA packages.
  const torch = readFileSync(requirements, "utf8").match(/^torch==\S+/m)?.[0];
  log(`Installing the Python packages of the examples into .venv (${torch}, a few minutes, once)`);
  for (const what of [[torch], ["-r", requirements]]) {
    const installed = await attempt(interpreter, [...pip, ...what], { log });
    if (!installed.ok) return { reason: `pip could not install ${what.at(-1) === requirements ? "examples/requirements.txt" : what[0]}: ${lastLine(installed.tail)}` };
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(stamp, hash);
  return { python: interpreter };
}

if (process.argv[1] && resolve(process.argv[1]) === import.meta.filename) {
  const result = await ensurePythonEnvironment({ log: console.log });
  if (result.reason) {
    console.error(result.reason);
    process.exit(1);
  }
  console.log(result.python);
}
