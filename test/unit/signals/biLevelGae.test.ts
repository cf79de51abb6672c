import { describe, expect, it } from "vitest";
import { biLevelAdvantages, biLevelGae } from "../../../src/signals/advantage/biLevelGae";
import { generalisedAdvantages } from "../../../src/signals/advantage/generalisedAdvantages";
import { resolveParameters } from "../../../src/signals/signal";
import { tokens, trajectory } from "./worlds";

describe("bi-level GAE", () => {
  const values = Float64Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1);
  const rewards = Float64Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
  const ends = Uint8Array.from(rewards);

  it("gives every token of a turn the turn's return minus its value at gamma and lambda 1", () => {
    // Turn level at 0.95: A_2 = 1 - 1 = 0, A_1 = (1 + 0.95 - 0.5) + 0.95 * 0 = 1.45; returns 1.95 and 1.
    const { advantages, turnReturns } = biLevelAdvantages(rewards, values, ends, 1, 1, 0.95);
    const wanted = [1.85, 1.75, 1.65, 1.55, 1.45, 0.4, 0.3, 0.2, 0.1, 0];
    wanted.forEach((value, t) => expect(advantages[t]).toBeCloseTo(value, 12));
    expect([turnReturns[4], turnReturns[9], turnReturns[0]]).toEqual([1.95, 1, NaN]);
  });

  it("is plain GAE when the whole response is one turn", () => {
    const one = new Uint8Array(10);
    one[9] = 1;
    const next = values.map((_, t) => (t === 9 ? 0 : values[t + 1]!));
    const carries = values.map((_, t) => (t === 9 ? 0 : 1));
    const plain = generalisedAdvantages({ rewards, values, nextValues: next, carries }, 0.9, 0.8);
    const { advantages } = biLevelAdvantages(rewards, values, one, 0.9, 0.8, 0.5);
    advantages.forEach((value, t) => expect(value).toBeCloseTo(plain.advantages[t]!, 12));
  });

  it("tells a turn of reward 0 from none, and refuses a response without a last turn", () => {
    const context = {
      trajectory: trajectory("a", {
        tokens: tokens({ reward: [1, 0, 0, 0], value: [0, 0, 0, 0] }, [1, 0, 1, 1]),
        outcome: { components: {} },
      }),
    };
    const byMask = biLevelGae.compute(context, resolveParameters(biLevelGae, "by-turn"));
    expect("values" in byMask && [...byMask.values]).toEqual([1, NaN, 0, 0]);
    const released = biLevelGae.compute(context, resolveParameters(biLevelGae, "ragen"));
    expect("missing" in released && released.how).toContain("choose turns=mask");
  });
});
