import { describe, expect, it } from "vitest";
import { loadTokenizer } from "../../../src/inference/tokenizing";
import { alignTokens, stepEndTokens, stepOfTokens } from "../../../src/inference/stepMap";
import { textOf } from "../../../src/inference/trajectoryText";
import { withSeparators } from "../../../src/inference/processReward";
import { fixture, textTrajectory } from "../../process/inferenceClient";

const span = (step: number, start: number, end: number, policy = true) => ({ step, start, end, policy });

describe("alignTokens", () => {
  it("gives exact offsets for bytes, accents and emoji of a real tokenizer", async () => {
    const tokenizer = await loadTokenizer(fixture("tiny-policy"));
    for (const text of [
      "naïve 😀 café → 漢字\n\n  x",
      "use 3 7 8 2 to make 24\n8 / 2 = 4, left 3 7 4\n",
      "",
      "👩‍👩‍👧 ok\r\n\t",
    ]) {
      const ids = tokenizer.encode(text, false);
      const spans = alignTokens(ids, text, tokenizer);
      expect(spans).toHaveLength(ids.length);
      expect(spans.map(({ start, end }) => text.slice(start, end)).join("")).toBe(text);
    }
  });

  it("gives marks that stand for no text an empty span", async () => {
    const tokenizer = await loadTokenizer(fixture("tiny-policy"));
    const ids = [1, ...tokenizer.encode("use 3", false), 1];
    const spans = alignTokens(ids, "use 3", tokenizer);
    expect(spans[0]).toEqual({ start: 0, end: 0 });
    expect(spans.at(-1)).toEqual({ start: 5, end: 5 });
  });

  it("goes on from a text that begins alike, with the same offsets", async () => {
    const tokenizer = await loadTokenizer(fixture("tiny-policy"));
    const whole = tokenizer.encode("use 3 7 😀 naïve 漢字 to make 24\n8 / 2 = 4 👩‍👩‍👧", false);
    const tails = ["4 left", "😀", "", "é\n"].map((text) => tokenizer.encode(text, false));
    let resumed = 0;
    for (let cut = 1; cut <= whole.length; cut++) {
      for (const tail of tails) {
        // Cut inside a character too: what is drawn there depends on what follows.
        const [ids, other] = [
          [...whole.slice(0, cut), ...tail],
          [...whole.slice(0, cut), 1, ...tail],
        ];
        const [text, otherText] = [tokenizer.decode(ids), tokenizer.decode(other)];
        const alone = ((): ReturnType<typeof alignTokens> | string => {
          try {
            return alignTokens(ids, text, tokenizer);
          } catch (error) {
            return String(error);
          }
        })();
        for (const before of [
          { ids: whole, text: tokenizer.decode(whole) },
          { ids: other, text: otherText },
        ]) {
          let tokens;
          try {
            tokens = alignTokens(before.ids, before.text, tokenizer);
          } catch {
            continue;
          }
          resumed++;
          if (typeof alone === "string")
            expect(() => alignTokens(ids, text, tokenizer, { ...before, tokens })).toThrow();
          else expect(alignTokens(ids, text, tokenizer, { ...before, tokens })).toEqual(alone);
        }
      }
    }
    expect(resumed).toBeGreaterThan(100);
  });

  it("refuses tokens that do not spell the text, in one sentence", async () => {
    const tokenizer = await loadTokenizer(fixture("tiny-policy"));
    const ids = tokenizer.encode("use 3 7 8", false);
    expect(() => alignTokens(ids, "use 4 7 8", tokenizer)).toThrow(/at character 3 the text has " 4 7 8"/);
    expect(() => alignTokens(ids.slice(0, 2), "use 3 7 8", tokenizer)).toThrow(/the tokens say nothing more/);
    const lowercase = {
      decode: (some: readonly number[]) => tokenizer.decode(some).toLowerCase(),
      isSpecial: () => false,
    };
    expect(() => alignTokens(tokenizer.encode("USE", false), "USE", lowercase)).toThrow(
      /do not spell the text/,
    );
  });
});

describe("stepEndTokens", () => {
  const tokens = [
    { start: 0, end: 3 },
    { start: 3, end: 4 },
    { start: 4, end: 8 },
    { start: 8, end: 9 },
  ];

  it("finds the token that holds each step's last character", () => {
    expect(stepEndTokens(tokens, [span(0, 0, 4), span(1, 4, 9)])).toEqual([1, 3]);
    expect(stepEndTokens(tokens, [span(0, 0, 2), span(1, 6, 8)])).toEqual([0, 2]);
  });

  it("refuses a token that reaches over the end of a step into the next", () => {
    expect(() => stepEndTokens(tokens, [span(0, 0, 6), span(1, 6, 9)])).toThrow(
      /covers the end of step 0 and the beginning of step 1/,
    );
  });

  it("assigns tokens to steps", () => {
    expect([...stepOfTokens(tokens, [span(3, 3, 4), span(5, 4, 9)])]).toEqual([-1, 0, 1, 1]);
  });
});

describe("textOf", () => {
  it("keeps flat text to the last character, with steps that leave no hole", () => {
    const trajectory = textTrajectory("t", "ask\n", ["<think>a\n\n", "b</think>", "\n\nanswer"]);
    const { text, spans } = textOf(trajectory, undefined);
    expect(text).toBe("ask\n<think>a\n\nb</think>\n\nanswer");
    expect(spans.map(({ start, end }) => text.slice(start, end)).join("")).toBe(
      trajectory.flatText!.response,
    );
    expect(spans.map((s) => s.step)).toEqual([1, 2, 3]);
  });

  it("leaves what tools said to no step of the policy", () => {
    const trajectory = {
      ...textTrajectory("t", "ask\n", []),
      flatText: { prompt: "ask\n", response: "call\ntool\nresult\nassistant\ndone" },
      steps: [
        { index: 0, role: "assistant" as const, action: "call" },
        { index: 1, role: "tool" as const, observation: "result" },
        { index: 2, role: "assistant" as const, action: "done" },
      ],
    };
    const { text, spans } = textOf(trajectory, undefined);
    expect(spans.map(({ start, end, policy }) => [text.slice(start, end), policy])).toEqual([
      ["call", true],
      ["result", false],
      ["done", true],
    ]);
  });

  it("puts a conversation through the chat template and finds the steps in it", () => {
    const trajectory = {
      ...textTrajectory("t", "hello", []),
      steps: [
        { index: 0, role: "user" as const, observation: "hello " },
        { index: 1, role: "assistant" as const, thought: "hm.", action: " hello" },
        { index: 2, role: "assistant" as const, action: " bye" },
      ],
    };
    const { flatText: _, ...conversation } = trajectory;
    const { text, spans, method } = textOf(conversation, (messages) =>
      messages.map((message) => `<${message.role}>${message.content.trim()}</>`).join(""),
    );
    expect(method).toBe("chat template");
    expect(text).toBe("<user>hello</><assistant>hm. hello bye</>");
    expect(spans.map(({ start, end }) => text.slice(start, end))).toEqual(["hello", "hm. hello ", "bye"]);
    expect(() => textOf(conversation, () => "something else")).toThrow(/Step 0 of trajectory t is not found/);
  });

  it("refuses a trajectory without text", () => {
    const { flatText: _, ...empty } = {
      ...textTrajectory("t", "", []),
      steps: [{ index: 0, role: "assistant" as const }],
    };
    expect(() => textOf(empty, undefined)).toThrow(/holds no text/);
  });
});

describe("withSeparators", () => {
  const text = (value: string, spans: ReturnType<typeof span>[]) => ({
    text: value,
    spans,
    method: "text as written",
    templated: false,
  });

  it("closes an unfinished last step, and only that", () => {
    const { text: closed, added } = withSeparators(
      text("q\na\nb", [span(1, 2, 4), span(2, 4, 5)]),
      "\n",
      false,
    );
    expect([closed.text, added]).toEqual(["q\na\nb\n", 1]);
    expect(closed.spans.map(({ start, end }) => closed.text.slice(start, end))).toEqual(["a\n", "b\n"]);
    expect(withSeparators(text("q\na\nb\n", [span(1, 2, 4), span(2, 4, 6)]), "\n", false).added).toBe(0);
  });

  it("puts a special token behind every step", () => {
    const { text: marked } = withSeparators(text("qab", [span(1, 1, 2), span(2, 2, 3)]), "<s>", true);
    expect(marked.text).toBe("qa<s>b<s>");
    expect(marked.spans.map(({ start, end }) => marked.text.slice(start, end))).toEqual(["a<s>", "b<s>"]);
  });
});
