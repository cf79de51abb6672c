import { describe, expect, it } from "vitest";
import type { PlainStub, PlainValue } from "../../../src/model/plain";
import { readPickle } from "../../../src/store/containers/pickle";

const bytes = (...parts: readonly (string | number)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : Buffer.from(part, "latin1"))),
  );

/** A list of dicts with one entry each, as protocol 4 writes it. */
const listOfDicts = (count: number): Buffer =>
  bytes(
    0x80,
    4,
    "](",
    ...Array.from({ length: count }, (_, index) => `}(\x8c\x01aK${String.fromCharCode(index)}u`),
    "e.",
  );

describe("pickles that want more than to be read", () => {
  it("call nothing: a call is a stub with its name and arguments", () => {
    const { value } = readPickle(bytes(0x80, 2, "cos\nsystem\nX\x06\0\0\0rm -rf\x85R."));
    expect(value).toMatchObject({ kind: "stub", className: "os.system", args: ["rm -rf"] });
    const evaluated = readPickle(bytes("c__builtin__\neval\n(S'1+1'\ntR.")).value as PlainStub;
    expect([evaluated.className, evaluated.args]).toEqual(["__builtin__.eval", ["1+1"]]);
    // Names of JavaScript's own objects are names like any other.
    for (const name of ["constructor", "__proto__", "toString"]) {
      const stub = readPickle(bytes(`cbuiltins\n${name}\n)R.`)).value as PlainStub;
      expect(stub.className).toBe(`builtins.${name}`);
    }
    const map = readPickle(bytes(0x80, 4, "}(\x8c\x09__proto__K\x01u.")).value;
    expect(map).toEqual(new Map([["__proto__", 1]]));
    expect(({} as Record<string, unknown>)["1"]).toBeUndefined();
  });

  it("are refused when few bytes stand for more values than memory holds", () => {
    const laughs = [bytes(0x80, 4, "]\x94")];
    for (let level = 0; level < 40; level++)
      laughs.push(
        bytes("]\x94(", ...Array.from({ length: 10 }, () => bytes("h", level).toString("latin1")), "e"),
      );
    expect(() => readPickle(Buffer.concat([...laughs, bytes(".")]))).toThrow("repeating its parts");
  });

  it("end where they hold themselves, and where they are too deep", () => {
    const cycle = readPickle(bytes(0x80, 4, "]\x94h\0a.")).value as PlainValue[];
    expect((cycle[0] as PlainStub).className).toBe("reference to an enclosing value");
    const deep = readPickle(bytes(0x80, 4, ")", "\x85".repeat(100_000), "."));
    expect(deep.notes.map(({ code }) => code)).toEqual(["deep-value"]);
    let levels = 0;
    for (let value = deep.value; Array.isArray(value); value = value[0] as PlainValue) levels++;
    expect(levels).toBe(500);
  });

  it("keep what shares its parts, without copying it", () => {
    // One dict in two places.
    const shared = readPickle(bytes(0x80, 4, "](}\x94(\x8c\x01aK\x07uh\0e.")).value as PlainValue[];
    expect(shared[0]).toBe(shared[1]);
    expect(shared[0]).toEqual(new Map([["a", 7]]));
  });
});

describe("pickles that break off", () => {
  it("give the elements of the list that were whole, wherever they are cut", () => {
    const whole = listOfDicts(8);
    expect((readPickle(whole).value as PlainValue[]).length).toBe(8);
    // Two bytes of protocol, the list and its mark, then 7 bytes a dict.
    const size = (whole.length - 6) / 8;
    for (let end = 4 + size; end < whole.length; end++) {
      const { value, notes } = readPickle(whole.subarray(0, end));
      const expected = Math.min(8, Math.floor((end - 4) / size));
      expect([end, (value as PlainValue[]).length]).toEqual([end, expected]);
      expect((value as PlainValue[]).at(-1)).toEqual(new Map([["a", expected - 1]]));
      expect(notes.map(({ code }) => code)).toEqual(["torn-pickle"]);
      expect(notes[0]?.message).toContain("at byte");
    }
  });

  it("refuse lengths that the file does not have, and say where", () => {
    for (const bad of [
      bytes(0x80, 4, "\x8e", "\xff\xff\xff\xff\xff\xff\xff\x7f", "abc"),
      bytes(0x80, 4, "\x8b\xff\xff\xff\x7fabc"),
      bytes(0x80, 4, "j\xff\xff\xff\xff."),
      bytes(0x80, 4, "e."),
      bytes(0x80, 9, "N."),
      bytes("\x01\x02"),
    ])
      expect(() => readPickle(bad)).toThrow();
  });
});
