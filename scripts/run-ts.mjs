// Bundles one TypeScript program with esbuild and runs it: `node scripts/run-ts.mjs FILE [ARGS...]`
import { build } from "esbuild";
import { mkdirSync } from "node:fs";
import { spawn } from "node:child_process";
import { basename, join } from "node:path";

const [file, ...args] = process.argv.slice(2);
if (!file) {
  console.error("usage: node scripts/run-ts.mjs FILE.ts [ARGS...]");
  process.exit(1);
}
mkdirSync(".cache/run-ts", { recursive: true });
const outfile = join(".cache/run-ts", `${basename(file, ".ts")}-${process.pid}.mjs`);
await build({
  entryPoints: [file],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  logLevel: "error",
});
// Only loopback and files are touched by what runs here; the exit code is passed on.
const child = spawn(process.execPath, ["--enable-source-maps", outfile, ...args], { stdio: "inherit" });
child.on("exit", (code, signal) => {
  import("node:fs").then(({ rmSync }) => {
    rmSync(outfile, { force: true });
    process.exit(code ?? (signal ? 1 : 0));
  });
});
