import { defineConfig } from "vitest/config";

// One VS Code for the whole suite: files run one after another in one process.
export default defineConfig({
  test: {
    include: ["test/e2e/**/*.test.mjs"],
    globalSetup: ["test/e2e/launch.mjs"],
    pool: "forks",
    maxWorkers: 1,
    fileParallelism: false,
    isolate: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // A workbench under load is late now and then. What passes only the second time is named at the end, not hidden.
    retry: 1,
  },
});
