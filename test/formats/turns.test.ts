import { describe, expect, it } from "vitest";
import {
  measureFlatText,
  splitOutput,
  splitPrompt,
  splitReasoning,
  stepsOfFlatText,
  titleOfPrompt,
} from "../../src/formats/turns";

const texts = [
  "",
  "one line",
  "a\nb\nc",
  "a\n\nb\n\n\nc\nd",
  "\n\nleading\n\ntrailing\n\n",
  "<think>x\n\ny</think>\n\nanswer",
  "opened in the prompt</think>answer\nin two lines",
  "<think>never closed\nand on",
  "before <think>x</think> after\n\nmore",
  "<think></think>",
  "</think>",
  "  indented\n\n    code\n    more\n\nend",
  "a\r\nb\r\n\r\nc",
  "\n",
  "<think>a</think>\n\n   ",
];

describe("turns", () => {
  it("put together give the text back to the last character", () => {
    for (const text of texts)
      expect(
        splitReasoning(text)
          .map((piece) => piece.text)
          .join(""),
        JSON.stringify(text),
      ).toBe(text);
  });

  it("have no empty piece but for an empty text", () => {
    for (const text of texts.filter((one) => one.trim() !== ""))
      for (const piece of splitReasoning(text)) expect(piece.text.trim(), JSON.stringify(text)).not.toBe("");
  });

  it("measure what they give", () => {
    for (const prompt of [
      "",
      "plain",
      "user\nq\nassistant\n",
      "system\ns\nuser\nq1\nassistant\na\nuser\nq2\nassistant\n",
    ]) {
      for (const text of texts) {
        const output = `${text}\nuser\nok\nassistant\n${text}`;
        expect(measureFlatText(prompt, output).stepCount).toBe(stepsOfFlatText(prompt, output).steps.length);
        expect(measureFlatText(prompt, output).responseCharacters).toBe(2 * text.length);
      }
    }
  });

  it("split by paragraphs first, by lines where there is one paragraph", () => {
    expect(splitReasoning("8 / 2 = 4\n7 - 4 = 3\n3 * 8 = 24").map((piece) => piece.text)).toEqual([
      "8 / 2 = 4\n",
      "7 - 4 = 3\n",
      "3 * 8 = 24",
    ]);
    expect(splitReasoning("a\nb\n\nc").map((piece) => piece.text)).toEqual(["a\nb\n\n", "c"]);
  });

  it("know roles in prompts and outputs", () => {
    expect(
      splitPrompt("user\nhello\nassistant\nhi\nuser\nbye\nassistant\n").turns.map((turn) => [
        turn.role,
        turn.text,
      ]),
    ).toEqual([
      ["user", "hello"],
      ["assistant", "hi"],
      ["user", "bye"],
    ]);
    expect(splitPrompt("a user\nspeaks")).toEqual({
      turns: [{ role: "user", text: "a user\nspeaks" }],
      guessed: false,
    });
    expect(splitOutput("a\nuser\nb\nassistant\nc\ntool\nd").turns.map((turn) => turn.role)).toEqual([
      "assistant",
      "user",
      "assistant",
      "tool",
    ]);
    expect(titleOfPrompt("system\nS\nuser\n  What\n is it?\nassistant\n")).toBe("What is it?");
    expect(titleOfPrompt("x".repeat(500))).toHaveLength(200);
  });
});
