import { describe, expect, it } from "vitest";
import { agentLightning, agentLightningRows } from "../../src/formats/agentLightning";
import { art } from "../../src/formats/art";
import { msSwift } from "../../src/formats/columnarRollouts";
import { completionLog } from "../../src/formats/completionLog";
import { easyR1Log } from "../../src/formats/easyR1Log";
import { textTimesteps } from "../../src/formats/textTimesteps";
import type { JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";
import { readFile, readParts } from "./readFile";

async function fixture(name: string) {
  const { records, format, problems } = await readFile(`test/formats/fixtures/${name}`);
  expect(problems).toEqual([]);
  return {
    summaries: records.flatMap((record) => record.summaries),
    trajectories: records.flatMap((record) => readParts(record, format!)),
  };
}

describe("trainers' own logs", () => {
  it("ART: a line is a group, a Choice is a trained turn", async () => {
    const { summaries, trajectories } = await fixture("art.jsonl");
    expect(summaries.map((one) => [one.reward, one.truncated, one.components["correct"]])).toEqual([
      [1, false, 1],
      [0, true, 0],
      [0.5, false, 0.5],
    ]);
    expect(new Set(summaries.map((one) => one.groupKey)).size).toBe(2);
    expect(summaries[0]?.groupKey).toBe(summaries[1]?.groupKey);
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: 2 + 2?",
      'assistant/act:  [calc {"x":"2+2"}]',
      "tool/observe: 4",
      "assistant/answer: 4",
    ]);
    expect(trajectories[0]?.steps.map((step) => step.extra?.["trained"])).toEqual([
      undefined,
      true,
      undefined,
      true,
    ]);
    expect(trajectories[0]?.extra["logs"]).toEqual(["started"]);
    const row = {
      group_index: 3,
      reward: 1,
      metrics: '{"correct": 1.0}',
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "b", trainable: true },
      ],
    };
    const table = readValue(art, row, { path: "/p/.art/x/models/m/trajectories/val/0007.parquet" });
    expect(table.summaries[0]).toMatchObject({
      groupKey: "3",
      trainingStep: 7,
      split: "val",
      components: { correct: 1 },
    });
  });

  it("ms-swift: runs of equal prompts are groups, rewards are summed without those that gave none", async () => {
    const { summaries } = await fixture("ms-swift.jsonl");
    expect(summaries.map((one) => [one.trainingStep, one.reward, one.advantage])).toEqual([
      [3, 1.5, 0.7],
      [3, 0.5, -0.7],
      [3, 1, 0],
      [3, null, null],
      [4, 1, 0],
      [4, 1, 0],
    ]);
    const groups = summaries.map((one) => one.groupKey);
    expect(groups[0]).toBe(groups[1]);
    expect(groups[2]).toBe(groups[3]);
    expect(new Set(groups).size).toBe(3);
    expect(summaries[3]?.components).toEqual({ Accuracy: null, Format: null, entropy: 0.4 });
    const detect = (firstRecord: JsonValue) =>
      msSwift.detect({ path: "", bytes: 1, container: "jsonl", siblings: [], firstRecord });
    expect(
      detect({
        prompt: [{ role: "user", content: "a" }],
        completion: [{ role: "assistant", content: "b" }],
        x: [1],
      }),
    ).toBeUndefined();
    expect(detect({ prompt: ["a"], completion: ["b"], note: ["c"] })).toBeUndefined();
  });

  it("ROLL: the columns of a line are trajectories, shared fields stay", async () => {
    const { summaries, trajectories } = await fixture("roll.jsonl");
    expect(summaries.map((one) => [one.groupKey, one.trainingStep, one.reward])).toEqual([
      ["q1", 5, 1],
      ["q1", 5, 0],
    ]);
    expect(trajectories[1]?.task.groundTruth).toBe("1");
    expect(trajectories[1]?.extra["sampling_params"]).toEqual({ temperature: 1 });
  });

  it("open-instruct and PPO samples: token ids with their numbers in place", async () => {
    const { trajectories } = await fixture("open-instruct.jsonl");
    const [first, second] = trajectories;
    expect([...(first?.tokens?.ids ?? [])]).toEqual([5, 6, 7, 8, 9]);
    expect([...(first?.tokens?.mask ?? [])]).toEqual([0, 0, 1, 1, 1]);
    expect([...(first?.tokens?.series["logprob"] ?? [])]).toEqual([Number.NaN, Number.NaN, -0.1, -0.2, -0.3]);
    expect(second?.tokens?.series["logprob"]).toBeUndefined();
    expect([first?.advantage, second?.advantage, second?.outcome.truncated]).toEqual([0.9, null, true]);
    const samples = await fixture("token-samples.json");
    expect(samples.summaries.map((one) => [one.reward, one.tokenCount])).toEqual([
      [0.5, 3],
      [null, 3],
    ]);
  });

  it("tinker-cookbook: rewards by step, `null` among them", async () => {
    const { summaries, trajectories } = await fixture("tinker-cookbook.jsonl");
    expect(summaries[0]).toMatchObject({ trainingStep: 6, split: "train", reward: 1, groupKey: "train/2" });
    expect(
      trajectories[0]?.steps.map((step) => [
        step.reward,
        step.terminated,
        step.extra?.["observation_tokens"],
      ]),
    ).toEqual([
      [1, false, 10],
      [null, true, 20],
    ]);
  });

  it("Agent Lightning: spans of an attempt, its reward span, and version 1's events", async () => {
    const { summaries, trajectories } = await fixture("agent-lightning.jsonl");
    expect(summaries.map((one) => [one.ownId, one.groupKey, one.reward])).toEqual([
      ["ro-1/at-1", "ro-1", 0.5],
      ["ro-1/at-2", "ro-1", undefined],
    ]);
    expect(lines(trajectories[0])).toEqual(["user/prompt: 2 + 2?", "assistant/answer: 4"]);
    const event = (event_type: string, timestamp: number, data: JsonValue): JsonValue => ({
      event_type,
      rollout_id: "r",
      attempt_id: "a",
      timestamp,
      data,
    });
    const v1 = readValue(agentLightning, [
      event("reward", 2, { reward: 0 }),
      event("model_request", 1, {
        request: { messages: [{ role: "user", content: "Hi" }] },
        response: { choices: [{ message: { role: "assistant", content: "Hello" } }] },
      }),
    ]);
    expect(lines(v1.trajectories[0])).toEqual(["user/prompt: Hi", "assistant/answer: Hello"]);
    expect(v1.summaries[0]?.reward).toBe(0);
    const rows = await fixture("agent-lightning-rows.jsonl");
    expect(rows.summaries.map((one) => one.reward)).toEqual([1, null]);
    const rowsOfMember: JsonValue = [
      { rollout_id: "r1", reward: 1, prompt: "2 + 2?", response: "4" },
      { rollout_id: "r2", reward: null, prompt: "2 + 2?", response: "five" },
    ];
    const member = "train_trajectories.jsonl";
    const zip = {
      path: "/art/step_12/train_trajectories.jsonl.zip",
      bytes: 1,
      container: "zip" as const,
      siblings: [],
      archive: [member],
    };
    expect(
      agentLightningRows.detect({ ...zip, companions: new Map([[member, rowsOfMember]]) }),
    ).toBeDefined();
    expect(
      agentLightningRows.detect({ ...zip, companions: new Map([[member, [{ prompt: "a" }]]]) }),
    ).toBeUndefined();
    expect(agentLightningRows.archiveMembers?.([member, "readme.txt"])).toEqual([member]);
    const zipped = readValue(agentLightningRows, rowsOfMember, { path: zip.path, member });
    expect(zipped.summaries.map((one) => [one.reward, one.trainingStep, one.split])).toEqual([
      [1, 12, "train"],
      [null, 12, "train"],
    ]);
  });

  it("RAGEN: states, thoughts, actions and rewards of each turn", async () => {
    const { trajectories } = await fixture("ragen.jsonl");
    expect(lines(trajectories[0])).toEqual([
      "environment/prompt: #P_",
      'assistant/act: (<think>right</think>) <answer>Right</answer> [action "Right"]',
      "environment/observe: #_P",
      'assistant/act: <answer>Up</answer> [action "Up"]',
      "environment/observe: done",
    ]);
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 0.9, success: true });
    expect(trajectories[0]?.steps.map((step) => step.reward)).toEqual([
      undefined,
      -0.1,
      undefined,
      1,
      undefined,
    ]);
    expect(trajectories[0]?.steps[0]?.stateKey).toBe("#P_");
  });

  it("SPA-RL: a turn's new text is what was observed, each with its reward", async () => {
    const { trajectories } = await fixture("spa-rl-turns.json");
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: Go.",
      "assistant/act: look",
      "user/observe: You see a key.",
      "assistant/act: take",
    ]);
    expect(trajectories.map((one) => one.outcome.reward)).toEqual([1, null]);
  });

  it("completion logs: adjacent rows with the same prompt, and a reward that is null", async () => {
    const { summaries } = await fixture("completion-log.jsonl");
    expect(summaries.map((one) => [one.groupKey, one.reward])).toEqual([
      ["a?", 1],
      ["a?", 0],
      ["b?", null],
    ]);
    expect(
      completionLog.detect({
        path: "",
        bytes: 1,
        container: "jsonl",
        siblings: [],
        firstRecord: { prompt: "a", completion: "b" },
      }),
    ).toBeUndefined();
  });
});

describe("evaluations", () => {
  it("of mathematics: one record is a group, with the reward model's scores", async () => {
    const { summaries, trajectories } = await fixture("math-eval.jsonl");
    expect(summaries.map((one) => [one.ownId, one.reward, one.success, one.components])).toEqual([
      ["4:0", 1, true, { pred_score: 0.5 }],
      ["4:1", 0, false, { "pred_score (last)": -1 }],
    ]);
    expect(lines(trajectories[0]).slice(0, 2)).toEqual(["system/prompt: Reason.", "user/prompt: 2 + 2?"]);
    expect(trajectories[1]?.extra["pred_score"]).toEqual([0.25, -1]);
  });

  it("of search agents: queries are calls, documents observations", async () => {
    const { trajectories } = await fixture("r1-searcher.jsonl");
    expect(lines(trajectories[0]).map((line) => line.replace(/\s+/g, " "))).toEqual([
      "user/prompt: Who?",
      "assistant/act: I look it up. ",
      'assistant/act: <|begin_of_query|> who <|end_of_query|> [search "who"]',
      "tool/observe: <|begin_of_documents|> Ada did. <|end_of_documents|>",
      "assistant/answer: <answer> Ada </answer>",
    ]);
    expect(trajectories[0]?.outcome).toMatchObject({
      success: true,
      stopReason: "finished",
      truncated: false,
    });
    const [turn] = (await fixture("igpo-tool-turns.json")).trajectories;
    expect(lines(turn)[1]).toBe('assistant/act: ( search it )  [web_search {"query":["who"]}]');
    const [run] = (await fixture("agentbench.jsonl")).trajectories;
    expect(lines(run)).toEqual([
      "user/prompt: Count.",
      "assistant/act: Action: ls",
      "user/observe: a b",
      "assistant/act: 2",
    ]);
    expect(run?.outcome).toMatchObject({ success: true, stopReason: "completed" });
  });

  it("of programs and picture agents: each action with what came of it", async () => {
    const [program] = (await fixture("virtualhome.jsonl")).trajectories;
    expect(lines(program).slice(1)).toEqual([
      "assistant/act: Walk to bedroom",
      "assistant/act: Grab book",
      "environment/observe: book is CLEAN",
    ]);
    expect(program?.steps[2]?.extra).toMatchObject({ executable: false, fail_reason: "the book is far" });
    expect(program?.outcome.components).toEqual({ executable_actions: 0.5 });
    const [agent] = (await fixture("agent-steps.jsonl")).trajectories;
    expect(lines(agent)).toEqual([
      "user/prompt: What is in it?",
      'assistant/act: I\'ll crop.\nNow. [crop {"x":1}]',
      "user/observe: Cropped.",
      "assistant/answer: A cat",
    ]);
    expect(agent?.steps[0]?.media).toEqual([{ kind: "image", path: "input.png" }]);
  });
});

describe("logs as text", () => {
  it("EasyR1: blocks, whose output may print the markers itself", async () => {
    const { summaries, trajectories } = await fixture("easyr1-log.log");
    expect(summaries.map((one) => one.reward)).toEqual([1, Number.NaN]);
    expect(trajectories[0]?.flatText?.response).toBe("<think>easy</think>\n[score] is what I get.\n4");
    expect(trajectories.map((one) => one.task.groundTruth)).toEqual(["4", "6"]);
    expect(trajectories[0]?.steps.map((step) => step.role)).toEqual([
      "system",
      "user",
      "assistant",
      "assistant",
      "assistant",
    ]);
    expect(
      easyR1Log.detect({
        path: "",
        bytes: 1,
        container: "text",
        siblings: [],
        text: "Use [prompt] and\n[output] here.",
      }),
    ).toBeUndefined();
  });

  it("Markdown: steps and samples by their headings", async () => {
    const { summaries, trajectories } = await fixture("markdown-rollouts.md");
    expect(summaries.map((one) => [one.trainingStep, one.ownId, one.reward])).toEqual([
      [2, "2:1", 1],
      [2, "2:2", 0],
      [3, "3:1", 1],
    ]);
    expect(summaries[0]?.components).toEqual({ accuracy: 1, format: Number.NaN });
    expect(trajectories[0]?.extra["metrics"]).toEqual({ length: 3 });
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: 2 + 2?",
      "assistant/think: (<think>easy</think>) ",
      "assistant/answer: \n4",
    ]);
  });

  it("timesteps: planned actions follow what was seen, subgoals stand at their times", async () => {
    const [trajectory] = (await fixture("text-timesteps.txt")).trajectories;
    expect(lines(trajectory).slice(1)).toEqual([
      "environment/observe: |.@(.|\nMessage:",
      "assistant/act: east",
      "environment/observe: |..@.|\nMessage: You see here a key.",
      "assistant/act: pickup",
    ]);
    expect(trajectory?.extra["subgoals"]).toEqual({ "reach the key": 5, "open the door": null });
    expect(trajectory?.steps[3]?.extra).toEqual({ time: 5, subgoals_reached: ["reach the key"] });
    const taken = readValue(
      textTimesteps,
      "The total return of the trajectory is: 1.\n\n- Timestep 0\nAction: east\nReward: 0\n\n|@.|\n\n- Timestep 1\nAction: west\nReward: 1\n\n|.@|\n",
    ).trajectories[0];
    expect(lines(taken).slice(1)).toEqual([
      "assistant/act: east",
      "environment/observe: |@.|",
      "assistant/act: west",
      "environment/observe: |.@|",
    ]);
    expect(taken?.steps.map((step) => step.reward)).toEqual([undefined, 0, undefined, 1, undefined]);
    expect(taken?.outcome).toMatchObject({ reward: 1, rewardSource: "the return that the text names" });
    const detect = (text: string) =>
      textTimesteps.detect({ path: "", bytes: 1, container: "text", siblings: [], text });
    expect(detect("Time: 3\nLunch.\n\nTime: 4\nTea.\n")).toBeUndefined();
    expect(detect("Timestep 3\nAction: a\nTimestep 1\nAction: b\n")).toBeUndefined();
  });
});
