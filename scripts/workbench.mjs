// What a person does in the VS Code workbench, as functions over a playwright page: used by the demo and by the
// end-to-end tests. Every wait names what it waits for, so that a failure reads as a sentence.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** An expectation about the screen that did not come true. */
export class ScreenError extends Error {}

/** What is waited for can no longer come. */
export class FinalError extends ScreenError {}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Text as a person reads it: VS Code draws spaces in editors as non-breaking ones. */
export const readable = (text) =>
  text.replaceAll("\u00a0", " ").replaceAll("\u200b", "").replace(/\s+/g, " ").trim();

const matches = (text, wanted) => (wanted instanceof RegExp ? wanted.test(text) : text.includes(wanted));

export class Workbench {
  #shots = 0;

  /**
   * @param page playwright page that shows the workbench
   * @param options.screenshots folder for numbered screenshots
   * @param options.timeoutMs how long one expectation may take
   */
  constructor(page, { screenshots, timeoutMs = 60_000 } = {}) {
    this.page = page;
    this.screenshots = screenshots;
    this.timeoutMs = timeoutMs;
    this.consoleErrors = [];
    // A row that was replaced while it was looked at is looked up again, by `until`.
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => this.consoleErrors.push(error.message));
  }

  /**
   * Waits until `condition` gives something truthy and returns it.
   * @param what completes the sentence "expected ..."
   */
  async until(what, condition, timeoutMs = this.timeoutMs) {
    const end = Date.now() + timeoutMs;
    let last;
    for (;;) {
      try {
        const value = await condition();
        if (value) return value;
        last = undefined;
      } catch (error) {
        if (error instanceof FinalError) throw error;
        // Frames come and go while the workbench lays itself out.
        last = error;
      }
      if (Date.now() > end) {
        throw new ScreenError(
          `Expected ${what} within ${Math.round(timeoutMs / 1000)} s${last ? ` (${String(last.message).split("\n")[0]})` : ""}.`,
        );
      }
      await pause(100);
    }
  }

  /** Saves `NN-name.png` and returns the file's name. */
  async screenshot(name) {
    if (!this.screenshots) return undefined;
    mkdirSync(this.screenshots, { recursive: true });
    this.#shots += 1;
    const file = `${String(this.#shots).padStart(2, "0")}-${name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")}.png`;
    await this.page.screenshot({ path: join(this.screenshots, file), animations: "disabled" });
    return file;
  }

  /**
   * Runs a command from the palette by its full title, for example "View: Close All Editors". The palette lists what
   * applies at the moment it opens, and an editor that is still loading changes that: it is opened anew until it offers it.
   */
  async command(title) {
    await this.until(`the command palette to offer "${title}"`, async () => {
      await this.page.keyboard.press("F1");
      const box = this.page.locator(".quick-input-widget:visible input");
      await box.first().waitFor({ timeout: 5000 });
      await box.first().fill(`>${title}`);
      const row = this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: title }).first();
      try {
        await row.waitFor({ timeout: 5000 });
        await row.click({ timeout: 5000 });
        return true;
      } catch (error) {
        await this.page.keyboard.press("Escape");
        throw error;
      }
    });
  }

  /** Picks the entry of an open quick pick whose text matches; its other entries are in the error. */
  async pick(wanted, timeoutMs = this.timeoutMs) {
    let seen = [];
    await this.until(
      `a quick pick entry ${wanted}`,
      async () => {
        seen = await this.quickPickRows();
        const found = seen.find((entry) => matches(entry.text, wanted));
        if (!found) return false;
        await found.row.click();
        return true;
      },
      timeoutMs,
    ).catch((error) => {
      throw new ScreenError(`${error.message} There are: ${seen.map((entry) => entry.text).join(" | ")}`);
    });
  }

  /** Rows of the quick pick that are drawn now. */
  async quickPickRows() {
    const rows = this.page.locator(".quick-input-widget .quick-input-list .monaco-list-row");
    const described = await rows.evaluateAll((elements) =>
      elements
        .filter((element) => element.getClientRects().length > 0)
        .map((element) => ({
          id: element.id,
          text: element.textContent ?? "",
          label: element.getAttribute("aria-label") ?? "",
        })),
    );
    return described.map(({ id, text, label }) => ({
      row: this.page.locator(`[id="${id}"]`),
      text: readable(text),
      label: readable(label),
    }));
  }

  /** True while a quick pick is open. */
  async picking() {
    return (await this.quickPickRows()).length > 0;
  }

  /** Opens a file of the workspace by its path, through Quick Open. */
  async openFile(path) {
    await this.page.keyboard.press("Control+P");
    const box = this.page.locator(".quick-input-widget:visible input").first();
    await box.waitFor({ timeout: this.timeoutMs });
    await box.fill(path);
    const name = path.split("/").at(-1);
    await this.until(`Quick Open to find ${path}`, async () => {
      const found = (await this.quickPickRows()).find(
        ({ label }) =>
          label.startsWith(name) &&
          path
            .split("/")
            .slice(0, -1)
            .every((part) => label.includes(part)),
      );
      if (!found) return false;
      await found.row.click();
      return true;
    });
    await this.until(`an editor tab ${name}`, async () => (await this.activeTab())?.includes(name));
  }

  /** Title of the active editor tab. */
  async activeTab() {
    const tab = this.page.locator(".editor-group-container.active .tab.active");
    return (await tab.count()) > 0
      ? ((await tab.first().getAttribute("data-resource-name")) ?? "")
      : undefined;
  }

  /** Titles of all editor tabs. */
  async tabs() {
    return await this.page
      .locator(".editor-group-container .tab")
      .evaluateAll((tabs) => tabs.map((tab) => tab.getAttribute("data-resource-name") ?? ""));
  }

  async closeAllEditors() {
    await this.command("View: Close All Editors");
    await this.until(
      "no open editors",
      async () => (await this.page.locator(".editor-group-container .tab").count()) === 0,
    );
  }

  /** Opens a view container of the activity bar by its title. */
  async openActivity(title) {
    const item = this.page.locator(`.activitybar .action-item a[aria-label^="${title}"]`).first();
    await item.waitFor({ timeout: this.timeoutMs }).catch(() => {
      throw new ScreenError(`The activity bar has no "${title}".`);
    });
    const open = async () =>
      (await item.getAttribute("aria-expanded")) === "true" ||
      (await item.locator("xpath=..").getAttribute("class"))?.includes("checked");
    if (!(await open())) await item.click();
  }

  /** Rows of the side bar's trees that are drawn now. */
  async sideBarRows() {
    const rows = this.page.locator(".part.sidebar .monaco-list-row");
    const described = await rows.evaluateAll((elements) =>
      elements.map((element) => {
        const parts = [...element.querySelectorAll(".label-name, .label-description")].map(
          (part) => part.textContent ?? "",
        );
        return {
          id: element.id,
          // Name and description stand apart on the screen, though not in the text.
          text: parts.length > 0 ? parts.join(" ") : (element.textContent ?? ""),
          label: element.getAttribute("aria-label") ?? "",
          level: Number(element.getAttribute("aria-level") ?? 0),
          expanded: element.getAttribute("aria-expanded"),
          view: element.closest(".pane")?.querySelector(".pane-header .title")?.textContent ?? "",
          top: element.getBoundingClientRect().top,
        };
      }),
    );
    // Recycled rows keep their place in the document, not on the screen.
    return described
      .sort((one, other) => one.top - other.top)
      .map(({ id, text, label, level, expanded, view }) => ({
        row: this.page.locator(`[id="${id}"]`),
        text: readable(text),
        label,
        level,
        expanded,
        view: readable(view),
      }));
  }

  /**
   * A row of the side bar whose text matches, below another row when `under` is given.
   * @returns { row, text, label, level, expanded }
   */
  async sideBarRow(wanted, { under, level, timeoutMs = this.timeoutMs } = {}) {
    let seen = [];
    try {
      return await this.until(
        `a side bar row ${wanted}`,
        async () => {
          seen = await this.sideBarRows();
          const from = under === undefined ? 0 : seen.findIndex((entry) => matches(entry.text, under)) + 1;
          if (under !== undefined && from === 0) return undefined;
          return seen
            .slice(from)
            .find((entry) => matches(entry.text, wanted) && (level === undefined || entry.level === level));
        },
        timeoutMs,
      );
    } catch (error) {
      throw new ScreenError(`${error.message} There are: ${seen.map((entry) => entry.text).join(" | ")}`);
    }
  }

  /** Expands a side bar row and waits for a child. */
  async expand(wanted, options) {
    const found = await this.sideBarRow(wanted, options);
    if (found.expanded !== "true") await found.row.locator(".monaco-tl-twistie").click();
    await this.until(`children below "${found.text}"`, async () => {
      const rows = await this.sideBarRows();
      const at = rows.findIndex((entry) => entry.label === found.label && entry.level === found.level);
      return at >= 0 && (rows[at + 1]?.level ?? 0) > found.level;
    });
    return await this.sideBarRow(wanted, options);
  }

  /** Waits until the side bar's rows have stopped changing, and returns them. */
  async steadySideBar(quietMs = 2000, timeoutMs = this.timeoutMs) {
    let before = "";
    let since = Date.now();
    return await this.until(
      "the side bar to come to rest",
      async () => {
        const rows = await this.sideBarRows();
        const now = rows.map((entry) => entry.text).join("\n");
        if (now !== before) since = Date.now();
        before = now;
        return Date.now() - since >= quietMs ? rows : undefined;
      },
      timeoutMs,
    );
  }

  /** Collapses every row of the first view in the side bar. */
  async collapseSideBar() {
    // With several views in the bar, a view's buttons show while the pointer is over its header.
    const pane = this.page.locator(".part.sidebar .pane").first();
    if ((await pane.count()) > 0) await pane.hover({ position: { x: 60, y: 8 } });
    await this.page
      .locator(
        '.part.sidebar .composite.title a[aria-label^="Collapse All"], .part.sidebar .pane-header a[aria-label^="Collapse All"]',
      )
      .first()
      .click();
    await this.until("all rows to be collapsed", async () =>
      (await this.sideBarRows()).every((entry) => entry.level === 1),
    );
  }

  /** Opens the context menu of an element and chooses an item. */
  async contextMenu(locator, item) {
    await locator.click({ button: "right" });
    const entries = this.page.locator(".context-view .monaco-menu .action-item a.action-menu-item");
    await entries.first().waitFor({ timeout: this.timeoutMs });
    const found = await this.until(
      `a context menu entry "${item}"`,
      async () => {
        const texts = (await entries.allInnerTexts()).map(readable);
        const at = texts.findIndex((text) => text.startsWith(item));
        return at < 0 ? undefined : entries.nth(at);
      },
      5000,
    ).catch(async (error) => {
      const all = (await entries.allInnerTexts()).map(readable).filter(Boolean);
      await this.page.keyboard.press("Escape");
      throw new ScreenError(`${error.message} There are: ${all.join(" | ")}`);
    });
    await found.hover();
    await found.click();
  }

  /** Texts of the notifications on the screen. */
  async notifications() {
    return (
      await this.page
        .locator(
          ".notifications-toasts .notification-list-item-message, .notifications-center .notification-list-item-message",
        )
        .allInnerTexts()
    ).map(readable);
  }

  /** Waits for a notification that matches and returns its text. */
  async notification(wanted, timeoutMs = this.timeoutMs) {
    let seen = [];
    try {
      return await this.until(
        `a notification ${wanted}`,
        async () => {
          seen = await this.notifications();
          return seen.find((text) => matches(text, wanted));
        },
        timeoutMs,
      );
    } catch (error) {
      throw new ScreenError(`${error.message}${seen.length > 0 ? ` There are: ${seen.join(" | ")}` : ""}`);
    }
  }

  async clearNotifications() {
    await this.command("Notifications: Clear All Notifications");
  }

  /**
   * Waits for a modal dialog, whose text matches when `wanted` is given.
   * @returns { text, buttons }
   */
  async dialog(wanted, timeoutMs = this.timeoutMs) {
    let seen = "";
    return await this.until(
      `a modal dialog ${wanted ?? ""}`,
      async () => {
        const box = this.page.locator(".monaco-dialog-box:visible").last();
        if ((await box.count()) === 0) return undefined;
        seen = readable(await box.locator(".dialog-message-row").innerText());
        if (wanted !== undefined && !matches(seen, wanted)) return undefined;
        return {
          text: seen,
          buttons: (await box.locator(".dialog-buttons .monaco-button").allInnerTexts()).map(readable),
        };
      },
      timeoutMs,
    ).catch((error) => {
      throw new ScreenError(`${error.message}${seen ? ` There is one that says: ${seen}` : ""}`);
    });
  }

  /** Presses a button of the modal dialog and waits until that dialog is gone. */
  async press(button) {
    const { text } = await this.dialog();
    const box = this.page.locator(".monaco-dialog-box:visible").last();
    await box.locator(".dialog-buttons .monaco-button").filter({ hasText: button }).first().click();
    await this.until(`the dialog to close: ${text}`, async () => {
      const now = this.page.locator(".monaco-dialog-box:visible").last();
      return (
        (await now.count()) === 0 || readable(await now.locator(".dialog-message-row").innerText()) !== text
      );
    });
  }

  /** True when no modal dialog is there, nor comes within so many milliseconds. */
  async noDialog(quietMs) {
    const end = Date.now() + quietMs;
    while (Date.now() < end) {
      if ((await this.page.locator(".monaco-dialog-box:visible").count()) > 0) return false;
      await pause(100);
    }
    return true;
  }

  /** The input box that is open and has that title. */
  async #inputBox(title) {
    let seen = "";
    return await this.until(`an input box ${title}`, async () => {
      seen = readable(
        await this.page.locator(".quick-input-widget:visible .quick-input-title").first().innerText(),
      );
      if (!matches(seen, title)) return undefined;
      return this.page.locator(".quick-input-widget:visible .quick-input-box input").first();
    }).catch((error) => {
      throw new ScreenError(`${error.message}${seen ? ` There is one with the title: ${seen}` : ""}`);
    });
  }

  /** Types into the open input box of that title and accepts it. */
  async fill(title, text) {
    const box = await this.#inputBox(title);
    await box.fill(text);
    await box.press("Enter");
  }

  /** Chooses a file by its whole path in the file dialog of that title. */
  async pickFile(title, path) {
    const box = await this.#inputBox(title);
    // The dialog fills in a folder of its own when it has opened, and looks a path up while it is typed.
    await this.until(`the file dialog to take ${path}`, async () => {
      const titles = this.page.locator(".quick-input-widget:visible .quick-input-title");
      if ((await titles.count()) === 0 || !matches(readable(await titles.first().innerText()), title))
        return true;
      if ((await box.inputValue()) !== path) await box.fill(path);
      await pause(300);
      await box.press("Enter");
      await pause(1000);
      return false;
    });
  }

  /** Types into the open input box of that title until it says that this is wrong; the box stays open. */
  async inputProblem(title, text, wanted) {
    const box = await this.#inputBox(title);
    await box.fill(text);
    return await this.until(`the input box to say ${wanted}`, async () => {
      const said = readable(
        await this.page.locator(".quick-input-widget:visible .quick-input-message").first().innerText(),
      );
      return matches(said, wanted) ? said : undefined;
    });
  }

  /** Presses a button of the notification whose text matches. */
  async pressNotification(wanted, button) {
    await this.notification(wanted);
    await this.until(`a button "${button}" at the notification ${wanted}`, async () => {
      const items = this.page.locator(
        ".notifications-toasts .notification-list-item:visible, .notifications-center .notification-list-item:visible",
      );
      for (let at = 0; at < (await items.count()); at += 1) {
        const item = items.nth(at);
        const text = readable(await item.locator(".notification-list-item-message").innerText());
        if (!matches(text, wanted)) continue;
        await item.hover();
        await item
          .locator(".notification-list-item-buttons-container .monaco-button")
          .filter({ hasText: button })
          .first()
          .click({ timeout: 3000 });
        return true;
      }
      return false;
    });
  }

  /** Cancels the work whose progress notification matches. */
  async cancelProgress(wanted) {
    await this.pressNotification(wanted, "Cancel");
  }

  /** Text of the status bar. */
  async statusBar() {
    return readable(await this.page.locator(".part.statusbar").innerText());
  }

  /**
   * Hovers over `text` in the text editor (over the start of a line when no text is given) and returns what the hover says.
   * @param line one-based line, which must be drawn
   */
  async hoverText({ line, text, wanted, timeoutMs = this.timeoutMs }) {
    const editor = this.page
      .locator(".editor-group-container.active .editor-instance .monaco-editor")
      .first();
    await editor.waitFor({ timeout: this.timeoutMs });
    await this.goToLine(line);
    const box = await this.until(
      `line ${line} with ${text} in the editor`,
      async () => await this.#boxOfText(editor, line, text),
    );
    let said = "";
    return await this.until(
      `a hover ${wanted ?? ""} on line ${line}`,
      async () => {
        await this.page.mouse.move(box.x + box.width + 200, box.y + box.height + 200);
        await pause(300);
        await this.page.mouse.move(box.x + Math.min(8, box.width / 2), box.y + box.height / 2, { steps: 4 });
        for (let tries = 0; tries < 25; tries += 1) {
          await pause(200);
          const hover = this.page.locator(
            ".monaco-hover:visible .hover-contents, .monaco-resizable-hover:visible .hover-contents",
          );
          said = readable((await hover.allInnerTexts()).join("\n"));
          if (said !== "" && !/^loading/i.test(said) && (wanted === undefined || matches(said, wanted)))
            return said;
        }
        return undefined;
      },
      timeoutMs,
    ).catch((error) => {
      throw new ScreenError(`${error.message}${said ? ` The hover says: ${said}` : ""}`);
    });
  }

  /** Where `text` stands on the screen in a drawn line of an editor. */
  async #boxOfText(editor, line, text) {
    return await editor.evaluate(
      (element, [wantedLine, wantedText]) => {
        const numbers = [...element.querySelectorAll(".margin-view-overlays > div")];
        const margin = numbers.find(
          (div) => div.querySelector(".line-numbers")?.textContent?.trim() === String(wantedLine),
        );
        if (!margin) return undefined;
        const top = margin.getBoundingClientRect().top;
        const view = [...element.querySelectorAll(".view-lines > .view-line")].find(
          (div) => Math.abs(div.getBoundingClientRect().top - top) < 2,
        );
        if (!view) return undefined;
        const walker = element.ownerDocument.createTreeWalker(view, NodeFilter.SHOW_TEXT);
        const nodes = [];
        let whole = "";
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          nodes.push({ node, start: whole.length });
          whole += node.textContent.replaceAll("\u00a0", " ");
        }
        const at = wantedText === undefined ? 0 : whole.indexOf(wantedText);
        if (at < 0 || nodes.length === 0) return undefined;
        const found = nodes.findLast((entry) => entry.start <= at);
        const range = element.ownerDocument.createRange();
        const offset = at - found.start;
        range.setStart(found.node, offset);
        range.setEnd(found.node, Math.min(found.node.textContent.length, offset + (wantedText?.length ?? 1)));
        const { x, y, width, height } = range.getBoundingClientRect();
        return { x, y, width, height };
      },
      [line, text],
    );
  }

  /** Puts the text cursor on a line, which scrolls it into view. */
  async goToLine(line) {
    await this.page.keyboard.press("Control+G");
    const box = this.page.locator(".quick-input-widget:visible input").first();
    await box.waitFor({ timeout: this.timeoutMs });
    await box.fill(`:${line}`);
    await this.page.keyboard.press("Enter");
    await this.until(
      "Go to Line to close",
      async () => !(await this.page.locator(".quick-input-widget").first().isVisible()),
    );
  }

  /** Code lenses of the active text editor. */
  async codeLenses() {
    return (await this.page.locator(".editor-group-container.active .codelens-decoration").allInnerTexts())
      .map(readable)
      .filter(Boolean);
  }

  /**
   * The document inside a webview that is on the screen and for which `test` holds.
   * @param what completes "expected a webview ..."
   * @param test (frame) => truthy when it is the one
   * @returns the playwright frame
   */
  async webview(what, test = async () => true, timeoutMs = this.timeoutMs) {
    return await this.until(
      `a webview ${what}`,
      async () => {
        for (const frame of this.page.frames()) {
          if (frame.isDetached() || !/\/webview\/browser\/pre\/fake\.html/.test(frame.url())) continue;
          try {
            // The document inside is loaded into a second frame, which takes the place of the first.
            const [outer, inner] = [await frame.parentFrame()?.frameElement(), await frame.frameElement()];
            if (!outer || !(await outer.isVisible()) || (await inner.getAttribute("id")) !== "active-frame")
              continue;
            if (await test(frame)) return frame;
          } catch {
            // Closed while it was looked at.
          }
        }
        return undefined;
      },
      timeoutMs,
    );
  }

  /** Text of a webview as a person reads it. */
  async textOf(frame) {
    return readable(await frame.locator("body").innerText());
  }

  /** Waits until a webview's text matches; the text is in the error. */
  async webviewText(frame, wanted, timeoutMs = this.timeoutMs) {
    let text = "";
    try {
      return await this.until(
        `the webview to say ${wanted}`,
        async () => {
          text = await this.textOf(frame);
          return matches(text, wanted) ? text : undefined;
        },
        timeoutMs,
      );
    } catch (error) {
      throw new ScreenError(`${error.message} It says: ${text.slice(0, 600)}`);
    }
  }

  /** Runs a task by its label through "Tasks: Run Task" and its quick picks. */
  async runTask(type, label) {
    await this.command("Tasks: Run Task");
    await this.until("the list of tasks", async () => await this.picking());
    // Contributed task types are folders of the first list.
    const texts = await this.until("tasks to run", async () => {
      const found = (await this.quickPickRows()).map((entry) => entry.text);
      return found.some((text) => matches(text, label) || matches(text, type)) ? found : undefined;
    });
    if (!texts.some((text) => matches(text, label))) await this.pick(type);
    await this.pick(label);
    // Asked once for a task without a problem matcher.
    await pause(500);
    if (await this.picking()) await this.pick(/continue without scanning/i, 3000).catch(() => {});
  }

  /** Text of the visible terminal, through its accessible buffer or its rows. */
  async terminalText() {
    const rows = this.page.locator(".part.panel .xterm-accessibility-tree, .part.panel .xterm-rows");
    return (await rows.allInnerTexts()).join("\n").replaceAll("\u00a0", " ");
  }
}
