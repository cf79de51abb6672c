import { describe, expect, it } from "vitest";
import { lookAheadLine, readLookAheadLine } from "../../../src/host/commands/lookAheadOptions";
import { lookAheadPresets, ruleText } from "../../../src/services/lookAheadPresets";
import { latrFork, latrPrune } from "../../../src/signals/agentic/latrSignals";

const usual = { maxNewTokens: 256, stop: [], rule: { ...lookAheadPresets[0]!.rule, capacity: 8 } };

describe("the line that says how a look-ahead tree grows", () => {
  it("reads back what it writes, for every released set of bounds", () => {
    for (const { rule } of lookAheadPresets) {
      const options = { maxNewTokens: 64, stop: ["\n\n", "a, b"], rule: { ...rule, capacity: 5 } };
      expect(readLookAheadLine(lookAheadLine(options), usual)).toEqual(options);
    }
    const unpruned = { ...usual, rule: { ...usual.rule, ages: [] } };
    expect(readLookAheadLine(lookAheadLine(unpruned), usual)).toEqual(unpruned);
  });

  it("keeps what is left out, switches bounds off, and says in one sentence what is wrong", () => {
    expect(readLookAheadLine("", usual)).toEqual(usual);
    const { edit: _edit, ...rest } = usual.rule;
    expect(readLookAheadLine("n=3, edit off, rouge: 0.5", usual)).toEqual({
      ...usual,
      rule: { ...rest, capacity: 3, rouge: 0.5 },
    });
    for (const [line, words] of [
      ["n 0", "n must be 1 to 256."],
      ["n four", "n must be a number, not “four”."],
      ["absolute 1", "absolute must be 0 or more and below 1."],
      ["relative 0", "relative must be above 0."],
      ["gap sideways", "gap must be below or above, not “sideways”."],
      ["ages 20/x", "ages must be whole numbers with a / between them, or off, not “20/x”."],
      ["ages 0", "ages must be whole numbers with a / between them, or off, not “0”."],
      ["edit -1", "edit must be 0 or more, or off, not “-1”."],
      ["max_new_tokens 1.5", "max_new_tokens must be 1 or more."],
      ["stop end", "The stop text end must stand in double quotes."],
    ] as const)
      expect(readLookAheadLine(line, usual)).toBe(words);
    expect(readLookAheadLine("temperature 1", usual)).toContain(
      "“temperature” is not known; known are n, absolute",
    );
  });

  it("says a rule in words", () => {
    expect(ruleText(usual.rule)).toBe(
      "branches above 0.25 with a gap below 0.15, at most 8, pruned after 20, 30, 50 tokens by edit distance per token below 0.4",
    );
    expect(ruleText({ ...usual.rule, ages: [] })).toContain("nothing pruned");
  });
});

describe("the released bounds", () => {
  it("are those of the signals that test recorded branches", () => {
    const values = (signal: typeof latrFork, id: string): Record<string, unknown> => ({
      ...Object.fromEntries(signal.parameters.map(({ name, default: usually }) => [name, usually])),
      ...signal.presets.find((preset) => preset.id === id)?.values,
    });
    for (const { id, rule } of lookAheadPresets) {
      const fork = values(latrFork, id);
      expect([rule.absolute, rule.relative, rule.gap]).toEqual([
        fork["absolute"],
        fork["relative"],
        fork["gap"],
      ]);
      const prune = values(latrPrune, id);
      expect(rule.ages.join(",")).toBe(prune["ages"]);
      // The signal's 0 means off.
      expect(rule.edit ?? 0).toBe(prune["edit"]);
      expect([rule.suffix ?? null, rule.rouge ?? null]).toEqual([prune["suffix"], prune["rouge"]]);
    }
  });
});
