// Runs test/integration inside desktop VS Code, which @vscode/test-electron downloads: the same files as
// `npm run test:integration`. Needs VS Code's update servers and a display (on Linux: xvfb-run).
import { mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { runTests } from "@vscode/test-electron";
import { build, scratchWorkspace, summarise } from "./test-integration.mjs";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, `.cache/electron-${process.pid}`);
const report = join(root, "test-out/electron.json");
try {
  build();
  const workspace = scratchWorkspace(folder);
  mkdirSync(join(root, "test-out"), { recursive: true });
  rmSync(report, { force: true });
  await runTests({
    version: process.env.VSCODE_VERSION ?? "stable",
    cachePath: join(root, ".vscode-test/desktop"),
    extensionDevelopmentPath: root,
    extensionTestsPath: join(root, "dist/test/index.cjs"),
    extensionTestsEnv: { TRAJECTORY_LENS_REPORT: report },
    launchArgs: [
      workspace,
      "--disable-extensions",
      "--disable-workspace-trust",
      "--user-data-dir",
      join(folder, "data"),
    ],
  }).catch((error) => console.error(error.message));
  process.exitCode = summarise(report);
} catch (error) {
  console.error(
    error.code === "ENOENT"
      ? "Desktop VS Code did not run the suite; use npm run test:integration where it cannot be downloaded."
      : error.message,
  );
  console.log("0 passed, 1 failed, 0 skipped");
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
