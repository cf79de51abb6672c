/** `npm run bench [-- NAME [ARGS...]]`: runs one benchmark of this folder, or lists them. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const folder = "test/bench";
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && file !== "run.ts")
  .map((file) => file.slice(0, -3));
const [name, ...args] = process.argv.slice(2);
if (name === undefined || !existsSync(join(folder, `${name}.ts`))) {
  console.error(`usage: npm run bench -- NAME [ARGS...]\nNAME is one of: ${names.join(", ")}`);
  process.exit(1);
}
const { status } = spawnSync(process.execPath, ["scripts/run-ts.mjs", join(folder, `${name}.ts`), ...args], {
  stdio: "inherit",
});
process.exit(status ?? 1);
