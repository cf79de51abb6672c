// Runs test/integration inside the extension host of a real VS Code: the VS Code server in Chromium.
// Closes with `N passed, N failed, N skipped`; the full report is test-out/integration.json.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { basename, join, resolve } from "node:path";
import { startHands } from "./hands.mjs";
import {
  SetupError,
  createProfile,
  ensureVsCodeServer,
  openChromium,
  openWorkbench,
  softwareGpuEnvironment,
  startServer,
} from "./vscode-server.mjs";
import { Workbench } from "./workbench.mjs";

const root = resolve(import.meta.dirname, "..");
const TIMEOUT_MS = 10 * 60_000;
/** `--suite window --only judge` runs the tests of one suite, and of it those whose name matches a pattern. */
const { values } = parseArgs({
  options: { only: { type: "string" }, suite: { type: "string" } },
  strict: false,
});

/** A copy of the example workspace (or of TRAJECTORY_LENS_WORKSPACE) in which tests may write. */
export function scratchWorkspace(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const workspace = join(folder, "workspace");
  cpSync(process.env.TRAJECTORY_LENS_WORKSPACE ?? join(root, "examples/workspace"), workspace, {
    recursive: true,
    filter: (path) => basename(path) !== "__pycache__",
  });
  return workspace;
}

/** Builds the extension and the suite. */
export function build() {
  const result = spawnSync(process.execPath, [join(root, "esbuild.mjs"), "--tests"], {
    cwd: root,
    encoding: "utf8",
  });
  if (result.status !== 0) throw new SetupError(`The build failed:\n${result.stderr}`);
}

/** Prints what the suite found. @returns the exit code */
export function summarise(reportFile) {
  const { results, vscode, node } = JSON.parse(readFileSync(reportFile, "utf8"));
  console.log(`VS Code ${vscode}, extension host on Node ${node}`);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, state, ms, message } of results) {
    counts[state] += 1;
    console.log(
      `${state.padEnd(7)} ${name} (${ms} ms)${message ? `\n          ${message.split("\n").join("\n          ")}` : ""}`,
    );
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed > 0 || counts.passed === 0 ? 1 : 0;
}

/** The two suites of test/integration. */
const suites = [
  // Called by VS Code itself, which then shows no dialogs and no notifications.
  { name: "host", tests: "dist/test/index.cjs" },
  // Started by an extension beside the one under test, so that a person could use the window; hands.mjs does.
  { name: "window", suite: "dist/test/window.cjs" },
];

/** Runs one suite in a window of its own. @returns its report */
async function runSuite({ name, tests, suite }, vscode) {
  const folder = join(root, `.cache/integration-${name}-${process.pid}`);
  const workspace = scratchWorkspace(folder);
  const report = join(folder, "report.json");
  const profile = createProfile(join(folder, "profile"));
  if (suite)
    cpSync(
      join(root, "test/integration/fixtures/chat-provider"),
      join(profile.extensions, "trajectory-lens-tests.chat-provider-1.0.0"),
      { recursive: true },
    );
  const lines = [];
  let workbench;
  const hands = await startHands(() => workbench);
  const server = await startServer(vscode, profile, {
    testDriver: true,
    env: {
      TRAJECTORY_LENS_REPORT: report,
      TRAJECTORY_LENS_SETTINGS: join(profile.data, "data/Machine/settings.json"),
      ...(suite ? { TRAJECTORY_LENS_SUITE: join(root, suite), TRAJECTORY_LENS_HANDS: hands.url } : {}),
      ...(values.only === undefined ? {} : { TRAJECTORY_LENS_ONLY: values.only }),
      ...softwareGpuEnvironment(folder),
    },
    log: (line) => lines.push(line),
  });
  let browser;
  try {
    browser = await openChromium({ log: console.log });
    const page = await openWorkbench(browser, server, workspace, {
      development: {
        extension: root,
        ...(tests ? { tests: join(root, tests) } : { proposedApi: true }),
      },
    });
    workbench = new Workbench(page, {
      screenshots: join(root, "test-out/integration"),
      timeoutMs: 15_000,
    });
    const console_ = [];
    page.on("console", (message) => console_.push(message.text()));
    const end = Date.now() + TIMEOUT_MS;
    while (!existsSync(report)) {
      if (Date.now() > end) {
        await page.screenshot({ path: join(root, "test-out/integration-timeout.png") });
        throw new SetupError(
          `The suite did not report within ${TIMEOUT_MS / 60_000} minutes. The server said:\n${lines.slice(-20).join("\n")}\nThe page said:\n${console_.slice(-20).join("\n")}`,
        );
      }
      await new Promise((done) => setTimeout(done, 250));
    }
    // The file appears before it is complete.
    await new Promise((done) => setTimeout(done, 500));
    return JSON.parse(readFileSync(report, "utf8"));
  } finally {
    await browser?.close();
    await server.stop();
    await hands.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main() {
  if (!process.env.TRAJECTORY_LENS_BUILT) build();
  mkdirSync(join(root, "test-out"), { recursive: true });
  const report = join(root, "test-out/integration.json");
  rmSync(report, { force: true });
  const vscode = await ensureVsCodeServer({ log: console.log });
  const reports = [];
  for (const suite of suites)
    if (values.suite === undefined || values.suite === suite.name)
      reports.push(await runSuite(suite, vscode));
  const results = reports.flatMap((one) => one.results);
  writeFileSync(report, JSON.stringify({ ...reports[0], results }, null, 2));
  return summarise(report);
}

if (process.argv[1] && resolve(process.argv[1]) === import.meta.filename) {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error);
    console.log("0 passed, 1 failed, 0 skipped");
    process.exitCode = 1;
  }
}
