import { describe, expect, it } from "vitest";
import { credentialSpans, maskCredentials, maskText } from "../../../src/model/credentials";
import { maskedTrajectory } from "../../../src/model/maskedTrajectory";
import type { Trajectory } from "../../../src/model/trajectory";

/** Made of parts, so that scanners of this repository do not take the examples for real ones. */
const of = (...parts: string[]): string => parts.join("");
const LETTERS = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";

const examples: readonly (readonly [string, string, string])[] = [
  ["OpenAI", of("sk-", "proj-", LETTERS), "sk-"],
  ["Anthropic", of("sk-", "ant-api03-", LETTERS), "sk-"],
  ["Stripe", of("sk_", "live_", LETTERS.slice(0, 24)), "sk_live_"],
  ["GitHub", of("ghp", "_", LETTERS), "ghp_"],
  ["GitHub, fine-grained", of("github", "_pat_", LETTERS), "gith"],
  ["GitLab", of("glpat", "-", LETTERS.slice(0, 20)), "glpat-"],
  ["Hugging Face", of("hf", "_", LETTERS), "hf_"],
  ["Slack", of("xoxb", "-1234567890-", "abcdefGHIJ"), "xoxb-"],
  ["AWS", of("AKIA", "IOSFODNN7EXAMPLE"), "AKIA"],
  ["Google", of("AIza", LETTERS.slice(0, 35)), "AIza"],
  ["LangSmith", of("lsv2_", "pt_", "0123456789abcdef0123456789abcdef_0123456789"), "lsv2_"],
  ["JWT", of("eyJ", "hbGciOiJIUzI1NiJ9", ".eyJ", "zdWIiOiIxMjM0NTY3", ".", LETTERS), "eyJ"],
];

describe("credentials", () => {
  it.each(examples)("of %s are hidden behind their prefix, in the text's length", (_name, secret, prefix) => {
    const text = `export KEY=${secret}\nnext line`;
    const masked = maskText(text);
    expect(masked.count).toBe(1);
    expect(masked.text).toHaveLength(text.length);
    expect(masked.text).not.toContain(secret.slice(prefix.length));
    expect(masked.text).toContain(prefix);
    expect(masked.text).toMatch(/•\nnext line$/);
  });

  it("in headers, addresses, assignments and key blocks are hidden without what is around them", () => {
    const hide = (text: string): string => maskText(text).text;
    expect(hide('curl -H "Authorization: Bearer abcdefgh1234"')).toBe(
      'curl -H "Authorization: Bearer ••••••••••••"',
    );
    expect(hide("psql postgres://ada:s3cret!@db:5432/x")).toBe("psql postgres://ada:•••••••@db:5432/x");
    expect(hide(`aws_secret_access_key = ${"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}`)).toBe(
      `aws_secret_access_key = ${"•".repeat(40)}`,
    );
    expect(hide('{"api_key": "0123456789abcdef0123"}')).toBe(`{"api_key": "${"•".repeat(20)}"}`);
    const block = of("-----BEGIN RSA PRIVATE", " KEY-----\nMIIE\nabcd\n-----END RSA PRIVATE", " KEY-----");
    expect(hide(`a\n${block}\nb`)).toBe(
      of("a\n-----BEGIN RSA PRIVATE", " KEY-----\n••••\n••••\n-----END RSA PRIVATE", " KEY-----\nb"),
    );
    // A block that is cut off is hidden to the end.
    expect(hide(of("-----BEGIN PRIVATE", " KEY-----\nMIIE"))).toBe(
      of("-----BEGIN PRIVATE", " KEY-----\n••••"),
    );
  });

  it("are not seen in prose, code, ids and what is hidden already", () => {
    for (const text of [
      "The task-oriented sk-learn-like-interface-of-the-library is basic.",
      "password = get_password_from_the_environment()",
      "A bearer of authenticationinformation came.",
      "https://example.com/a:b@c and mailto:ada@example.com",
      "ratio 3://4 at 5:6@7",
      "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      '"api_key": "**********"',
      "the secret: nobody knows",
      "max_tokens: 1024, total_token=99999999999999999999",
      "",
    ])
      expect(credentialSpans(text), text).toEqual([]);
  });

  it("that overlap are one, and many are found in one pass of bounded time", () => {
    const key = of("sk-", LETTERS);
    expect(credentialSpans(`api_key=${key}`)).toHaveLength(1);
    expect(maskText(`${key} ${key}`).count).toBe(2);
    const long = `${"key=token:secret://a:".repeat(20_000)}${key}`;
    const before = performance.now();
    expect(maskText(long).text.endsWith("•")).toBe(true);
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it("in values are masked in a copy, by shape and by the field's name; the rest is the same objects", () => {
    const numbers = new Float64Array([1, 2]);
    const rest = { list: ["a", { b: null }], numbers };
    const value = {
      llm: { api_key: "my-local-value", model: "m", keys: [of("hf", "_", LETTERS)] },
      rest,
      n: 0,
    };
    const { value: copy, count } = maskCredentials(value);
    expect(count).toBe(2);
    expect(copy.llm).toEqual({
      api_key: "••••••••••••••",
      model: "m",
      keys: [`hf_${"•".repeat(LETTERS.length)}`],
    });
    expect(copy.rest).toBe(rest);
    expect(value.llm.api_key).toBe("my-local-value");
    expect(maskCredentials(rest).value).toBe(rest);
    expect(maskCredentials({ api_key: "********", password: null, secret: "a few words" }).count).toBe(0);
  });

  it("in values that are nested without end stop nobody", () => {
    let deep: unknown = of("sk-", LETTERS);
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(JSON.stringify(maskCredentials({ deep }).value)).toContain('["…"]');
  });

  it("in a trajectory are masked in texts, calls, extra fields and across tokens, with a note; ids and places stay", () => {
    const key = of("sk-", LETTERS);
    const trajectory: Trajectory = {
      id: key,
      datasetId: "d",
      format: "f",
      source: { path: `/data/${key}.jsonl`, row: 0, part: 0 },
      task: { prompt: `Use ${key}.` },
      steps: [
        {
          index: 0,
          role: "assistant",
          action: "call",
          toolCalls: [{ name: "http", arguments: { token: "x", header: `Bearer ${LETTERS}` } }],
        },
      ],
      tokens: { count: 3, text: ["key ", key.slice(0, 10), key.slice(10)], series: {} },
      outcome: { components: {} },
      extra: {},
      notes: [],
    };
    const shown = maskedTrajectory(trajectory);
    expect(shown.task.prompt).toBe(`Use sk-${"•".repeat(LETTERS.length)}.`);
    expect(shown.steps[0]?.toolCalls?.[0]?.arguments).toEqual({
      token: "x",
      header: `Bearer ${"•".repeat(LETTERS.length)}`,
    });
    expect(shown.tokens?.text).toEqual(["key ", `sk-${"•".repeat(7)}`, "•".repeat(key.length - 10)]);
    expect(shown.notes.map((note) => note.message.slice(0, 9))).toEqual(["3 strings"]);
    expect([shown.id, shown.source]).toEqual([trajectory.id, trajectory.source]);
    expect(trajectory.task.prompt).toContain(key);
    const clean = { ...trajectory, task: {}, steps: [], tokens: { count: 0, series: {} } };
    expect(maskedTrajectory(clean)).toBe(clean);
  });
});
