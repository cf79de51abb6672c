import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { fixture, reference } from "./inferenceClient";

const cli = resolve("dist/cli.js");
const data = mkdtempSync(join(tmpdir(), "lens-cli-models-"));
const storage = mkdtempSync(join(tmpdir(), "lens-cli-store-"));
const policy = fixture("tiny-policy");
let id: string;

/** The one JSON document that a command prints, and how it ended. */
function run(...args: string[]): Promise<{ code: number; document: Record<string, unknown> }> {
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      [cli, ...args, "--json", "--storage", storage],
      { maxBuffer: 64 * 2 ** 20 },
      (error, stdout) => {
        try {
          done({ code: error ? 1 : 0, document: JSON.parse(stdout) as Record<string, unknown> });
        } catch {
          fail(new Error(`no JSON: ${stdout.slice(0, 200)} ${error?.message ?? ""}`));
        }
      },
    );
  });
}

interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

beforeAll(async () => {
  for (const name of ["cli.js", "store.js", "inference.js"])
    if (!existsSync(resolve("dist", name)))
      throw new Error(`dist/${name} is missing: run \`node esbuild.mjs\` first.`);
  const row = {
    input: reference.text[0]!.prompt,
    output: reference.text[0]!.response.join(""),
    gts: "24",
    score: 0,
    step: 1,
  };
  writeFileSync(join(data, "1.jsonl"), `${JSON.stringify(row)}\n`);
  const { document } = await run("query", data, "--sql", "SELECT id FROM trajectories");
  id = String((document["rows"] as string[][])[0]![0]);
});

describe("models on the command line", () => {
  it("lists and tries declared and found models, and names what is wrong", async () => {
    const declared = join(mkdtempSync(join(tmpdir(), "lens-models-")), "models.json");
    writeFileSync(
      declared,
      JSON.stringify([
        { name: "mine", path: policy },
        { name: "broken", path: fixture("cut-off.onnx") },
      ]),
    );
    const { document } = await run(
      "models",
      fixture("tiny-prm"),
      "--models-file",
      declared,
      "--test",
      "--provider",
      "cpu",
    );
    const tests = document["tests"] as {
      model: { name: string };
      results: string[];
      problem?: string;
    }[];
    expect(tests.map((test) => [test.model.name, test.results, test.problem === undefined])).toEqual([
      ["mine", ["logprob per token", "entropy per token", "rank per token"], true],
      ["broken", [], false],
      ["tiny-prm", ["reward per step"], true],
    ]);
  });

  it("scores with alternatives, a reference and questions", async () => {
    const { document } = await run(
      ...["score", data, "--model", policy, "--provider", "cpu"],
      ...["--top-k", "2", "--reference", fixture("tiny-reference")],
    );
    const series = document["series"] as Series[];
    expect(series.map((one) => one.name)).toEqual(["logprob", "entropy", "rank", "ref_logprob", "kl"]);
    const kl = series[4]!.values.filter((value) => value !== null);
    expect(kl.length).toBeGreaterThan(10);
    for (const value of kl) expect(value).toBeGreaterThanOrEqual(0);
    const questions = join(mkdtempSync(join(tmpdir(), "lens-questions-")), "questions.json");
    writeFileSync(
      questions,
      JSON.stringify([{ name: "ui_genie", text: "", at: "step", judgement: ["4", "8"] }]),
    );
    const asked = await run("score", data, "--model", policy, "--provider", "cpu", "--questions", questions);
    const judged = (asked.document["series"] as Series[])[0]!;
    expect([judged.name, judged.values[0]]).toEqual(["ui_genie", null]);
    expect(judged.values[1]).toBeGreaterThan(0);
    writeFileSync(questions, JSON.stringify([{ name: "x" }]));
    const wrong = await run("score", data, "--model", policy, "--questions", questions);
    expect([wrong.code, (wrong.document["error"] as { code: string }).code]).toEqual([1, "bad-arguments"]);
    const belief = await run(
      "score",
      data,
      "--model",
      policy,
      "--provider",
      "cpu",
      "--belief",
      "answer {answer}",
    );
    expect((belief.document["series"] as Series[])[0]!.name).toBe("answer_logprob");
  });

  it("forks into a named folder and values states, repeatably", async () => {
    const to = mkdtempSync(join(tmpdir(), "lens-branches-"));
    const args = [
      "--id",
      id,
      "--model",
      policy,
      "--provider",
      "cpu",
      "--seed",
      "3",
      "--max-new-tokens",
      "12",
    ];
    const fork = () => run("fork", data, ...args, "--after-step", "1", "--count", "2", "--to", to);
    const [one, two] = [await fork(), await fork()];
    const texts = ({ document }: typeof one) =>
      (document["branches"] as { text: string }[]).map((branch) => branch.text);
    expect(texts(one)).toHaveLength(2);
    expect(texts(two)).toEqual(texts(one));
    expect(readdirSync(to)).toHaveLength(1);
    expect(readdirSync(data)).toEqual(["1.jsonl"]);
    const value = await run(
      "value",
      data,
      ...args,
      "--count",
      "4",
      "--regex",
      "[0-9]",
      "--after-step",
      "0",
      "--after-step",
      "2",
    );
    const values = value.document["values"] as {
      afterStep: number;
      method: string;
      trials: number;
    }[];
    expect(values.map((one) => [one.afterStep, one.method, one.trials])).toEqual([
      [0, "Wilson score", 4],
      [2, "Wilson score", 4],
    ]);
    const none = await run("fork", data, ...args);
    expect((none.document["error"] as { message: string }).message).toContain(
      "either --after-step or --after-token",
    );
    const graders = await run("value", data, ...args, "--regex", "a", "--exact", "b");
    expect((graders.document["error"] as { message: string }).message).toContain("Exactly one grader");
  });

  it("estimates a judge's run before it sends many requests", async () => {
    const declared = join(mkdtempSync(join(tmpdir(), "lens-judge-")), "models.json");
    writeFileSync(declared, JSON.stringify([{ name: "judge", kind: "judge", url: "http://127.0.0.1:9/v1" }]));
    const judged = await run(
      "judge",
      data,
      "--model",
      "judge",
      "--prompt",
      "outcome",
      "--models-file",
      declared,
    );
    expect(judged.code).toBe(1);
    expect((judged.document["error"] as { message: string }).message).toMatch(/cannot be reached/);
    // The advice names the option of the command line, not a setting of the editor.
    expect((judged.document["error"] as { hint: string }).hint).toContain("--models-file");
    const lines = Array.from({ length: 30 }, (_, i) =>
      JSON.stringify({ input: `q${i}`, output: "a", score: 0, step: 1 }),
    );
    const many = mkdtempSync(join(tmpdir(), "lens-many-"));
    writeFileSync(join(many, "1.jsonl"), `${lines.join("\n")}\n`);
    const costly = await run(
      "judge",
      many,
      "--model",
      "judge",
      "--prompt",
      "outcome",
      "--models-file",
      declared,
    );
    expect((costly.document["error"] as { code: string; message: string }).code).toBe("confirm-cost");
    expect((costly.document["error"] as { message: string }).message).toMatch(
      /30 requests with about \d+ tokens/,
    );
  });
});
