import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../src/model/trajectory";
import { readFile, readParts } from "./readFile";

const folder = "test/formats/fixtures/classic";

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
const numbers = (trajectory: Trajectory | undefined, name: string) =>
  Array.from(trajectory?.columns?.columns.find((one) => one.name === name)?.data ?? []);
const role = (trajectory: Trajectory | undefined, name: string) =>
  trajectory?.columns?.columns.find((one) => one.name === name)?.role;

describe("Stable-Baselines3 replay buffers", () => {
  it("begin at the cursor of a full ring, environment by environment, and keep time limits apart from ends", async () => {
    const { id, trajectories } = await read("sb3-ring-buffer.pkl");
    expect(id).toBe("replay-buffer");
    // Eight rows were written into six slots.
    expect(told(trajectories)).toEqual([
      ["environment_0/episode_0", [2, 3], "terminated", false, ["overwritten-start"]],
      ["environment_0/episode_1", [4, 5, 6, 7], undefined, false, ["cut-episode"]],
      ["environment_1/episode_0", [-2, -3, -4, -5], "truncated", true, ["overwritten-start"]],
      ["environment_1/episode_1", [-6, -7], undefined, false, ["cut-episode"]],
    ]);
    expect(numbers(trajectories[0], "observations")).toEqual([Math.fround(0.2), 0, Math.fround(0.3), 0]);
    expect(numbers(trajectories[1], "actions")).toEqual([1, 2, 0, 1]);
    // The library records both ends as done; only one of them is an end for good.
    expect(trajectories[2]?.steps.at(-1)).toMatchObject({ terminated: false, truncated: true });
    expect(numbers(trajectories[2], "dones")).toEqual([0, 0, 0, 1]);
  });

  it("show dictionaries of observations, and no slot that was never written", async () => {
    const { trajectories } = await read("sb3-dict-buffer.pkl");
    expect(told(trajectories)).toEqual([
      ["episode_0", [0.5, 0.5], "terminated", false, []],
      ["episode_1", [0.5], undefined, false, ["cut-episode"]],
    ]);
    expect(role(trajectories[0], "observations/arm")).toBe("observation");
    expect(numbers(trajectories[0], "observations/arm")).toEqual([0, 0, 0.5, 0.5]);
    expect(numbers(trajectories[1], "observations/eye")).toEqual([2, 2, 2, 2]);
  });

  it("find the rows of a rollout buffer that was trained from, flattened and not", async () => {
    const { trajectories } = await read("sb3-rollout-buffer.pkl");
    expect(told(trajectories)).toEqual([
      ["environment_0/episode_0", [1, 1, 1], undefined, undefined, ["no-end-flag", "cut-episode"]],
      ["environment_1/episode_0", [10, 11], undefined, undefined, ["no-end-flag"]],
      ["environment_1/episode_1", [12], undefined, undefined, ["no-end-flag", "cut-episode"]],
    ]);
    expect(numbers(trajectories[2], "actions")).toEqual([12]);
    // Without discount an advantage is the rest of the rewards minus the value, here with a value of 0 at the end.
    expect(trajectories[0]?.steps.map((step) => [step.value, step.logprob, step.advantage])).toEqual([
      [0.5, -1, 2.5],
      [0.5, -1, 1.5],
      [0.5, -1, 0.5],
    ]);
    expect(trajectories[1]?.steps.map((step) => step.advantage)).toEqual([20.75, 10.75]);
  });
});

describe("tianshou's buffers", () => {
  it.each(["tianshou-buffer.pkl", "tianshou-buffer.hdf5"])(
    "are read in the order of writing with nested batches: %s",
    async (name) => {
      const { id, trajectories } = await read(name);
      expect(id).toBe(name.endsWith("pkl") ? "replay-buffer" : "tianshou-hdf5");
      expect(told(trajectories)).toEqual([
        ["episode_0", [0.5, 0.75], "terminated", false, ["overwritten-start"]],
        ["episode_1", [1, 1.25], "truncated", true, []],
        ["episode_2", [1.5], undefined, false, ["cut-episode"]],
      ]);
      expect(numbers(trajectories[0], "obs.arm")).toEqual([2, 0.5, 3, 0.5]);
      expect(role(trajectories[0], "obs.arm")).toBe("observation");
      expect(numbers(trajectories[2], "info.lap")).toEqual([6]);
    },
  );

  it("keep the environments of a vector buffer apart", async () => {
    const { trajectories } = await read("tianshou-vector-buffer.hdf5");
    expect(told(trajectories)).toEqual([
      ["environment_0/episode_0", [1, 1], "terminated", false, []],
      ["environment_0/episode_1", [1], undefined, false, ["cut-episode"]],
      ["environment_1/episode_0", [2, 2, 2], "truncated", true, []],
    ]);
  });
});

describe("buffers of one environment", () => {
  it("of TD3 end where an episode does not go on, and leave out slots that were never written", async () => {
    const { id, trajectories } = await read("td3-buffer.pkl");
    expect(id).toBe("replay-buffer");
    expect(told(trajectories)).toEqual([
      ["episode_0", [0.5, 1.5], "terminated", undefined, ["one-done-flag"]],
      ["episode_1", [2.5], undefined, undefined, ["one-done-flag", "cut-episode"]],
    ]);
    expect(numbers(trajectories[1], "state")).toEqual([4, 5]);
  });

  it("of Baselines begin at the tuple that will be overwritten next", async () => {
    const { trajectories } = await read("baselines-buffer.pkl");
    expect(told(trajectories)).toEqual([
      ["episode_0", [1, 2], "terminated", undefined, ["one-done-flag", "overwritten-start"]],
      ["episode_1", [3], undefined, undefined, ["one-done-flag", "cut-episode"]],
    ]);
  });
});
