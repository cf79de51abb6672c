import { expect, it } from "vitest";
import { decodeNumbers, encodeNumbers } from "../../../src/protocol/wireNumbers";

it("keeps NaN, infinities, null, 0 and absence apart through JSON", () => {
  const message = { a: NaN, b: [Infinity, -Infinity, 0, null], c: { d: undefined, e: -0.5 }, f: "NaN" };
  const arrived = decodeNumbers(
    JSON.parse(JSON.stringify(encodeNumbers(message))) as unknown,
  ) as typeof message;
  expect(arrived.a).toBeNaN();
  expect(arrived.b).toEqual([Infinity, -Infinity, 0, null]);
  expect(arrived.c).toEqual({ e: -0.5 });
  expect(arrived.f).toBe("NaN");
});

it("does not copy messages without such numbers, and leaves typed arrays alone", () => {
  const message = { values: new Float64Array([NaN, 1]), rows: [{ reward: 1 }] };
  expect(encodeNumbers(message)).toBe(message);
  const mixed = encodeNumbers({ ...message, x: NaN });
  expect(mixed.values).toBe(message.values);
  expect(mixed.rows).toBe(message.rows);
});

it("does not mistake a trajectory's own objects for numbers", () => {
  const hostile = { extra: { $number: "eval()" }, other: { $number: "NaN", more: 1 } };
  expect(decodeNumbers(hostile)).toBe(hostile);
});
