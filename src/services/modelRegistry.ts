import { resolve } from "node:path";
import * as v from "valibot";
import { Failure } from "../model/failure";
import type { ModelDeclaration } from "../model/modelDeclaration";
import type { ModelInfo } from "../model/score";
import { modelName } from "./modelSearch";

const kinds = [
  "process-reward",
  "scalar-reward",
  "policy-lm",
  "policy-discrete",
  "policy-gaussian",
  "value",
  "transition-reward",
  "preference-pair",
  "embedding",
  "encoder",
  "autoencoder",
  "inverse-dynamics",
  "dynamics-ensemble",
  "flow",
  "video-reward",
  "judge",
] as const;

const text = v.pipe(v.string(), v.minLength(1));
const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const price = v.pipe(v.number(), v.minValue(0));

/** One entry of `trajectoryLens.models`; the JSON schema in package.json says the same to the settings editor. */
const declarationSchema = v.pipe(
  v.strictObject({
    name: v.optional(text),
    path: v.optional(text),
    url: v.optional(v.pipe(text, v.url())),
    api: v.optional(
      v.picklist([
        "openai",
        "vllm-score",
        "vllm-pooling",
        "vllm-classify",
        "sglang-classify",
        "kserve",
        "vscode",
      ]),
    ),
    model: v.optional(text),
    kind: v.optional(v.picklist(kinds)),
    tokenizer: v.optional(text),
    stepSeparator: v.optional(v.string()),
    stepLabels: v.optional(v.tuple([text, text])),
    stepMarks: v.optional(v.picklist(["step-end", "token"])),
    output: v.optional(text),
    activation: v.optional(v.picklist(["none", "sigmoid", "softmax"])),
    pooling: v.optional(v.picklist(["mean", "cls", "last", "max"])),
    normalise: v.optional(v.boolean()),
    frames: v.optional(count),
    texts: v.optional(v.record(text, v.array(text))),
    pairTemplate: v.optional(text),
    context: v.optional(v.picklist(["refuse", "truncate-head", "slide"])),
    contextLength: v.optional(count),
    provider: v.optional(v.picklist(["auto", "cuda", "webgpu", "dml", "coreml", "cpu"])),
    ignoreMemory: v.optional(v.boolean()),
    generation: v.optional(
      v.strictObject({
        count: v.optional(count),
        temperature: v.optional(v.pipe(v.number(), v.minValue(0))),
        topP: v.optional(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
        maxNewTokens: v.optional(count),
        stop: v.optional(v.array(v.string())),
        seed: v.optional(v.pipe(v.number(), v.integer())),
      }),
    ),
    pricePerMillion: v.optional(v.strictObject({ input: price, output: price })),
  }),
  v.check(
    (entry) =>
      [entry.path, entry.url].filter((place) => place !== undefined).length === 1 || entry.api === "vscode",
    "a model has either a path or a url",
  ),
  v.check(
    (entry) => entry.url === undefined || entry.kind !== undefined,
    "a model on a server needs its kind",
  ),
  v.check(
    (entry) => entry.api !== "vscode" || entry.kind === undefined || entry.kind === "judge",
    "the editor's language models are judges",
  ),
);

/** What a list of declarations holds, and one sentence for each entry that cannot be used. */
export interface ParsedDeclarations {
  readonly declarations: readonly ModelDeclaration[];
  readonly problems: readonly string[];
}

/**
 * Reads the setting `trajectoryLens.models`. An entry that is wrong is left out with a sentence; the others count.
 * @param absolute turns a path of the setting into absolute ones, best first (relative to each workspace folder)
 */
export function parseDeclarations(
  value: unknown,
  absolute: (path: string) => string = (path) => resolve(path),
): ParsedDeclarations {
  if (value === undefined || value === null) return { declarations: [], problems: [] };
  if (!Array.isArray(value)) return { declarations: [], problems: ["trajectoryLens.models must be a list."] };
  const declarations: ModelDeclaration[] = [];
  const problems: string[] = [];
  value.forEach((entry: unknown, index) => {
    const parsed = v.safeParse(declarationSchema, entry);
    if (!parsed.success) {
      const [issue] = parsed.issues;
      const where = v.getDotPath(issue);
      problems.push(
        `trajectoryLens.models[${index}]${where === null ? "" : `.${where}`} cannot be used: ${issue.message}.`,
      );
      return;
    }
    const { path, tokenizer } = parsed.output;
    declarations.push({
      ...(parsed.output as ModelDeclaration),
      ...(path === undefined ? {} : { path: absolute(path) }),
      ...(tokenizer === undefined ? {} : { tokenizer: absolute(tokenizer) }),
    });
  });
  return { declarations, problems };
}

/** Key under which scores and lists know a model: its path, or where on which server it is. */
export const modelKey = (declaration: ModelDeclaration): string =>
  declaration.path ??
  `${declaration.api === "vscode" ? "vscode:" : (declaration.url ?? "")}${declaration.model === undefined ? "" : `#${declaration.model}`}`;

/** Name of a declared model in lists: its own, else that of its file, its model at the server, or the server. */
export const declaredName = (declaration: ModelDeclaration): string =>
  declaration.name ??
  (declaration.path === undefined
    ? (declaration.model ?? declaration.url ?? "editor model")
    : modelName(declaration.path));

/** Models as the user's settings declare them, asked anew each time so that a change takes effect at once. */
export class ModelRegistry {
  constructor(private readonly declared: () => readonly ModelDeclaration[]) {}

  get all(): readonly ModelDeclaration[] {
    return this.declared();
  }

  /** The declaration with this name, path or key; undefined for a model that is not declared. */
  find(nameOrPath: string): ModelDeclaration | undefined {
    const path = resolve(nameOrPath);
    return this.all.find(
      (entry) =>
        entry.name === nameOrPath ||
        modelKey(entry) === nameOrPath ||
        (entry.path !== undefined && resolve(entry.path) === path),
    );
  }

  /** A model on a server as lists show it; nothing is asked of the server. */
  static serverInfo(declaration: ModelDeclaration): ModelInfo {
    return {
      path: modelKey(declaration),
      name: declaredName(declaration),
      kind: declaration.kind ?? (declaration.api === "vscode" ? "judge" : "unknown"),
      layout: "server",
      bytes: 0,
      declaration,
    };
  }

  /** The declaration of a server. @throws Failure `unknown-model` */
  server(nameOrKey: string): ModelDeclaration {
    const found = this.find(nameOrKey);
    if (found && found.path === undefined) return found;
    throw new Failure(
      "unknown-model",
      `No server with the name “${nameOrKey}” is declared.`,
      "Add it to the setting trajectoryLens.models.",
    );
  }
}
