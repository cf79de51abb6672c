import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { ModelInfo } from "../../model/score";
import { bytes } from "../ui/numbers";
import type { CommandParts } from "./command";

/** @throws Failure in a folder that is not trusted: models and functions run what the folder brings along */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new Failure(
    "untrusted",
    "Models are not loaded in a folder that is not trusted.",
    "Trust the folder first (Manage Workspace Trust).",
  );
}

/** A local language model to continue text with: the only one, or the one that the user picks. @throws Failure */
export async function pickPolicy(parts: CommandParts, path?: string): Promise<ModelInfo | undefined> {
  const models = (await parts.host.models.list()).filter(
    (model) => model.kind === "policy-lm" && model.problem === undefined && model.layout !== "server",
  );
  if (models.length === 0)
    throw new Failure(
      "no-model",
      "No language model that could continue a text was found.",
      "Export a causal LM to ONNX into the workspace, or declare it in the setting trajectoryLens.models.",
    );
  const told = models.find((model) => model.path === path || model.name === path);
  if (told) return told;
  const chosen = models.find((model) => model.path === parts.host.models.chosenPath("text"));
  if (models.length === 1) return models[0];
  const picked = await vscode.window.showQuickPick(
    [...models]
      .sort((a, b) => Number(b === chosen) - Number(a === chosen))
      .map((model) => ({
        label: model.name,
        description: bytes(model.bytes),
        detail: vscode.workspace.asRelativePath(model.path),
        model,
      })),
    { title: "Choose Policy", placeHolder: "Language model that continues the text" },
  );
  return picked?.model;
}
