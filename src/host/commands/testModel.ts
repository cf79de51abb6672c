import * as v from "valibot";
import * as vscode from "vscode";
import type { ModelInfo } from "../../model/score";
import type { ModelTest } from "../../services/services";
import { kindTitles } from "../scoring/modelChoice";
import type { Command, CommandParts } from "./command";
import { requireTrust } from "./policyChoice";

const entrySchema = v.looseObject({ model: v.looseObject({ path: v.string() }) });

/** Runs a model on a small made-up input: the whole way from loading to a number. */
export const testModelCommand: Command = {
  what: "test the model",
  make:
    (parts) =>
    async (argument): Promise<ModelTest | undefined> => {
      requireTrust();
      const model = await modelOf(parts, argument);
      if (!model) return undefined;
      const test = await parts.models.test(model);
      if (test.problem === undefined)
        void vscode.window.showInformationMessage(
          `${model.name} works on ${test.provider ?? "?"}: ${test.results.join(", ")}.`,
        );
      else void vscode.window.showWarningMessage(test.problem);
      return test;
    },
};

async function modelOf(parts: CommandParts, argument: unknown): Promise<ModelInfo | undefined> {
  const models = await parts.host.models.list();
  const given = v.safeParse(entrySchema, argument);
  const told = given.success ? models.find((model) => model.path === given.output.model.path) : undefined;
  if (told) return told;
  const picked = await vscode.window.showQuickPick(
    models.map((model) => ({
      label: model.name,
      description: kindTitles[model.kind],
      detail: vscode.workspace.asRelativePath(model.path),
      model,
    })),
    { title: "Test Model", placeHolder: "Model to run on a small made-up input", matchOnDetail: true },
  );
  return picked?.model;
}
