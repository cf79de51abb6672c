import { randomBytes } from "node:crypto";
import * as vscode from "vscode";

export type WebviewApp = "trajectory" | "dataset" | "tree";

/**
 * Page of a webview: one script with a nonce, one style sheet, nothing inline and nothing from the network.
 * @param mediaRoots folders outside the extension from which pictures and videos may be shown
 */
export function showApp(
  webview: vscode.Webview,
  extensionUri: vscode.Uri,
  app: WebviewApp,
  mediaRoots: readonly vscode.Uri[] = [],
): void {
  const dist = vscode.Uri.joinPath(extensionUri, "dist", "webview");
  webview.options = { enableScripts: true, localResourceRoots: [dist, ...mediaRoots] };
  const nonce = randomBytes(16).toString("base64url");
  const script = webview.asWebviewUri(vscode.Uri.joinPath(dist, `${app}.js`)).toString();
  const style = webview.asWebviewUri(vscode.Uri.joinPath(dist, `${app}.css`)).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource} data:`,
    `media-src ${webview.cspSource}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  webview.html = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${attribute(policy)}">
<link rel="stylesheet" href="${attribute(style)}">
<title>Trajectory Lens</title>
</head>
<body>
<div id="app"></div>
<script nonce="${nonce}" src="${attribute(script)}"></script>
</body>
</html>`;
}

const attribute = (text: string): string =>
  text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
