// A browser window on one of the two servers that launch.mjs started.
import { join } from "node:path";
import { inject } from "vitest";
import { openChromium, openWorkbench } from "../../scripts/vscode-server.mjs";
import { Workbench } from "../../scripts/workbench.mjs";

/**
 * @param name of the folder for its screenshots
 * @param options.workspace folder to open; default: the copy of the examples
 * @param options.trusted false = the server on which folders are not trusted
 */
export async function openSession(name, { workspace, trusted = true, viewport } = {}) {
  const e2e = inject("e2e");
  const browser = await openChromium();
  const folder = workspace ?? e2e.workspace;
  const page = await openWorkbench(browser, { origin: trusted ? e2e.trusted : e2e.untrusted }, folder, {
    viewport,
  });
  const workbench = new Workbench(page, { screenshots: join(e2e.screenshots, name) });
  return {
    workbench,
    page,
    workspace: folder,
    environment: e2e.environment,
    remembered: {},
    close: () => browser.close(),
  };
}
