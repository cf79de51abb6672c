import type * as vscode from "vscode";

/** Folder for the index and caches: VS Code's own storage, never the user's workspace. */
export const storageFolder = (context: vscode.ExtensionContext): string =>
  (context.storageUri ?? context.globalStorageUri).fsPath;
