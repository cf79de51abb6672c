import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { ChatBackend } from "../../services/judgingContract";

/** What the editor shows to the user when it asks whether the extension may use a model. */
const JUSTIFICATION =
  "Trajectory Lens sends prompts with texts of your trajectories to this model, to have them graded by the judge's prompt that you chose.";

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim().slice(0, 300);

/** The model that a declaration names by family or id; any that the editor offers where it names none. @throws Failure */
async function choose(wanted: string | undefined): Promise<vscode.LanguageModelChat> {
  const [model] =
    wanted === undefined
      ? await vscode.lm.selectChatModels({})
      : [
          ...(await vscode.lm.selectChatModels({ family: wanted })),
          ...(await vscode.lm.selectChatModels({ id: wanted })),
        ];
  if (model) return model;
  throw new Failure(
    "no-editor-model",
    wanted === undefined
      ? "The editor offers no language model."
      : `The editor offers no language model of the family or id “${wanted}”.`,
    "Sign in to a provider of language models, or declare a server instead.",
  );
}

/** What went wrong between the editor and the model's provider, as one sentence. */
function refusal(error: unknown, model: vscode.LanguageModelChat, signal: AbortSignal): Failure {
  if (signal.aborted || error instanceof vscode.CancellationError)
    return new Failure("cancelled", "The request was cancelled.", "What was judged so far is kept.");
  if (error instanceof Failure) return error;
  const said = oneLine(error instanceof Error ? error.message : String(error)) || "no reason given";
  const code = error instanceof vscode.LanguageModelError ? error.code : "";
  const what = /[.!?]$/.test(said) ? said : `${said}.`;
  switch (code) {
    case vscode.LanguageModelError.NoPermissions.name:
      return new Failure(
        "editor-model-denied",
        `Trajectory Lens may not use the editor's language model ${model.name}: ${what}`,
        "Judge again and allow it when the editor asks, or choose another judge.",
      );
    case vscode.LanguageModelError.Blocked.name:
      return new Failure(
        "editor-model-blocked",
        `The editor's language model ${model.name} takes no more requests now: ${what}`,
        "Its provider limits how often or how much it is asked; judge again later, only what is missing is asked then.",
      );
    case vscode.LanguageModelError.NotFound.name:
      return new Failure(
        "no-editor-model",
        `The editor's language model ${model.name} is gone: ${what}`,
        "Sign in to its provider again, or choose another judge.",
      );
    default:
      return new Failure(
        "server-refused",
        `The editor's language model ${model.name} failed: ${what}`,
        "Look at the log of its provider, or choose another judge.",
      );
  }
}

/**
 * The editor's own language models as a judge. The editor asks the user before it lets an extension use one; requests
 * that come before the answer wait for it, so that the user is asked once.
 */
export function editorModel(declaration: ModelDeclaration): ChatBackend {
  let chosen: Promise<vscode.LanguageModelChat> | undefined;
  let permitted: Thenable<unknown> | undefined;
  const send: vscode.LanguageModelChat["sendRequest"] = async (...request) => {
    const model = await chosen!;
    if (permitted) {
      await permitted;
      return model.sendRequest(...request);
    }
    const first = model.sendRequest(...request);
    permitted = first;
    first.then(undefined, () => (permitted = undefined));
    return first;
  };
  return {
    async complete({ system, user, maxTokens, temperature }, signal) {
      chosen ??= choose(declaration.model);
      const model = await chosen;
      const source = new vscode.CancellationTokenSource();
      let stop = (): void => undefined;
      // A provider need not stop when it is told to, and the editor's question may stay open.
      const stopped = new Promise<never>((_done, fail) => {
        stop = () => {
          source.cancel();
          fail(new vscode.CancellationError());
        };
      });
      stopped.catch(() => undefined);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      const text = system === undefined || system === "" ? user : `${system}\n\n${user}`;
      const message = vscode.LanguageModelChatMessage.User(text);
      const answered = async (): Promise<string> => {
        const response = await send(
          [message],
          // Names of the OpenAI interface, which most providers pass on; the editor leaves their meaning to the provider.
          { justification: JUSTIFICATION, modelOptions: { temperature, max_tokens: maxTokens } },
          source.token,
        );
        let reply = "";
        for await (const part of response.text) reply += part;
        // One that did stop may have ended its reply in the middle.
        if (signal.aborted) throw new vscode.CancellationError();
        return reply;
      };
      try {
        const reply = await Promise.race([answered(), stopped]);
        // A reply is not lost because nobody counts its tokens.
        const count = (what: string | vscode.LanguageModelChatMessage): Promise<number | undefined> =>
          Promise.resolve(model.countTokens(what, source.token)).catch(() => undefined);
        const counts = Promise.all([count(message), count(reply)]);
        const [inputTokens, outputTokens] = await Promise.race([counts, stopped]).catch(() => []);
        return {
          text: reply,
          answeredBy: [model.vendor, model.family, model.id].join("/"),
          ...(inputTokens === undefined ? {} : { inputTokens }),
          ...(outputTokens === undefined ? {} : { outputTokens }),
        };
      } catch (error) {
        throw refusal(error, model, signal);
      } finally {
        signal.removeEventListener("abort", stop);
        source.dispose();
      }
    },
  };
}
