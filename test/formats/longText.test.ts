import { describe, expect, it } from "vitest";
import { formatById } from "../../src/formats/index";
import type { RecordContext } from "../../src/formats/format";
import { parseJson } from "../../src/formats/jsonText";
import { cutLongTexts, LongText } from "../../src/formats/longText";
import { countEscapedReasoning, countReasoning } from "../../src/formats/stepCount";
import { measureFlatText, splitReasoning, stepsOfFlatText } from "../../src/formats/turns";
import { random } from "../unit/signals/worlds";

const PIECES = [
  "word",
  " ",
  "  ",
  "\n",
  "\n\n",
  "\n \t\n",
  "\r\n",
  "<think>",
  "</think>",
  '"quoted"',
  "\\frac{1}{2}",
  "\\",
  "\\n",
  "\nuser\n",
  "\nassistant\n",
  "\ntool\n",
  "\nusers\n",
  "\u00a0",
  "\u3000",
  "\ufeff",
  "数",
  "🙂",
  "\f",
  "\u0001",
  "/",
];

function texts(count: number, seed: number): string[] {
  const next = random(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: Math.floor(next() * 30) }, () => PIECES[Math.floor(next() * PIECES.length)]).join(
      "",
    ),
  );
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

describe("steps counted without building them", () => {
  it("are those that are built, in 20,000 texts", () => {
    for (const text of texts(20_000, 1)) {
      expect(countReasoning(text), JSON.stringify(text)).toBe(splitReasoning(text).length);
      const built = stepsOfFlatText("", text).steps;
      for (const given of [text, new LongText(escaped(text))]) {
        const measured = measureFlatText("", given);
        expect(measured.stepCount, JSON.stringify(text)).toBe(built.length);
        expect(measured).toEqual(measureFlatText("", text));
      }
    }
  });

  it("are counted in the escaped text wherever it has only common escapes and no role lines", () => {
    expect(countEscapedReasoning(escaped('a\n\nb "c"\t\\d'))).toEqual({ steps: 2, characters: 11 });
    expect(countEscapedReasoning(escaped("a\nuser\nb"))).toBeUndefined();
    expect(countEscapedReasoning("a\\u0020b")).toBeUndefined();
    expect(countEscapedReasoning("<think>a<\\/think>b")).toBeUndefined();
    expect(countEscapedReasoning("a\\qb")).toBeUndefined();
    expect(countEscapedReasoning("ends in a backslash\\")).toBeUndefined();
  });
});

describe("long texts cut out of a line", () => {
  const spaced = (value: object): string =>
    JSON.stringify(value).replaceAll('":', '" : ').replaceAll(',"', ' , "');

  it("leave a rest and texts that together are the line's value", () => {
    const next = random(2);
    const bodies = texts(4_000, 3);
    for (const [index, body] of bodies.entries()) {
      const fields = [
        ["input", body + "x".repeat(next() < 0.5 ? 70 : 0)],
        ["output", bodies[(index * 7) % bodies.length]],
        ["score", next()],
        ["meta", { output: body, list: [1, body, { input: "]}" }] }],
        ['in"put', "a quoted key"],
        ["flag", null],
      ].sort(() => next() - 0.5);
      const value = Object.fromEntries(fields) as Record<string, unknown>;
      for (const line of [JSON.stringify(value), spaced(value), ` ${JSON.stringify(value, null, 1)} `]) {
        const cut = cutLongTexts(line, ["input", "output"]);
        const rebuilt = parseJson(cut?.rest ?? line) as Record<string, unknown>;
        for (const [position, name] of ["input", "output"].entries()) {
          const text = cut?.long[position];
          if (text === undefined) continue;
          expect(rebuilt[name]).toBe("");
          rebuilt[name] = text.text;
        }
        expect(rebuilt).toEqual(parseJson(line));
      }
    }
  });

  it("are not cut out of what is not one whole object", () => {
    const long = "y".repeat(100);
    for (const line of [
      "",
      "[]",
      `["${long}"]`,
      `{"output":"${long}`,
      `{"output":"${long}"`,
      `{"output":"${long}\\"}`,
      `{"output" "${long}"}`,
      `{"output":"${long}","output":"${long}"}`,
      `{"output":"${long}" "a":1}`,
      `{output:"${long}"}`,
      `{"a":[1,2,"output":"${long}"}`,
    ])
      expect(cutLongTexts(line, ["input", "output"]), line).toBeUndefined();
    // What is wrong with the rest is found when the rest is parsed.
    for (const line of [`{"output":"${long}"} x`, `{"output":"${long}","a":tru}`, `{"output":"${long}",}`]) {
      const cut = cutLongTexts(line, ["input", "output"]);
      expect(() => parseJson(cut?.rest ?? line), line).toThrow(SyntaxError);
    }
  });

  it("give the same summary as the parsed line, and refuse the same lines", () => {
    const verl = formatById("verl")!;
    const context: RecordContext = { path: "run/7.jsonl", relativePath: "7.jsonl", row: 0 };
    const next = random(5);
    for (const body of texts(3_000, 4)) {
      const line = JSON.stringify({
        input: `system\nBe brief.\nuser\n${body}${"z".repeat(70)}`,
        output: `${body}${"w".repeat(70)}`,
        score: next() < 0.2 ? { score: next(), format: 1 } : next(),
        ...(next() < 0.5 ? { step: 3 } : {}),
        ...(next() < 0.3 ? { uid: "a_1_2" } : {}),
        acc: next() < 0.5,
        reward_extra: "12",
      });
      const cut = cutLongTexts(line, verl.longFields ?? []);
      expect(cut?.long.every((text) => text !== undefined)).toBe(true);
      expect(
        verl.summarise({ kind: "value", value: parseJson(cut!.rest), long: cut!.long }, context),
      ).toEqual(verl.summarise({ kind: "value", value: parseJson(line) }, context));
    }
    const broken = `{"input":"","output":"${"w".repeat(70)}\\q","score":1}`;
    const cut = cutLongTexts(broken, ["input", "output"])!;
    expect(() =>
      verl.summarise({ kind: "value", value: parseJson(cut.rest), long: cut.long }, context),
    ).toThrow(SyntaxError);
  });
});
