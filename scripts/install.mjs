// Makes node_modules match package-lock.json. Plain Node, no dependencies: it runs before anything is installed.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** Runs `npm ci` when node_modules is absent or was installed from another lock file. */
export function ensureNodeModules() {
  const hash = createHash("sha256").update(readFileSync(resolve(root, "package-lock.json"))).digest("hex");
  const stamp = resolve(root, "node_modules/.trajectory-lens-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  console.log("Installing npm packages ...");
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    // onnxruntime-node's install script would fetch CUDA libraries from outside the npm registry.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" },
    shell: process.platform === "win32",
  });
  mkdirSync(resolve(root, "node_modules"), { recursive: true });
  writeFileSync(stamp, hash);
}
