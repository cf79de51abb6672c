// `npm run examples:train [-- --smoke] [-- --only reasoning]`: trains both example worlds from nothing. Without
// --smoke a new run is added beside the others in examples/workspace and its models replace the ones there; with it
// everything goes to .cache/examples.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ensurePythonEnvironment } from "./python-environment.mjs";

const root = resolve(import.meta.dirname, "..");
const { values } = parseArgs({ options: { smoke: { type: "boolean", default: false }, only: { type: "string" } } });

const worlds = [
  { name: "reasoning", script: "train.py" },
  { name: "control", script: "train_ppo.py" },
].filter((world) => !values.only || values.only === world.name);
if (worlds.length === 0) {
  console.error(`There is no example called ${values.only}; there are reasoning and control.`);
  process.exit(1);
}

const environment = await ensurePythonEnvironment({ log: console.log });
if (environment.reason) {
  console.error(environment.reason);
  process.exit(1);
}

for (const world of worlds) {
  const cwd = join(root, "examples/workspace", world.name);
  if (!existsSync(join(cwd, world.script))) {
    console.error(`${join("examples/workspace", world.name, world.script)} is missing.`);
    process.exit(1);
  }
  const args = [world.script];
  if (values.smoke) {
    const out = join(root, ".cache/examples", world.name);
    rmSync(out, { recursive: true, force: true });
    mkdirSync(join(root, ".cache/examples"), { recursive: true });
    args.push("--smoke", "--out", out);
  }
  const started = Date.now();
  console.log(`> ${world.name}: python ${args.join(" ")}`);
  const code = await new Promise((done, fail) => {
    const child = spawn(environment.python, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", fail);
    child.on("close", done);
  });
  console.log(`${world.name}: ${code === 0 ? "done" : `failed (exit code ${code})`} after ${((Date.now() - started) / 1000).toFixed(0)} s`);
  if (code !== 0) process.exit(1);
}
