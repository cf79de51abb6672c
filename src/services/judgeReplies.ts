import type { JudgeTemplate } from "./judgingContract";

/** What the strict parser made of a reply: a score, or why there is none. */
export type ParsedReply = { readonly score: number } | { readonly problem: string };

const NUMBER = /[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?/g;

/** The JSON object of a reply: the whole of it, or the one inside a fenced block. */
function jsonOf(text: string): unknown {
  const fenced = /```(?:json)?\s*([\s\S]*?)```/.exec(text)?.[1];
  return JSON.parse(fenced ?? text);
}

function bounded(score: number, minimum: number, maximum: number): ParsedReply {
  return score >= minimum && score <= maximum
    ? { score }
    : { problem: `The reply's score ${score} is outside ${minimum} to ${maximum}.` };
}

/**
 * Reads a judge's reply by the template's rule and nothing looser: a number must be the only one, a choice must be the
 * only one named, a JSON field must hold a number. What does not fit is said, never guessed.
 */
export function parseReply(text: string, parser: JudgeTemplate["parser"]): ParsedReply {
  const trimmed = text.trim();
  if (trimmed === "") return { problem: "The reply is empty." };
  switch (parser.kind) {
    case "number": {
      const found = trimmed.match(NUMBER) ?? [];
      if (found.length !== 1)
        return { problem: `The reply holds ${found.length} numbers where exactly one is asked for.` };
      return bounded(Number(found[0]), parser.minimum, parser.maximum);
    }
    case "choice": {
      const whole = namedChoices(trimmed, Object.keys(parser.choices));
      if (whole.length !== 1)
        return {
          problem: `The reply names ${whole.length === 0 ? "none" : whole.join(" and ")} of the choices ${Object.keys(parser.choices).join(", ")}.`,
        };
      return { score: parser.choices[whole[0]!]! };
    }
    case "json": {
      let value: unknown;
      try {
        value = jsonOf(trimmed);
      } catch {
        return { problem: "The reply is not JSON." };
      }
      const field =
        typeof value === "object" && value !== null
          ? (value as Readonly<Record<string, unknown>>)[parser.field]
          : undefined;
      if (typeof field !== "number")
        return { problem: `The reply's JSON has no number in “${parser.field}”.` };
      return bounded(field, parser.minimum, parser.maximum);
    }
  }
}

/** The choices that stand in a text as words of their own; case does not matter. */
function namedChoices(text: string, choices: readonly string[]): readonly string[] {
  let rest = text;
  // The longest first and taken out, so that "not correct" does not count as "correct".
  return [...choices]
    .sort((a, b) => b.length - a.length)
    .filter((choice) => {
      const escaped = choice.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, "giu");
      const without = rest.replace(pattern, "\0");
      const found = without !== rest;
      rest = without;
      return found;
    });
}
