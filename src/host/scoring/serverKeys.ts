import type * as vscode from "vscode";
import type { ModelDeclaration } from "../../model/modelDeclaration";

const place = (origin: string): string => `trajectoryLens.serverKey:${origin}`;

/** Keys of servers live in the editor's secret storage and nowhere else. */
export async function serverKey(
  secrets: vscode.SecretStorage,
  declaration: ModelDeclaration,
): Promise<string | undefined> {
  return declaration.url === undefined ? undefined : secrets.get(place(new URL(declaration.url).origin));
}

/** Keeps a key, or removes it when it is empty. */
export async function setServerKey(
  secrets: vscode.SecretStorage,
  origin: string,
  key: string,
): Promise<void> {
  if (key === "") await secrets.delete(place(origin));
  else await secrets.store(place(origin), key);
}
