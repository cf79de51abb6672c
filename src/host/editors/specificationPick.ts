import { basename } from "node:path";
import * as vscode from "vscode";
import { expressionHint, readSpecification } from "../../signals/specification/specification";
import { settings } from "../ui/settings";

/** What a signal of the family "specification" needs to be told. Undefined when given up, or for other signals. */
export async function pickSpecification(
  signalId: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  switch (signalId) {
    case "column": {
      const column = await vscode.window.showInputBox({
        title: "Column or Expression",
        prompt:
          "A field or an expression over a step, for example reward - previous(reward) or outcome.format",
        validateInput: expressionHint,
      });
      return column === undefined ? undefined : { column };
    }
    case "ltlf-truth": {
      const text = await pickFile("**/*.ltlf", "Formula");
      if (text === undefined) return undefined;
      const read = readSpecification("ltlf", text);
      const names = read.language === "ltlf" ? read.file.statements.map(({ name }) => name) : [];
      const name =
        names.length < 2 ? names[0] : await vscode.window.showQuickPick(names, { title: "Formula" });
      return name === undefined ? undefined : { formula: text, name, propositions: propositions() };
    }
    case "reward-machine": {
      const machine = await pickFile("**/*.rm", "Reward Machine");
      return machine === undefined ? undefined : { machine, propositions: propositions() };
    }
    default:
      return undefined;
  }
}

const propositions = (): string => JSON.stringify(settings.propositions());

/** Text of a specification file of the workspace. */
async function pickFile(glob: string, title: string): Promise<string | undefined> {
  const files = await vscode.workspace.findFiles(glob, "**/node_modules/**", 500);
  if (files.length === 0) {
    void vscode.window.showInformationMessage(
      `This workspace has no ${glob.slice(3)} files. Write one first; see the examples of Trajectory Lens.`,
    );
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(
    files
      .map((uri) => ({ label: basename(uri.fsPath), description: vscode.workspace.asRelativePath(uri), uri }))
      .sort((a, b) => a.description.localeCompare(b.description)),
    { title },
  );
  return picked && (await vscode.workspace.openTextDocument(picked.uri)).getText();
}
