import { expect, it } from "vitest";
import { maskedTokens } from "../../../src/model/maskedTrajectory";

it("hides a credential that is many tokens, and nothing else, in tokens of the same lengths", () => {
  // Put together here, so that no scanner takes this file for a leak.
  const secret = ["sk", "-", "proj", "-", "a1B2c3D4e5", "F6g7H8i9J0", "k1L2m3N4o5"];
  const tokens = ["the", " key", " is", " ", ...secret, " and", " so", " on"];
  const { tokens: shown, count } = maskedTokens(tokens);
  expect(count).toBe(1);
  expect(shown.map((token) => token.length)).toEqual(tokens.map((token) => token.length));
  expect(shown.slice(0, 4)).toEqual(tokens.slice(0, 4));
  expect(shown.slice(-3)).toEqual(tokens.slice(-3));
  for (const token of secret.slice(4)) expect(shown).not.toContain(token);
  expect(maskedTokens(["no", " secret"])).toEqual({ tokens: ["no", " secret"], count: 0 });
});
