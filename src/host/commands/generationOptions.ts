import type { ModelDeclaration } from "../../model/modelDeclaration";
import type { GenerationOptions } from "../../protocol/inferenceCalls";

const NUMBERS = {
  n: "count",
  temperature: "temperature",
  top_p: "topP",
  max_new_tokens: "maxNewTokens",
  seed: "seed",
} as const;

/** What a policy's declaration says, with what is usual in place of what it does not. */
export function defaultOptions(declaration: ModelDeclaration | undefined): GenerationOptions {
  const given = declaration?.generation ?? {};
  return {
    count: given.count ?? 4,
    temperature: given.temperature ?? 1,
    topP: given.topP ?? 1,
    maxNewTokens: given.maxNewTokens ?? 256,
    stop: given.stop ?? [],
    seed: given.seed ?? 0,
  };
}

/** One line that a person can change: `n 4, temperature 1, top_p 1, max_new_tokens 256, seed 0, stop "\n\n"`. */
export function optionsLine(options: GenerationOptions): string {
  const numbers = Object.entries(NUMBERS).map(([name, key]) => `${name} ${options[key]}`);
  return [...numbers, ...options.stop.map((text) => `stop ${JSON.stringify(text)}`)].join(", ");
}

/** The parts of such a line: `name value`, `name=value` or `name: value`; commas inside quotes do not part. */
export function optionParts(line: string): readonly { readonly name: string; readonly value: string }[] {
  return (line.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? []).flatMap((part) => {
    const [, name = "", value = ""] = /^\s*(\w+)\s*[=:]?\s*(.*?)\s*$/.exec(part) ?? [];
    return name === "" ? [] : [{ name, value }];
  });
}

/** A text in double quotes; undefined where it is none. */
export function stopText(value: string): string | undefined {
  try {
    return String(JSON.parse(value));
  } catch {
    return undefined;
  }
}

/** Reads such a line. @returns the options, or one sentence about what is wrong */
export function readOptionsLine(line: string, before: GenerationOptions): GenerationOptions | string {
  const options: Record<string, unknown> = { ...before, stop: [] };
  const stop: string[] = [];
  for (const { name, value } of optionParts(line)) {
    if (name === "stop") {
      const text = stopText(value);
      if (text === undefined) return `The stop text ${value} must stand in double quotes.`;
      stop.push(text);
      continue;
    }
    if (!Object.hasOwn(NUMBERS, name))
      return `“${name}” is not known; known are ${Object.keys(NUMBERS).join(", ")} and stop.`;
    const number = Number(value);
    if (value === "" || !Number.isFinite(number)) return `${name} must be a number, not “${value}”.`;
    options[NUMBERS[name as keyof typeof NUMBERS]] = number;
  }
  const read = { ...options, stop } as unknown as GenerationOptions;
  if (!Number.isInteger(read.count) || read.count < 1 || read.count > 256) return "n must be 1 to 256.";
  if (read.temperature < 0) return "temperature must be 0 or more.";
  if (!(read.topP > 0 && read.topP <= 1)) return "top_p must be above 0 and at most 1.";
  if (!Number.isInteger(read.maxNewTokens) || read.maxNewTokens < 1)
    return "max_new_tokens must be 1 or more.";
  return Number.isInteger(read.seed) ? read : "seed must be a whole number.";
}
