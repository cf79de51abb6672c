// Runs test/e2e and closes with `N passed, N failed, N skipped`. Arguments are passed on to vitest.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const report = join(root, "test-out/e2e.json");
mkdirSync(join(root, "test-out"), { recursive: true });
rmSync(report, { force: true });
const args = [
  "run",
  "--config",
  "vitest.e2e.config.mjs",
  "--reporter=verbose",
  "--reporter=json",
  `--outputFile.json=${report}`,
];
const result = spawnSync(
  process.execPath,
  [join(root, "node_modules/vitest/vitest.mjs"), ...args, ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
if (existsSync(report)) {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success, testResults } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  // Vitest keeps the messages of a first attempt beside the status of the second.
  for (const { fullName, status, failureMessages } of testResults.flatMap((file) => file.assertionResults)) {
    if (status === "passed" && failureMessages.length > 0)
      console.log(`Passed only the second time: ${fullName}: ${failureMessages[0].split("\n")[0]}`);
  }
  // A file that could not be loaded has no failed test of its own.
  const failed = Math.max(numFailedTests, success ? 0 : 1);
  console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`);
} else {
  console.log("0 passed, 1 failed, 0 skipped");
}
process.exit(result.status ?? 1);
