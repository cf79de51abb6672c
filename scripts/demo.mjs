// `npm run demo`: installs, builds, packages and opens examples/workspace in a real VS Code with the extension.
//   (no option)   the VS Code server from npm; prints the address to open in a browser
//   --desktop     a desktop VS Code: `code` on PATH, or one downloaded from VS Code's update server
//   --headless    walks the whole path in Chromium like a user; leaves screenshots and report.json in demo-out/
//   --port N      port of the server (default: a free one)
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ensureNodeModules } from "./install.mjs";

const root = resolve(import.meta.dirname, "..");
process.chdir(root);

const { values } = parseArgs({
  options: {
    headless: { type: "boolean", default: false },
    desktop: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
  },
});

const cache = join(root, ".cache/demo");
const examples = join(root, "examples/workspace");

/** Builds and packages; @returns the VSIX. */
function buildVsix() {
  const vsix = join(cache, "trajectory-lens.vsix");
  console.log("Building and packaging ...");
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/package.mjs", "--out", vsix], { encoding: "utf8" });
  if (status !== 0) throw new Error(`Packaging failed:\n${stdout}${stderr}`);
  return vsix;
}

/** Settings that point the extension at the trainers' Python, when there is one. */
const pythonSettings = (environment) => (environment.python ? { "trajectoryLens.python.path": environment.python } : {});

async function desktop() {
  const { createDesktopProfile, findDesktop } = await import("./desktop.mjs");
  const { ensurePythonEnvironment } = await import("./python-environment.mjs");
  const environment = await ensurePythonEnvironment({ log: console.log });
  if (environment.reason) console.log(`The training tasks will not start: ${environment.reason}`);
  const code = await findDesktop();
  const vsix = buildVsix();
  const profile = createDesktopProfile(join(cache, "desktop"), pythonSettings(environment));
  const run = (args) => {
    const result = spawnSync(code, [...profile.args, ...args], { stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" });
    if (result.error || result.status !== 0) throw new Error(`${code} ${args[0]} failed${result.error ? `: ${result.error.message}` : ""}.`);
  };
  run(["--install-extension", vsix, "--force"]);
  run(["--new-window", examples]);
  console.log(`Opened ${examples} in ${code}.`);
}

async function interactive() {
  const { createProfile, ensureVsCodeServer, installVsix, startServer, workbenchUrl } = await import("./vscode-server.mjs");
  const { ensurePythonEnvironment } = await import("./python-environment.mjs");
  const vscode = await ensureVsCodeServer({ log: console.log });
  const environment = await ensurePythonEnvironment({ log: console.log });
  if (environment.reason) console.log(`The training tasks will not start: ${environment.reason}`);
  const vsix = buildVsix();
  const profile = createProfile(join(cache, "profile"), pythonSettings(environment));
  await installVsix(vscode, vsix, profile);
  const server = await startServer(vscode, profile, { port: Number(values.port) });
  console.log(`\nTrajectory Lens is ready. Open this address in a browser:\n\n  ${workbenchUrl(server, examples)}\n`);
  console.log("Open the Trajectory Lens icon in the activity bar. Ctrl+C ends the demo.");
  await new Promise((done) => {
    for (const name of ["SIGINT", "SIGTERM"]) process.once(name, done);
  });
  await server.stop();
}

/** A copy of the examples, so that a training task leaves the repository as it is. */
function copyOfExamples() {
  const copy = join(cache, "workspace");
  rmSync(copy, { recursive: true, force: true });
  cpSync(examples, copy, { recursive: true, filter: (path) => basename(path) !== "__pycache__" });
  return copy;
}

async function headless() {
  const { createProfile, ensureSystemPackages, ensureVsCodeServer, installVsix, openChromium, openWorkbench, startServer, versions } = await import(
    "./vscode-server.mjs"
  );
  const { ensurePythonEnvironment } = await import("./python-environment.mjs");
  const { Workbench } = await import("./workbench.mjs");
  const { journey, walk } = await import("./journey.mjs");

  const out = join(root, "demo-out");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await ensureSystemPackages(["browser"], { log: console.log });
  const vscode = await ensureVsCodeServer({ log: console.log });
  const environment = await ensurePythonEnvironment({ log: console.log });
  const vsix = buildVsix();
  rmSync(join(cache, "headless"), { recursive: true, force: true });
  // Drawn as text, so that what a task says can be read back.
  const profile = createProfile(join(cache, "headless"), { ...pythonSettings(environment), "terminal.integrated.gpuAcceleration": "off" });
  await installVsix(vscode, vsix, profile);
  const workspace = copyOfExamples();
  const server = await startServer(vscode, profile, { port: Number(values.port) });
  const browser = await openChromium();
  let steps = [];
  try {
    const page = await openWorkbench(browser, server, workspace);
    const workbench = new Workbench(page, { screenshots: out });
    steps = await walk(journey, { workbench, workspace, environment, remembered: {} }, console.log);
  } finally {
    await browser.close();
    await server.stop();
    writeFileSync(join(out, "server.log"), server.output());
  }
  const failed = steps.filter((step) => !step.ok && !step.skipped);
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  const report = { extension: version, vscode: versions.codeServer, ok: failed.length === 0 && steps.length > 0, steps };
  writeFileSync(join(out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\n${steps.filter((step) => step.ok).length} steps passed, ${failed.length} failed, ${steps.filter((step) => step.skipped).length} skipped. Screenshots and report.json are in demo-out/.`);
  if (!report.ok) process.exitCode = 1;
}

try {
  ensureNodeModules();
  mkdirSync(cache, { recursive: true });
  await (values.headless ? headless() : values.desktop ? desktop() : interactive());
} catch (error) {
  // Errors of the set-up are sentences; anything else is a defect and shows where.
  console.error(error.constructor.name === "SetupError" ? error.message : error);
  process.exitCode = 1;
}
