import { describe, expect, it } from "vitest";
import type { SearchPattern } from "../../../src/protocol/storeCalls";
import { TextMatcher } from "../../../src/store/textMatcher";

const places = (text: string, pattern: SearchPattern): string[] =>
  [...new TextMatcher(pattern).matches(text)].map(({ start, end }) => `${start}:${text.slice(start, end)}`);

describe("a text matcher", () => {
  it("finds plain text, with and without case, as it is written", () => {
    expect(places("a.b A.B axb", { pattern: "a.b" })).toEqual(["0:a.b", "4:A.B"]);
    expect(places("a.b A.B axb", { pattern: "a.b", matchCase: true })).toEqual(["0:a.b"]);
    expect(places("aaaa", { pattern: "aa" })).toEqual(["0:aa", "2:aa"]);
    expect(places("Straße STRASSE Ünïcode", { pattern: "ünÏ" })).toEqual(["15:Ünï"]);
  });

  it("keeps its places where a letter changes its length with its case", () => {
    expect(places("İİ Reward İ reward", { pattern: "reward" })).toEqual(["3:Reward", "12:reward"]);
  });

  it("finds whole words, in any script and beside surrogate pairs", () => {
    expect(places("car carry scar car_a car", { pattern: "car", wholeWord: true })).toEqual([
      "0:car",
      "21:car",
    ]);
    expect(places("naïve naïves", { pattern: "naïve", wholeWord: true })).toEqual(["0:naïve"]);
    expect(places("𝒳car 🚗car", { pattern: "car", wholeWord: true })).toEqual(["8:car"]);
  });

  it("takes regular expressions by line, and gives no empty matches", () => {
    expect(places("x=1\ny=22\n", { pattern: "^\\w=(\\d+)$", regex: true })).toEqual(["0:x=1", "4:y=22"]);
    expect(places("aXa", { pattern: "x*", regex: true })).toEqual(["1:X"]);
    expect(places("aXa", { pattern: "x", regex: true, matchCase: true })).toEqual([]);
    expect(places("é🚗1 é🚗2", { pattern: "🚗[0-9]", regex: true })).toEqual(["1:🚗1", "6:🚗2"]);
  });

  it("takes time in proportion to the text, whatever the expression", () => {
    const hostile = `${"a".repeat(50_000)}!`;
    const started = performance.now();
    expect(places(hostile, { pattern: "^(a+)+$", regex: true })).toEqual([]);
    expect(places(hostile, { pattern: "(a|a|aa)*b", regex: true })).toEqual([]);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it("says what is wrong with a pattern", () => {
    for (const pattern of ["", "(", "(a)\\1", "(?=a)", "a{2000}", "x".repeat(10_001)])
      expect(() => new TextMatcher({ pattern, regex: true }), pattern.slice(0, 20)).toThrow(
        expect.objectContaining({ code: "bad-pattern" }),
      );
  });
});
