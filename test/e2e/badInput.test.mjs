// Files as they are found in the wild: broken lines, a torn end, formats nobody knows, models that are none.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openLens } from "../../scripts/journey.mjs";
import { openSession } from "./session.mjs";

const record = (member, score) =>
  JSON.stringify({
    input: "use 1 2 3 to make 6",
    output: `1 + 2 = 3\n3 + 3 = 6 <img src=x onerror="document.title='hacked'">`,
    gts: "6",
    score,
    step: 1,
    uid: `q0_${member}_0`,
    acc: score,
  });

/** Characters that only a stack trace has. */
const STACK = /\bat \S+ \(|node_modules|\.js:\d+/;

describe("bad input", () => {
  let session;
  beforeAll(async () => {
    const folder = join(inject("e2e").folder, "broken");
    mkdirSync(join(folder, "rollouts"), { recursive: true });
    const lines = [record(0, 1), '{"input": "no end', record(1, 0), "", "[1, 2, 3]", record(2, 1)];
    // The last line is torn: a writer is in the middle of it.
    writeFileSync(join(folder, "rollouts/1.jsonl"), `${lines.join("\n")}\n${record(3, 0).slice(0, 60)}`);
    writeFileSync(join(folder, "unknown.json"), '{"recipe": "soup", "steps": ["cut", "boil"]}');
    writeFileSync(join(folder, "broken.onnx"), "not a model");
    session = await openSession("bad-input", { workspace: folder });
  });
  afterAll(async () => {
    await session?.close();
  });

  it("keeps the good lines and counts the bad ones", async () => {
    const { workbench } = session;
    await openLens(session);
    const dataset = await workbench.sideBarRow(/verl.*3 trajectories/, { level: 1 });
    expect(dataset.text).toMatch(/warning/);
    await workbench.screenshot("dataset");
  });

  it("says in one sentence what is wrong, where, and what to do", async () => {
    const { workbench } = session;
    const dataset = await workbench.sideBarRow(/verl.*3 trajectories/, { level: 1 });
    await workbench.contextMenu(dataset.row, "Open as Trajectories");
    const frame = await workbench.webview("with the dataset", async (candidate) =>
      (await candidate.locator("body").innerText()).includes("1 2 3"),
    );
    const text = await workbench.webviewText(frame, /line 2/i);
    expect(text).not.toMatch(STACK);
    // One place is named, the line of the file.
    expect(text).not.toMatch(/line 1 column/);
    await workbench.screenshot("warnings");
  });

  it("shows hostile text as text", async () => {
    const { workbench } = session;
    await workbench.expand(/verl.*3 trajectories/, { level: 1 });
    const member = async () =>
      (await workbench.sideBarRows()).find(
        (entry) => /pass|fail|#\d/.test(entry.text) && entry.expanded === null && entry.level > 1,
      );
    for (let depth = 0; depth < 3 && !(await member()); depth += 1) {
      const closed = (await workbench.sideBarRows()).find(
        (entry) => entry.level > 1 && entry.expanded === "false",
      );
      if (closed) await workbench.expand(closed.text, { level: closed.level });
    }
    const found = await workbench.until("a trajectory below the dataset", member);
    await found.row.click();
    const frame = await workbench.webview(
      "with the trajectory",
      async (candidate) => (await candidate.locator(".header .outcome").count()) > 0,
    );
    await workbench.webviewText(frame, "onerror");
    expect(await frame.locator("img[src=x]").count()).toBe(0);
    await workbench.screenshot("hostile text");
  });

  it("refuses an unknown file with a sentence", async () => {
    const { workbench } = session;
    await workbench.closeAllEditors();
    await workbench.openFile("unknown.json");
    await workbench.command("View: Reopen Editor With...");
    await workbench.pick(/Trajectories/);
    const frame = await workbench.webview("that says why", async (candidate) =>
      /not|no format|unknown/i.test(await candidate.locator("body").innerText()),
    );
    const text = await workbench.textOf(frame);
    expect(text).toMatch(/unknown\.json|format/i);
    expect(text).not.toMatch(STACK);
    await workbench.screenshot("unknown file");
  });

  it("lists a broken model with its reason, and never as usable", async () => {
    const { workbench } = session;
    await openLens(session);
    const broken = await workbench.sideBarRow(/^broken\b.*cannot be used/, { level: 1 });
    expect(broken.text).toMatch(/cannot be used/);
  });
});
