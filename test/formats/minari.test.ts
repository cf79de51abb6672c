import * as h5wasm from "h5wasm/node";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { minari } from "../../src/formats/minari";
import { readFile, readParts } from "./readFile";

async function write(): Promise<string> {
  await h5wasm.ready;
  const path = join(mkdtempSync(join(tmpdir(), "lens-minari-")), "main_data.hdf5");
  const file = new h5wasm.File(path, "w");
  for (const [number, steps] of [
    [0, 3],
    [1, 2],
    [10, 1],
  ] as const) {
    const episode = file.create_group(`episode_${number}`);
    episode.create_attribute("id", number);
    episode.create_attribute("total_steps", steps);
    episode.create_attribute("level", 0.5);
    const observations = episode.create_group("observations");
    observations.create_dataset({
      name: "position",
      data: Float32Array.from({ length: 2 * (steps + 1) }, (_, index) => index),
      shape: [steps + 1, 2],
    });
    const tuple = observations.create_group("inner");
    tuple.create_dataset({
      name: "_index_0",
      data: Float64Array.from({ length: steps + 1 }, (_, index) => -index),
      shape: [steps + 1],
    });
    episode.create_dataset({
      name: "actions",
      data: Int32Array.from({ length: steps }, (_, index) => index),
      shape: [steps],
    });
    episode.create_dataset({
      name: "rewards",
      data: Float64Array.from({ length: steps }, (_, index) =>
        number === 1 && index === 1 ? Number.NaN : 0.1,
      ),
      shape: [steps],
    });
    episode.create_dataset({
      name: "terminations",
      data: Uint8Array.from({ length: steps }, (_, index) => (number === 0 && index === steps - 1 ? 1 : 0)),
      shape: [steps],
    });
    episode.create_dataset({
      name: "truncations",
      data: Uint8Array.from({ length: steps }, (_, index) => (number === 10 && index === steps - 1 ? 1 : 0)),
      shape: [steps],
    });
    const infos = episode.create_group("infos");
    infos.create_dataset({
      name: "value",
      data: Float32Array.from({ length: steps + 1 }, (_, index) => index / 2),
      shape: [steps + 1],
    });
    infos.create_dataset({
      name: "logprob",
      data: Float64Array.from({ length: steps }, () => -1),
      shape: [steps],
    });
    infos.create_dataset({
      name: "speed",
      data: Float64Array.from({ length: steps }, () => 9),
      shape: [steps],
    });
  }
  file.close();
  return path;
}

describe("Minari episodes", () => {
  it("keep columns with their roles, Dict and Tuple spaces by name, one observation more than steps", async () => {
    const { format, records } = await readFile(await write(), (record) => void readParts(record, minari));
    expect(format).toBe(minari);
    expect(records.map((record) => record.context.member)).toEqual(["episode_0", "episode_1", "episode_10"]);
    expect(
      records.map(({ summaries }) => [
        summaries[0]?.reward,
        summaries[0]?.stopReason,
        summaries[0]?.truncated,
        summaries[0]?.stepCount,
      ]),
    ).toEqual([
      [0.1 + 0.1 + 0.1, "terminated", false, 3],
      [Number.NaN, undefined, false, 2],
      [0.1, "truncated", true, 1],
    ]);
    // An attribute of the episode is no part of its reward.
    expect(records[0]?.summaries[0]?.components).toEqual({});
    expect(records[0]?.summaries[0]?.steps?.[2]).toEqual({ index: 2, reward: 0.1, value: 1 });
  });

  it("read values, log-probabilities and flags into the steps", async () => {
    let seen = 0;
    await readFile(await write(), (record) => {
      const trajectory = readParts(record, minari)[0]!;
      if (record.context.member !== "episode_0") return;
      seen++;
      expect(
        trajectory.columns?.columns.map((column) => [column.name, column.role, column.rows, column.width]),
      ).toEqual([
        ["observations.position", "observation", 4, 2],
        ["observations.inner.0", "observation", 4, 1],
        ["actions", "action", 3, 1],
        ["rewards", "reward", 3, 1],
        ["terminations", "terminated", 3, 1],
        ["truncations", "truncated", 3, 1],
        ["infos.logprob", "logprob", 3, 1],
        ["infos.speed", "info", 3, 1],
        ["infos.value", "value", 4, 1],
      ]);
      expect(trajectory.steps[2]).toEqual({
        index: 2,
        role: "assistant",
        kind: "act",
        reward: 0.1,
        value: 1,
        logprob: -1,
        terminated: true,
        truncated: false,
      });
      expect(trajectory.outcome.rewardSource).toBe("sum of rewards");
    });
    expect(seen).toBe(1);
  });

  const real = "examples/workspace/control/runs";
  it.skipIf(!existsSync(real))("read what the real library wrote", async () => {
    const files = readdirSync(real, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith("main_data.hdf5"),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) {
      const { format, records, problems } = await readFile(
        join(real, name),
        (record) => void readParts(record, minari),
      );
      expect(format).toBe(minari);
      expect(problems).toEqual([]);
      for (const { summaries } of records) {
        // The trainer records what the reward is made of; the parts add up to it.
        const { components, reward } = summaries[0]!;
        expect(Object.keys(components).sort()).toEqual(["reward_angle", "reward_torque", "reward_velocity"]);
        expect(reward).toBeCloseTo(
          Object.values(components).reduce<number>((sum, part) => sum + (part as number), 0),
          8,
        );
      }
    }
  });
});
