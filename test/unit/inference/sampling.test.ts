import { describe, expect, it } from "vitest";
import { graderOf, wilsonInterval } from "../../../src/inference/graders";
import { drawToken, randomStream } from "../../../src/inference/sampling";

const logits = [0, 1, 2, -1, NaN];
const softmax = (temperature: number): number[] => {
  const weights = logits.map((logit) => (Number.isNaN(logit) ? 0 : Math.exp(logit / temperature)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
};

const counts = (options: { temperature: number; topP: number }, draws: number): number[] => {
  const random = randomStream(11);
  const found = logits.map(() => 0);
  for (let i = 0; i < draws; i++) found[drawToken(logits, options, random)!.token]!++;
  return found;
};

describe("drawToken", () => {
  it.each([1, 0.5, 2])("draws from softmax at temperature %d", (temperature) => {
    const draws = 40_000;
    const expected = softmax(temperature);
    counts({ temperature, topP: 1 }, draws).forEach((count, i) => {
      const p = expected[i]!;
      // Five standard deviations of a binomial count.
      expect(Math.abs(count - draws * p)).toBeLessThanOrEqual(5 * Math.sqrt(draws * p * (1 - p)) + 1e-9);
    });
  });

  it("keeps the smallest likeliest set that reaches top-p, and always one token", () => {
    const found = counts({ temperature: 1, topP: 0.8 }, 2000);
    expect(found.map((count) => count > 0)).toEqual([false, true, true, false, false]);
    expect(counts({ temperature: 1, topP: 1e-9 }, 50)[2]).toBe(50);
  });

  it("takes the likeliest at temperature 0 and tells its probability at temperature 1", () => {
    const draw = drawToken(logits, { temperature: 0, topP: 1 }, () => 0.99)!;
    expect(draw.token).toBe(2);
    expect(draw.logprob).toBeCloseTo(Math.log(softmax(1)[2]!), 12);
    expect(drawToken(logits, { temperature: 0.1, topP: 0.5 }, () => 0)!.logprob).toBeCloseTo(
      Math.log(softmax(1)[2]!),
      12,
    );
  });

  it("draws nothing when no logit is a number", () => {
    expect(drawToken([NaN, NaN], { temperature: 1, topP: 1 }, () => 0)).toBeUndefined();
  });

  it("repeats with the seed and differs without it", () => {
    const stream = (seed: number): number[] => {
      const random = randomStream(seed);
      return Array.from({ length: 5 }, random);
    };
    expect(stream(3)).toEqual(stream(3));
    expect(stream(3)).not.toEqual(stream(4));
    for (const value of stream(5)) expect(value >= 0 && value < 1).toBe(true);
  });
});

describe("graders", () => {
  it("grade the end of a text", () => {
    expect(graderOf({ kind: "exact", answer: "answer 24" })("a\nanswer 24\n")).toBe(true);
    expect(graderOf({ kind: "exact", answer: "answer 24" })("answer 24\nno")).toBe(false);
    expect(graderOf({ kind: "numeric", answer: 1200 })("so 3 then $1,200.00")).toBe(true);
    expect(graderOf({ kind: "numeric", answer: -0.5 })("it is -.5")).toBe(true);
    expect(graderOf({ kind: "numeric", answer: 3 })("none")).toBe(false);
    expect(graderOf({ kind: "numeric", answer: 3, tolerance: 0.2 })("3.1")).toBe(true);
    const global = graderOf({ kind: "regex", pattern: "make \\d+", flags: "gi" });
    expect([global("MAKE 3"), global("MAKE 3")]).toEqual([true, true]);
    expect(() => graderOf({ kind: "regex", pattern: "(" })).toThrow(/no regular expression/);
  });

  it("give Wilson's interval", () => {
    // Newcombe 1998, table I: 81 of 263 without continuity correction.
    const [low, high] = wilsonInterval(81, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
    expect(wilsonInterval(0, 20)[0]).toBe(0);
    expect(wilsonInterval(0, 20)[1]).toBeCloseTo(0.1611, 4);
    expect(wilsonInterval(0, 0)).toEqual([0, 1]);
  });
});
