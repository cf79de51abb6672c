import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chainEpisodes, stepRow } from "../../src/formats/verlAgentEpisodes";
import type { JsonObject } from "../../src/model/json";
import { lines } from "./draftsOf";
import { readFile, readParts } from "./readFile";

async function fixture(name: string) {
  const { records, format, problems } = await readFile(`test/formats/fixtures/${name}`);
  expect(problems).toEqual([]);
  return records.flatMap((record) => readParts(record, format!));
}

const prompt = (task: string, before: number, observation: string): string =>
  `user\nTask: ${task}\nPrior to this step, you have already taken ${before} step(s).\nYour current observation: ${observation}\nassistant\n`;

const rows = (...given: readonly (readonly [string, number, string, string, number])[]) =>
  given.flatMap(
    ([task, before, observation, output, score], at) =>
      stepRow({ input: prompt(task, before, observation), output, score, step: 1 }, at) ?? [],
  );

describe("verl-agent", () => {
  it("chains shuffled step rows into episodes by their history and reward, and says that it guessed", async () => {
    const episodes = await fixture("verl-agent.jsonl");
    expect(episodes.map((one) => [one.outcome.reward, one.extra["rows"]])).toEqual([
      [1, [2, 4, 0]],
      [0, [3, 1]],
      [0, [5]],
    ]);
    expect(episodes.map((one) => one.notes.map((note) => note.code))).toEqual([
      ["guessed-episode", "guessed-group"],
      ["guessed-episode", "guessed-group"],
      // Its history contradicts the other episode of this task with the same reward.
      ["guessed-episode", "missing-beginning", "guessed-group"],
    ]);
    expect(lines(episodes[0]).slice(1)).toEqual([
      "assistant/act: (<think>step 0</think>) <action>go left</action>",
      "environment/observe: a cup",
      "assistant/act: (<think>step 1</think>) <action>take cup</action>",
      "environment/observe: a table",
      "assistant/act: (<think>step 2</think>) <action>put cup</action>",
    ]);
    expect(episodes[0]?.steps.flatMap((step) => step.stateKey ?? [])).toEqual(["a room", "a cup", "a table"]);
    expect(episodes[0]?.trainingStep).toBe(3);
    expect(episodes[0]?.task.prompt).toBe("put a cup on the table");
  });

  it("compares history as the environments write it: actions in lower case, full stops of the template or not", () => {
    const chained = chainEpisodes(
      [
        "Welcome. Your task is to: heat an egg.\n\nYour current observation is: a room.\nYour admissible actions",
        "Your task is to: heat an egg. Prior to this step, you have already taken 1 step(s). [Observation 1: 'a room', Action 1: 'go to fridge']\nYou are now at step 2 and your current observation is: a fridge\nYour admissible actions",
      ].flatMap(
        (input, at) =>
          stepRow({ input, output: "<action>Go to Fridge</action>", score: 0, step: 1 }, at) ?? [],
      ),
    );
    expect(chained.map((one) => one.rows.map((row) => row.at))).toEqual([[0, 1]]);
  });

  it("takes the nearest row before where nothing tells two episodes apart, and counts the doubt", () => {
    const chained = chainEpisodes(
      rows(
        ["t", 0, "s", "a", 1],
        ["t", 1, "x", "b", 1],
        ["t", 0, "s", "a", 1],
        ["t", 1, "x", "b", 1],
        ["u", 0, "s", "a", 1],
      ),
    );
    expect(chained.map((one) => [one.rows.map((row) => row.at), one.doubts])).toEqual([
      [[0, 1], 1],
      [[2, 3], 0],
      [[4], 0],
    ]);
  });

  it("never joins rows of other tasks, rewards or training steps", () => {
    const chained = chainEpisodes(rows(["t", 0, "s", "a", 1], ["u", 1, "x", "b", 1], ["t", 1, "x", "b", 0]));
    expect(chained.map((one) => one.rows.map((row) => row.at))).toEqual([[0], [1], [2]]);
  });

  it("reads forks' step rows by their ids, without those of ended environments", async () => {
    const [first, second] = await fixture("verl-agent-steps.jsonl");
    expect(
      first?.steps.flatMap((step) =>
        step.role === "assistant" ? [[step.reward, step.terminated, step.stateKey]] : [],
      ),
    ).toEqual([
      [0, false, "a box"],
      [1, true, "an open box"],
    ]);
    expect(first?.outcome).toMatchObject({ reward: 1, success: true });
    expect(second?.outcome).toMatchObject({ reward: null, success: false });
    expect(first?.notes).toEqual([]);
  });

  /** Rows of verl's own dump, with fields of verl-agent's batch. */
  const dumped = (row: JsonObject) => ({ step: 3, uid: "u1", is_action_valid: true, ...row });

  it("puts rows of verl's own dump together where they have traj_uid, whatever their prompts say", async () => {
    const rows = [
      dumped({
        traj_uid: "a",
        input: "Room 1",
        output: "<think>hm</think>go north",
        score: 1,
        rewards: 0,
        anchor_obs: "r1",
      }),
      dumped({ traj_uid: "b", input: "Room 1", output: "wait", score: 0, rewards: 0, anchor_obs: "r1" }),
      dumped({ traj_uid: "a", input: "Room 2", output: "take lamp", score: 1, rewards: 1, anchor_obs: "r2" }),
      dumped({
        traj_uid: "b",
        input: "Room 1",
        output: "wait",
        score: 0,
        rewards: 0,
        anchor_obs: "r1",
        active_masks: false,
      }),
    ];
    const path = join(mkdtempSync(join(tmpdir(), "lens-steps-")), "3.jsonl");
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const { format, records } = await readFile(path);
    expect(format?.id).toBe("verl-agent-steps");
    const [first, second] = readParts(records[0]!, format!);
    expect(first).toMatchObject({
      trainingStep: 3,
      outcome: { reward: 1, rewardSource: "score: the episode's reward, repeated on each of its steps" },
    });
    expect(
      first?.steps.map(({ observation, thought, action, reward, stateKey }) => [
        observation ?? thought,
        action,
        reward,
        stateKey,
      ]),
    ).toEqual([
      ["Room 1", undefined, undefined, undefined],
      ["<think>hm</think>", "go north", 0, "r1"],
      ["Room 2", undefined, undefined, undefined],
      [undefined, "take lamp", 1, "r2"],
    ]);
    expect(first?.notes.map(({ code }) => code)).toEqual(["guessed-order"]);
    expect(second?.steps).toHaveLength(2);
    expect(records[0]?.summaries.map(({ ownId, groupKey }) => [ownId, groupKey])).toEqual([
      ["a", "u1"],
      ["b", "u1"],
    ]);
  });

  it("leaves step rows without traj_uid apart, and says what they look like", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "lens-steps-")), "3.jsonl");
    writeFileSync(path, `${JSON.stringify(dumped({ input: "Room 1", output: "wait", score: 0 }))}\n`);
    const { format, records } = await readFile(path);
    expect(format?.id).toBe("verl");
    expect(readParts(records[0]!, format!)[0]?.notes.map(({ code }) => code)).toContain("guessed-step-row");
  });
});
