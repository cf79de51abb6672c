import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../src/model/trajectory";
import { readFile, readParts } from "./readFile";

async function read(path: string) {
  const trajectories: Trajectory[] = [];
  const result = await readFile(path, (record, format) => trajectories.push(...readParts(record, format)));
  expect(result.problems).toEqual([]);
  return { id: result.format?.id, trajectories };
}

const fixture = (name: string) => read(`test/formats/fixtures/classic/${name}`);
const told = (trajectories: readonly Trajectory[]) =>
  trajectories.map((one) => [
    one.steps.map((step) => step.reward),
    one.outcome.stopReason,
    one.outcome.truncated,
    one.notes.map((note) => note.code),
  ]);
const numbers = (trajectory: Trajectory | undefined, name: string) =>
  Array.from(trajectory?.columns?.columns.find((one) => one.name === name)?.data ?? []);

describe("rows of time steps", () => {
  it("of ExORL begin with the reset: one observation more than steps, and a limit where the discount is left", async () => {
    const { trajectories } = await fixture("exorl.npz");
    expect(told(trajectories)).toEqual([[[1, 2, 4], "truncated", true, ["arrival-rows"]]]);
    expect(numbers(trajectories[0], "observation")).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(numbers(trajectories[0], "action")).toEqual([0.5, 0.25, 0.125]);
    expect(numbers(trajectories[0], "physics")).toEqual([0, 1, 2, 3]);
  });

  it("of DreamerV2 are cut at first rows, with ends and limits apart", async () => {
    const { trajectories } = await fixture("dreamer-v2.npz");
    expect(told(trajectories)).toEqual([
      [[1, 2], "terminated", false, ["arrival-rows"]],
      [[4], "truncated", true, ["arrival-rows"]],
    ]);
    expect(trajectories[0]?.steps.map((step) => step.terminated)).toEqual([false, true]);
  });

  it("of OGBench end with a state from which nothing was done", async () => {
    const { trajectories } = await fixture("ogbench.npz");
    expect(told(trajectories)).toEqual([
      [[undefined, undefined], undefined, undefined, ["boundary-flags"]],
      [[undefined], undefined, undefined, ["boundary-flags"]],
    ]);
    expect(numbers(trajectories[0], "observations")).toEqual([0, 1, 2, 3, 4, 5]);
    expect(numbers(trajectories[0], "actions")).toEqual([0, 1]);
    expect(numbers(trajectories[1], "actions")).toEqual([3]);
  });

  it("of NeoRL are cut where `index` says that trajectories begin", async () => {
    const { trajectories } = await fixture("neorl.npz");
    expect(told(trajectories)).toEqual([
      [[0, 1], undefined, undefined, ["one-done-flag"]],
      [[2, 3, 4], "terminated", undefined, ["one-done-flag"]],
    ]);
  });

  it("of a Dopamine checkpoint begin behind the row written last", async () => {
    const { id, trajectories } = await fixture("$store$_reward_ckpt.3.gz");
    expect(id).toBe("dopamine-replay");
    expect(told(trajectories)).toEqual([
      [[2, 3], "terminated", undefined, ["one-done-flag", "frames-beside", "overwritten-start"]],
      [[4, 5, 6], undefined, undefined, ["one-done-flag", "frames-beside", "cut-episode"]],
    ]);
    expect(numbers(trajectories[1], "action")).toEqual([4, 5, 6]);
    // The other arrays of the checkpoint are read with it.
    expect((await fixture("$store$_action_ckpt.3.gz")).id).toBeUndefined();
  });
});

describe("episodes in lists and tuples", () => {
  it("are parted where a field is a list with an entry an episode", async () => {
    const { id, trajectories } = await fixture("ragged-lists.pkl");
    expect(id).toBe("episode-pickle");
    expect(told(trajectories)).toEqual([
      [[1, 2, 4], "terminated", undefined, ["one-done-flag"]],
      [[8, 16], undefined, undefined, ["one-done-flag"]],
    ]);
    expect(numbers(trajectories[1], "states")).toEqual([1, 1, 1, 1]);
    expect(trajectories[1]?.extra["lengths"]).toBe(2);
  });

  it("tell what the parts of a tuple are by their shapes, and say that this is a guess", async () => {
    const { trajectories } = await fixture("transition-tuples.pkl");
    expect(told(trajectories)).toEqual([
      [[0, 0.5, 1], "terminated", undefined, ["one-done-flag", "guessed-columns"]],
      [[1.5], undefined, undefined, ["one-done-flag", "guessed-columns"]],
    ]);
    expect(numbers(trajectories[0], "action")).toEqual([0, 1, 0]);
    const table = await fixture("transition-table.npy");
    expect(told(table.trajectories)).toEqual([
      [[1.5, 1.5], "terminated", undefined, ["one-done-flag", "guessed-columns"]],
    ]);
    expect(numbers(table.trajectories[0], "next_obs")).toEqual([1, 0.5, 2, 0.5]);
    expect(numbers(table.trajectories[0], "action")).toEqual([0, 9, 0.25, 9]);
  });
});

describe("a step a row", () => {
  it("is joined by the episode's number, in lines of JSON", async () => {
    const { id, trajectories } = await read("test/formats/fixtures/episode-steps.jsonl");
    expect(id).toBe("episode-steps");
    expect(trajectories.map((one) => [one.task.id, ...told([one])[0]!])).toEqual([
      ["3", [0.25, NaN], "terminated", undefined, ["one-done-flag"]],
      ["4", [2], undefined, undefined, ["cut-episode"]],
    ]);
    expect(numbers(trajectories[0], "state")).toEqual([0.5, 1, 1, 1]);
    expect(trajectories[0]?.steps[0]?.extra).toEqual({ phase: "warm-up" });
    // A reward of null is no number.
    expect(trajectories[0]?.extra["null_rows"]).toEqual({ reward: [1] });
  });

  it("is cut at ends and where steps go back in a table, and left to others where names are not clear", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-steps-"));
    const table = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const { id, trajectories } = await read(
      table(
        "run.csv",
        "t,obs_0,obs_1,action_x,reward,terminated,truncated\n0,1,2,0.5,1,False,False\n1,3,4,0.25,2,True,False\n0,5,6,0,4,False,True\n",
      ),
    );
    expect(id).toBe("episode-steps");
    expect(told(trajectories)).toEqual([
      [[1, 2], "terminated", false, []],
      [[4], "truncated", true, []],
    ]);
    expect(numbers(trajectories[0], "obs_1")).toEqual([2, 4]);
    // Texts are no observations of a simulator, and a lap is no episode that anybody named.
    for (const text of [
      "step,observation,action,reward,done\n0,a,b,1,0\n1,c,d,2,1\n",
      "lap,lidar,steer,r\n0,1,2,3\n0,1,2,3\n",
    ])
      expect((await readFile(table(`other${text.length}.csv`, text))).format?.id).not.toBe("episode-steps");
  });

  it("keeps the one flag of an episode that is a row", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "lens-rows-")), "rows.jsonl");
    const row = { observations: [[0], [1]], actions: [0, 1], rewards: [1, 2] };
    writeFileSync(
      path,
      [{ terminated: true, truncated: false }, { terminated: false, truncated: true }, {}]
        .map((flags) => JSON.stringify({ ...row, ...flags }))
        .join("\n"),
    );
    const { id, trajectories } = await read(path);
    expect(id).toBe("episode-rows");
    expect(trajectories.map((one) => [one.outcome.stopReason, one.outcome.truncated])).toEqual([
      ["terminated", false],
      ["truncated", true],
      [undefined, undefined],
    ]);
  });
});

describe("training logs", () => {
  const write = (name: string, text: string): string => {
    const path = join(mkdtempSync(join(tmpdir(), "lens-log-")), name);
    writeFileSync(path, text);
    return path;
  };

  it("have a row an iteration, and no return where none was known yet", async () => {
    const { id, trajectories } = await read(
      write(
        "progress.csv",
        "rollout/ep_rew_mean,rollout/ep_len_mean,time/total_timesteps,train/loss\n,,64,0.5\n21.5,22,128,0.25\n",
      ),
    );
    expect(id).toBe("training-log");
    expect(trajectories.map((one) => [one.trainingStep, one.outcome.reward])).toEqual([
      [64, undefined],
      [128, 21.5],
    ]);
    expect(trajectories[1]?.outcome.components).toMatchObject({
      "rollout/ep_len_mean": 22,
      "train/loss": 0.25,
    });
  });

  it("of early Baselines are lines of JSON, of which the first is no episode", async () => {
    const path = write(
      "monitor.json",
      '{"t_start": 1.5, "env_id": "Reacher-v1"}\n{"r": -12.5, "l": 50, "t": 1.25}\n{"r": 3, "l": 7, "t": 2}\n',
    );
    const result = await readFile(path);
    expect(result.format?.id).toBe("monitor-csv");
    expect(result.records.flatMap((one) => one.summaries).map((one) => [one.reward, one.components])).toEqual(
      [
        [-12.5, { length: 50, seconds: 1.25 }],
        [3, { length: 7, seconds: 2 }],
      ],
    );
    expect(result.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining("tells of the environment"),
    ]);
  });

  it("of TensorBoard are curves, and no damaged trajectories", async () => {
    const { format, why } = await readFile(
      "test/formats/fixtures/classic/events.out.tfevents.1700000000.host",
    );
    expect(format).toBeUndefined();
    expect(why).toBe("not a data file");
  });

  it("are no rollouts that carry a return and a step", async () => {
    const row = { step: 1, episode_reward: 2, messages: [{ role: "user", content: "hi" }] };
    expect(
      (await readFile(write("r.jsonl", `${JSON.stringify(row)}\n${JSON.stringify(row)}\n`))).format?.id,
    ).not.toBe("training-log");
  });

  it("of PPO-PyTorch have three columns and no others", async () => {
    const log = await read(write("PPO_log_0.csv", "episode,timestep,reward\n0,2000,-12.5\n4,4000,3\n"));
    expect(log.id).toBe("training-log");
    expect(log.trajectories.map((one) => [one.trainingStep, one.outcome.reward])).toEqual([
      [2000, -12.5],
      [4000, 3],
    ]);
    expect((await read(write("other.csv", "episode,timestep,reward,x\n0,1,2,3\n1,1,2,3\n"))).id).not.toBe(
      "training-log",
    );
  });

  it("of Gym's old monitor hold an episode an entry of their lists", async () => {
    const { id, trajectories } = await read("test/formats/fixtures/gym-monitor.json");
    expect(id).toBe("gym-monitor");
    expect(
      trajectories.map((one) => [one.outcome.reward, one.split, one.outcome.components["length"]]),
    ).toEqual([
      [9, "train", 9],
      [-31.5, "eval", 31],
    ]);
    expect(trajectories[0]?.extra).toEqual({ initial_reset_timestamp: 1528115475.5 });
  });

  it("of Spinning Up and DrQ-v2 are known by their own names", async () => {
    const spun = await read(
      write("progress.txt", "Epoch\tAverageEpRet\tTotalEnvInteracts\n0\t-12.5\t4000\n1\t3\t8000\n"),
    );
    expect(spun.trajectories.map((one) => [one.trainingStep, one.outcome.reward])).toEqual([
      [4000, -12.5],
      [8000, 3],
    ]);
    const train = await read(
      write(
        "train.csv",
        "episode,episode_length,episode_reward,frame,step,total_time\n1,500,9.5,1000,500,3.25\n",
      ),
    );
    expect(train.trajectories[0]).toMatchObject({ trainingStep: 1000, outcome: { reward: 9.5 } });
  });
});
