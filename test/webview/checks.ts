import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { WebviewHarness } from "./harness/harness";
import { HOSTILE } from "./harness/scenarios";

/** One thing that a person relies on, tried in a real browser. */
export interface Check {
  readonly name: string;
  run(harness: WebviewHarness): Promise<string | void>;
}

type Open = Parameters<WebviewHarness["open"]>[0];

/** Opens a view, hands it over, and holds that nothing was logged as an error. */
export async function inPage<T>(
  harness: WebviewHarness,
  options: Open,
  use: (page: Page, errors: string[]) => Promise<T>,
): Promise<T> {
  const { page, errors } = await harness.open(options);
  try {
    await page.waitForTimeout(250);
    const result = await use(page, errors);
    assert.deepEqual(errors, [], "the console stays empty");
    return result;
  } finally {
    await page.context().close();
  }
}

/** Messages of one type that the view sent. */
export const sent = (page: Page, type: string): Promise<Record<string, unknown>[]> =>
  page.evaluate((wanted) => window.harness.sent.filter((message) => message.type === wanted), type);

/** Waits until something in the page is true. */
export async function until(page: Page, what: string, test: string, timeout = 8_000): Promise<void> {
  // Asked from outside: the page's own policy forbids what waiting inside it would need.
  for (
    const end = Date.now() + timeout;
    !(await page.evaluate<boolean>(`Boolean(${test})`));
    await page.waitForTimeout(40)
  ) {
    if (Date.now() > end) assert.fail(`${what} did not happen within ${timeout} ms`);
  }
}

export const text = (page: Page, selector: string): Promise<string> =>
  page.locator(selector).first().innerText();

/** Elements that stick out of the window, and buttons whose label is cut. */
export function clipped(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const width = window.innerWidth;
    if (document.documentElement.scrollWidth > width || document.body.scrollWidth > width)
      found.push(`the page is ${document.body.scrollWidth} wide`);
    for (const element of document.querySelectorAll<HTMLElement>("#app *")) {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || box.height === 0) continue;
      const scrolls = element.parentElement?.closest(
        ".group-strip, .chips, .token-scroller, .vlist-pane, svg",
      );
      if (!scrolls && (box.right > width + 0.5 || box.left < -0.5))
        found.push(
          `${element.tagName}.${element.className} from ${Math.round(box.left)} to ${Math.round(box.right)}`,
        );
      if (element.tagName === "VSCODE-BUTTON" && element.scrollWidth > element.clientWidth + 1)
        found.push(`the button ${element.title} is cut`);
    }
    return found;
  });
}

async function nothingRan(page: Page): Promise<void> {
  const harm = await page.evaluate(() => ({
    hacked: document.body.dataset["hacked"],
    images: document.querySelectorAll("#app img").length,
    scripts: document.querySelectorAll("#app script").length,
    bold: [...document.querySelectorAll("#app b")].length,
  }));
  assert.deepEqual(harm, { hacked: undefined, images: 0, scripts: 0, bold: 0 });
}

export const safetyChecks: readonly Check[] = [
  {
    name: "hostile text is text in the trajectory view",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "hostile" }, async (page) => {
        assert.ok((await text(page, ".step-detail .text")).includes(HOSTILE));
        assert.ok((await text(page, ".status-sentence")).includes(HOSTILE), "notes too");
        await page.keyboard.press("j");
        await until(
          page,
          "the second step",
          `document.querySelectorAll(".step-detail .detail-block").length >= 4`,
        );
        await nothingRan(page);
        assert.ok(
          (await page.locator(".step-detail").innerText()).includes("../../etc/passwd: not inside"),
          "media outside the folder are named, not loaded",
        );
      }),
  },
  {
    name: "hostile text is text in the dataset view",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "hostile" }, async (page) => {
        await until(page, "the rows", `document.querySelectorAll(".vlist-row").length > 3`);
        assert.ok((await text(page, ".table .vlist-row .cell")).includes("<img src=x"));
        await nothingRan(page);
      }),
  },
  {
    name: "hostile text is text in the tree",
    run: (harness) =>
      inPage(harness, { app: "tree", scenario: "hostile" }, async (page) => {
        await until(page, "the path", `document.querySelectorAll(".path-row").length > 1`);
        assert.ok((await text(page, ".node-detail .text")).includes(HOSTILE));
        await nothingRan(page);
      }),
  },
];

const STILL: readonly [Open["app"], string][] = [
  ["trajectory", "puzzle"],
  ["trajectory", "three"],
  ["trajectory", "threeThousand"],
  ["trajectory", "hostile"],
  ["trajectory", "episode"],
  ["trajectory", "empty"],
  ["dataset", "run"],
  ["dataset", "single"],
  ["dataset", "control"],
  ["dataset", "hostile"],
  ["dataset", "nothing"],
  ["tree", "search"],
  ["tree", "line"],
  ["tree", "nothing"],
];

export const clippingChecks: readonly Check[] = STILL.map(([app, scenario]) => ({
  name: `nothing is clipped at 800 pixels: ${app}, ${scenario}`,
  run: (harness: WebviewHarness) =>
    inPage(harness, { app, scenario, width: 800, height: 700 }, async (page) => {
      await page.waitForTimeout(250);
      assert.deepEqual(await clipped(page), []);
    }),
}));

export const stateChecks: readonly Check[] = [
  ...(["trajectory", "dataset", "tree"] as const).map((app) => ({
    name: `${app}: waiting shows a progress line, an error shows its sentence`,
    run: (harness: WebviewHarness) =>
      inPage(
        harness,
        {
          app,
          scenario: app === "trajectory" ? "puzzle" : app === "dataset" ? "run" : "search",
          delay: Infinity,
        },
        async (page) => {
          assert.equal(await page.locator(".progress-line").isVisible(), true);
          await page.evaluate(() =>
            window.harness.post({
              type: "error",
              message: "The file rollouts.jsonl is gone.",
              hint: "Restore it or open another.",
            }),
          );
          await until(
            page,
            "the error",
            `document.querySelector(".status-sentence")?.textContent === "The file rollouts.jsonl is gone. Restore it or open another."`,
          );
          assert.equal(await page.locator(".progress-line").isVisible(), false);
        },
      ),
  })),
  {
    name: "the cursor and the open track survive a reload",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        for (let press = 0; press < 4; press++) await page.keyboard.press("j");
        await page.waitForTimeout(100);
        await page.reload();
        await until(
          page,
          "the old place",
          `document.querySelector(".list-pane .vlist-row.active .step-index")?.textContent === "5"`,
        );
      }),
  },
  {
    name: "a change of theme redraws the canvases",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        const picture = (): Promise<string> =>
          page.evaluate(() => document.querySelector<HTMLCanvasElement>(".track-canvas")!.toDataURL());
        const before = await picture();
        await page.evaluate(() => document.body.classList.replace("vscode-dark", "vscode-light"));
        await page.waitForTimeout(150);
        assert.notEqual(await picture(), before);
      }),
  },
];
