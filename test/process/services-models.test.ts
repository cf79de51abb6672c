import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelDeclaration } from "../../src/model/modelDeclaration";
import type { ScoreReport } from "../../src/model/score";
import { parseReply } from "../../src/services/judgeReplies";
import { meanInterval, studentQuantile } from "../../src/services/meanInterval";
import { parseDeclarations } from "../../src/services/modelRegistry";
import { createServices } from "../../src/services/openServices";
import type { Services } from "../../src/services/services";
import { fixture, reference } from "./inferenceClient";
import { ModelServer } from "./modelServer";

const dist = resolve("dist");
const data = mkdtempSync(join(tmpdir(), "lens-models-data-"));
const storage = mkdtempSync(join(tmpdir(), "lens-models-store-"));
const rollouts = join(data, "1.jsonl");
let declared: readonly ModelDeclaration[] = [];
let services: Services;
let server: ModelServer;
let ids: string[];
let groupId: string;
let written: string;

beforeAll(async () => {
  for (const name of ["store.js", "inference.js"])
    if (!existsSync(join(dist, name)))
      throw new Error(`dist/${name} is missing: run \`node esbuild.mjs\` first.`);
  server = await ModelServer.start({ key: "only-for-this-test" });
  // Three rollouts of one prompt, as verl writes them.
  const rows = [0, 1, 0].map((text, i) => ({
    input: reference.text[0]!.prompt,
    output: reference.text[text]!.response.join(""),
    gts: "24",
    score: text,
    step: 1,
    uid: `a_${i}`,
  }));
  written = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  writeFileSync(rollouts, written);
  services = createServices({
    storageFolder: storage,
    distFolder: dist,
    models: () => declared,
    serverKey: () => Promise.resolve("only-for-this-test"),
  });
  await services.datasets.index([data], { watch: false });
  const found = await services.datasets.rows({ sort: "row" }, 0, 10);
  ids = found.rows.map((row) => row.id);
  groupId = found.rows[0]!.groupId!;
});

afterAll(async () => {
  await services.dispose();
  await server.close();
});

const policy = fixture("tiny-policy");
const values = (report: ScoreReport, name: string, id = ids[0]): number[] => {
  expect(report.failures).toEqual([]);
  return [...report.series.find((one) => one.name === name && one.trajectoryId === id)!.values];
};
const near = (actual: readonly number[], expected: readonly number[], digits = 5): void => {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) =>
    Number.isNaN(value) ? expect(actual[i]).toBeNaN() : expect(actual[i]).toBeCloseTo(value, digits),
  );
};

describe("models that the settings declare", () => {
  it("are read strictly, each wrong entry with a sentence of its own", () => {
    const { declarations, problems } = parseDeclarations([
      { path: "models/policy", kind: "policy-lm", context: "truncate-head" },
      { kind: "policy-lm" },
      { url: "http://localhost:8000/v1" },
      { path: "x", context: "cut quietly" },
      { url: "http://localhost:8000/v1", kind: "judge", model: "qwen" },
    ]);
    expect(declarations.map((entry) => entry.kind)).toEqual(["policy-lm", "judge"]);
    expect(declarations[0]!.path).toBe(resolve("models/policy"));
    expect(problems).toEqual([
      "trajectoryLens.models[1] cannot be used: a model has either a path or a url.",
      "trajectoryLens.models[2] cannot be used: a model on a server needs its kind.",
      expect.stringContaining("trajectoryLens.models[3].context cannot be used"),
    ]);
    expect(parseDeclarations("policy").problems).toHaveLength(1);
  });

  it("are listed with found ones, with what is wrong: expected against found", async () => {
    declared = [
      { name: "labels", path: policy, kind: "process-reward", stepLabels: ["4", "8"] },
      { name: "not a value model", path: fixture("wrong-inputs.onnx"), kind: "value" },
      { name: "far away", url: server.url, kind: "policy-lm", model: "tiny" },
    ];
    const list = await services.scoring.findModels([fixture("tiny-prm")]);
    expect(list.map(({ name, kind }) => [name, kind])).toEqual([
      ["labels", "process-reward"],
      ["not a value model", "value"],
      ["tiny-prm", "process-reward"],
      ["far away", "policy-lm"],
    ]);
    expect(list[1]!.problem).toContain(
      "A value model takes observation; this one takes pixels float32 [batch, 3, 8, 8]",
    );
    expect(list[2]!.inputs).toContain("input_ids int64 [batch_size, sequence_length]");
  });

  it("run on a made-up input, and say what came back or what is wrong", async () => {
    declared = [{ name: "far away", url: server.url, kind: "policy-lm", tokenizer: policy }];
    const results = await Promise.all(
      [
        "tiny-policy",
        "tiny-reward",
        "tiny-embedding",
        "gaussian.onnx",
        "dynamics-ensemble.onnx",
        "encoder.onnx",
      ].map(async (name) => services.scoring.test(fixture(name), "cpu")),
    );
    expect(results.map((result) => result.problem)).toEqual(results.map(() => undefined));
    expect(results[0]!.results).toContain("logprob per token");
    expect(results[2]!.results).toContain("embeddings [3, 32]");
    expect((await services.scoring.test("far away", "auto")).results).toContain("logprob per token");
    const broken = await services.scoring.test(fixture("cut-off.onnx"), "cpu");
    expect(broken.problem).toContain("cut off");
  });

  it("keep tables beside the scores, and answer them from the cache after a restart", async () => {
    declared = [];
    const first = await services.scoring.score(ids, policy, "cpu", undefined, { extras: { topK: 2 } });
    expect([first.cached, first.arrays!.length]).toEqual([0, 6]);
    const plain = await services.scoring.score(ids, policy, "cpu");
    expect([plain.cached, plain.arrays]).toEqual([0, undefined]);
    const again = await services.scoring.score(ids, policy, "cpu", undefined, { extras: { topK: 2 } });
    expect([again.cached, again.tokens]).toEqual([3, 0]);
    const other = createServices({ storageFolder: storage, distFolder: dist });
    try {
      await other.datasets.index([data], { watch: false });
      const after = await other.scoring.score(ids, policy, "cpu", undefined, { extras: { topK: 2 } });
      expect([after.cached, after.tokens]).toEqual([3, 0]);
      expect([...after.arrays![0]!.data]).toEqual([...first.arrays![0]!.data]);
    } finally {
      await other.dispose();
    }
    const embedded = await services.scoring.score(ids, fixture("tiny-embedding"), "cpu");
    expect(embedded.arrays!.map((one) => one.name)).toEqual(["embeddings", "embeddings", "embeddings"]);
    expect((await services.scoring.arrays(ids[0]!)).map((one) => one.name).sort()).toEqual([
      "embeddings",
      "topk_id",
      "topk_logprob",
    ]);
  });

  it("score through a server with the very numbers of this machine", async () => {
    declared = [
      { name: "text", url: server.url, kind: "policy-lm", model: "tiny" },
      { name: "ids", url: server.url, kind: "policy-lm", model: "tiny", tokenizer: policy },
      { name: "score", url: server.url, kind: "scalar-reward", api: "vllm-score" },
      { name: "classify", url: server.url, kind: "scalar-reward", api: "vllm-classify" },
      { name: "logits", url: server.url, kind: "scalar-reward", api: "vllm-classify", activation: "none" },
      { name: "pooling", url: server.url, kind: "process-reward", api: "vllm-pooling", tokenizer: policy },
      { name: "embeddings", url: server.url, kind: "embedding", api: "openai" },
      {
        name: "kserve",
        url: server.url,
        kind: "process-reward",
        api: "kserve",
        model: "prm",
        tokenizer: policy,
      },
    ];
    const own = await services.scoring.score(ids, policy, "cpu");
    for (const name of ["text", "ids"]) {
      const remote = await services.scoring.score(ids, name, "auto");
      expect(remote.provider).toBe("remote");
      for (const id of ids) near(values(remote, "logprob", id), values(own, "logprob", id));
    }
    const reward = values(await services.scoring.score(ids, fixture("tiny-reward"), "cpu"), "reward");
    near(values(await services.scoring.score(ids, "score", "auto"), "reward"), reward);
    near(
      values(await services.scoring.score(ids, "classify", "auto"), "reward"),
      reward.map((value) => 1 / (1 + Math.exp(-value))),
    );
    near(values(await services.scoring.score(ids, "logits", "auto"), "reward"), reward);
    const steps = values(await services.scoring.score(ids, fixture("tiny-prm"), "cpu"), "reward");
    near(values(await services.scoring.score(ids, "pooling", "auto"), "reward"), steps);
    near(values(await services.scoring.score(ids, "kserve", "auto"), "reward"), steps);
    const local = await services.scoring.score([ids[0]!], fixture("tiny-embedding"), "cpu");
    const far = await services.scoring.score([ids[0]!], "embeddings", "auto");
    near([...far.arrays![0]!.data], [...local.arrays![0]!.data]);
    expect(server.requests.every((request) => request.authorization === "Bearer only-for-this-test")).toBe(
      true,
    );
    const asked = server.requests.length;
    expect((await services.scoring.score(ids, "ids", "auto")).cached).toBe(3);
    expect(server.requests.length).toBe(asked);
  });

  it("read each server as it answers: vLLM's prompt_logprobs, SGLang's missing offsets and its own rewards", async () => {
    const own = await services.scoring.score(ids, policy, "cpu");
    for (const speaks of ["vllm", "sglang"] as const) {
      const other = await ModelServer.start({ speaks });
      try {
        declared = [
          { name: "text", url: other.url, kind: "policy-lm" },
          { name: "ids", url: other.url, kind: "policy-lm", tokenizer: policy },
          { name: "reward", url: other.url, kind: "scalar-reward", api: "sglang-classify" },
          {
            name: "reward of ids",
            url: other.url,
            kind: "scalar-reward",
            api: "sglang-classify",
            tokenizer: policy,
          },
        ];
        for (const name of ["text", "ids"]) {
          const remote = await services.scoring.score(ids, name, "auto");
          for (const id of ids) {
            // Without a tokenizer, the token that begins a sequence has a place of its own before the text.
            const before = name === "text" ? [NaN] : [];
            near(values(remote, "logprob", id), [...before, ...values(own, "logprob", id)]);
            const rank = remote.series.find((one) => one.name === "rank" && one.trajectoryId === id);
            if (speaks === "sglang") expect(rank).toBeUndefined();
            else expect(new Set(rank!.values)).toEqual(new Set([NaN, 2]));
          }
        }
        if (speaks === "vllm") continue;
        const reward = values(await services.scoring.score(ids, fixture("tiny-reward"), "cpu"), "reward");
        for (const name of ["reward", "reward of ids"])
          near(values(await services.scoring.score(ids, name, "auto"), "reward"), reward);
      } finally {
        await other.close();
      }
    }
  });

  it("refuse for a server what only a model of this machine gives", async () => {
    declared = [{ name: "far", url: server.url, kind: "policy-lm" }];
    const asked = server.requests.length;
    const sentence = (what: string): string =>
      `far is on a server, which does not give what was asked for beside its scores (${what}).`;
    await expect(
      services.scoring.score(ids, "far", "auto", undefined, { extras: { topK: 2 }, longText: "slide" }),
    ).rejects.toThrow(sentence("topK, longText"));
    await expect(services.scoring.answerBelief(ids, "far", "auto", "so {answer}")).rejects.toThrow(
      sentence("belief"),
    );
    expect(server.requests.length).toBe(asked);
  });

  it("are asked anew when their declaration or the tokenizer that it names changes", async () => {
    const tokenizer = join(mkdtempSync(join(tmpdir(), "lens-tokenizer-")), "own");
    cpSync(policy, tokenizer, { recursive: true });
    const belief = async (): Promise<number> =>
      (await services.scoring.answerBelief([ids[0]!], "named", "cpu", "so {answer}")).cached;
    const score = async (): Promise<number> =>
      (await services.scoring.score([ids[0]!], "named", "cpu")).cached;
    declared = [{ name: "named", path: policy, tokenizer }];
    expect([await belief(), await belief(), await score(), await score()]).toEqual([0, 1, 0, 1]);
    declared = [{ name: "named", path: policy, tokenizer, contextLength: 90 }];
    expect([await belief(), await score()]).toEqual([0, 0]);
    appendFileSync(join(tokenizer, "tokenizer.json"), "\n");
    expect([await belief(), await score()]).toEqual([0, 0]);
    declared = [{ name: "named", url: server.url, kind: "policy-lm", tokenizer }];
    expect([await score(), await score()]).toEqual([0, 1]);
    appendFileSync(join(tokenizer, "tokenizer.json"), "\n");
    expect(await score()).toBe(0);
  });

  it("say in one sentence what a server refuses, lacks, or is not there for", async () => {
    const sentence = async (declaration: ModelDeclaration): Promise<string> => {
      declared = [{ name: "server", kind: "policy-lm", ...declaration }];
      const report = await services.scoring.score([ids[0]!], "server", "auto").catch((error: Error) => error);
      return report instanceof Error ? report.message : (report.failures[0]?.message ?? "nothing wrong");
    };
    expect(await sentence({ url: "http://127.0.0.1:9/v1" })).toMatch(/^http:\S+ cannot be reached: .+\.$/);
    expect(await sentence({ url: `${server.url}/elsewhere` })).toMatch(/answered 404: Not Found\.$/);
    const locked = createServices({
      storageFolder: mkdtempSync(join(tmpdir(), "lens-locked-")),
      distFolder: dist,
      models: () => [{ name: "server", url: server.url, kind: "policy-lm" }],
    });
    try {
      await locked.datasets.index([data], { watch: false });
      const report = await locked.scoring.score([ids[0]!], "server", "auto");
      expect(report.failures[0]!.message).toMatch(/answered 401: wrong key\.$/);
      expect(JSON.stringify(report)).not.toContain("only-for-this-test");
    } finally {
      await locked.dispose();
    }
  });
});

describe("judges", () => {
  it("are read strictly: what does not fit is said, never guessed", () => {
    const number = { kind: "number", minimum: 0, maximum: 10 } as const;
    expect(parseReply(" 7 ", number)).toEqual({ score: 7 });
    expect(parseReply("I would say 7 of 10", number)).toHaveProperty("problem");
    expect(parseReply("11", number)).toHaveProperty("problem");
    expect(parseReply("", number)).toEqual({ problem: "The reply is empty." });
    const choice = { kind: "choice", choices: { correct: 1, incorrect: 0 } } as const;
    expect(parseReply("Incorrect.", choice)).toEqual({ score: 0 });
    expect(parseReply("correct", choice)).toEqual({ score: 1 });
    expect(parseReply("correct or incorrect, who knows", choice)).toHaveProperty("problem");
    const phrases = { kind: "choice", choices: { correct: 1, "not correct": 0 } } as const;
    expect(parseReply("That is not correct.", phrases)).toEqual({ score: 0 });
    const json = { kind: "json", field: "score", minimum: 0, maximum: 1 } as const;
    expect(parseReply('```json\n{"score": 0.5}\n```', json)).toEqual({ score: 0.5 });
    expect(parseReply('{"score": "0.5"}', json)).toHaveProperty("problem");
  });

  it("say what a run would cost, keep raw replies, and ask nothing twice", async () => {
    declared = [
      {
        name: "judge",
        url: server.url,
        kind: "judge",
        model: "tiny",
        pricePerMillion: { input: 1, output: 2 },
      },
    ];
    const own = createServices({
      storageFolder: storage,
      distFolder: dist,
      models: () => declared,
      serverKey: () => Promise.resolve("only-for-this-test"),
      judgeTemplates: () => [
        {
          id: "short",
          title: "short",
          level: "step",
          user: "{step}",
          parser: { kind: "number", minimum: 0, maximum: 100 },
          maxTokens: 1,
        },
      ],
    });
    try {
      await own.datasets.index([data], { watch: false });
      const chosen = ids.slice(0, 2);
      const steps = reference.text[0]!.response.length + reference.text[1]!.response.length;
      const before = await own.judging.estimate(chosen, "judge", "short");
      expect([before.requests, before.cached, before.outputTokens]).toEqual([steps, 0, steps]);
      expect(before.cost).toBeCloseTo((before.inputTokens + 2 * before.outputTokens) / 1e6, 12);
      const asked = server.requests.length;
      const report = await own.judging.judge(chosen, "judge", "short");
      expect([report.requests, report.cached, server.requests.length - asked]).toEqual([steps, 0, steps]);
      expect(report.outputTokens).toBeLessThanOrEqual(steps);
      const replies = await own.judging.replies(chosen[0]!);
      expect(replies.map((reply) => reply.step)).toEqual(reference.text[0]!.response.map((_, i) => i + 1));
      const series = report.series[0]!;
      for (const reply of replies) {
        const parsed = parseReply(reply.text, { kind: "number", minimum: 0, maximum: 100 });
        if ("score" in parsed) expect(series.values[reply.step!]).toBe(parsed.score);
        else expect(series.values[reply.step!]).toBeNaN();
      }
      const again = await own.judging.judge(chosen, "judge", "short");
      expect([again.requests, again.cached]).toEqual([0, steps]);
      expect([...again.series[0]!.values]).toEqual([...series.values]);
      await expect(own.judging.judge(chosen, "judge", "nonsense")).rejects.toMatchObject({
        code: "unknown-template",
      });
    } finally {
      await own.dispose();
    }
  });
});

describe("forks and values", () => {
  const options = { count: 3, temperature: 1, topP: 0.95, maxNewTokens: 20, stop: [], seed: 7 };

  it("keep branches in a file of their own, in the tree and as trajectories, until they are deleted", async () => {
    const texts: string[][] = [];
    const report = await services.generation.fork(
      { trajectoryId: ids[0]!, model: policy, provider: "cpu", point: { afterStep: 2 }, options },
      { report: (progress) => texts.push([...(progress.texts ?? [])]) },
    );
    expect(report.branches).toHaveLength(3);
    expect(texts.length).toBeGreaterThan(0);
    expect(report.file.startsWith(storage)).toBe(true);
    expect(readdirSync(data)).toEqual(["1.jsonl"]);
    expect(readFileSync(rollouts, "utf8")).toBe(written);
    const tree = await services.generation.tree(groupId);
    const generated = tree.nodes.filter((node) => node.status === "generated");
    expect(generated.map((node) => node.text)).toEqual(report.branches.map((branch) => branch.text));
    for (const node of generated) {
      expect(node.reason).toContain("generated here with tiny-policy on cpu");
      expect((tree.nodes[node.parent]!.stepIndex ?? 0) <= 2).toBe(true);
    }
    const opened = await services.datasets.trajectory(generated[0]!.trajectoryId!);
    expect(opened.steps[1]!.action).toBe(generated[0]!.text);
    expect(opened.notes[0]!.message).toContain("no trainer wrote it");
    expect(await services.generation.deleteBranch(report.branches[1]!.id)).toBe(1);
    const left = await services.generation.branches({ trajectoryId: ids[0]! });
    expect(left.map((branch) => branch.id)).toEqual([report.branches[0]!.id, report.branches[2]!.id]);
    for (const branch of left) await services.generation.deleteBranch(branch.id);
    expect(existsSync(report.file)).toBe(false);
    await expect(services.generation.deleteBranch("b0")).rejects.toMatchObject({ code: "unknown-branch" });
  });

  it("write into a folder only where the user names one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-branches-"));
    const report = await services.generation.fork({
      trajectoryId: ids[1]!,
      model: policy,
      provider: "cpu",
      point: { afterToken: 12 },
      options: { ...options, count: 1 },
      folder,
    });
    expect(report.file.startsWith(folder)).toBe(true);
    const [branch] = await services.generation.branches({ trajectoryId: ids[1]! });
    expect(branch!.afterToken).toBe(12);
    await services.generation.deleteBranch(branch!.id);
  });

  it("grow a look-ahead tree whose rows spell what greedy and runner-up tokens say", async () => {
    const report = await services.generation.lookAhead({
      trajectoryId: ids[2]!,
      model: policy,
      provider: "cpu",
      point: { afterStep: 0 },
      maxNewTokens: 24,
      stop: [],
      rule: { absolute: 0.02, relative: 0.9, gap: "below", capacity: 6, ages: [8], edit: 0.2 },
    });
    const [root, ...others] = report.branches;
    expect(others.length).toBeGreaterThan(1);
    expect(others.length).toBeLessThan(40);
    const greedy = await services.generation.fork({
      trajectoryId: ids[2]!,
      model: policy,
      provider: "cpu",
      point: { afterStep: 0 },
      options: { ...options, count: 1, temperature: 0, maxNewTokens: 24 },
    });
    expect(root!.text).toBe(greedy.branches[0]!.text);
    for (const branch of others)
      expect(report.branches.some((one) => one.id === branch.parentBranch)).toBe(true);
    const tree = await services.generation.tree((await services.datasets.row(ids[2]!))!.groupId!);
    const ends = tree.nodes.filter((node) => node.leaf && node.status !== "kept");
    expect(ends).toHaveLength(report.branches.length + 1);
    tree.nodes.forEach((node, i) => expect(node.parent).toBeLessThan(i));
    const spelled = (i: number): string =>
      i < 0 || tree.nodes[i]!.status === "kept" ? "" : spelled(tree.nodes[i]!.parent) + tree.nodes[i]!.text;
    const all = ends.map((node) => spelled(tree.nodes.indexOf(node)));
    expect(all).toContain(root!.text);
    expect(await services.generation.deleteBranch(root!.id)).toBe(report.branches.length);
  });

  it("value states by built-in graders and by the user's own Python function", async () => {
    const request = {
      trajectoryId: ids[0]!,
      model: policy,
      provider: "cpu" as const,
      afterSteps: [0, 2],
      options: { ...options, count: 8 },
    };
    const share = await services.generation.value({
      ...request,
      grader: { kind: "regex", pattern: "[a-m]$" },
    });
    for (const value of share.values) {
      expect(value.method).toBe("Wilson score");
      expect(value.value).toBe(value.successes! / 8);
    }
    const file = join(mkdtempSync(join(tmpdir(), "lens-grader-")), "rewards.py");
    writeFileSync(
      file,
      "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n    return len(solution_str) / 100\n\ndef solved(data_source, solution_str, ground_truth, extra_info=None):\n    return float(ground_truth in solution_str)\n",
    );
    const python = { kind: "python" as const, file, python: "python3" };
    const mean = await services.generation.value({
      ...request,
      grader: { ...python, functionName: "compute_score" },
    });
    expect(mean.values.map((value) => [value.method, value.trials])).toEqual([
      ["Student t", 8],
      ["Student t", 8],
    ]);
    const texts = mean.values[0]!;
    expect(texts.value).toBeGreaterThan(0);
    expect(texts.interval[0]).toBeLessThan(texts.value);
    const solved = await services.generation.value({
      ...request,
      grader: { ...python, functionName: "solved" },
    });
    expect(solved.values[0]!.method).toBe("Wilson score");
    const kept = await services.datasets.scores(ids[0]!);
    const series = kept.find((one) => one.name === "mc_value")!;
    expect([series.values[0], series.values[2]]).toEqual(solved.values.map((value) => value.value));
    expect(series.values[1]).toBeNaN();
    // Its interval is kept beside it, so that a track can show how sure the value is.
    const bound = (name: string) => kept.find((one) => one.name === name)!.values;
    expect([0, 2].map((step) => [bound("mc_value_low")[step], bound("mc_value_high")[step]])).toEqual(
      solved.values.map((value) => [...value.interval]),
    );
    expect(series.method).toMatch(/95 % interval: Wilson score$/);
  });

  it("name Student's t: quantiles as in the tables", () => {
    for (const [degrees, quantile] of [
      [1, 12.7062],
      [2, 4.30265],
      [3, 3.18245],
      [7, 2.36462],
      [10, 2.22814],
      [30, 2.04227],
      [120, 1.97993],
    ] as const)
      expect(studentQuantile(degrees)).toBeCloseTo(quantile, 4);
    expect(meanInterval([1, 2, 3]).interval[1]).toBeCloseTo(2 + 4.30265 / Math.sqrt(3), 4);
    expect(meanInterval([])).toMatchObject({ mean: NaN, interval: [NaN, NaN] });
  });
});
