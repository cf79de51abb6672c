import type { GenerationOptions, LookAheadRule } from "../../protocol/inferenceCalls";
import { optionParts, stopText } from "./generationOptions";

/** What a look-ahead tree grows by. */
export interface LookAheadOptions extends Pick<GenerationOptions, "maxNewTokens" | "stop"> {
  readonly rule: LookAheadRule;
}

const NAMES = "n, absolute, relative, gap, ages, edit, suffix, rouge, max_new_tokens and stop";

/** One line that a person can change: `n 8, absolute 0.25, relative 0.15, gap below, ages 20/30/50, edit 0.4, …`. */
export function lookAheadLine({ rule, maxNewTokens, stop }: LookAheadOptions): string {
  const off = (bound: number | undefined): string | number => bound ?? "off";
  return [
    `n ${rule.capacity}`,
    `absolute ${rule.absolute}`,
    `relative ${rule.relative}`,
    `gap ${rule.gap}`,
    `ages ${rule.ages.length === 0 ? "off" : rule.ages.join("/")}`,
    `edit ${off(rule.edit)}`,
    `suffix ${off(rule.suffix)}`,
    `rouge ${off(rule.rouge)}`,
    `max_new_tokens ${maxNewTokens}`,
    ...stop.map((text) => `stop ${JSON.stringify(text)}`),
  ].join(", ");
}

/** Reads such a line; what it leaves out stays as it was. @returns the options, or one sentence about what is wrong */
export function readLookAheadLine(line: string, before: LookAheadOptions): LookAheadOptions | string {
  const numbers = new Map<string, number>([
    ["n", before.rule.capacity],
    ["absolute", before.rule.absolute],
    ["relative", before.rule.relative],
    ["max_new_tokens", before.maxNewTokens],
  ]);
  const bounds = new Map<string, number | undefined>([
    ["edit", before.rule.edit],
    ["suffix", before.rule.suffix],
    ["rouge", before.rule.rouge],
  ]);
  let { gap, ages } = before.rule;
  const stop: string[] = [];
  for (const { name, value } of optionParts(line)) {
    const number = value === "" ? NaN : Number(value);
    if (name === "stop") {
      const text = stopText(value);
      if (text === undefined) return `The stop text ${value} must stand in double quotes.`;
      stop.push(text);
    } else if (name === "gap") {
      if (value !== "below" && value !== "above") return `gap must be below or above, not “${value}”.`;
      gap = value;
    } else if (name === "ages") {
      ages = value === "off" ? [] : value.split("/").map((age) => (age.trim() === "" ? NaN : Number(age)));
      if (!ages.every((age) => Number.isInteger(age) && age >= 1))
        return `ages must be whole numbers with a / between them, or off, not “${value}”.`;
    } else if (bounds.has(name)) {
      if (value !== "off" && !(number >= 0 && Number.isFinite(number)))
        return `${name} must be 0 or more, or off, not “${value}”.`;
      bounds.set(name, value === "off" ? undefined : number);
    } else if (numbers.has(name)) {
      if (!Number.isFinite(number)) return `${name} must be a number, not “${value}”.`;
      numbers.set(name, number);
    } else return `“${name}” is not known; known are ${NAMES}.`;
  }
  const [capacity, absolute, relative, maxNewTokens] = [...numbers.values()] as [
    number,
    number,
    number,
    number,
  ];
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > 256) return "n must be 1 to 256.";
  if (!(absolute >= 0 && absolute < 1)) return "absolute must be 0 or more and below 1.";
  if (!(relative > 0)) return "relative must be above 0.";
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1) return "max_new_tokens must be 1 or more.";
  const [edit, suffix, rouge] = ["edit", "suffix", "rouge"].map((name) => bounds.get(name));
  return {
    maxNewTokens,
    stop,
    rule: {
      absolute,
      relative,
      gap,
      capacity,
      ages,
      ...(edit === undefined ? {} : { edit }),
      ...(suffix === undefined ? {} : { suffix }),
      ...(rouge === undefined ? {} : { rouge }),
    },
  };
}
