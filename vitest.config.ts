import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "test/temporaryFolder.ts",
    include: ["test/{unit,formats,process}/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
