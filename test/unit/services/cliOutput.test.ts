import { describe, expect, it } from "vitest";
import { jsonText } from "../../../src/cli/json";
import { numberText, oneLine, table, tableNumber, terminalText } from "../../../src/cli/text";

describe("jsonText", () => {
  it("keeps every number to the last digit, and NaN, infinities, null and absence apart", () => {
    const document = {
      a: 0.1 + 0.2,
      b: Float64Array.of(1 / 3, NaN, -Infinity, -0),
      c: Int32Array.of(-7),
      d: null,
      e: undefined,
      f: 5e-324,
      g: 12345678901234567890n,
    };
    const text = jsonText(document);
    expect(JSON.parse(text)).toEqual({
      a: 0.30000000000000004,
      b: [0.3333333333333333, "NaN", "-Infinity", -0],
      c: [-7],
      d: null,
      f: 5e-324,
      g: 12345678901234567000,
    });
    expect(text).toContain("-0]");
    expect(text).toContain("12345678901234567890");
  });

  it("shows float32 numbers as they are", () => {
    expect(JSON.parse(jsonText(Float32Array.of(0.1)))).toEqual([Math.fround(0.1)]);
  });

  it("round-trips awkward text and keys, without raw control characters", () => {
    const document = {
      'a"\n': "\u001b[31m\u009b1m\u007f\u2028 é 漢 \ud800",
      nested: [{ x: [] }, {}, [[1, "2"], []]],
    };
    const text = jsonText(document);
    expect(JSON.parse(text)).toEqual(document);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe("text for people", () => {
  it("never lets a trajectory drive the terminal", () => {
    expect(terminalText("a\u001b]0;title\u0007b\r\nc\u202ed\te")).toBe("a\\x1b]0;title\\x07b\nc\\x202ed\te");
    expect(oneLine("a\n  b\u001b[2J", 40)).toBe("a b\\x1b[2J");
    expect(oneLine("x".repeat(50), 10)).toBe("xxxxxxx...");
  });

  it("shows six significant digits in tables, whole numbers as they are", () => {
    expect([1 / 3, -1234.56789, 1e-9 / 3, 123456789, 0.5, NaN, Infinity, null].map(tableNumber)).toEqual([
      "0.333333",
      "-1234.57",
      "3.33333e-10",
      "123456789",
      "0.5",
      "NaN",
      "Infinity",
      "null",
    ]);
    expect(table(["x"], [[2 / 3]])).toContain("0.666667");
  });

  it("keeps absent, null, NaN and zero apart", () => {
    expect([undefined, null, NaN, 0, -0, 1 / 3].map(numberText)).toEqual([
      "-",
      "null",
      "NaN",
      "0",
      "-0",
      "0.3333333333333333",
    ]);
  });

  it("aligns numbers to the right", () => {
    expect(
      table(
        ["name", "n"],
        [
          ["a", 1],
          ["bb", 20],
        ],
      ),
    ).toBe(["name   n", "----  --", "a      1", "bb    20"].join("\n"));
  });
});
