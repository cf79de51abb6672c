// A folder that is not trusted: everything can be read, nothing that the folder brings along is run.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLens, openTrajectory, trajectoryFrame } from "../../scripts/journey.mjs";
import { openSession } from "./session.mjs";

describe("an untrusted workspace", () => {
  let session;
  beforeAll(async () => {
    session = await openSession("untrusted", { trusted: false });
  });
  afterAll(async () => {
    await session?.close();
  });

  it("says that it is restricted", async () => {
    await session.workbench.until("Restricted Mode in the status bar", async () =>
      (await session.workbench.statusBar()).includes("Restricted Mode"),
    );
  });

  it("lists and opens trajectories", async () => {
    await openLens(session);
    const { frame } = await openTrajectory(session);
    expect(await session.workbench.textOf(frame)).toMatch(/(pass|fail|reward)\s*-?\d/);
    await session.workbench.screenshot("trajectory");
  });

  it("loads no model, and says what to do", async () => {
    const { workbench } = session;
    const frame = await trajectoryFrame(workbench);
    await frame
      .getByRole("button", { name: "Score" })
      .or(frame.locator("vscode-button", { hasText: "Score" }))
      .first()
      .click();
    const said = await workbench.until("a sentence about trust", async () => {
      const texts = [...(await workbench.notifications()), await workbench.textOf(frame)];
      return texts.find((text) => /not trusted/i.test(text));
    });
    expect(said).not.toMatch(/\bat .*:\d+:\d+/);
    expect(await workbench.statusBar()).toMatch(/not trusted/);
    await workbench.screenshot("score refused");
  });

  it("offers no training task", async () => {
    const { workbench } = session;
    await workbench.command("Tasks: Run Task").catch(() => {});
    await workbench.page.waitForTimeout(3000);
    const texts = await workbench.page
      .locator(".quick-input-widget:visible .monaco-list-row")
      .allInnerTexts();
    expect(texts.filter((text) => /train/i.test(text))).toEqual([]);
    await workbench.page.keyboard.press("Escape");
  });
});
