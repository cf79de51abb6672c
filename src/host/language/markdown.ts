import * as vscode from "vscode";

/** Commands that a hover may carry a link to; nothing else in it can run anything. */
const linked = ["openTrajectory", "openDataset", "openGroup", "openTree", "scoreTrajectory"] as const;

/** Markdown whose links may call those commands of ours alone. No HTML: what files say is shown as text. */
export function trustedMarkdown(): vscode.MarkdownString {
  const text = new vscode.MarkdownString(undefined, true);
  text.isTrusted = { enabledCommands: linked.map((name) => `trajectoryLens.${name}`) };
  text.supportHtml = false;
  return text;
}

/** A link that calls one of our commands. */
export function commandLink(
  label: string,
  command: (typeof linked)[number],
  argument: unknown,
  title: string,
): string {
  const encoded = encodeURIComponent(JSON.stringify([argument]));
  return `[${label}](command:trajectoryLens.${command}?${encoded} "${title.replace(/"/g, "'")}")`;
}
