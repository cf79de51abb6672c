import { describe, expect, it } from "vitest";
import { lats } from "../../src/formats/lats";
import { rewardBenchScores } from "../../src/formats/rewardBenchScores";
import { readValue } from "./draftsOf";
import { readFile, readParts } from "./readFile";

async function fixture(name: string) {
  const { records, format, problems } = await readFile(`test/formats/fixtures/${name}`);
  expect([format?.id, problems]).toEqual([name.replace(/\.\w+$/, ""), []]);
  return {
    trajectories: records.flatMap((record) => readParts(record, format!)),
    summaries: records.flatMap(({ summaries }) => summaries),
  };
}

describe("RewardBench's results", () => {
  it("are pairs, preferred by people, with the model's scores where there are any", async () => {
    const { trajectories, summaries } = await fixture("rewardbench-scores.json");
    expect(summaries.map(({ groupKey, reward, success }) => [groupKey, reward, success])).toEqual([
      ["alpacaeval-easy/30", 2.5, true],
      ["alpacaeval-easy/30", -1, false],
      ["refusals/31", null, true],
      ["refusals/31", 0.25, false],
    ]);
    expect(trajectories[0]?.steps.map((step) => step.observation ?? step.action)).toEqual([
      "<|user|>\nName a river.\n<|assistant|>\n",
      "The Aare.",
    ]);
    // Both answers begin with "The " and with "H": that is theirs, not the prompt's.
    expect(trajectories[2]?.steps.at(-1)?.action).toBe("Hello");
    expect(trajectories[3]?.outcome.components).toEqual({ model_agrees: 0.5 });
    expect(trajectories[0]?.notes.map(({ code }) => code)).toEqual(["guessed-prompt"]);
  });

  it("of best-of-N are answers by prompt, and conversations stay such", () => {
    const { summaries } = readValue(rewardBenchScores, {
      id: [4, 4],
      subset: ["alpacaeval", "alpacaeval"],
      scores: [0.5, [0.75]],
      target_model: ["a", "b"],
      text: ["one", "two"],
    });
    expect(summaries.map(({ groupKey, reward }) => [groupKey, reward])).toEqual([
      ["alpacaeval/4", 0.5],
      ["alpacaeval/4", undefined],
    ]);
    const chat = (answer: string) => [
      { role: "user", content: "q" },
      { role: "assistant", content: answer },
    ];
    const { trajectories } = readValue(rewardBenchScores, {
      text_chosen: chat("a"),
      text_rejected: chat("b"),
      results: 1,
    });
    expect(trajectories.map((one) => one.steps.at(-1)?.action)).toEqual(["a", "b"]);
  });
});

describe("prime-rl's samples", () => {
  it("are groups by problem, with null apart from what is not there", async () => {
    const { trajectories, summaries } = await fixture("prime-rl-samples.jsonl");
    expect(summaries.map(({ groupKey, reward, advantage }) => [groupKey, reward, advantage])).toEqual([
      ["r1/train/math/1", 0, 0.5],
      ["r1/train/math/1", 1, -0.5],
      ["r1/train/math/2", null, null],
      ["r1/train/math/2", null, null],
    ]);
    expect(trajectories[1]).toMatchObject({
      trainingStep: 3,
      task: { prompt: "2+2?", groundTruth: "4" },
      outcome: { components: { correct: 1 } },
      extra: { info: { source: "made" } },
    });
    expect(trajectories[1]?.steps.at(-1)?.action).toBe("4");
  });
});

describe("Reflexion's rows", () => {
  it("need no entry point where tasks have none", () => {
    const row = {
      name: "f",
      prompt: "def f",
      test: "assert",
      is_solved: true,
      reflections: ["r"],
      implementations: ["i", "j"],
    };
    expect(
      lats.detect({ path: "x", bytes: 1, siblings: [], container: "jsonl", firstRecord: row }),
    ).toBeDefined();
    expect(readValue(lats, row).trajectories[0]?.outcome.success).toBe(true);
  });
});
