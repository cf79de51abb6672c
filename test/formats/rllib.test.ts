import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../src/model/trajectory";
import { readFile, readParts } from "./readFile";

const folder = "test/formats/fixtures";

async function read(name: string) {
  const trajectories: Trajectory[] = [];
  const result = await readFile(`${folder}/${name}`, (record, format) =>
    trajectories.push(...readParts(record, format)),
  );
  expect(result.problems).toEqual([]);
  return { id: result.format?.id, trajectories };
}

const told = (trajectories: readonly Trajectory[]) =>
  trajectories.map((one) => [
    one.task.id,
    one.steps.map((step) => step.reward),
    one.outcome.stopReason,
    one.outcome.truncated,
    one.notes.map((note) => note.code),
  ]);
const column = (trajectory: Trajectory | undefined, name: string) => {
  const found = trajectory?.columns?.columns.find((one) => one.name === name);
  return found === undefined ? undefined : [found.role, Array.from(found.data)];
};

describe("RLlib", () => {
  it("joins the fragments of an episode by its id, and keeps policies and agents apart", async () => {
    const { id, trajectories } = await read("rllib-batches.json");
    expect(id).toBe("rllib-batches");
    expect(told(trajectories)).toEqual([
      ["4 left", [1.5, NaN], "terminated", undefined, ["one-done-flag"]],
      ["4 right, agent 1", [-1], undefined, undefined, ["cut-episode"]],
      ["7", [1, 2], "terminated", undefined, ["late-start", "one-done-flag"]],
      ["8", [4], undefined, undefined, ["cut-episode"]],
    ]);
    expect(column(trajectories[0], "obs")).toEqual(["observation", [0.5, 1, 0.25, 2]]);
    expect(column(trajectories[0], "prev_rewards")?.[0]).toBe("info");
    expect(trajectories[0]?.steps[0]?.extra).toEqual({ infos: { goal: "ball" } });
    expect(trajectories[3]?.extra).toMatchObject({ eps_id: 8, worker: "w0" });
  });

  it("unpacks columns that are a pickle in an LZ4 frame", async () => {
    const { trajectories } = await read("classic/rllib-packed.json");
    expect(told(trajectories)).toEqual([
      ["11", [0.25, 1.25, 2.25], "terminated", false, []],
      ["12", [0.25], "truncated", true, []],
    ]);
    expect(column(trajectories[0], "obs")).toEqual(["observation", [0, 0.5, 1, 0.5, 2, 0.5]]);
    expect(column(trajectories[0], "new_obs")).toEqual(["info", [1, 0.5, 2, 0.5, 3, 0.5]]);
    expect(trajectories[0]?.steps[2]?.extra).toEqual({ infos: { lap: 2 } });
  });

  it("reads tables with a step a row, packed cell by cell", async () => {
    const { id, trajectories } = await read("classic/rllib-steps.parquet");
    expect(id).toBe("rllib-steps");
    expect(told(trajectories)).toEqual([
      ["a", [0, 0.5], "terminated", false, []],
      ["b", [0], "truncated", true, []],
    ]);
    expect(column(trajectories[0], "obs")).toEqual(["observation", [0, 0.5, 1, 0.5]]);
    expect(trajectories[0]?.steps[1]?.logprob).toBe(-0.25);
    // An environment with one agent: null is not a number.
    expect(column(trajectories[0], "agent_id")).toBeUndefined();
    expect(trajectories[0]?.extra["agent_id"]).toBeNull();
  });

  it("reads episodes in MessagePack, without the steps that a chunk repeats from the one before", async () => {
    const { id, trajectories } = await read("classic/rllib-episodes.parquet");
    expect(id).toBe("rllib-episodes");
    expect(told(trajectories)).toEqual([
      ["first", [0, 0.25, 0.5], "terminated", false, []],
      ["second", [0, 0.25], "truncated", true, []],
      ["third", [9], undefined, false, ["cut-episode"]],
    ]);
    expect(column(trajectories[0], "observations")).toEqual([
      "observation",
      [0, 0.5, 1, 0.5, 2, 0.5, 3, 0.5],
    ]);
    expect(column(trajectories[2], "observations")).toEqual(["observation", [4, 0.5, 7, 0.5]]);
    expect(trajectories[2]?.steps[0]).toMatchObject({ logprob: -9, extra: { info: { lap: 4 } } });
    expect(trajectories[2]?.extra["t_started"]).toBe(4);
  });
});
