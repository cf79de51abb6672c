import * as vscode from "vscode";

const SCHEME = "trajectory-lens-text";

/** Texts by address, as long as their documents are open. */
const texts = new Map<string, string>();
let registered = false;
let number = 0;

/**
 * Shows a text that can be read, searched and copied, and that nobody is asked to save.
 * @param name of the tab; its ending tells the editor the language
 */
export async function showReadOnlyText(
  context: vscode.ExtensionContext,
  name: string,
  text: string,
): Promise<void> {
  if (!registered) {
    registered = true;
    context.subscriptions.push(
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
        provideTextDocumentContent: (uri) => texts.get(uri.toString()) ?? "",
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => texts.delete(uri.toString())),
    );
  }
  const path = `/${name.replace(/[\u0000-\u001f\u007f/\\]+/g, " ").slice(0, 80)}`;
  const uri = vscode.Uri.from({ scheme: SCHEME, path, query: String(++number) });
  texts.set(uri.toString(), text);
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true });
}
