import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formats } from "../../src/formats/index";
import { rollAgentic } from "../../src/formats/rollAgentic";
import type { JsonObject } from "../../src/model/json";
import { datasetPlace } from "../../src/store/datasetPaths";
import { readValue } from "./draftsOf";
import { readFile, readParts } from "./readFile";

describe("ROLL's agentic dumps", () => {
  it("hold trajectories as text, with rewards of turns in their places and placeholders counted", async () => {
    const { records, format, problems } = await readFile("test/formats/fixtures/roll-agentic.jsonl");
    expect(problems).toEqual([]);
    const [first, second, third, fourth] = records.flatMap((record) => readParts(record, format!));
    expect(first).toMatchObject({
      trainingStep: 3,
      split: "train",
      outcome: { reward: 1, success: true, truncated: false, stopReason: "FINISH" },
    });
    expect(first?.steps.map((step) => step.reward)).toEqual([
      undefined,
      undefined,
      0,
      undefined,
      1,
      undefined,
    ]);
    expect(first?.notes.map(({ code }) => code)).toEqual(["empty-rollouts"]);
    expect(second?.outcome).toMatchObject({ reward: 0, success: false, truncated: true });
    // The messages of other managers stand in a column of their own; they call the reward by another name.
    expect(third).toMatchObject({
      trainingStep: 4,
      outcome: { reward: 0.5, rewardSource: "episode_reward" },
    });
    expect(third?.steps).toHaveLength(4);
    expect(fourth).toMatchObject({
      trainingStep: 5,
      split: "val",
      outcome: { reward: 1, stopReason: "finish" },
    });
    const keys = records.flatMap(({ summaries }) => summaries.map(({ groupKey }) => groupKey));
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(3);
  });

  it("keep rewards of steps aside where they cannot be placed, and refuse trajectories without messages", () => {
    const line = readFileSync("test/formats/fixtures/roll-agentic.jsonl", "utf8").split("\n")[0] ?? "";
    const cell = JSON.parse(
      (JSON.parse(line) as { trajectory_data: string[] }).trajectory_data[0]!,
    ) as JsonObject;
    const rewards = cell["reward_info"] as JsonObject;
    const {
      trajectories: [one],
    } = readValue(rollAgentic, { ...cell, reward_info: { ...rewards, step_scores: [1, 2, 3] } });
    expect(one?.steps.every((step) => step.reward === undefined)).toBe(true);
    expect(one?.extra["reward_info"]).toMatchObject({ step_scores: [1, 2, 3] });
    expect(one?.notes.map(({ code }) => code)).toEqual(["unplaced-rewards"]);
    expect(() => readValue(rollAgentic, { ...cell, messages: null })).toThrow(/no messages/);
  });

  it("of all steps are one dataset, as are those of the other pipeline", () => {
    for (const id of ["roll", "roll-agentic"]) {
      const format = formats.find((one) => one.id === id)!;
      const places = [3, 12].map((step) =>
        datasetPlace(`/runs/a/rollout_dump_data.step_${step}.jsonl`, format),
      );
      expect(places[0]?.datasetId, id).toBe(places[1]?.datasetId);
    }
  });
});
