import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { PreTrainedTokenizer } from "@huggingface/transformers";
import { Failure } from "../model/failure";
import { firstLine, onnxRuntime } from "./runtime";
import type { TokenDecoder } from "./stepMap";
import type { ChatMessage, ChatTemplate } from "./trajectoryText";

/** A model's own tokenizer, read from its folder; nothing is ever fetched. */
export interface TextTokenizer extends TokenDecoder {
  /** Number of ids, added tokens included. */
  readonly vocabularySize: number;
  encode(text: string, addSpecialTokens: boolean): number[];
  readonly pieces: Map<number, string | undefined>;
  readonly chatTemplate: ChatTemplate | undefined;
}

/** Files that a tokenizer is made of. */
const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

let newest: { readonly stamp: string; readonly tokenizer: Promise<TextTokenizer> } | undefined;

/**
 * The tokenizer of a folder, loaded once for many texts: a large vocabulary takes a second. It is loaded anew when its files
 * have changed.
 * @throws Failure as {@link loadTokenizer}
 */
export function tokenizerOf(folder: string): Promise<TextTokenizer> {
  const parts = TOKENIZER_FILES.map((name) => {
    const info = statSync(join(folder, name), { throwIfNoEntry: false });
    return `${name} ${info?.size} ${info?.mtimeMs}`;
  });
  const stamp = [folder, ...parts].join("\n");
  if (newest?.stamp !== stamp) newest = { stamp, tokenizer: loadTokenizer(folder) };
  return newest.tokenizer;
}

/**
 * Loads the tokenizer of a model folder.
 * @throws Failure `missing-tokenizer` or `unreadable-tokenizer`
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const path = join(folder, "tokenizer.json");
  if (!existsSync(path)) {
    throw new Failure(
      "missing-tokenizer",
      `${folder} has no tokenizer.json, so text cannot be turned into the model's tokens.`,
      "Copy tokenizer.json and tokenizer_config.json from the model's own folder.",
    );
  }
  await onnxRuntime();
  const { PreTrainedTokenizer, env } = await import("@huggingface/transformers");
  env.allowRemoteModels = false;
  env.fetch = () => Promise.reject(new Error("Models are read from disk only."));
  let tokenizer: PreTrainedTokenizer;
  try {
    const settingsPath = join(folder, "tokenizer_config.json");
    const settings = existsSync(settingsPath)
      ? (JSON.parse(readFileSync(settingsPath, "utf8")) as Record<string, unknown>)
      : {};
    const templatePath = join(folder, "chat_template.jinja");
    if (settings["chat_template"] === undefined && existsSync(templatePath))
      settings["chat_template"] = readFileSync(templatePath, "utf8");
    tokenizer = new PreTrainedTokenizer(JSON.parse(readFileSync(path, "utf8")), settings);
  } catch (error) {
    throw new Failure(
      "unreadable-tokenizer",
      `${path} is not a tokenizer that can be read: ${firstLine(error)}`,
      "Save the tokenizer again with the tokenizers or transformers library.",
    );
  }
  const special = new Set<number>(tokenizer.all_special_ids);
  const size = tokenizer.get_vocab().size;
  return {
    vocabularySize: size,
    encode: (text, addSpecialTokens) => [...tokenizer.encode(text, { add_special_tokens: addSpecialTokens })],
    // Special tokens included, nothing cleaned up: every character counts.
    decode: (ids) =>
      tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
    isSpecial: (id) => special.has(id),
    pieces: new Map(),
    chatTemplate: tokenizer.chat_template ? (messages) => applyTemplate(tokenizer, messages) : undefined,
  };
}

function applyTemplate(tokenizer: PreTrainedTokenizer, messages: readonly ChatMessage[]): string {
  try {
    return tokenizer.apply_chat_template(messages as never, {
      tokenize: false,
      add_generation_prompt: false,
    }) as unknown as string;
  } catch (error) {
    throw new Failure(
      "chat-template-failed",
      `The model's chat template does not take this conversation: ${firstLine(error)}`,
      "Score it with a model whose template knows these roles.",
    );
  }
}
