import { describe, expect, it } from "vitest";
import { wandbTable } from "../../src/formats/wandbTable";
import type { JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const table = (prompt: JsonValue, completion: JsonValue): JsonValue => ({
  columns: ["step", "prompt", "completion", "format_reward", "advantage"],
  data: [[4, prompt, completion, 0.5, -1]],
});
const asked = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "1 + 1?" },
];
const said = [{ role: "assistant", content: "2" }];
const STEPS = ["system/prompt: Be brief.", "user/prompt: 1 + 1?", "assistant/answer: 2"];

describe("W&B tables", () => {
  it("show a prompt of messages before its completion, and once where the completion repeats it", () => {
    for (const completion of [said, [...asked, ...said]]) {
      const { trajectories } = readValue(wandbTable, table(asked, completion));
      expect(lines(trajectories[0])).toEqual(STEPS);
      expect(trajectories[0]).toMatchObject({
        trainingStep: 4,
        advantage: -1,
        task: { prompt: "1 + 1?" },
        outcome: { components: { format_reward: 0.5 } },
      });
    }
  });

  it("show a conversation without a prompt of messages as it is", () => {
    const { trajectories } = readValue(wandbTable, table("1 + 1?", [...asked.slice(1), ...said]));
    expect(lines(trajectories[0])).toEqual(STEPS.slice(1));
  });

  const read = (
    columns: readonly string[],
    data: JsonValue,
    path = "/run/media/table/samples_7_0123456789abcdef0123.table.json",
  ) => readValue(wandbTable, { columns, data }, { path });
  const detected = (
    columns: readonly string[],
    data: JsonValue,
    path = "/run/files/media/table/t_1_0123456789abcdef0123.table.json",
  ) =>
    wandbTable.detect({ path, bytes: 1, container: "json", siblings: [], firstRecord: { columns, data } })
      ?.confidence;

  it("are known by words in whatever names their columns have", () => {
    const { trajectories } = read(
      [
        "Epoch",
        "User Query",
        "Model Answer",
        "Expected Answer",
        "Final Score",
        "format_score",
        "Correct?",
        "sampleIdx",
        "response length",
      ],
      [
        [1, "2+2?", "4", "4", 0.75, 0.5, true, 9, 1],
        [1, "2+2?", "I guess 5", "4", 0, 0.5, false, 10, 9],
      ],
    );
    expect(
      trajectories.map(({ outcome }) => [outcome.reward, outcome.rewardSource, outcome.success]),
    ).toEqual([
      [0.75, "Final Score", true],
      [0, "Final Score", false],
    ]);
    expect(lines(trajectories[0])).toEqual(["user/prompt: 2+2?", "assistant/answer: 4"]);
    expect(trajectories[0]).toMatchObject({
      trainingStep: 7,
      task: { prompt: "2+2?", groundTruth: "4", id: "9" },
      outcome: { components: { Epoch: 1, format_score: 0.5, "response length": 1 } },
    });
  });

  it("hold conversations as messages, as JSON text and as text with bare roles", () => {
    const messages = [...asked, ...said];
    for (const cell of [
      messages,
      JSON.stringify(messages),
      "system\nBe brief.\nuser\n1 + 1?\nassistant\n2",
    ]) {
      const { trajectories } = read(
        ["global_step", "transcript", "rewards/accuracy", "rewards/format"],
        [[3, cell, 1, 0]],
      );
      expect(lines(trajectories[0]).map((line) => line.replace("/act:", "/answer:"))).toEqual(STEPS);
      // Two functions and no total: none is made up.
      expect(trajectories[0]?.outcome).toEqual({
        components: { "rewards/accuracy": 1, "rewards/format": 0 },
      });
      expect(trajectories[0]?.trainingStep).toBe(3);
    }
  });

  it("are validation where their name says so, and several trajectories a row where they are wide", () => {
    const { trajectories } = read(
      ["step", "input_1", "output_1", "score_1", "input_2", "output_2", "score_2"],
      [[0, "1+1?", "2", 1, "2+2?", "4", 0.5]],
      "/run/files/media/table/val/generations_8_0123456789abcdef0123.table.json",
    );
    expect(
      trajectories.map(({ split, trainingStep, outcome }) => [split, trainingStep, outcome.reward]),
    ).toEqual([
      ["val", 0, 1],
      ["val", 0, 0.5],
    ]);
  });

  it("are none where no column is a prompt or a response", () => {
    expect(detected(["metric", "value"], [["loss", 0.5]])).toBeUndefined();
    expect(detected(["Actual", "Predicted", "nPredictions"], [["cat", "dog", 3]])).toBeUndefined();
    expect(detected(["response_length", "prompt_tokens"], [[5, 3]])).toBeUndefined();
    expect(detected(["sampled response", "query"], [["a", "b"]])).toBe(0.9);
    expect(
      detected(["prompt", "response"], [["a", "b"]], "/artifacts/run-1-t:v0/0-1700000000000.t.table.json"),
    ).toBe(0.9);
  });

  it("are none where a data frame of pandas was written in its order split", () => {
    const frame = { columns: ["messages", "reward"], index: [0], data: [[[...asked, ...said], 1]] };
    const head = {
      path: "/frame.json",
      bytes: 1,
      container: "json",
      siblings: [],
      firstRecord: frame,
    } as const;
    expect(wandbTable.detect(head)).toBeUndefined();
    expect(wandbTable.detect({ ...head, path: "/t_1_0123456789abcdef0123.table.json" })?.confidence).toBe(
      0.9,
    );
  });

  it("put increments of a table together", () => {
    expect(wandbTable.datasetPath?.("/a/0-1700000000000.t.table.json")).toBe("/a/t.table.json");
    expect(wandbTable.datasetPath?.("/a/12-1700000000001.t.table.json")).toBe("/a/t.table.json");
    expect(wandbTable.datasetPath?.("/a/t_12_0123456789abcdef0123.table.json")).toBe("/a/t");
  });
});
