import * as h5wasm from "h5wasm/node";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { PlainArray, PlainValue } from "../../src/model/plain";
import type { Trajectory } from "../../src/model/trajectory";
import { firstEpisode, plainEpisodeRecords } from "../../src/formats/plainEpisodeRecords";
import { readFile, readParts } from "./readFile";

const range = (count: number, from = 0): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => from + index);

/** Writes arrays by path; groups come by themselves. */
async function write(content: Readonly<Record<string, readonly [Float32Array, number[]]>>): Promise<string> {
  await h5wasm.ready;
  const path = join(mkdtempSync(join(tmpdir(), "lens-arrays-")), "set.h5");
  const file = new h5wasm.File(path, "w");
  for (const [name, [data, shape]] of Object.entries(content)) {
    const parts = name.split("/");
    let group: h5wasm.Group = file;
    for (const part of parts.slice(0, -1))
      group = (group.get(part) as h5wasm.Group | null) ?? group.create_group(part);
    group.create_dataset({ name: parts.at(-1)!, data, shape });
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

describe("HDF5 with transitions under clear names", () => {
  it("has a group an episode, in the order of their numbers, with observations in groups", async () => {
    const path = await write({
      "traj_10/actions": [range(4), [2, 2]],
      "traj_10/obs/agent/qpos": [range(6), [3, 2]],
      "traj_10/truncated": [Float32Array.of(0, 1), [2]],
      "traj_2/actions": [range(6), [3, 2]],
      "traj_2/obs/agent/qpos": [range(8), [4, 2]],
      "traj_2/truncated": [Float32Array.of(0, 0, 1), [3]],
    });
    const { id, trajectories, summaries } = await read(path);
    expect(id).toBe("episode-hdf5");
    expect(summaries.map(({ ownId, stepCount }) => [ownId, stepCount])).toEqual([
      ["traj_2", 3],
      ["traj_10", 2],
    ]);
    expect(column(trajectories[0], "obs/agent/qpos")).toMatchObject({
      role: "observation",
      rows: 4,
      width: 2,
    });
    expect(trajectories[0]?.outcome.reward).toBeUndefined();
  });

  it("is one file of one episode, without rewards", async () => {
    const path = await write({
      action: [range(6), [3, 2]],
      "observations/qpos": [range(9), [3, 3]],
      "observations/images/top": [range(12), [3, 2, 2, 1]],
    });
    const { id, trajectories } = await read(path);
    expect(id).toBe("episode-hdf5");
    expect(trajectories.map(({ steps }) => steps.length)).toEqual([3]);
    expect(column(trajectories[0], "observations/qpos")?.role).toBe("observation");
  });

  it("is cut where flags under singular and short names end episodes", async () => {
    const path = await write({
      obs: [range(10), [5, 2]],
      act: [range(5), [5]],
      rew: [Float32Array.of(1, 2, 3, 4, 5), [5]],
      terminated: [Float32Array.of(0, 1, 0, 0, 0), [5]],
      truncated: [Float32Array.of(0, 0, 0, 0, 1), [5]],
    });
    const { summaries } = await read(path);
    expect(summaries.map(({ reward }) => reward)).toEqual([3, 12]);
  });
});

describe("pickles and npy files of objects", () => {
  const array = (shape: readonly number[]): PlainArray => ({
    kind: "array",
    type: "float32",
    shape,
    numbers: () => range(shape.reduce((product, size) => product * size, 1)),
    integers: () => new BigInt64Array(0),
  });
  const episode = (steps: number): PlainValue =>
    new Map<PlainValue, PlainValue>([
      ["observations", array([steps, 2])],
      ["actions", array([steps, 1])],
      ["rewards", array([steps])],
    ]);
  const step = (reward: number): PlainValue =>
    new Map<PlainValue, PlainValue>([
      ["obs", array([2])],
      ["action", array([1])],
      ["reward", reward],
      ["info", new Map()],
    ]);

  it("hold episodes in a list, a dict, or under one name; equal lengths do not make one record of them", () => {
    expect(plainEpisodeRecords([episode(3), episode(3), episode(3)])).toHaveLength(3);
    expect(
      plainEpisodeRecords(
        new Map<PlainValue, PlainValue>([
          [0, episode(3)],
          [1, episode(4)],
        ]),
      ),
    ).toHaveLength(2);
    expect(plainEpisodeRecords(new Map([["arr_0", [episode(3), episode(4)]]]))).toHaveLength(2);
    expect(
      plainEpisodeRecords(
        new Map<PlainValue, PlainValue>([
          ["paths", [episode(3)]],
          ["seed", 1],
        ]),
      ),
    ).toHaveLength(1);
    expect(plainEpisodeRecords(episode(5))).toHaveLength(1);
  });

  it("hold lists of steps", () => {
    const records = plainEpisodeRecords([
      [step(1), step(2)],
      [step(3), step(4), step(5)],
    ]);
    expect(records).toHaveLength(2);
    expect((records[1] as ReadonlyMap<PlainValue, PlainValue>).get("reward")).toEqual([3, 4, 5]);
    expect(plainEpisodeRecords([step(1), step(2)])).toHaveLength(1);
  });

  it("are no episodes where nothing is called an action", () => {
    expect(
      firstEpisode(
        new Map<PlainValue, PlainValue>([
          ["weights", array([3, 2])],
          ["rewards", array([3])],
        ]),
      ),
    ).toBeUndefined();
    expect(firstEpisode(["a", "b"])).toBeUndefined();
    expect(firstEpisode(null)).toBeUndefined();
  });
});

describe("episodes by row", () => {
  it("keeps lists of steps as columns, and what is no number under extra", async () => {
    const { id, trajectories, summaries } = await read("test/formats/fixtures/episode-rows.jsonl");
    expect(id).toBe("episode-rows");
    expect(summaries.map(({ reward, stepCount }) => [reward, stepCount])).toEqual([
      [1.25, 3],
      [0.75, 2],
    ]);
    expect(column(trajectories[0], "observations")).toMatchObject({ role: "observation", rows: 3, width: 2 });
    expect(trajectories[0]?.extra["env"]).toBe("made-v0");
  });
});
