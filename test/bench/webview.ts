import { cpus, loadavg } from "node:os";
import { until } from "../webview/checks";
import { frameRate, type FrameRate, type Motion } from "../webview/frames";
import { chromiumPath, WebviewHarness } from "../webview/harness/harness";

// Frame rates of the built views in Chromium: `npm run bench -- webview [--json] [--seconds=4]`. The load of the machine is
// printed beside them, since a busy machine draws slower than the views do.
const json = process.argv.includes("--json");
const seconds = Number(process.argv.find((each) => each.startsWith("--seconds="))?.slice(10) ?? 4);

interface Case {
  readonly name: string;
  readonly app: "dataset" | "tree" | "trajectory";
  readonly scenario: string;
  /** True in the page when everything is loaded. */
  readonly ready: string;
  readonly motion: Motion;
}

const cases: readonly Case[] = [
  {
    name: "list of 1,000,000 rows, a row a frame",
    app: "dataset",
    scenario: "million",
    ready: `document.querySelectorAll(".table .vlist-row").length > 5`,
    motion: { kind: "scroll", selector: ".table .vlist", pixels: 22 },
  },
  {
    name: "list of 1,000,000 rows, 4,000 px a frame",
    app: "dataset",
    scenario: "million",
    ready: `document.querySelectorAll(".table .vlist-row").length > 5`,
    motion: { kind: "scroll", selector: ".table .vlist", pixels: 4_000 },
  },
  {
    name: "tree of 100,000 nodes, zooming",
    app: "tree",
    scenario: "large",
    ready: `document.querySelector(".facts")?.textContent.includes("75,000 ends")`,
    motion: { kind: "zoom", selector: ".tree-canvas" },
  },
  {
    name: "step list of 3,000 steps, 200 px a frame",
    app: "trajectory",
    scenario: "threeThousand",
    ready: `document.querySelectorAll(".list-pane .vlist-row").length > 5`,
    motion: { kind: "scroll", selector: ".list-pane .vlist", pixels: 200 },
  },
];

const browser = chromiumPath();
if (!browser) {
  console.log("webview: skipped, because there is no Chromium (set CHROMIUM to its path).");
  process.exit(0);
}
const load = (): string => loadavg()[0]!.toFixed(2);
const [cpu] = cpus();
const before = load();
const harness = await WebviewHarness.start(browser);
const results: (FrameRate & { readonly name: string; readonly width: number })[] = [];
for (const each of cases) {
  for (const width of [800, 1800]) {
    const { page } = await harness.open({ app: each.app, scenario: each.scenario, width, height: 1000 });
    await until(page, each.name, each.ready, 60_000);
    await page.waitForTimeout(500);
    results.push({ name: each.name, width, ...(await frameRate(page, each.motion, seconds * 1_000)) });
    await page.context().close();
  }
}
await harness.close();
if (json) {
  console.log(
    JSON.stringify({ cpu: cpu?.model, cores: cpus().length, load: [before, load()], seconds, results }),
  );
} else {
  console.log(
    `${cpu?.model ?? "unknown CPU"}, ${cpus().length} cores, software rendering, load ${before} before and ${load()} after\n`,
  );
  console.log(
    "| view | width | frames/s | median ms | 95 % ms | longest ms |\n| --- | ---: | ---: | ---: | ---: | ---: |",
  );
  for (const { name, width, perSecond, median, p95, longest } of results)
    console.log(
      `| ${name} | ${width} | ${perSecond.toFixed(1)} | ${median.toFixed(1)} | ${p95.toFixed(1)} | ${longest.toFixed(1)} |`,
    );
}
