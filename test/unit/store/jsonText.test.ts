import { describe, expect, it } from "vitest";
import { parseJson, parseJsonPrefix } from "../../../src/formats/jsonText";
import { arrayElements } from "../../../src/store/arrayText";

describe("JSON text", () => {
  it("keeps the literals that Python writes, and texts that look like them", () => {
    expect(parseJson('{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN, \\"Infinity\\"", "NaN": 1}')).toEqual(
      {
        a: Number.NaN,
        b: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
        c: 'NaN, "Infinity"',
        NaN: 1,
      },
    );
    expect(() => parseJson('{"a": NaNny}')).toThrow(SyntaxError);
  });

  it("keeps whole numbers beyond 2^53 with all their digits, and nothing else as text", () => {
    const text =
      '{"id": 9007199254740993, "n": [-12345678901234567890, 9007199254740991, 1.12345678901234567, 1e300, 0], "s": "\\\\\\" 9007199254740993", "9007199254740993": {"deep": [[18446744073709551615]]}, "x": 12345678901234567890.5, "y": NaN}';
    expect(parseJson(text)).toEqual({
      id: "9007199254740993",
      n: ["-12345678901234567890", 9007199254740991, 1.1234567890123457, 1e300, 0],
      s: '\\" 9007199254740993',
      "9007199254740993": { deep: [["18446744073709551615"]] },
      x: 12345678901234567890.5,
      y: Number.NaN,
    });
    expect(parseJson("9007199254740992")).toBe("9007199254740992");
    expect(parseJson("[-3.4028234663852886e38, 1e20, 12345678901234567890]")).toEqual([
      -3.4028234663852886e38,
      1e20,
      "12345678901234567890",
    ]);
    expect(parseJson("[-3.4028234663852886e38, 0.12345678901234567]")).toEqual([
      -3.4028234663852886e38, 0.12345678901234567,
    ]);
    expect(parseJson(`${"[".repeat(100_000)}9007199254740993${"]".repeat(100_000)}`)).toBeDefined();
  });

  it("takes control characters in a string as they stand, and only there", () => {
    expect(parseJson('{"a": "tab\there", \n"b": ["\u0001"]}')).toEqual({ a: "tab\there", b: ["\u0001"] });
    expect(parseJson('{"a": "line\nend \\" quote", "b": NaN}')).toEqual({
      a: 'line\nend " quote',
      b: Number.NaN,
    });
    expect(() => parseJson('{"a": "never closed\n}')).toThrow(SyntaxError);
    expect(() => parseJson('{"a"\u0001: 1}')).toThrow(SyntaxError);
  });

  it("closes a text that was cut anywhere, and gives no more than what was there", () => {
    const whole = { a: [1, { b: "x,]}\\", c: null }], d: { e: true }, f: -1.5e3 };
    const text = JSON.stringify(whole);
    for (let length = 1; length <= text.length; length++) {
      const value = parseJsonPrefix(text.slice(0, length));
      expect(value, text.slice(0, length)).toBeDefined();
      for (const key of Object.keys(value as object)) expect(Object.keys(whole)).toContain(key);
    }
    expect(parseJsonPrefix(text)).toEqual(whole);
    expect(parseJsonPrefix("text")).toBeUndefined();
    expect(parseJsonPrefix("[".repeat(100_000))).toBeDefined();
  });

  it("finds the elements of an array without parsing them", () => {
    const values = [{ a: "],[" }, [1, [2]], 'q"\\', 3, null, {}];
    for (const text of [
      JSON.stringify(values),
      JSON.stringify(values, null, 2),
      `\uFEFF ${JSON.stringify(values)}\n`,
    ]) {
      const bytes = Buffer.from(text);
      const { elements, end } = arrayElements(bytes);
      expect(elements.map(([from, to]) => JSON.parse(bytes.toString("utf8", from, to)) as unknown)).toEqual(
        values,
      );
      expect(end).toBeGreaterThan(0);
    }
    expect(arrayElements(Buffer.from("[]")).elements).toEqual([]);
    const cut = arrayElements(Buffer.from('[{"a": 1}, {"b": 2'));
    expect([cut.elements.length, cut.end]).toEqual([1, -1]);
  });
});
