import assert from "node:assert/strict";
import { inPage, sent, text, until, type Check } from "./checks";
import { frameRate, rateText } from "./frames";

export const treeChecks: readonly Check[] = [
  {
    name: "the tree is walked by keys, told in words, and opens trajectories",
    run: (harness) =>
      inPage(harness, { app: "tree", scenario: "search" }, async (page) => {
        await until(page, "the path", `document.querySelectorAll(".path-row").length === 4`);
        const selected = (): Promise<string> => text(page, ".node-detail .strong");
        assert.equal(await selected(), "node 34", "the trajectory that the host named");
        await page.locator(".tree-canvas").focus();
        await page.keyboard.press("ArrowLeft");
        assert.equal(await selected(), "node 11");
        await page.keyboard.press("ArrowUp");
        assert.equal(await selected(), "node 10");
        assert.match(
          await page.locator("#app > [role=status].visually-hidden").innerText(),
          /value .*; 3 children; branch 1 of 3/,
        );
        await page.keyboard.press("Home");
        assert.equal(await selected(), "node 0");
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("j");
        await page.keyboard.press("Enter");
        const opened = (await sent(page, "open")).at(-1)!;
        assert.match(String(opened["trajectoryId"]), /^t\d+$/);
        assert.equal(opened["stepIndex"], 2);
        await page.waitForTimeout(120);
        assert.ok((await sent(page, "cursor")).length > 0);
        await page.keyboard.press("/");
        await page.keyboard.type("= 31");
        await page.keyboard.press("Enter");
        await page.waitForTimeout(100);
        assert.match(await text(page, ".node-detail .text"), /= 31/);
        await page.evaluate(() => window.harness.post({ type: "select", trajectoryId: "t13", stepIndex: 2 }));
        await until(
          page,
          "the other view's place",
          `document.querySelector(".node-detail .strong")?.textContent === "node 4"`,
        );
      }),
  },
  {
    name: "the legend and the picture lie beside each other, wide and narrow",
    run: async (harness) => {
      for (const width of [800, 1800])
        await inPage(harness, { app: "tree", scenario: "search", width }, async (page) => {
          await until(page, "the legend", `document.querySelector(".legend-head")`);
          const open = page.locator('.legend [title="Show the whole legend"]');
          if ((await open.count()) > 0) await open.click();
          await page.waitForTimeout(100);
          assert.match(await text(page, ".legend"), /advantage up to \+0\.667/);
          const legend = (await page.locator(".legend").boundingBox())!;
          const canvas = (await page.locator(".tree-canvas").boundingBox())!;
          assert.ok(legend.y + legend.height <= canvas.y + 0.5, "the legend ends where the picture begins");
        });
    },
  },
  {
    name: "a tree of 100,000 nodes loads, zooms and pans",
    run: (harness) =>
      inPage(harness, { app: "tree", scenario: "large" }, async (page) => {
        await until(
          page,
          "all nodes",
          `document.querySelector(".facts")?.textContent.includes("75,000 ends")`,
          60_000,
        );
        assert.equal(await page.locator(".minimap").isVisible(), true);
        return rateText(await frameRate(page, { kind: "zoom", selector: ".tree-canvas" }));
      }),
  },
];
