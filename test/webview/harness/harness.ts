import { build } from "esbuild";
import { createServer, type Server } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { AddressInfo } from "node:net";
import { chromium, type Browser, type Page } from "playwright-core";

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".ttf": "font/ttf",
  ".html": "text/html; charset=utf-8",
};

/** SHA-256 of nothing, as a refused empty <style> is reported. */
const EMPTY_STYLE_HASH = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

export type ThemeName = "dark" | "light" | "high-contrast";

/** Path of a Chromium to test with, or undefined. */
export function chromiumPath(): string | undefined {
  return [
    process.env["CHROMIUM"],
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
  ].find((path) => path !== undefined && existsSync(path));
}

/** The real bundles in a real browser, under the content security policy that the editors set. */
export class WebviewHarness {
  private constructor(
    private readonly server: Server,
    private readonly browser: Browser,
    private readonly script: string,
    private readonly origin: string,
  ) {}

  static async start(executablePath: string): Promise<WebviewHarness> {
    const root = process.cwd();
    const bundled = await build({
      entryPoints: [join(root, "test/webview/harness/viewHost.ts")],
      bundle: true,
      write: false,
      platform: "browser",
      format: "iife",
      target: "chrome120",
      logLevel: "error",
    });
    const script = bundled.outputFiles[0]!.text;
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://localhost");
      const send = (body: string | Buffer, type: string): void =>
        void response.writeHead(200, { "content-type": type }).end(body);
      if (url.pathname === "/")
        return send(page(url.searchParams, `http://${request.headers.host}`), TYPES[".html"]!);
      if (url.pathname === "/themes.css")
        return send(readFileSync(join(root, "test/webview/harness/themes.css")), TYPES[".css"]!);
      const file = join(root, "dist/webview", url.pathname.replace(/\.\.+/g, ""));
      if (!existsSync(file)) return void response.writeHead(404).end();
      return send(readFileSync(file), TYPES[extname(file)] ?? "application/octet-stream");
    });
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    const browser = await chromium.launch({
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    return new WebviewHarness(
      server,
      browser,
      script,
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
  }

  /**
   * Opens one app with a scenario.
   * @returns the page and the list of console errors, page errors and policy violations, which keeps growing
   */
  async open(options: {
    readonly app: "trajectory" | "dataset" | "tree";
    readonly scenario: string;
    readonly theme?: ThemeName;
    readonly width?: number;
    readonly height?: number;
    readonly delay?: number;
    readonly real?: unknown;
  }): Promise<{ page: Page; errors: string[] }> {
    const context = await this.browser.newContext({
      viewport: { width: options.width ?? 1400, height: options.height ?? 860 },
    });
    const opened = await context.newPage();
    const errors: string[] = [];
    opened.on("console", (message) => {
      // The toolkit asks once, with an empty <style>, whether :focus-visible is known; the policy refuses it, to no harm.
      if (message.text().includes(EMPTY_STYLE_HASH)) return;
      if (message.type() === "error" || message.type() === "warning") errors.push(message.text());
    });
    opened.on("pageerror", (error) => errors.push(String(error)));
    if (options.real !== undefined)
      await opened.addInitScript(`window.realScenario = ${JSON.stringify(options.real)};`);
    await opened.addInitScript(this.script);
    const query = new URLSearchParams({
      app: options.app,
      scenario: options.scenario,
      theme: options.theme ?? "dark",
      delay: String(options.delay ?? 0),
    });
    await opened.goto(`${this.origin}/?${query}`);
    return { page: opened, errors };
  }

  async close(): Promise<void> {
    await this.browser.close();
    await new Promise((done) => this.server.close(done));
  }
}

function page(query: URLSearchParams, origin: string): string {
  const app = query.get("app");
  const theme = query.get("theme");
  const policy = `default-src 'none'; script-src 'nonce-harness'; style-src ${origin}; font-src ${origin}; img-src ${origin} data:; media-src ${origin}; base-uri 'none'; form-action 'none'`;
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/themes.css"><link rel="stylesheet" href="/${app}.css"><title>Trajectory Lens</title></head>
<body class="vscode-${theme}" data-vscode-theme-kind="vscode-${theme}"><div id="app"></div><script nonce="harness" src="/${app}.js"></script></body></html>`;
}
