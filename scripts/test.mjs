// `npm test [-- --only part,part]`: installs what it needs, then lint, types, unit, golden, formats, processes,
// webviews in Chromium, the extension host of a real VS Code, and the packaged VSIX end to end.
// The last line is `N passed, N failed, N skipped`.
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { ensureNodeModules } from "./install.mjs";

const root = resolve(import.meta.dirname, "..");
process.chdir(root);
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1]?.split(",") : undefined;

ensureNodeModules();
const logs = join(root, "test-out");
mkdirSync(logs, { recursive: true });

const node = process.execPath;
const bin = (name) => join(root, "node_modules", ".bin", name);

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
  return found ? { passed: Number(found[1]), failed: Number(found[2]), skipped: Number(found[3] ?? 0) } : undefined;
};

const vitestCounts = () => {
  const report = JSON.parse(readFileSync(join(logs, "vitest.json"), "utf8"));
  return { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests + report.numTodoTests };
};

const oneTest = (_text, code) => ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 });

/** Parts that share a lane run one after another; the lanes run side by side on the two cores CI has. */
const lanes = [
  [
    { name: "lint", command: [node, bin("eslint"), "."], count: oneTest },
    { name: "types", command: [node, bin("tsc"), "-p", "."], count: oneTest },
    { name: "docs", command: [node, "scripts/run-ts.mjs", "scripts/signal-docs.ts", "--check"], count: oneTest, needs: "scripts/signal-docs.ts" },
    { name: "golden", command: [node, "scripts/run-ts.mjs", "test/golden/run.ts", "--json"], count: perFile },
    { name: "corpus", command: [node, "scripts/run-ts.mjs", "test/formats/corpus.ts", "--json"], count: perFile },
    {
      name: "unit, formats, processes",
      command: [node, bin("vitest"), "run", "--reporter=default", "--reporter=json", "--outputFile.json=test-out/vitest.json"],
      count: vitestCounts,
    },
  ],
  [
    { name: "webview", command: [node, "scripts/run-ts.mjs", "test/webview/run.ts"], count: closingLine },
    { name: "integration", command: [node, "scripts/test-integration.mjs"], count: closingLine },
    { name: "e2e", command: [node, "scripts/test-e2e.mjs"], count: closingLine },
  ],
];

function run(part) {
  const started = Date.now();
  const file = join(logs, `${part.name.replace(/[^a-z0-9]+/g, "-")}.log`);
  console.log(`> ${part.name}`);
  return new Promise((done) => {
    const child = spawn(part.command[0], part.command.slice(1), { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, FORCE_COLOR: "0" } });
    const log = createWriteStream(file);
    let stdout = "";
    let tail = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
      tail = (tail + chunk).slice(-6000);
      log.write(chunk);
    });
    child.stderr.on("data", (chunk) => {
      tail = (tail + chunk).slice(-6000);
      log.write(chunk);
    });
    child.on("error", (error) => {
      tail += `\n${error.message}`;
    });
    child.on("close", (code) => {
      log.end();
      let counts;
      try {
        counts = part.count(stdout, code);
      } catch (error) {
        tail += `\n${part.name}: its report could not be read: ${error.message}`;
      }
      counts ??= { passed: 0, failed: 0, skipped: 0 };
      // A runner that ends badly without naming a failed test has failed as a whole.
      if (code !== 0 && counts.failed === 0) counts.failed = 1;
      if (counts.passed + counts.failed + counts.skipped === 0) counts.failed = 1;
      const seconds = ((Date.now() - started) / 1000).toFixed(0);
      console.log(`${counts.failed === 0 ? "ok  " : "FAIL"} ${part.name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`.replace(/ skipped \(/, " skipped ("));
      if (counts.failed > 0) console.log(tail.replace(/^(\d+ passed, \d+ failed.*)$/gm, "  $1"));
      done(counts);
    });
  });
}

const build = await run({ name: "build", command: [node, "esbuild.mjs", "--tests"], count: oneTest });
const totals = [build];
if (build.failed === 0) {
  rmSync(join(logs, "vitest.json"), { force: true });
  const { ensureVsCodeServer } = await import("./vscode-server.mjs");
  const chosen = lanes.map((lane) => lane.filter((part) => (!only || only.includes(part.name)) && (!part.needs || existsSync(part.needs))));
  const setUp = chosen[1].length > 0 ? ensureVsCodeServer() : undefined;
  const results = await Promise.all([
    (async () => {
      const counts = [];
      for (const part of chosen[0]) counts.push(await run(part));
      return counts;
    })(),
    (async () => {
      await setUp;
      const counts = [];
      for (const part of chosen[1]) counts.push(await run(part));
      return counts;
    })(),
  ]);
  totals.push(...results.flat());
}
const sum = (key) => totals.reduce((total, counts) => total + counts[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
process.exit(sum("failed") === 0 ? 0 : 1);
