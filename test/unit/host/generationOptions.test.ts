import { describe, expect, it } from "vitest";
import { defaultOptions, optionsLine, readOptionsLine } from "../../../src/host/commands/generationOptions";

describe("the line that says how tokens are drawn", () => {
  const usual = defaultOptions(undefined);

  it("reads back what it writes, stop texts with commas and line feeds included", () => {
    const options = {
      ...defaultOptions({ generation: { count: 8, temperature: 0.7, stop: ["\n\n", "a, b", 'say "x"'] } }),
      seed: 3,
    };
    expect(readOptionsLine(optionsLine(options), usual)).toEqual(options);
    expect(readOptionsLine(optionsLine(usual), usual)).toEqual(usual);
  });

  it("keeps what is left out, and says in one sentence what is wrong", () => {
    expect(readOptionsLine("n 2", usual)).toEqual({ ...usual, count: 2 });
    expect(readOptionsLine("temperature=0, n: 1", usual)).toEqual({ ...usual, count: 1, temperature: 0 });
    for (const [line, words] of [
      ["n 0", "n must be 1 to 256."],
      ["n two", "n must be a number, not “two”."],
      ["top_p 0", "top_p must be above 0 and at most 1."],
      ["temperature -1", "temperature must be 0 or more."],
      ["max_new_tokens 1.5", "max_new_tokens must be 1 or more."],
      ["seed 0.5", "seed must be a whole number."],
      ["colour 3", "“colour” is not known; known are n, temperature, top_p, max_new_tokens, seed and stop."],
      ["stop end", "The stop text end must stand in double quotes."],
    ] as const)
      expect(readOptionsLine(line, usual)).toBe(words);
  });
});
