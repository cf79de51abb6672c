import { execFile } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { ProviderStatus } from "../../src/protocol/inferenceCalls";
import { providersOf } from "../../src/inference/providers";
import { cudaPackage, onnxRuntimePlace, type CudaState } from "../../src/services/cudaSetup";

const run = promisify(execFile);
const program = resolve("dist/cli.js");
const storage = mkdtempSync(join(tmpdir(), "lens-providers-"));

describe("trajectory-lens providers", () => {
  it("lists every provider of the platform in order, and what CUDA lacks", async () => {
    if (!existsSync(program)) throw new Error("dist/cli.js is missing: run `node esbuild.mjs` first.");
    const { stdout } = await run(process.execPath, [program, "providers", "--json", "--storage", storage]);
    const { providers, cuda } = JSON.parse(stdout) as { providers: ProviderStatus[]; cuda: CudaState };
    expect(providers.map((one) => one.provider)).toEqual(providersOf(process.platform));
    for (const one of providers) expect(one.detail).toMatch(/^[^\n]+\.$/);
    expect(providers.at(-1)).toMatchObject({ provider: "cpu", available: true });
    expect(cuda.runtime).toEqual(onnxRuntimePlace(resolve("dist")));
    if (cuda.unsupported === undefined) {
      expect(cudaPackage.files).toEqual(expect.arrayContaining([...cuda.missing]));
      // The probe and the set-up look into the same folder.
      const probed = providers.find((one) => one.provider === "cuda")!;
      if (cuda.missing.includes(cudaPackage.files[0])) expect(probed.detail).toContain(cuda.runtime.folder);
    }
    const text = await run(process.execPath, [program, "providers", "--storage", storage]);
    expect(text.stdout).toMatch(/^provider +works +detail$/m);
    expect(text.stdout).toMatch(/^cpu +yes +CPU works/m);
    expect(text.stdout).toContain("CUDA:\n");
  });
});
