import { existsSync } from "node:fs";
import { clippingChecks, safetyChecks, stateChecks, type Check } from "./checks";
import { datasetChecks } from "./datasetChecks";
import { chromiumPath, WebviewHarness } from "./harness/harness";
import { trajectoryChecks } from "./trajectoryChecks";
import { treeChecks } from "./treeChecks";

// The real webview bundles in a real browser: `node scripts/run-ts.mjs test/webview/run.ts [WORDS OF A NAME]`
const only = process.argv.slice(2).join(" ");
const browser = chromiumPath();
if (!browser) {
  console.log("webview: skipped, because there is no Chromium (set CHROMIUM to its path).");
  process.exit(0);
}
const missing = ["trajectory", "dataset", "tree"].filter((app) => !existsSync(`dist/webview/${app}.js`));
if (missing.length > 0) {
  console.error(`webview: dist/webview/${missing[0]}.js is not built; run "npm run build" first.`);
  process.exit(1);
}
const checks: readonly Check[] = [
  ...safetyChecks,
  ...trajectoryChecks,
  ...datasetChecks,
  ...treeChecks,
  ...stateChecks,
  ...clippingChecks,
].filter((check) => check.name.includes(only));
const harness = await WebviewHarness.start(browser);
let failed = 0;
for (const check of checks) {
  const start = performance.now();
  try {
    const remark = await check.run(harness);
    console.log(
      `ok    ${check.name}${remark ? ` (${remark})` : ""}, ${((performance.now() - start) / 1000).toFixed(1)} s`,
    );
  } catch (error) {
    failed++;
    console.log(
      `FAIL  ${check.name}\n      ${error instanceof Error ? error.message.split("\n").slice(0, 14).join("\n      ") : String(error)}`,
    );
  }
}
await harness.close();
console.log(`webview: ${checks.length - failed} of ${checks.length} checks pass`);
process.exit(failed > 0 ? 1 : 0);
