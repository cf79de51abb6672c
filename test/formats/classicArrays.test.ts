import { readFileSync } from "node:fs";
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
  return { id: result.format?.id, trajectories, summaries: result.records.flatMap((one) => one.summaries) };
}

const codes = (trajectory: Trajectory | undefined): readonly string[] =>
  (trajectory?.notes ?? []).map((note) => note.code);
const data = (trajectory: Trajectory | undefined, name: string): readonly number[] =>
  Array.from(trajectory?.columns?.columns.find((one) => one.name === name)?.data ?? []);

describe("fixtures", () => {
  it("are written by a script that is kept", () => {
    expect(readFileSync(`${folder}/makeClassic.py`, "utf8")).toContain("np.savez");
  });
});

describe("imitation npz", () => {
  it("cuts actions at the indices and observations one later in each trajectory", async () => {
    const { trajectories } = await read("imitation-npz.npz");
    expect(trajectories.map((one) => [one.task.id, one.steps.length, one.outcome.stopReason])).toEqual([
      ["trajectory_0", 2, "terminated"],
      ["trajectory_1", 1, undefined],
    ]);
    expect(data(trajectories[0], "obs")).toEqual([0, 1, 2, 3, 4, 5]);
    expect(data(trajectories[1], "obs")).toEqual([6, 7, 8, 9]);
    expect(trajectories[0]?.outcome.reward).toBeNaN();
    expect(trajectories[1]?.outcome.reward).toBe(2);
    expect(trajectories[0]?.steps[1]?.extra).toEqual({ info: { "TimeLimit.truncated": true } });
    expect(trajectories[0]?.steps[0]?.extra).toBeUndefined();
  });
});

describe("Stable-Baselines 2", () => {
  it("ends an episode where the next starts and does not claim to know how", async () => {
    const { trajectories } = await read("sb2-expert.npz");
    expect(trajectories.map((one) => [one.outcome.reward, one.outcome.truncated, codes(one)])).toEqual([
      [3, undefined, ["no-end-flag"]],
      [7, undefined, ["no-end-flag"]],
    ]);
    expect(trajectories[0]?.extra["episode_returns"]).toEqual([3, 7]);
  });
});

describe("pickled episodes", () => {
  it("reads a list of dicts, one episode an element, with what is no column in extra", async () => {
    const { trajectories } = await read("episode-pickle.pkl");
    expect(trajectories.map((one) => [one.task.id, one.outcome.reward, codes(one)])).toEqual([
      ["episode_0", 3, ["one-done-flag"]],
      ["episode_1", Number.NaN, ["one-done-flag"]],
    ]);
    expect(trajectories[0]?.outcome).toMatchObject({ stopReason: "terminated" });
    expect(trajectories[0]?.outcome.truncated).toBe(undefined);
    expect(data(trajectories[0], "action")).toEqual([0.5, 0.25]);
    expect(trajectories[0]?.extra).toEqual({ init_state_dict: { qpos: [0, 0, 0] } });
    expect(trajectories[1]?.steps[0]?.terminated).toBe(false);
  });

  it("reads a batch [episodes, steps, ...] as episodes", async () => {
    const { id, trajectories } = await read("classic/batch.pkl");
    expect(id).toBe("episode-pickle");
    expect(trajectories.map((one) => [one.steps.length, one.outcome.reward])).toEqual([
      [3, 6],
      [3, 15],
    ]);
    expect(data(trajectories[1], "obs")).toEqual([6, 7, 8, 9, 10, 11]);
    expect(data(trajectories[1], "acts")).toEqual([3, 4, 5]);
  });
});

describe("episodes in array files", () => {
  it("cuts flat arrays at terminals and timeouts", async () => {
    const { trajectories } = await read("episode-arrays.npz");
    expect(
      trajectories.map((one) => [one.steps.length, one.outcome.stopReason, one.outcome.truncated]),
    ).toEqual([
      [2, "terminated", false],
      [2, "truncated", true],
      [1, undefined, false],
    ]);
    expect(data(trajectories[1], "observations")).toEqual([4, 5, 6, 7]);
    expect(trajectories[0]?.extra).toMatchObject({ seed: 7, rows: [0, 2] });
  });

  it("tells a last row that is not terminal from a terminal one", async () => {
    const { id, trajectories } = await read("classic/dreamer.npz");
    expect(id).toBe("episode-arrays");
    const [one] = trajectories;
    expect(one?.outcome).toMatchObject({ reward: 3, truncated: true, stopReason: "truncated" });
    expect(codes(one)).toEqual(["arrival-rows"]);
    expect(one?.columns?.columns.find(({ name }) => name === "image")).toMatchObject({
      role: "observation",
      width: 12,
    });
  });

  it("pairs an npy file of observations with its actions, and leaves the actions to it", async () => {
    const { id, trajectories } = await read("classic/reach_observations_3.npy");
    expect(id).toBe("npy-pairs");
    expect(trajectories).toHaveLength(2);
    expect(data(trajectories[1], "actions")).toEqual([6, 7, 8, 9, 10, 11]);
    expect(trajectories[1]?.outcome.reward).toBeUndefined();
    expect((await read("classic/reach_actions_3.npy")).id).toBeUndefined();
  });

  it("names the numbers of Rocket League states by their width and says that this is a guess", async () => {
    const { trajectories } = await read("rocket-states.npy");
    const column = trajectories[0]?.columns?.columns[0];
    expect(column).toMatchObject({ role: "observation", rows: 2, width: 35 });
    expect(column?.labels?.slice(9, 13)).toEqual([
      "car_0.position.x",
      "car_0.position.y",
      "car_0.position.z",
      "car_0.pitch",
    ]);
    expect(codes(trajectories[0])).toEqual(["guessed-columns"]);
  });
});

describe("results without steps", () => {
  it("reads evaluations by training step with their lengths and successes", async () => {
    const { summaries, trajectories } = await read("sb3-evaluations.npz");
    expect(
      summaries.map((one) => [one.trainingStep, one.groupKey, one.reward, one.success, one.components]),
    ).toEqual([
      [1000, "evaluation 0", 1.5, true, { length: 10 }],
      [1000, "evaluation 0", 2.5, false, { length: 11 }],
      [2000, "evaluation 1", 3.5, true, { length: 12 }],
      [2000, "evaluation 1", Number.NaN, true, { length: 13 }],
    ]);
    expect(trajectories[0]?.steps).toEqual([]);
  });

  it("reads monitor rows after their line of settings", async () => {
    const { summaries } = await read("monitor-csv.csv");
    expect(summaries.map((one) => [one.reward, one.success, one.components])).toEqual([
      [10.5, true, { length: 12, seconds: 0.5, is_success: 1 }],
      [-3, false, { length: 200, seconds: 1.25, is_success: 0 }],
    ]);
  });

  it("reads generations: descriptors, lineage, and what was not computed", async () => {
    const { trajectories } = await read("qd-generation.pkl");
    expect(trajectories.map((one) => [one.task.id, one.parentId, one.outcome.reward, codes(one)])).toEqual([
      ["4", "1", 2, ["no-steps"]],
      ["5", undefined, 2.5, ["no-steps", "no-descriptor"]],
    ]);
    expect(trajectories[0]?.outcome.components).toMatchObject({
      novelty: 0.25,
      surprise: null,
      stored: null,
    });
    expect(data(trajectories[0], "bd")).toEqual([0.1, 0.2]);
    const archive = await read("classic/rew_archive_gen_6.pkl");
    expect(archive.id).toBe("qd-generation");
    expect(archive.trajectories).toHaveLength(1);
    expect(archive.trajectories[0]).toMatchObject({ trainingStep: 6, parentId: "4" });
    expect(archive.trajectories[0]?.outcome).toMatchObject({ reward: 2, components: { surprise: 0.75 } });
    expect(codes(archive.trajectories[0])).toContain("local-ids");
  });

  it("reads BARFI's buffer without padding, and its results with the series beside them", async () => {
    const buffer = await read("barfi-buffer.pkl");
    expect(buffer.trajectories.map((one) => [one.task.id, one.steps.length, one.outcome.reward])).toEqual([
      ["slot_0", 2, 3],
      ["slot_1", 1, 4],
    ]);
    expect(data(buffer.trajectories[1], "s")).toEqual([6, 7]);
    expect(buffer.trajectories[0]?.extra).toMatchObject({ val: 2, pos: 1 });
    const results = await read("classic/3_rewards.npy");
    expect(results.id).toBe("barfi-results");
    expect(results.summaries.map((one) => [one.trainingStep, one.reward, one.components])).toEqual([
      [0, 1, { aux_return: 0.5, gamma: 0.99 }],
      [1, -2, { aux_return: Number.NaN, gamma: 0.98 }],
    ]);
  });

  it("reads optimisation runs as groups of seeds, and CARLA routes with counted infractions", async () => {
    const nap = await read("nap-results.json");
    expect(nap.summaries.map((one) => [one.groupKey, one.ownId, one.stepCount, one.reward])).toEqual([
      ["4796/3549", "4796/3549/test0", 3, 0.75],
      ["4796/3549", "4796/3549/test1", 3, 1],
      ["5527/146064", "5527/146064/test0", 3, Number.NaN],
    ]);
    const carla = await read("carla-results.json");
    expect(carla.summaries.map((one) => [one.ownId, one.success, one.truncated, one.reward])).toEqual([
      ["RouteScenario_0_rep0", true, false, 60.5],
      ["RouteScenario_1_rep0", false, true, 0],
    ]);
    expect(carla.trajectories[0]?.outcome.components).toEqual({
      score_composed: 60.5,
      score_penalty: 0.605,
      score_route: 100,
      "meta.duration_game": 31.5,
      "meta.route_length": 250,
      "infractions.collisions_vehicle": 1,
      "infractions.red_light": 0,
    });
  });
});
