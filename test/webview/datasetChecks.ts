import assert from "node:assert/strict";
import { inPage, sent, text, until, type Check } from "./checks";
import { frameRate, rateText } from "./frames";

export const datasetChecks: readonly Check[] = [
  {
    name: "a list of 1,000,000 rows scrolls to its last row, by key, by scroll bar and by wheel",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "million" }, async (page) => {
        const list = page.locator(".table .vlist").first();
        await until(page, "the rows", `document.querySelectorAll(".table .vlist-row").length > 5`);
        assert.equal(await list.getAttribute("aria-rowcount"), "1000000");
        const last = `[...document.querySelectorAll(".table .vlist-row")].some((row) => row.getAttribute("aria-rowindex") === "1000000" && row.textContent.includes("the last of 1000000 rows") && row.getBoundingClientRect().bottom <= row.closest(".vlist").getBoundingClientRect().bottom + 1)`;
        await list.focus();
        await page.keyboard.press("End");
        await until(page, "the last row by End", last);
        await page.keyboard.press("Home");
        await until(
          page,
          "the first row",
          `[...document.querySelectorAll(".table .vlist-row")].some((row) => row.getAttribute("aria-rowindex") === "1" && !row.textContent.includes("…"))`,
        );
        await list.evaluate((element) => (element.scrollTop = element.scrollHeight));
        await until(page, "the last row by the scroll bar", last);
        await list.evaluate((element) => (element.scrollTop = element.scrollHeight / 2));
        await page.waitForTimeout(150);
        const firstShown = (): Promise<number> =>
          page.evaluate(() =>
            Math.min(
              ...[...document.querySelectorAll(".table .vlist-row")].map((row) =>
                Number(row.getAttribute("aria-rowindex")),
              ),
            ),
          );
        const before = await firstShown();
        const box = (await list.boundingBox())!;
        await page.mouse.move(box.x + 50, box.y + 50);
        await page.mouse.wheel(0, 220);
        await page.waitForTimeout(150);
        assert.equal((await firstShown()) - before, 10, "the wheel moves by rows, not by scaled pixels");
        return rateText(
          await frameRate(page, { kind: "scroll", selector: ".table .vlist", pixels: 4_000 }, 1_500),
        );
      }),
  },
  {
    name: "sorting, filtering, brushing and findings ask for the right rows",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "run" }, async (page) => {
        await until(page, "the findings", `document.querySelectorAll(".finding").length >= 4`);
        await page.locator(".sort", { hasText: "reward" }).click();
        await page.waitForTimeout(150);
        assert.deepEqual((await sent(page, "rows")).findLast((message) => message["end"] !== 1)?.["query"], {
          sort: "reward",
          descending: true,
        });
        await page.locator(".finding", { hasText: "failed as a whole" }).click();
        await page.waitForTimeout(200);
        const wanted = Number(
          (await page.locator(".finding.active .finding-count").innerText()).replace(",", ""),
        );
        assert.match(
          await text(page, ".table-bar [role=status]"),
          new RegExp(`^${wanted.toLocaleString("en-US")} trajectories of 3,072$`),
        );
        await page.locator(".finding.active").click();
        await page.locator(".multiples-grid").focus();
        await page.keyboard.press("Home");
        await page.keyboard.press("Shift+ArrowRight");
        await page.waitForTimeout(200);
        const brushed = (await sent(page, "rows")).findLast((message) => message["end"] !== 1)?.[
          "query"
        ] as Record<string, unknown>;
        assert.deepEqual([brushed["trainingStepFrom"], brushed["trainingStepTo"]], [0, 1]);
        await until(
          page,
          "512 rows",
          `document.querySelector(".table-bar [role=status]").textContent.startsWith("512 ")`,
        );
        await page.keyboard.press("Escape");
        await page.keyboard.press("/");
        await page.keyboard.type("the last of");
        await until(
          page,
          "the one row",
          `document.querySelector(".table-bar [role=status]").textContent.startsWith("1 trajectory")`,
        );
      }),
  },
  {
    name: "names of lines cover neither each other nor a line, and stay inside, at 420, 800 and 1800 pixels",
    run: async (harness) => {
      for (const width of [420, 800, 1800])
        await inPage(harness, { app: "dataset", scenario: "run", width }, async (page) => {
          await until(page, "the names", `document.querySelectorAll(".multiple .name").length === 4`);
          const faults = await page.evaluate(() => {
            const found: string[] = [];
            for (const figure of document.querySelectorAll(".multiple")) {
              const frame = figure.querySelector("svg")!.getBoundingClientRect();
              const labels = [...figure.querySelectorAll("text.label")].map((text) => ({
                text: text.firstChild?.textContent ?? "",
                box: text.getBoundingClientRect(),
                name: text.classList.contains("name"),
              }));
              const lines = [...figure.querySelectorAll("path.series")].map((path) =>
                path.getBoundingClientRect(),
              );
              labels.forEach(({ text, box, name }, index) => {
                if (box.right > frame.right + 1 || box.left < frame.left - 1)
                  found.push(`${text} sticks out`);
                // The boxes of 11 px letters overlap by their line gaps; what is drawn does not.
                for (const other of labels.slice(index + 1))
                  if (
                    box.left < other.box.right &&
                    other.box.left < box.right &&
                    Math.abs(box.top - other.box.top) < 10.5
                  )
                    found.push(`${text} on ${other.text}`);
                if (name && lines.some((line) => box.left < line.right - 1))
                  found.push(`${text} lies over a line`);
              });
            }
            return found;
          });
          assert.deepEqual(faults, [], `at ${width} pixels`);
        });
    },
  },
  {
    name: "a row opens by click and by Enter, beside with Ctrl",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "run" }, async (page) => {
        await until(page, "the rows", `document.querySelectorAll(".table .vlist-row").length > 5`);
        await page.locator(".table .vlist-row").nth(2).click();
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("Enter");
        await page.keyboard.press("Control+Enter");
        await page.keyboard.press("Control+c");
        assert.match(
          String((await sent(page, "copy")).at(-1)?.["text"]),
          /^3 7 8 0 -> 24, sample 3\nreward\t0\nadvantage\t-0\.3\n[^]*arithmetic\t0\.011164451771619496\n[^]*\nfrom\t\/runs\/rollouts\/40\.jsonl row 3$/,
        );
        const opened = await sent(page, "open");
        assert.deepEqual(
          opened.map((message) => message["beside"]),
          [false, false, true],
        );
        assert.equal(opened[1]?.["trajectoryId"], opened[2]?.["trajectoryId"]);
        assert.notEqual(opened[0]?.["trajectoryId"], opened[1]?.["trajectoryId"]);
      }),
  },
  {
    name: "groups: rewards, mean, spread; Enter shows the members, t the tree",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "run" }, async (page) => {
        await until(page, "the rows", `document.querySelectorAll(".table .vlist-row").length > 5`);
        await page.keyboard.press("g");
        await until(
          page,
          "the groups",
          `document.querySelectorAll(".groups .vlist-row").length > 5 && !document.querySelector(".groups .vlist-row").textContent.includes("…")`,
        );
        await page.locator(".groups .vlist").focus();
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("t");
        assert.equal((await sent(page, "openTree")).at(-1)?.["groupId"], "g1");
        await page.keyboard.press("Enter");
        await until(
          page,
          "the members",
          `document.querySelector(".table-bar [role=status]").textContent.startsWith("8 trajectories of 3,072")`,
        );
      }),
  },
  {
    name: "one group is a page of its own: mean, spread, a sentence, advantages under two conventions, and where the texts part",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "run", width: 1400 }, async (page) => {
        const show = (group: number): Promise<void> =>
          page.evaluate(`window.harness.post({ type: "filter", query: { groupId: "g${group}" } })`);
        await until(page, "the rows", `document.querySelectorAll(".table .vlist-row").length > 5`);
        await show(0);
        await until(
          page,
          "the conventions",
          `document.querySelector(".table .table-head").innerText.includes("adv verl-dr-grpo")`,
        );
        assert.equal(await page.locator(".multiples").isVisible(), false);
        assert.equal(await page.locator(".findings").isVisible(), false);
        assert.match(
          await text(page, ".group-head"),
          /^3 7 8 0 -> 24, sample 0\s*group of 8\s*2 of 8 passed\s*mean reward 0\.250\s*std \(n-1\) 0\.463/,
        );
        const first = page.locator(".table .vlist-row").first();
        // Reward 1 of eight with two ones: 0.75 over sqrt(12/56) and eps.
        assert.match(await first.innerText(), /\+1\.620/);
        assert.match(await first.innerText(), /\+0\.750/);
        assert.equal(
          await page.locator(".table .vlist-row .parting .quiet").nth(1).innerText(),
          "7 - 2 = 5 8 ",
        );
        const flat = await page.evaluate<number>(
          `window.harness.answered.filter((message) => message.type === "rows").flatMap((message) => message.rows).reduce((found, row, index, rows) => found >= 0 || rows.filter((other) => other.groupId === row.groupId).some((other) => other.success) ? found : Number(row.groupId.slice(1)), -1)`,
        );
        await show(flat);
        await until(
          page,
          "the sentence",
          `document.querySelector(".group-head").innerText.includes("All 8 failed: this group teaches nothing under GRPO.")`,
        );
        await page.keyboard.press("Escape");
        await until(
          page,
          "the run again",
          `document.querySelector(".multiples").clientHeight > 0 && document.querySelector(".group-head").hidden`,
        );
        assert.match(await text(page, ".table .table-head"), /trajectory/);
      }),
  },
  {
    name: "a growing dataset keeps its rows on the screen and asks for the new ones",
    run: async (harness) => {
      const grow = `window.harness.post({ ...window.grown, dataset: { ...window.grown.dataset, trajectories: window.grown.dataset.trajectories + 8 } })`;
      await inPage(harness, { app: "dataset", scenario: "nothing" }, async (page) => {
        assert.equal((await sent(page, "rows")).length, 0, "an empty dataset has nothing to ask for");
        await page.evaluate(
          `window.grown = window.harness.answered.find((message) => message.type === "dataset"); ${grow}`,
        );
        await page.waitForTimeout(150);
        assert.ok((await sent(page, "rows")).length > 0);
      });
      await inPage(harness, { app: "dataset", scenario: "run" }, async (page) => {
        await until(page, "the rows", `document.querySelectorAll(".table .vlist-row").length > 5`);
        await page.waitForTimeout(400);
        const before = (await sent(page, "rows")).length;
        await page.evaluate(
          `window.harness.delay = Infinity; window.grown = window.harness.answered.find((message) => message.type === "dataset"); ${grow}`,
        );
        await page.waitForTimeout(150);
        assert.ok((await sent(page, "rows")).length > before);
        assert.match(await text(page, ".facts"), /3,080 trajectories/);
        const words = await page.locator(".table .vlist-row .cell:first-child").allInnerTexts();
        assert.ok(words.length > 5 && !words.includes("…"), "no row went blank");
        // Rows that arrive before the header hears of them do not give a second count.
        await page.evaluate(
          `window.harness.delay = 0; window.harness.post({ type: "rows", id: window.harness.sent.findLast((message) => message.type === "rows" && message.end !== 1).id, start: 0, rows: [], total: 3096 })`,
        );
        await page.waitForTimeout(100);
        assert.equal(await text(page, ".table-bar [role=status]"), "3,080 trajectories");
      });
    },
  },
  {
    name: "one training step is a line of numbers, episodes are a plot of returns, nothing says so",
    run: async (harness) => {
      await inPage(harness, { app: "dataset", scenario: "single" }, async (page) => {
        assert.match(await text(page, ".multiples-grid"), /reward\s*0\.\d+/);
        assert.equal(await page.locator(".multiple").count(), 0);
      });
      await inPage(harness, { app: "dataset", scenario: "control" }, async (page) => {
        await until(page, "the returns", `document.querySelectorAll(".returns circle").length === 500`);
        assert.match(await text(page, ".facts"), /500 episodes/);
        await until(
          page,
          "a remark instead of a finding that every episode ends at its time limit",
          `/All 500 episodes end at a length or time limit/.test(document.querySelector(".findings").innerText) && ![...document.querySelectorAll(".finding")].some((each) => /cut by/.test(each.innerText))`,
        );
      });
      await inPage(harness, { app: "dataset", scenario: "nothing" }, async (page) => {
        assert.equal(await text(page, ".nothing"), "This dataset holds no trajectories yet.");
      });
    },
  },
  {
    name: "a file that could not be read offers what helps, shows no empty table, and is taken up once it is read",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "run", delay: Infinity }, async (page) => {
        await page.evaluate(() =>
          window.harness.post({
            type: "error",
            message: "play.jsonl is of no format that is known here.",
            hint: "Its columns can be mapped.",
            action: "mapColumns",
          }),
        );
        const offer = page.locator(".status-sentence vscode-button");
        await offer.waitFor();
        assert.equal(await page.locator(".dataset-body").isVisible(), false);
        assert.equal(await page.locator("h1").innerText(), "Nothing to show");
        await offer.click();
        assert.equal((await sent(page, "mapColumns")).length, 1);
        await page.evaluate(() =>
          window.harness.post({
            type: "dataset",
            live: false,
            trainingSteps: [],
            dataset: {
              id: "d",
              path: "/runs/play.jsonl",
              name: "play.jsonl",
              format: "mapped:",
              formatTitle: "Mapped columns",
              files: 1,
              bytes: 0,
              trajectories: 2,
              steps: 4,
              groups: 0,
              trainingSteps: 0,
              components: [],
              nativeTree: false,
              numeric: false,
              modifiedMs: 0,
              warnings: [],
            },
          }),
        );
        await until(page, "the name", `document.querySelector("h1").textContent === "play.jsonl"`);
        assert.equal(await page.locator(".dataset-body").isVisible(), true);
        assert.equal(await offer.isVisible(), false);
        // The size of a file that is still being read is not zero; it is not known.
        assert.doesNotMatch(await text(page, ".facts"), /\b0 B/);
      }),
  },
  {
    name: "the whole run can be searched from its table, and the advantages of a group are bars with a side",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "run" }, async (page) => {
        await page.locator("vscode-button", { hasText: "Search" }).click();
        assert.equal((await sent(page, "search")).length, 1);
        await page.keyboard.press("g");
        await until(page, "groups", `document.querySelectorAll(".groups .vlist-row").length > 5`);
        await page.locator(".groups .vlist").focus();
        await page.keyboard.press("Enter");
        await until(page, "the members", `document.querySelectorAll(".table .parting").length > 1`);
        const sides = await page.evaluate(() =>
          [...document.querySelectorAll(".table-row")]
            .flatMap((row) => [...row.querySelectorAll<HTMLElement>(".cell.with-bar")].slice(1))
            .map((cell) => {
              const fill = cell.querySelector<HTMLElement>(".bar-fill")!;
              return {
                value: Number(cell.textContent),
                below: fill.classList.contains("below"),
                width: fill.getBoundingClientRect().width,
              };
            }),
        );
        assert.ok(sides.length > 0, "there are bars of advantages");
        for (const { value, below, width } of sides) {
          assert.equal(below, value < 0);
          if (value !== 0) assert.ok(width > 0, `${value} has a bar`);
        }
      }),
  },
  {
    name: "a warning leads to its place, and the filter is told by its own name",
    run: (harness) =>
      inPage(harness, { app: "dataset", scenario: "run" }, async (page) => {
        await page.locator("button.finding-note").click();
        assert.deepEqual(
          (await sent(page, "openNote")).map((message) => message["where"]),
          ["/runs/rollouts/40.jsonl:17"],
        );
        assert.equal(await page.locator("vscode-text-field").getAttribute("aria-label"), "Filter by title");
      }),
  },
];
