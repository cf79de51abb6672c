// The editors in light, dark and high contrast, wide and narrow: pictures for people, and what can be measured.
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openLens, openTrajectory } from "../../scripts/journey.mjs";
import { openSession } from "./session.mjs";

const themes = [
  { name: "light", setting: "Default Light Modern", body: /(^|\s)vs(\s|$)|vscode-light/ },
  { name: "dark", setting: "Default Dark Modern", body: /vs-dark|vscode-dark/ },
  { name: "high contrast", setting: "Default High Contrast", body: /hc-black|vscode-high-contrast/ },
];

/** Contrast ratio of WCAG 2 between the text colour and the background of a webview's body. */
const contrast = (frame) =>
  frame.evaluate(() => {
    const numbers = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = ([red, green, blue]) => {
      const linear = [red, green, blue].map((value) =>
        value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const probe = document.createElement("div");
    probe.style.color = "var(--vscode-editor-background)";
    document.body.append(probe);
    const back = luminance(numbers(getComputedStyle(probe).color));
    probe.remove();
    const front = luminance(numbers(getComputedStyle(document.body).color));
    return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  });

/** Elements that reach beyond the right edge and lie in no pane of their own that scrolls. */
const cutOff = (frame) =>
  frame.evaluate(() => {
    const scrolls = (element) => {
      for (
        let parent = element.parentElement;
        parent && parent !== document.body;
        parent = parent.parentElement
      ) {
        if (
          /auto|scroll|hidden/.test(getComputedStyle(parent).overflowX) &&
          parent.getBoundingClientRect().right <= window.innerWidth + 1
        )
          return true;
      }
      return false;
    };
    return [...document.body.querySelectorAll("*")]
      .filter(
        (element) =>
          element.getClientRects().length > 0 &&
          element.getBoundingClientRect().right > window.innerWidth + 1 &&
          !scrolls(element),
      )
      .map((element) => `${element.tagName.toLowerCase()}.${element.className}`);
  });

describe("themes", () => {
  let session;
  let original;
  const { settingsFile } = inject("e2e");
  const set = (changes) =>
    writeFileSync(settingsFile, JSON.stringify({ ...JSON.parse(original), ...changes }, null, 2));

  beforeAll(async () => {
    original = readFileSync(settingsFile, "utf8");
    session = await openSession("themes");
    await openLens(session);
    await openTrajectory(session);
  });
  afterAll(async () => {
    writeFileSync(settingsFile, original);
    await session?.close();
  });

  it.each(themes.map((theme) => [theme.name, theme]))("%s", async (name, theme) => {
    const { workbench, page } = session;
    set({ "workbench.colorTheme": theme.setting });
    const frame = await workbench.webview(
      "in the new theme",
      async (candidate) =>
        theme.body.test((await candidate.locator("body").getAttribute("class")) ?? "") &&
        (await candidate.locator(".header").count()) > 0,
    );
    expect(await contrast(frame)).toBeGreaterThan(name === "high contrast" ? 7 : 4.5);
    for (const width of [1800, 800]) {
      await page.setViewportSize({ width, height: 1000 });
      await page.waitForTimeout(500);
      await workbench.screenshot(`${name} ${width}`);
      expect(await cutOff(frame), `${name} at ${width} px`).toEqual([]);
    }
  });
});
