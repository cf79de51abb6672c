import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ChatBackend } from "../../services/judgingContract";

/** The editor's own language models as a judge. The editor asks the user before it lets an extension use one. */
export function editorModel(declaration: ModelDeclaration): ChatBackend {
  return {
    async complete({ system, user }, signal) {
      const wanted = declaration.model;
      const models = await vscode.lm.selectChatModels(wanted === undefined ? {} : { family: wanted });
      const byId = wanted === undefined ? [] : await vscode.lm.selectChatModels({ id: wanted });
      const model = models[0] ?? byId[0];
      if (!model)
        throw new Failure(
          "no-editor-model",
          wanted === undefined
            ? "The editor offers no language model."
            : `The editor offers no language model of the family or id “${wanted}”.`,
          "Sign in to a provider of language models, or declare a server instead.",
        );
      const source = new vscode.CancellationTokenSource();
      const stop = (): void => source.cancel();
      signal.addEventListener("abort", stop, { once: true });
      try {
        const text = system === undefined || system === "" ? user : `${system}\n\n${user}`;
        const request = vscode.LanguageModelChatMessage.User(text);
        const inputTokens = await model.countTokens(request, source.token);
        const response = await model.sendRequest([request], {}, source.token);
        let reply = "";
        for await (const part of response.text) reply += part;
        return { text: reply, inputTokens };
      } catch (error) {
        if (error instanceof vscode.LanguageModelError)
          throw new Failure(
            "server-refused",
            `The editor's language model ${model.name} refused: ${error.message}`,
            "Allow Trajectory Lens to use it, or choose another judge.",
          );
        throw error;
      } finally {
        signal.removeEventListener("abort", stop);
        source.dispose();
      }
    },
  };
}
