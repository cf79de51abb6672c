// Makes node_modules match package-lock.json. Plain Node, no dependencies: it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** Why node_modules is not what the lock file says, or undefined when it is. npm writes its own record of it last. */
function stale() {
  const record = resolve(root, "node_modules/.package-lock.json");
  if (!existsSync(record)) return "nothing is installed";
  const { packages: installed } = JSON.parse(readFileSync(record, "utf8"));
  const { packages: locked } = JSON.parse(readFileSync(resolve(root, "package-lock.json"), "utf8"));
  for (const [path, { version, optional, devOptional }] of Object.entries(locked)) {
    if (path === "") continue;
    // Packages for other platforms are left out by npm.
    if (installed[path] === undefined ? !optional && !devOptional : installed[path].version !== version) return `${path} is not ${version}`;
  }
  return undefined;
}

/** Runs `npm ci` when node_modules is absent or was installed from another lock file. */
export function ensureNodeModules() {
  const why = stale();
  if (why === undefined) return;
  console.log(`Installing npm packages (${why}) ...`);
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    // onnxruntime-node's install script would fetch CUDA libraries from outside the npm registry.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" },
    shell: process.platform === "win32",
  });
  if (status === 0) return;
  console.error(`npm ci failed${error ? `: ${error.message}` : `, exit code ${status}; see above`}.`);
  process.exit(1);
}
