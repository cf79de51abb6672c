// `npm test [-- --only part,part]`: installs what it needs, then lint, types, unit, golden, corpus, webviews in
// Chromium, the extension host of a real VS Code, and the packaged VSIX end to end.
// The last line is `N passed, N failed, N skipped`; every part leaves its log in test-out/.
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ensureNodeModules } from "./install.mjs";

const root = resolve(import.meta.dirname, "..");
process.chdir(root);
const { values } = parseArgs({ options: { only: { type: "string" } } });
const only = values.only?.split(",").map((name) => name.trim());

const logs = join(root, "test-out");
mkdirSync(logs, { recursive: true });

// Everything that the parts leave in the system's folder for temporary files goes with the run. A short name: sockets lie in it.
const temporary = mkdtempSync(join(tmpdir(), "lens-"));
process.env.TMPDIR = temporary;
process.on("exit", () => rmSync(temporary, { recursive: true, force: true, maxRetries: 3 }));

const node = process.execPath;
const program = {
  eslint: join(root, "node_modules/eslint/bin/eslint.js"),
  tsc: join(root, "node_modules/typescript/bin/tsc"),
  vitest: join(root, "node_modules/vitest/vitest.mjs"),
};

/** Sums `{file: {passed, failed, skipped}}`, the report of the golden and corpus runners. */
const perFile = (text) => {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const counts of Object.values(JSON.parse(text))) {
    for (const key of Object.keys(total)) total[key] += counts[key] ?? 0;
  }
  return total;
};

/** Reads the closing line `N passed, N failed, N skipped` of a runner. */
const closingLine = (text) => {
  const found = [...text.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].at(-1);
  return found
    ? { passed: Number(found[1]), failed: Number(found[2]), skipped: Number(found[3] ?? 0) }
    : undefined;
};

/** Reads `webview: N of N checks pass`, or the line that says why there were none. */
const webviewChecks = (text) => {
  const found = text.match(/^webview: (\d+) of (\d+) checks pass$/m);
  if (found) return { passed: Number(found[1]), failed: Number(found[2]) - Number(found[1]), skipped: 0 };
  return /^webview: skipped/m.test(text) ? { passed: 0, failed: 0, skipped: 1 } : closingLine(text);
};

const vitestCounts = () => {
  const report = JSON.parse(readFileSync(join(logs, "vitest.json"), "utf8"));
  // A file that could not be loaded has no failed test of its own.
  const failed = Math.max(report.numFailedTests, report.success ? 0 : 1);
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
};

const oneTest = (_text, code) => ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 });

/** Parts that share a lane run one after another; the lanes run side by side on the two cores CI has. */
const lanes = [
  [
    { name: "lint", command: [program.eslint, "."], count: oneTest },
    { name: "types", command: [program.tsc, "-p", "."], count: oneTest },
    {
      name: "docs",
      command: ["scripts/run-ts.mjs", "scripts/signal-docs.ts", "--check"],
      count: oneTest,
      file: "scripts/signal-docs.ts",
    },
    { name: "golden", command: ["scripts/run-ts.mjs", "test/golden/run.ts", "--json"], count: perFile },
    { name: "corpus", command: ["scripts/run-ts.mjs", "test/formats/corpus.ts", "--json"], count: perFile },
    {
      // test/{unit,formats,process}
      name: "unit",
      command: [
        program.vitest,
        "run",
        "--reporter=default",
        "--reporter=json",
        "--outputFile.json=test-out/vitest.json",
      ],
      count: vitestCounts,
    },
    // real-model, ray and producers take real packages and weights from the index of Python; each says so and skips where
    // they cannot be had.
    { name: "real-model", command: ["scripts/run-ts.mjs", "test/real-model/run.ts"], count: closingLine },
  ],
  [
    {
      name: "webview",
      command: ["scripts/run-ts.mjs", "test/webview/run.ts"],
      count: webviewChecks,
      needs: ["browser"],
    },
    {
      name: "integration",
      command: ["scripts/test-integration.mjs"],
      count: closingLine,
      needs: ["browser", "vscode"],
    },
    {
      name: "e2e",
      command: ["scripts/test-e2e.mjs"],
      count: closingLine,
      needs: ["browser", "vscode", "python"],
    },
    { name: "ray", command: ["scripts/run-ts.mjs", "test/ray/run.ts"], count: closingLine },
    { name: "producers", command: ["scripts/run-ts.mjs", "test/producers/run.ts"], count: closingLine },
  ],
];

/** A part that hangs must not take the whole run along. */
const PART_TIMEOUT_MS = 35 * 60_000;

function run(part) {
  const started = Date.now();
  console.log(`> ${part.name}`);
  return new Promise((done) => {
    const child = spawn(node, part.command, {
      stdio: ["ignore", "pipe", "pipe"],
      // Built once, before the parts: nobody rebuilds under another part's feet.
      env: { ...process.env, FORCE_COLOR: "0", NO_COLOR: "1", TRAJECTORY_LENS_BUILT: "1" },
      detached: true,
    });
    const log = createWriteStream(join(logs, `${part.name}.log`));
    let stdout = "";
    let tail = "";
    const keep = (chunk) => {
      tail = (tail + chunk).slice(-8000);
      log.write(chunk);
    };
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
      keep(chunk);
    });
    child.stderr.on("data", keep);
    child.on("error", (error) => keep(`\n${error.message}`));
    const timer = setTimeout(() => {
      keep(`\n${part.name} did not end within ${PART_TIMEOUT_MS / 60_000} minutes and was stopped.\n`);
      process.kill(-child.pid, "SIGKILL");
    }, PART_TIMEOUT_MS);
    child.on("close", (code) => {
      clearTimeout(timer);
      log.end();
      let counts;
      try {
        counts = part.count(stdout, code);
      } catch (error) {
        tail += `\nThe report of ${part.name} could not be read: ${error.message}\n`;
      }
      counts ??= { passed: 0, failed: 0, skipped: 0 };
      // A runner that ends badly without naming a failed test has failed as a whole, and so has one that ran nothing.
      if (code !== 0 && counts.failed === 0) counts.failed = 1;
      if (counts.passed + counts.failed + counts.skipped === 0) counts.failed = 1;
      finish(
        part.name,
        counts,
        (Date.now() - started) / 1000,
        counts.failed > 0 || counts.skipped > 0 ? tail : "",
      );
      done();
    });
  });
}

const results = [];

/** The lines of a part's whole output that name a failure: a long log's end may lie far behind them. */
function failuresIn(name) {
  const log = join(logs, `${name}.log`);
  if (!existsSync(log)) return [];
  const named = /^\s*(FAIL|not ok|✗|✖|×|\w*Error:)\s?/;
  return [...new Set(readFileSync(log, "utf8").split("\n"))].filter((line) => named.test(line)).slice(0, 30);
}

/** Notes how a part went; `tail` is shown when it failed, and its lines about skipped tests in any case. */
function finish(name, counts, seconds, tail = "") {
  results.push({ name, ...counts, seconds });
  console.log(
    `${counts.failed === 0 ? "ok  " : "FAIL"} ${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped; ${seconds.toFixed(0)} s`,
  );
  // Indented, so that a runner's own closing line is not taken for the last line of all.
  const indented = (lines) => lines.map((line) => `    ${line}`).join("\n");
  if (counts.failed > 0) console.log(indented(tail.split("\n")));
  else if (tail) {
    const why = tail
      .split("\n")
      .filter((line) => /skipp|↓/i.test(line) && !/^\s*"?\w*"?:/.test(line))
      .slice(0, 12);
    if (why.length > 0) console.log(indented(why));
  }
}

/** Starts a piece of set-up; its failure is a failed part with a sentence, not the end of the run. */
function setUp(name, work) {
  const started = Date.now();
  return work().then(
    () => true,
    (error) => {
      finish(name, { passed: 0, failed: 1, skipped: 0 }, (Date.now() - started) / 1000, error.message);
      return false;
    },
  );
}

async function main() {
  ensureNodeModules();
  const known = ["build", ...lanes.flat().map((part) => part.name)];
  const unknown = only?.filter((name) => !known.includes(name)) ?? [];
  if (unknown.length > 0) {
    console.error(`There is no part called ${unknown.join(", ")}; there are ${known.join(", ")}.`);
    process.exit(1);
  }
  const chosen = lanes.map((lane) =>
    lane.filter((part) => (!only || only.includes(part.name)) && (!part.file || existsSync(part.file))),
  );
  const needed = new Set(chosen.flat().flatMap((part) => part.needs ?? []));

  // Set up what the second lane needs while the first one works.
  const { ensureSystemPackages, ensureVsCodeServer } = await import("./vscode-server.mjs");
  const { ensurePythonEnvironment } = await import("./python-environment.mjs");
  const ready = { browser: true, vscode: true, python: true };
  // apt-get allows one at a time.
  if (needed.has("browser")) {
    const needs = needed.has("vscode") ? ["browser", "build"] : ["browser"];
    ready.browser = await setUp("system packages", () => ensureSystemPackages(needs, { log: console.log }));
  }
  await run({ name: "build", command: ["esbuild.mjs", "--tests"], count: oneTest });
  if (results.every((result) => result.failed === 0 || result.name !== "build")) {
    rmSync(join(logs, "vitest.json"), { force: true });
    if (needed.has("vscode"))
      ready.vscode = setUp("VS Code server", () => ensureVsCodeServer({ log: console.log }));
    // Without it the training step is skipped with the reason, so it is no failure here.
    if (needed.has("python")) {
      ready.python = ensurePythonEnvironment({ log: console.log }).then(({ reason }) => {
        if (reason) console.log(`The tests that train will be skipped: ${reason}`);
        return true;
      });
    }
    await Promise.all(
      chosen.map(async (lane) => {
        for (const part of lane) {
          const there = await Promise.all((part.needs ?? []).map((need) => ready[need]));
          if (there.every(Boolean)) await run(part);
          else
            finish(
              part.name,
              { passed: 0, failed: 1, skipped: 0 },
              0,
              "What it needs could not be set up; see above.",
            );
        }
      }),
    );
  }

  const width = Math.max(...results.map((result) => result.name.length));
  console.log(`\n${"part".padEnd(width)}  passed  failed  skipped  seconds`);
  for (const { name, passed, failed, skipped, seconds } of results) {
    console.log(
      `${name.padEnd(width)}  ${[passed, failed, skipped, seconds.toFixed(0)].map((cell, at) => String(cell).padStart([6, 6, 7, 7][at])).join("  ")}`,
    );
  }
  for (const { name, failed } of results) {
    const lines = failed > 0 ? failuresIn(name) : [];
    if (lines.length > 0) console.log(`\n${name}:\n${lines.map((line) => `    ${line.trim()}`).join("\n")}`);
  }
  const sum = (key) => results.reduce((total, counts) => total + counts[key], 0);
  console.log(`\n${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
  return sum("failed") === 0 ? 0 : 1;
}

process.exit(await main());
