import * as vscode from "vscode";
import { settings } from "./ui/settings";

/** Files that a workspace may define signals in, at most. */
const LIMIT = 200;

/** The workspace's own signal files, in a stable order; undefined where it is not trusted, so that none of them runs. */
export async function userSignalFiles(): Promise<readonly string[] | undefined> {
  if (!vscode.workspace.isTrusted) return undefined;
  const found = await Promise.all(
    settings.signalFiles().map((glob) => vscode.workspace.findFiles(glob, "**/node_modules/**", LIMIT)),
  );
  const paths = found.flat().filter((uri) => uri.scheme === "file" && !uri.path.endsWith(".d.ts"));
  return [...new Set(paths.map((uri) => uri.fsPath))].sort();
}
