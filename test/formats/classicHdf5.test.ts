import * as h5wasm from "h5wasm/node";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../src/model/trajectory";
import { readFile, readParts } from "./readFile";

type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;
type Content = Readonly<Record<string, readonly [Numbers, readonly number[]] | string | readonly string[]>>;

/** Writes datasets by path (`data/demo_0/actions`); groups come by themselves. */
async function write(
  content: Content,
  attributes: Readonly<Record<string, string | number>> = {},
): Promise<string> {
  await h5wasm.ready;
  const path = join(mkdtempSync(join(tmpdir(), "lens-hdf5-")), "set.hdf5");
  const file = new h5wasm.File(path, "w");
  for (const [name, value] of Object.entries(content)) {
    const parts = name.split("/");
    let group: h5wasm.Group = file;
    for (const part of parts.slice(0, -1))
      group = (group.get(part) as h5wasm.Group | null) ?? group.create_group(part);
    const last = parts.at(-1)!;
    if (typeof value === "string") group.create_dataset({ name: last, data: value });
    else if (typeof value[0] === "string")
      group.create_dataset({ name: last, data: value as unknown as string[] });
    else {
      const [data, shape] = value as [Numbers, number[]];
      group.create_dataset({ name: last, data, shape: [...shape] });
    }
  }
  for (const [name, value] of Object.entries(attributes)) {
    const [group, attribute] = name.split("@") as [string, string];
    (group === "" ? file : (file.get(group) as h5wasm.Group)).create_attribute(attribute, value);
  }
  file.close();
  return path;
}

async function read(path: string) {
  const trajectories: Trajectory[] = [];
  const result = await readFile(path, (record, format) => trajectories.push(...readParts(record, format)));
  expect(result.problems).toEqual([]);
  return { id: result.format?.id, trajectories, summaries: result.records.flatMap((one) => one.summaries) };
}

const column = (trajectory: Trajectory | undefined, name: string) =>
  trajectory?.columns?.columns.find((one) => one.name === name);

const range = (count: number, from = 0): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => from + index);

describe("D4RL", () => {
  it("cuts at terminals and timeouts, keeps infos, and shows the tail as cut", async () => {
    const path = await write(
      {
        observations: [range(14), [7, 2]],
        actions: [range(7), [7, 1]],
        rewards: [Float32Array.of(1, 2, Number.NaN, 4, 5, 6, 7), [7]],
        terminals: [Uint8Array.of(0, 1, 0, 0, 1, 0, 0), [7]],
        timeouts: [Uint8Array.of(0, 0, 0, 1, 1, 0, 0), [7]],
        "infos/qpos": [range(21), [7, 3]],
        "infos/action_log_probs": [range(7, -10), [7]],
        "metadata/algorithm": "SAC",
        "metadata/policy/weight": [range(100), [10, 10]],
      },
      { "@version": "v2" },
    );
    const { id, trajectories } = await read(path);
    expect(id).toBe("d4rl");
    expect(
      trajectories.map((one) => [
        one.steps.length,
        one.outcome.reward,
        one.outcome.stopReason,
        one.outcome.truncated,
        one.notes.map((note) => note.code),
      ]),
    ).toEqual([
      [2, 3, "terminated", false, []],
      [2, Number.NaN, "truncated", true, []],
      [1, 5, "terminated", false, []],
      [2, 13, undefined, false, ["cut-episode"]],
    ]);
    const second = trajectories[1];
    expect(column(second, "observations")).toMatchObject({ role: "observation", rows: 2, width: 2 });
    expect(column(second, "observations")?.data).toEqual(Float32Array.of(4, 5, 6, 7));
    expect(column(second, "infos.qpos")).toMatchObject({ role: "info", width: 3 });
    expect(column(second, "infos.action_log_probs")?.role).toBe("logprob");
    expect(second?.steps[0]?.logprob).toBe(-8);
    expect(second?.extra).toEqual({
      rows: [2, 4],
      version: "v2",
      "metadata/algorithm": "SAC",
      "metadata/policy/weight": "numbers of shape [10, 10]",
    });
  });

  it("guesses ends from jumps of the next observation when timeouts are missing", async () => {
    const { id, trajectories } = await read(
      await write({
        observations: [Float32Array.of(0, 1, 2, 0, 1), [5, 1]],
        next_observations: [Float32Array.of(1, 2, 3, 1, 2), [5, 1]],
        actions: [range(5), [5, 1]],
        rewards: [range(5), [5]],
        terminals: [new Uint8Array(5), [5]],
      }),
    );
    expect(id).toBe("d4rl");
    expect(trajectories.map((one) => [one.steps.length, one.notes.map((note) => note.code)])).toEqual([
      [3, ["guessed-end"]],
      [2, ["cut-episode"]],
    ]);
    expect(trajectories[0]?.outcome.truncated).toBe(true);
  });

  it("leaves flat files with episode_terminals to d3rlpy 1", async () => {
    const { id, trajectories } = await read(
      await write({
        observations: [range(4), [4, 1]],
        actions: [range(4), [4, 1]],
        rewards: [range(4), [4]],
        terminals: [Uint8Array.of(0, 1, 0, 0), [4]],
        episode_terminals: [Uint8Array.of(0, 1, 0, 1), [4]],
      }),
    );
    expect(id).toBe("d3rlpy-v1");
    expect(trajectories.map((one) => [one.steps.length, one.outcome.stopReason])).toEqual([
      [2, "terminated"],
      [2, "truncated"],
    ]);
  });
});

describe("d3rlpy 2", () => {
  it("reads one flag an episode and parts of observations", async () => {
    const { id, trajectories } = await read(
      await write({
        columns: ["observations", "actions", "rewards", "terminated"],
        num_episodes: [Int32Array.of(2), []],
        version: "2.1",
        observations_0_0: [range(4), [2, 2]],
        observations_0_1: [range(2), [2, 1]],
        actions_0: [range(2), [2, 1]],
        rewards_0: [Float32Array.of(0, 1), [2, 1]],
        terminated_0: [Uint8Array.of(1), []],
        observations_1_0: [range(2), [1, 2]],
        observations_1_1: [range(1), [1, 1]],
        actions_1: [range(1), [1, 1]],
        rewards_1: [Float32Array.of(3), [1, 1]],
        terminated_1: [Uint8Array.of(0), []],
      }),
    );
    expect(id).toBe("d3rlpy");
    expect(
      trajectories.map((one) => [one.outcome.reward, one.outcome.truncated, one.steps.at(-1)?.terminated]),
    ).toEqual([
      [1, false, true],
      [3, undefined, undefined],
    ]);
    expect(trajectories[0]?.columns?.columns.map((one) => [one.name, one.role])).toContainEqual([
      "observations.1",
      "observation",
    ]);
    expect(trajectories[1]?.notes.map((note) => note.code)).toEqual(["last-step-without-transition"]);
    expect(trajectories[0]?.extra).toEqual({ version: "2.1" });
  });
});

describe("robomimic", () => {
  it("reads demonstrations in order with splits, arguments and simulator states", async () => {
    const demo = (number: number, steps: number): Content => ({
      [`data/demo_${number}/actions`]: [range(steps * 2), [steps, 2]],
      [`data/demo_${number}/rewards`]: [range(steps), [steps]],
      [`data/demo_${number}/dones`]: [
        Uint8Array.from({ length: steps }, (_, index) => (index === steps - 1 ? 1 : 0)),
        [steps],
      ],
      [`data/demo_${number}/states`]: [range(steps * 3), [steps, 3]],
      [`data/demo_${number}/obs/object`]: [range(steps), [steps, 1]],
      [`data/demo_${number}/next_obs/object`]: [range(steps), [steps, 1]],
    });
    const { id, trajectories } = await read(
      await write(
        { ...demo(10, 1), ...demo(2, 3), "mask/train": ["demo_2"], "mask/valid": ["demo_10"] },
        {
          "data@env_args": '{"env_name": "Lift", "type": 1}',
          "data@total": 4,
          "data/demo_2@model_file": "<mujoco/>",
          "data/demo_2@num_samples": 3,
        },
      ),
    );
    expect(id).toBe("robomimic");
    expect(trajectories.map((one) => [one.task.id, one.split, one.steps.length, one.outcome.reward])).toEqual(
      [
        ["demo_2", "train", 3, 3],
        ["demo_10", "valid", 1, 0],
      ],
    );
    expect(trajectories[0]?.columns?.columns.map((one) => [one.name, one.role])).toEqual([
      ["actions", "action"],
      ["dones", "terminated"],
      ["rewards", "reward"],
      ["next_obs.object", "info"],
      ["obs.object", "observation"],
      ["states", "info"],
    ]);
    expect(trajectories[0]?.extra).toMatchObject({
      env_args: { env_name: "Lift", type: 1 },
      model_file: "9 characters of XML",
      num_samples: 3,
    });
    expect(trajectories[0]?.notes.map((note) => note.code)).toEqual(["one-done-flag"]);
  });
});

describe("damaged counts", () => {
  it("d3rlpy: more episodes declared than stored are not invented", async () => {
    const { trajectories } = await read(
      await write({
        num_episodes: [Int32Array.of(2_000_000_000), []],
        columns: ["actions", "rewards"],
        actions_0: [range(1), [1, 1]],
        rewards_0: [range(1), [1, 1]],
      }),
    );
    expect(trajectories.map((one) => one.steps.length)).toEqual([1]);
  });
});

describe("ManiSkill", () => {
  const files = {
    "traj_0/obs": [range(8), [4, 2]],
    "traj_0/actions": [range(3), [3, 1]],
    "traj_0/rewards": [range(3), [3]],
    "traj_0/terminated": [Uint8Array.of(0, 0, 1), [3]],
    "traj_0/truncated": [Uint8Array.of(0, 0, 0), [3]],
    "traj_0/success": [Uint8Array.of(0, 0, 1), [3]],
    "traj_10/actions": [range(2), [2, 1]],
    "traj_10/env_states/actors/cube": [range(3), [3, 1]],
    "traj_2/actions": [range(1), [1, 1]],
    "traj_2/success": [Uint8Array.of(0), [1]],
  } as const satisfies Content;

  it("counts steps by actions, and shows the simulator's states where nothing was observed", async () => {
    const { id, trajectories } = await read(await write(files));
    expect(id).toBe("maniskill");
    expect(
      trajectories.map((one) => [one.task.id, one.steps.length, one.outcome.success, one.outcome.stopReason]),
    ).toEqual([
      ["traj_0", 3, true, "terminated"],
      ["traj_2", 1, false, undefined],
      ["traj_10", 2, undefined, undefined],
    ]);
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 3, truncated: false });
    expect(column(trajectories[0], "obs")).toMatchObject({ role: "observation", rows: 4, width: 2 });
    expect(column(trajectories[2], "env_states/actors/cube")).toMatchObject({ role: "observation" });
  });

  it("takes seeds and success from the table of episodes beside it", async () => {
    const path = await write(files);
    writeFileSync(
      path.replace(".hdf5", ".json"),
      JSON.stringify({
        env_info: { env_id: "PickCube-v1" },
        episodes: [{ episode_id: 2, episode_seed: 7, success: true, elapsed_steps: 1 }],
      }),
    );
    const { trajectories } = await read(path);
    expect(trajectories[1]?.outcome.success).toBe(true);
    expect(trajectories[1]?.extra).toMatchObject({ env_id: "PickCube-v1", episode: { episode_seed: 7 } });
    expect(trajectories[0]?.extra["episode"]).toBeUndefined();
  });
});

describe("time steps and instructions in HDF5", () => {
  it("cuts at first steps, whose action and reward are those of the reset", async () => {
    const { id, trajectories } = await read(
      await write({
        observation: [range(10), [5, 2]],
        action: [Float32Array.of(0, 1, 2, 0, 3), [5, 1]],
        reward: [Float32Array.of(0, 0.5, 1, 0, 2), [5]],
        discount: [Float32Array.of(1, 1, 0, 1, 1), [5]],
        step_type: [Int32Array.of(0, 1, 2, 0, 2), [5]],
      }),
    );
    expect(id).toBe("episode-hdf5");
    expect(
      trajectories.map((one) => [
        one.steps.map((step) => step.reward),
        column(one, "observation")?.rows,
        one.outcome.stopReason,
        one.outcome.truncated,
      ]),
    ).toEqual([
      [[0.5, 1], 3, "terminated", false],
      [[2], 2, "truncated", true],
    ]);
    expect(Array.from(column(trajectories[0], "action")?.data ?? [])).toEqual([1, 2]);
  });

  it("keeps attributes of a file that is one episode", async () => {
    const { trajectories } = await read(
      await write({ "observations/qpos": [range(4), [2, 2]], action: [range(2), [2, 1]] }, { "@sim": 1 }),
    );
    expect(trajectories[0]?.extra).toMatchObject({ sim: 1 });
  });

  it("reads the instruction of LIBERO's files and of RoboCasa's demonstrations", async () => {
    const demo = {
      "data/demo_0/actions": [range(2), [2, 1]],
      "data/demo_0/obs/eef": [range(2), [2, 1]],
    } as const;
    const libero = await read(
      await write(demo, { "data@problem_info": '{"language_instruction": "open the drawer"}' }),
    );
    expect(libero.trajectories[0]?.task.prompt).toBe("open the drawer");
    const casa = await read(await write(demo, { "data/demo_0@ep_meta": '{"lang": "close it"}' }));
    expect(casa.trajectories[0]?.task.prompt).toBe("close it");
  });
});
