import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formats } from "../../src/formats/index";
import type { Trajectory } from "../../src/model/trajectory";
import { readFile, readParts } from "./readFile";

const folder = "test/formats/fixtures";
/** Formats whose own test makes its files: tables, HDF5, and those with many versions. */
const ownTest = new Set([
  "slime-rollout",
  "slime-train",
  "verl-data-proto",
  "skyrl-training-input",
  "openrlhf-experience",
  "android-world",
  "openhands-conversation",
  "inspect-eval",
  "verl",
  "prime-rl-tokens",
  "prime-rl-batches",
  "trl-completions",
  "spo-tree",
  "minari",
  "d4rl",
  "d3rlpy-v1",
  "d3rlpy",
  "robomimic",
  "minari-table",
  "lerobot",
  "barfi-results",
  "npy-pairs",
  "imitation-hf",
  "episode-hdf5",
  "maniskill",
  "dopamine-replay",
  "replay-buffer",
  "tianshou-hdf5",
  "rllib-steps",
  "rllib-episodes",
]);

const fixtureOf = (id: string): string => {
  const name = readdirSync(folder).find(
    (file) => file.replace(/(\.table)?(\.traj)?\.\w+$/, "") === id && file !== id,
  );
  if (name === undefined) throw new Error(`test/formats/fixtures has no file for the format "${id}".`);
  return join(folder, name);
};

async function read(id: string) {
  const result = await readFile(fixtureOf(id));
  expect(result.format?.id).toBe(id);
  expect(result.problems).toEqual([]);
  return {
    summaries: result.records.flatMap((record) => record.summaries),
    trajectories: result.records.flatMap((record) => readParts(record, result.format!)),
    records: result.records,
    format: result.format!,
  };
}

const roles = (trajectory: Trajectory | undefined): string[] =>
  (trajectory?.steps ?? []).map(
    (step) =>
      `${step.role}/${step.kind ?? ""}: ${step.thought === undefined ? "" : `(${step.thought}) `}${step.observation ?? step.action ?? ""}${(step.toolCalls ?? []).map((call) => ` [${call.name} ${JSON.stringify(call.arguments)}]`).join("")}`,
  );

describe("the catalogue", () => {
  it("has ids once, titles, sources and a row in the documentation", () => {
    const docs = readFileSync("docs/formats.md", "utf8");
    expect(new Set(formats.map((format) => format.id)).size).toBe(formats.length);
    for (const format of formats) {
      expect(format.title.length, format.id).toBeGreaterThan(3);
      expect(format.source.length, format.id).toBeGreaterThan(3);
      expect(docs, format.id).toContain(`| \`${format.id}\` |`);
    }
  });

  it.each(formats.map((format) => format.id).filter((id) => !ownTest.has(id)))(
    "%s claims its fixture alone, and summary and reading agree",
    async (id) => {
      const { trajectories } = await read(id);
      expect(trajectories.length).toBeGreaterThan(0);
    },
  );
});

describe("what the formats read", () => {
  it("verifiers results: tool calls as text, components, null rewards", async () => {
    const { summaries, trajectories } = await read("verifiers-results");
    expect(summaries.map((one) => [one.groupKey, one.reward, one.components])).toEqual([
      ["default:4", 1.5, { exact: 1, brevity: 0.5 }],
      ["default:4", null, { exact: 0 }],
    ]);
    expect(roles(trajectories[0])).toEqual([
      "user/prompt: 2+2?",
      'assistant/act:  [add {"a":2}]',
      "tool/observe: 4",
      "assistant/answer: (<think>so</think>) 4",
    ]);
    expect(trajectories[0]?.outcome).toMatchObject({ truncated: false, stopReason: "done" });
  });

  it("verifiers traces: a leaf is a trajectory, null advantages are not zero", async () => {
    const { summaries, trajectories, records, format } = await read("verifiers-traces");
    expect(
      summaries.map((one) => [one.part, one.reward, one.advantage, one.trainingStep, one.components]),
    ).toEqual([
      [0, 2, 0.5, 9, { correct: 1, style: null, turns: 1 }].map((value) => value),
      [1, 2, undefined, 9, { correct: 1, style: null, turns: 1 }],
    ]);
    expect(trajectories[0]?.tokens?.ids).toEqual(Int32Array.of(1, 2, 3, 4, 5));
    expect(trajectories[0]?.tokens?.series["logprob"]).toEqual(
      Float64Array.of(Number.NaN, Number.NaN, Number.NaN, -0.5, -0.25),
    );
    expect(trajectories[1]?.steps[1]?.advantage).toBeNull();
    expect(trajectories[1]?.tokens?.series["advantage"]).toBeUndefined();
    const tree = format.tree!(
      records[0]!.record,
      { ...records[0]!.context, datasetId: "d" },
      (part) => `t${part}`,
    );
    expect(tree.nodes.map((node) => [node.parent, node.text, node.advantage, node.trajectoryId])).toEqual([
      [-1, "2+2?", undefined, undefined],
      [0, "4", 0.5, "t0"],
      [0, "5", null, "t1"],
    ]);
  });

  it("W&B tables: rows with step, reward and numeric columns", async () => {
    const { summaries } = await read("wandb-table");
    expect(summaries.map((one) => [one.trainingStep, one.reward, one.advantage, one.components])).toEqual([
      [5, 1, 0.7, { length: 1 }],
      [5, null, -0.7, { length: 1 }],
    ]);
  });

  it("NeMo-RL: arrays are cut at their length", async () => {
    const { summaries, trajectories } = await read("nemo-rl");
    expect(summaries.map((one) => [one.tokenCount, one.advantage, one.reward])).toEqual([
      [4, 0.5, 1],
      [3, -0.5, 0],
    ]);
    expect(summaries[0]?.groupKey).toBe(summaries[1]?.groupKey);
    expect(trajectories[0]?.tokens?.series["trainer_logprob"]).toEqual(Float64Array.of(0, -0.1, -0.5, -0.3));
    expect(roles(trajectories[0])).toEqual(["user/prompt: 2+2?", "assistant/answer: 4"]);
  });

  it("NeMo Gym: items of the Responses API, tokens of the server", async () => {
    const { summaries, trajectories } = await read("nemo-gym");
    expect(roles(trajectories[0])).toEqual([
      "system/prompt: Be brief.",
      "user/prompt: 2+2?",
      'assistant/act: (easy)  [add {"a":2}]',
      "tool/observe: 4",
      "assistant/answer: 4",
    ]);
    expect(summaries[0]).toMatchObject({
      groupKey: "2",
      reward: -1,
      truncated: false,
      components: { similarity: 0.25 },
    });
    expect(trajectories[0]?.tokens).toEqual({
      count: 4,
      ids: Int32Array.of(1, 2, 3, 4),
      mask: Uint8Array.of(0, 0, 0, 1),
      series: { logprob: Float64Array.of(Number.NaN, Number.NaN, Number.NaN, -0.5) },
    });
  });

  it("AReaL and SkyRL: turns from special tokens, sums of token scores", async () => {
    const areal = await read("areal");
    expect(roles(areal.trajectories[0])).toEqual([
      "user/prompt: 2+2?",
      "assistant/think: (<think>a\n\n) ",
      "assistant/think: (b</think>) ",
      "assistant/answer: \n4",
    ]);
    expect(areal.summaries[0]).toMatchObject({ groupKey: "3", trainingStep: 2, title: "2+2?" });
    const sky = await read("skyrl-eval");
    expect(sky.summaries.map((one) => [one.reward, one.truncated, one.groupKey])).toEqual([
      [0.75, true, sky.summaries[1]?.groupKey],
      [0, false, sky.summaries[0]?.groupKey],
    ]);
  });

  it("rLLM: agents of an episode are parts, steps carry what is recorded", async () => {
    const { summaries, trajectories } = await read("rllm-episode");
    expect(summaries.map((one) => [one.groupKey, one.reward, one.stepCount, one.truncated])).toEqual([
      ["0502/solver", 0, 2, true],
      ["0502/judge", 1, 0, true],
    ]);
    expect(
      trajectories[0]?.steps.map((step) => [step.reward, step.value, step.advantage, step.terminated]),
    ).toEqual([
      [0, undefined, -0.5, false],
      [null, 0.25, undefined, true],
    ]);
  });

  it("Atropos and RLLoggingBoard: token arrays, short ones padded with missing", async () => {
    const { summaries, trajectories } = await read("atropos");
    expect(summaries.map((one) => one.reward)).toEqual([1, -1]);
    expect(trajectories[0]?.tokens).toEqual({
      count: 3,
      ids: Int32Array.of(1, 2, 3),
      mask: Uint8Array.of(0, 1, 1),
      series: { advantage: Float64Array.of(0, 0.5, 0.5) },
    });
    const board = await read("rl-logging-board");
    expect(board.trajectories[0]?.tokens?.text).toEqual(["4", "!", "<eos>"]);
    expect(board.trajectories[0]?.tokens?.series["logprob"]).toEqual(
      Float64Array.of(-0.5, -0.25, Number.NaN),
    );
    expect(board.trajectories[0]?.notes.map((note) => note.code)).toContain("short-arrays");
  });

  it("agent harnesses: actions, observations, how it ended", async () => {
    const swe = await read("swe-agent");
    expect(roles(swe.trajectories[0])).toEqual([
      "system/prompt: You fix bugs.",
      "user/prompt: Fix it.",
      "assistant/act: (Let me look.) ls",
      "tool/observe: a.py",
      "assistant/act: submit",
    ]);
    expect(swe.summaries[0]).toMatchObject({
      stopReason: "submitted",
      truncated: false,
      components: { instance_cost: 0.5, api_calls: 2 },
    });
    expect(JSON.stringify(swe.trajectories[0])).not.toContain('"query"');
    const mini = await read("mini-swe-agent");
    expect(roles(mini.trajectories[0])).toEqual([
      "system/prompt: s",
      "user/prompt: Fix it.",
      'assistant/act: looking [bash "not json"]',
      "tool/observe: a.py",
      "environment/observe: limit",
    ]);
    expect(mini.summaries[0]).toMatchObject({ ownId: "a__b-1", truncated: true });
    expect(JSON.stringify(mini.trajectories[0])).not.toContain("again");
    const output = await read("openhands-output");
    expect(roles(output.trajectories[0])).toEqual([
      "user/prompt: Fix it.",
      'assistant/act: (look) ls [run {"command":"ls"}]',
      "tool/observe: a.py",
      "assistant/answer: done",
    ]);
    expect(output.summaries.map((one) => [one.ownId, one.success])).toEqual([
      ["i1", true],
      ["i2", false],
    ]);
    expect(roles(output.trajectories[1])).toEqual([
      "user/prompt: Fix it.",
      "assistant/answer: no",
      "tool/observe: ok",
    ]);
    const events = await read("openhands-events");
    expect(roles(events.trajectories[0])).toEqual([
      "system/prompt: You are an agent.",
      "user/prompt: Fix it.",
      'assistant/act: (look)  [bash {"command":"ls"}]',
      "tool/observe: a.py",
      "assistant/answer: done",
    ]);
    const atif = await read("atif");
    expect(roles(atif.trajectories[0])).toEqual([
      "user/prompt: Fix it.",
      'assistant/act: (think)  [bash {"cmd":"ls"}]',
      "tool/observe: a.py",
      "assistant/answer: done",
    ]);
    expect(atif.trajectories[0]?.steps[1]?.logprob).toBe(-0.75);
    expect(atif.trajectories[1]).toMatchObject({ parentId: "p", task: { prompt: "Help." } });
  });

  it("tau and tau2: tasks with trials, empty runs stay", async () => {
    const tau = await read("tau-bench");
    expect(
      tau.summaries.map((one) => [one.groupKey, one.ownId, one.reward, one.success, one.stepCount]),
    ).toEqual([
      ["0", "0:0", 1, true, 4],
      ["0", "0:1", 0, false, 0],
    ]);
    expect(tau.trajectories[1]?.notes.map((note) => note.code)).toEqual(["empty-run"]);
    const tau2 = await read("tau2-bench");
    expect(tau2.summaries[0]).toMatchObject({
      title: "I want to return it.",
      reward: 1,
      stopReason: "user_stop",
      components: { DB: 1, duration: 1.5, agent_cost: 0.25 },
    });
    expect(JSON.stringify(tau2.trajectories[0])).not.toContain("raw_data");
  });

  it("step labels: ratings, first errors, candidates as a tree", async () => {
    const prm = await read("prm800k");
    expect(prm.trajectories[0]?.steps.map((step) => [step.action ?? step.observation, step.reward])).toEqual([
      ["2+2?", undefined],
      ["Add.\n", 1],
      ["4\n", null],
    ]);
    const tree = prm.format.tree!(
      prm.records[0]!.record,
      { ...prm.records[0]!.context, datasetId: "d" },
      () => "t",
    );
    expect(tree.nodes.map((node) => [node.parent, node.text, node.reward, node.status])).toEqual([
      [-1, "2+2?", undefined, "kept"],
      [0, "Add.", 1, "kept"],
      [0, "Guess.", -1, "pruned"],
      [1, "5", null, "pruned"],
      [1, "4", null, "kept"],
    ]);
    const bench = await read("processbench");
    expect(bench.trajectories.map((one) => one.steps.map((step) => step.reward))).toEqual([
      [undefined, 1, 0, undefined],
      [undefined, 1],
    ]);
    expect(bench.summaries.map((one) => [one.success, one.components["first_error"]])).toEqual([
      [false, 1],
      [true, -1],
    ]);
  });

  it("generated branches, marked as written here, behind the text that the model read", async () => {
    const { trajectories, summaries } = await read("generated-branches");
    expect(roles(trajectories[0])).toEqual([
      "user/prompt: use 6 4 2 1 to make 5\n4 + 2 = 6, left 1 6\n",
      "assistant/answer: 6 - 1 = 5, left 5\nanswer 5",
    ]);
    expect(trajectories[0]!.flatText!.response).toBe("6 - 1 = 5, left 5\nanswer 5");
    expect(trajectories[0]!.steps[1]!.logprob).toBe(-0.25);
    expect(trajectories[0]!.outcome).toEqual({ components: {}, stopReason: "end", truncated: false });
    expect(trajectories.map((one) => one.parentId)).toEqual(["58ad30ed7b26:10", "58ad30ed7b26:10"]);
    expect(new Set(summaries.map((one) => one.groupKey)).size).toBe(1);
    expect(trajectories[1]!.notes[0]!.message).toContain("no trainer wrote it");
  });

  it("pairs and chats", async () => {
    const pairs = await read("preference-pairs");
    expect(pairs.summaries.map((one) => [one.part, one.success, one.reward])).toEqual([
      [0, true, 0.9],
      [1, false, 0.1],
      [0, true, undefined],
      [1, false, undefined],
    ]);
    expect(roles(pairs.trajectories[3])).toEqual(["user/prompt: 2+2?", "assistant/answer: 5"]);
    const gym = await read("sharegpt");
    expect(gym.summaries[0]).toMatchObject({ ownId: "w1", reward: 0.5, success: true });
    expect(gym.trajectories[0]?.steps[1]?.extra).toMatchObject({ trained: true });
    const chat = await read("chat");
    expect(roles(chat.trajectories[0])).toEqual([
      "system/prompt: s",
      "user/prompt: 2+2?",
      "assistant/answer: (easy) 4",
    ]);
    expect(chat.trajectories[0]?.steps[1]?.media).toEqual([{ kind: "image", path: "pics/a.png" }]);
    expect(chat.summaries.map((one) => ["reward" in one, one.reward])).toEqual([
      [true, 0.5],
      [false, undefined],
    ]);
    expect(roles((await read("chat-list")).trajectories[0])).toEqual([
      "user/prompt: 2+2?",
      "assistant/answer: 4",
    ]);
  });
});
