import { mkdirSync, readFileSync } from "node:fs";
import { chromiumPath, WebviewHarness, type ThemeName } from "./harness/harness";

// Pictures of the views for looking at: `node scripts/run-ts.mjs test/webview/shots.ts [APP] [SCENARIO] [WIDTHS] [THEMES] [REAL.json]`
const [
  app = "trajectory",
  scenario = "puzzle",
  widths = "800,1800",
  themes = "dark,light,high-contrast",
  real,
] = process.argv.slice(2);
const browser = chromiumPath();
if (!browser) {
  console.log("No Chromium here: set CHROMIUM to its path.");
  process.exit(0);
}
mkdirSync("test-out/webview", { recursive: true });
const harness = await WebviewHarness.start(browser);
for (const theme of themes.split(",")) {
  for (const width of widths.split(",").map(Number)) {
    const { page, errors } = await harness.open({
      app: app as "trajectory",
      scenario,
      theme: theme as ThemeName,
      width,
      height: width > 1000 ? 900 : 760,
      ...(real === undefined ? {} : { real: JSON.parse(readFileSync(real, "utf8")) as unknown }),
    });
    await page.waitForTimeout(Number(process.env["WAIT_MS"] ?? 700));
    const file = `test-out/webview/${app}-${scenario}-${theme}-${width}.png`;
    await page.screenshot({ path: file });
    console.log(file, errors.length > 0 ? errors : "");
    await page.context().close();
  }
}
await harness.close();
