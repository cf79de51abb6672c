import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { inPage, sent, text, until, type Check } from "./checks";

const activeStep = (page: Page): Promise<string> => text(page, ".list-pane .vlist-row.active .step-index");

export const trajectoryChecks: readonly Check[] = [
  {
    name: "every key of the trajectory view does what it says",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        assert.equal(await activeStep(page), "1");
        await page.keyboard.press("j");
        await page.keyboard.press("j");
        await page.keyboard.press("k");
        await page.waitForTimeout(150);
        assert.equal(await activeStep(page), "2");
        assert.equal((await sent(page, "cursor")).at(-1)?.["stepIndex"], 1);
        for (const [key, type, field, value] of [
          ["J", "next", "offset", 1],
          ["K", "next", "offset", -1],
          ["]", "sibling", "offset", 1],
          ["[", "sibling", "offset", -1],
          ["t", "openTree", undefined, undefined],
          ["g", "openGroup", undefined, undefined],
          ["c", "compare", undefined, undefined],
          ["s", "score", undefined, undefined],
          ["f", "fork", "stepIndex", 1],
        ] as const) {
          await page.keyboard.press(key);
          const last = (await sent(page, type)).at(-1);
          assert.ok(last, `${key} sends ${type}`);
          if (field !== undefined) assert.equal(last[field], value);
        }
        assert.equal(await page.locator(".explain-pane").isVisible(), true);
        await page.keyboard.press("e");
        assert.equal(await page.locator(".explain-pane").isVisible(), false);
        await page.keyboard.press("?");
        assert.equal(await page.locator("dialog.help").isVisible(), true);
        await page.keyboard.press("Escape");
        await page.keyboard.press("/");
        await page.keyboard.type("7 - 3");
        await page.waitForTimeout(150);
        assert.match(await text(page, ".list-pane .pane-head"), /2 of 7 steps/);
        assert.equal(await page.locator(".list-pane .vlist-row").count(), 2);
        await page.keyboard.press("Escape");
        await page.waitForTimeout(150);
        assert.equal(await page.locator(".list-pane .vlist-row").count(), 7);
      }),
  },
  {
    name: "arrow keys, Home and End move in the step list; the list is one tab stop",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "threeThousand" }, async (page) => {
        const list = page.locator(".list-pane .vlist");
        assert.equal(await list.getAttribute("aria-rowcount"), "3000");
        await list.focus();
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("End");
        await until(
          page,
          "the last step",
          `document.querySelector(".step-detail")?.innerText.includes("the last of 3000 steps")`,
        );
        assert.equal(await activeStep(page), "3000");
        const active = page.locator(".list-pane .vlist-row.active");
        assert.equal(await active.getAttribute("aria-rowindex"), "3000");
        assert.equal(await list.getAttribute("aria-activedescendant"), await active.getAttribute("id"));
        await page.keyboard.press("Home");
        await page.waitForTimeout(100);
        assert.equal(await activeStep(page), "1");
        assert.equal(await page.locator(".list-pane .vlist-row [tabindex]").count(), 0);
      }),
  },
  {
    name: "three steps and three thousand: lists, tracks and numbers",
    run: async (harness) => {
      for (const [scenario, count] of [
        ["three", 3],
        ["threeThousand", 3_000],
      ] as const) {
        await inPage(harness, { app: "trajectory", scenario }, async (page) => {
          assert.equal(await page.locator(".list-pane .vlist").getAttribute("aria-rowcount"), String(count));
          const drawn = await page.evaluate(() => {
            const canvas = document.querySelector<HTMLCanvasElement>(".track-canvas")!;
            return canvas
              .getContext("2d")!
              .getImageData(0, 0, canvas.width, canvas.height)
              .data.some((value) => value > 0);
          });
          assert.equal(drawn, true, "the first track has a picture");
        });
      }
    },
  },
  {
    name: "series too long for one message are put together from their windows",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "sixThousand" }, async (page) => {
        await until(
          page,
          "the whole series",
          `document.querySelector(".track-canvas")?.getAttribute("aria-label")?.startsWith("Recorded advantage: 6,000 numbers over 6,000 steps")`,
        );
        await page.locator(".list-pane .vlist").focus();
        await page.keyboard.press("End");
        await until(
          page,
          "the last number",
          `document.querySelector(".list-pane .vlist-row.active .step-value")?.title.includes("Recorded advantage -") || document.querySelector(".list-pane .vlist-row.active .step-value")?.title.match(/Recorded advantage \\d/)`,
        );
      }),
  },
  {
    name: "missing tracks say how to get them, and the button does it",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        const sentence = "Needs state values: choose a value model, or a file that records them.";
        const track = page.locator(".track.missing", { hasText: sentence });
        assert.equal(await track.count(), 1);
        assert.equal(await track.locator("canvas").count(), 0, "no picture where there are no numbers");
        await track.locator("vscode-button", { hasText: "Score" }).first().click();
        assert.equal((await sent(page, "score")).length, 1);
      }),
  },
  {
    name: "the explanation is never empty: it starts with a number, follows a new score, and says where the next number is",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        await until(
          page,
          "a first number",
          `document.querySelector(".explain-value")?.textContent === "-1.21"`,
        );
        await page.keyboard.press("s");
        await until(
          page,
          "the new score",
          `document.querySelector(".explain-title")?.textContent.startsWith("prm reward")`,
        );
        // The prompt has no score: the next step's is shown and said to be that.
        assert.match(
          await text(page, ".explain-away"),
          /^No number at step 1; shown is the next one, at step 2\.$/,
        );
        assert.equal(await page.locator(".explain-value").getAttribute("title"), "0.8375 (full precision)");
        assert.match(await text(page, ".explain"), /process reward on webgpu/);
        assert.match(await text(page, ".list-pane select"), /prm reward/);
        await page.keyboard.press("j");
        await page.keyboard.press("j");
        await until(
          page,
          "the number at the cursor",
          `document.querySelector(".explain-value")?.title === "0.775 (full precision)" && !document.querySelector(".explain-away")`,
        );
        await page.locator('.explain vscode-button[title^="Copy"]').click();
        assert.equal(
          (await sent(page, "copy")).at(-1)?.["text"],
          "prm reward = 0.775 (probability), step 3 (t = 2)\nprocess reward on webgpu\nProbability that the steps up to here are correct.",
        );
      }),
  },
  {
    name: "a value's interval is drawn, told and copied; a text cut for the context says so",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        await until(page, "the tracks", `document.querySelectorAll(".track").length === 6`);
        await page.keyboard.press("v");
        assert.equal((await sent(page, "value")).length, 1);
        await page.keyboard.press("s");
        const value = page.locator(".track", { hasText: "Monte-Carlo value" });
        await value.locator(".track-label").click();
        assert.match(
          (await value.locator(".track-value").getAttribute("title")) ?? "",
          /^0\.5 share of continuations, 95 % from 0\.280 to 0\.720$/,
        );
        await until(
          page,
          "the interval in words",
          `document.querySelector(".explain")?.innerText.includes("95 % from 0.280 to 0.720")`,
        );
        await page.locator(".tracks-body").focus();
        await page.keyboard.press("Control+c");
        assert.equal(
          (await sent(page, "copy")).at(-1)?.["text"],
          "policy Monte-Carlo value = 0.5 (share of continuations), 95 % from 0.280 to 0.720, step 1 (t = 0)\ncausal LM on webgpu\nmean over 16 continuations; 95 % interval: Wilson score",
        );
        const cut = page.locator(".track", { hasText: "policy log-probability" }).locator(".chip");
        assert.equal(await cut.innerText(), "cut");
        assert.match((await cut.getAttribute("title")) ?? "", /^the first 512 of 2,560 tokens left out/);
      }),
  },
  {
    name: "a token's hover names its rank and what the policy held likeliest; Ctrl+C copies it with its source",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        await until(page, "the tokens", `document.querySelector(".token-canvas")?.clientHeight > 20`);
        await page.keyboard.press("s");
        await until(page, "the score", `document.querySelectorAll(".track").length > 7`);
        await page
          .locator(".tokens-head select")
          .selectOption({ label: "policy log-probability (causal LM on webgpu)" });
        await until(
          page,
          "the model's own tokens",
          `document.querySelector(".tokens-head").innerText.includes("the model's own tokens")`,
        );
        await page.locator(".token-canvas").focus();
        for (let at = 0; at < 4; at++) await page.keyboard.press("ArrowRight");
        const box = await text(page, ".token-hover");
        assert.match(box, /token 4/);
        assert.match(box, /policy rank\s*2\n/);
        assert.match(box, /likeliest here\s*1\s*·?\s*else\s*0\.700\s*2/);
        assert.equal(await page.locator(".token-alternative").count(), 2, "what is not known is not shown");
        assert.equal(await page.locator(".token-alternative.own").count(), 1);
        assert.match(
          (await page.locator(".token-canvas").getAttribute("aria-valuetext")) ?? "",
          /likeliest 1\. " else" p 0\.700/,
        );
        await page.keyboard.press("Control+c");
        const copied = String((await sent(page, "copy")).at(-1)?.["text"]);
        assert.match(copied, /policy log-probability -1\.6094379124341003/);
        assert.match(copied, /causal LM on webgpu/);
        await page.keyboard.press("Escape");
        assert.equal(await page.locator(".token-hover").isVisible(), false);
        await page.keyboard.press("f");
        assert.deepEqual((await sent(page, "fork")).at(-1), { type: "fork", stepIndex: 0, tokenIndex: 3 });
      }),
  },
  {
    name: "the explanation of a trajectory without numbers says what to do",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "empty" }, async (page) => {
        await until(
          page,
          "a sentence",
          `document.querySelector(".explain")?.innerText.includes("no numbers yet")`,
        );
        await page.locator(".explain vscode-button", { hasText: "Score" }).click();
        assert.equal((await sent(page, "score")).length, 1);
      }),
  },
  {
    name: "the headline advantage is the signal's own number, with sign, convention and full precision",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        // Eight rewards 1 1 0 0 1 1 0 1: mean 0.625, sample standard deviation sqrt(15/56).
        const wanted = -0.625 / (Math.sqrt(15 / 56) + 1e-6);
        await until(
          page,
          "the explanation",
          `document.querySelector(".explain-value")?.textContent === "-1.21"`,
        );
        const shown = Number.parseFloat((await page.locator(".explain-value").getAttribute("title")) ?? "");
        assert.ok(Math.abs(shown - wanted) < 1e-12, `${shown} is ${wanted}`);
        assert.match(await text(page, ".fact-advantage"), /adv\s*-1\.21\s*verl/);
        assert.ok((await page.locator(".fact-advantage").getAttribute("title"))?.includes(String(shown)));
        assert.equal((await page.locator(".explain .fraction").count()) > 0, true, "fractions are drawn");
        assert.equal(await page.locator(".explain-group .member").count(), 8);
        await page.locator("vscode-button", { hasText: "advantages.py:41" }).click();
        assert.deepEqual((await sent(page, "openCode"))[0], {
          type: "openCode",
          path: "/workspace/advantages.py",
          line: 41,
        });
      }),
  },
  {
    name: "taps, swipes and boxes are drawn over the screen, also where its picture is missing",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "screen" }, async (page) => {
        await page.keyboard.press("j");
        await until(page, "the tap", `document.querySelectorAll(".marked-picture circle.mark").length === 2`);
        assert.equal(await page.locator(".marked-picture rect.mark.truth").count(), 1);
        const viewBox = await page.locator(".marked-picture svg").getAttribute("viewBox");
        assert.equal(viewBox, "0 0 400 800", "marks are in the file's own coordinates");
        assert.match(await text(page, ".marked-picture figcaption"), /click \(120, 300\)/);
        await page.keyboard.press("j");
        await until(page, "the swipe", `document.querySelectorAll(".marked-picture path.mark").length === 1`);
        assert.match(await text(page, ".marked-picture figcaption"), /swipe \(200, 600\) → \(200, 200\)/);
      }),
  },
  {
    name: "a long text is folded and unfolds whole",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "hostile" }, async (page) => {
        await page.keyboard.press("j");
        const unfold = page.locator(".fold-line vscode-button", { hasText: "Show all" });
        await unfold.waitFor();
        const total = Number((await unfold.innerText()).replace(/\D/g, ""));
        assert.ok(total > 12_000);
        await unfold.click();
        await until(
          page,
          "the whole text",
          `[...document.querySelectorAll(".step-detail .text")].some((box) => box.textContent.length === ${total})`,
        );
      }),
  },
  {
    name: "the cursor is shared: host, list, tracks and tokens follow",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        await page.evaluate(() => window.harness.post({ type: "cursor", stepIndex: 4 }));
        await until(
          page,
          "the list",
          `document.querySelector(".list-pane .vlist-row.active .step-index")?.textContent === "5"`,
        );
        await until(
          page,
          "the tokens",
          `document.querySelector(".tokens-head")?.textContent.includes("step 5")`,
        );
        assert.ok((await text(page, ".step-detail")).includes("7 - 3 = 4"));
        assert.equal((await sent(page, "cursor")).length, 0, "what the host said is not told back");
        const track = page.locator(".track", { hasText: "Recorded advantage" });
        assert.equal(await track.locator(".track-value").innerText(), "-0.740");
        const box = (await track.locator("canvas").boundingBox())!;
        await page.mouse.click(box.x + box.width * (2.5 / 7), box.y + 10);
        await page.waitForTimeout(150);
        assert.equal(await activeStep(page), "3");
        assert.equal((await sent(page, "cursor")).at(-1)?.["stepIndex"], 2);
      }),
  },
  {
    name: "tokens: arrow keys read every number, and a table says the same",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        await page.evaluate(() => window.harness.post({ type: "cursor", stepIndex: 2 }));
        await until(
          page,
          "the step's tokens",
          `document.querySelector(".tokens-head")?.textContent.includes("step 3")`,
        );
        await page.locator(".token-canvas").focus();
        await page.keyboard.press("ArrowRight");
        const spoken = (await page.locator(".token-canvas").getAttribute("aria-valuetext")) ?? "";
        assert.match(
          spoken,
          /^token \d+ ".*" · id \d+ · trained · advantage [+-][\d.]+ · logprob -[\d.]+ · p [\d.]+ · entropy [\d.]+$/,
        );
        assert.equal(await text(page, ".token-readout"), spoken);
        await page.locator(".tokens-head vscode-button[title='Show the tokens as a table']").click();
        await until(page, "the table", `document.querySelectorAll(".token-table .vlist-row").length >= 3`);
      }),
  },
  {
    name: "tracks have a table with the same numbers; zero, null and absent stay apart",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle" }, async (page) => {
        await page.locator(".tracks-tools vscode-button[title='Show the tracks as a table']").click();
        await until(page, "the table", `document.querySelectorAll(".track-table .vlist-row").length === 7`);
        const rows = await page
          .locator(".track-table .vlist-row")
          .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
        const last = rows.find((row) => row[0] === "7")!;
        const first = rows.find((row) => row[0] === "1")!;
        assert.deepEqual(last.slice(1, 4), ["-1.21", "-0.300", "+0.00"]);
        assert.deepEqual(first.slice(1, 4), ["-1.21", "-", "-"]);
      }),
  },
  {
    name: "numeric episodes show states and actions on the shared steps",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "episode" }, async (page) => {
        assert.equal(await page.locator(".column").count(), 4);
        await page.keyboard.press("j");
        await page.waitForTimeout(200);
        assert.match(await text(page, ".column-values"), /cos 0\.0498/);
        assert.match(
          await page.locator(".list-pane .vlist-row.active").innerText(),
          /actions 0\.0997|actions 0\.0996/,
        );
      }),
  },
  {
    name: "where a step list is too narrow for bars its words stay, and members of the group have names",
    run: (harness) =>
      inPage(harness, { app: "trajectory", scenario: "puzzle", width: 430 }, async (page) => {
        await until(page, "steps", `document.querySelectorAll(".step-row").length > 2`);
        const widths = await page.evaluate(() =>
          [...document.querySelectorAll(".step-row .step-words")].map(
            (words) => words.getBoundingClientRect().width,
          ),
        );
        for (const width of widths) assert.ok(width >= 24, `${width} pixels for the words of a step`);
        const names = await page.evaluate(() =>
          [...document.querySelectorAll(".group-strip .member")].map((chip) =>
            chip.getAttribute("aria-label"),
          ),
        );
        assert.ok(
          names.length > 1 && names.every((name) => /^#\d+ .*reward/.test(name ?? "")),
          names.join(" | "),
        );
      }),
  },
];
