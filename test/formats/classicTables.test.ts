import { DuckDBInstance } from "@duckdb/node-api";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Companions, Format } from "../../src/formats/format";
import { leRobot } from "../../src/formats/leRobot";
import { minariTables } from "../../src/formats/minariTables";
import type { JsonValue } from "../../src/model/json";
import type { Trajectory } from "../../src/model/trajectory";
import { readFile, readParts, type ReadRecord } from "./readFile";

async function write(name: string, select: string): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), "lens-table-")), name);
  mkdirSync(dirname(path), { recursive: true });
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`);
  return path;
}

/** Reads every trajectory with what the files beside it say. */
function withCompanions(
  records: readonly ReadRecord[],
  format: Format,
  files: Readonly<Record<string, JsonValue>>,
): Trajectory[] {
  const companions: Companions = new Map(Object.entries(files));
  return records.flatMap((one) => {
    const context = { ...one.context, companions };
    return readParts({ ...one, context, summaries: format.summarise(one.record, context) }, format);
  });
}

const data = (trajectory: Trajectory | undefined, name: string): readonly number[] =>
  Array.from(trajectory?.columns?.columns.find((one) => one.name === name)?.data ?? []);

describe("LeRobot", () => {
  const frames = `SELECT * FROM (VALUES
    ([0.5::FLOAT, 1]::FLOAT[2], {'a': 1.0::DOUBLE}, 0::BIGINT, 0::BIGINT, 0.0::FLOAT, 0::BIGINT, 1::BIGINT, 0.0::FLOAT, false, 'slow'),
    ([0.25, 2]::FLOAT[2], {'a': 2.0}, 0, 1, 0.5, 1, 1, 1.0, true, 'slow'),
    ([0.125, 3]::FLOAT[2], {'a': 3.0}, 1, 0, 0.0, 2, 0, NULL, false, 'fast'))
    t("observation.state", "action", episode_index, frame_index, "timestamp", "index", task_index, "next.reward", "next.done", speed)`;

  it("makes consecutive rows of one episode_index an episode, whatever the file's name", async () => {
    const { format, records, problems } = await readFile(await write("data/chunk-000/part.parquet", frames));
    expect(problems).toEqual([]);
    expect(format).toBe(leRobot);
    const [first, second] = withCompanions(records, leRobot, {
      "../../meta/info.json": {
        codebase_version: "v2.1",
        fps: 2,
        chunks_size: 1000,
        video_path: "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        features: {
          "observation.state": { dtype: "float32", shape: [2], names: { motors: ["arm", "hand"] } },
          "observation.images.top": { dtype: "video" },
        },
      },
      "../../meta/tasks.jsonl": [
        { task_index: 0, task: "open" },
        { task_index: 1, task: "close" },
      ],
      "../../meta/episodes.jsonl": { episode_index: 0, length: 9, tasks: ["close"] },
    });
    expect(first).toMatchObject({
      task: { id: "0", prompt: "close" },
      outcome: { reward: 1, rewardSource: "sum of rewards", stopReason: "terminated" },
    });
    expect(first?.outcome.truncated).toBeUndefined();
    expect(data(first, "observation.state")).toEqual([0.5, 1, 0.25, 2]);
    expect(data(first, "action.a")).toEqual([1, 2]);
    expect(first?.columns?.columns.find((one) => one.name === "observation.state")).toMatchObject({
      role: "observation",
      width: 2,
      labels: ["arm", "hand"],
    });
    expect(first?.steps.map((step) => [step.reward, step.terminated, step.extra])).toEqual([
      [0, false, { speed: "slow" }],
      [1, true, { speed: "slow" }],
    ]);
    expect(first?.steps[0]?.media).toEqual([
      { kind: "video", path: "videos/chunk-000/observation.images.top/episode_000000.mp4" },
    ]);
    expect(first?.notes.map((note) => note.code)).toEqual(["other-length", "one-done-flag"]);
    // A reward of null is no reward of 0.
    expect(second?.outcome.reward).toBeNaN();
    expect(second?.extra).toMatchObject({ null_rows: { "next.reward": [0] } });
    expect(second?.task.prompt).toBe("open");
  });

  it("takes task texts and video places of version 3 from its tables", async () => {
    const { records } = await readFile(await write("data/chunk-000/file-000.parquet", frames));
    const [, second] = withCompanions(records, leRobot, {
      "../../meta/info.json": {
        codebase_version: "v3.0",
        video_path: "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        features: { "observation.images.top": { dtype: "video" } },
      },
      "../../meta/tasks.parquet": [{ task_index: 0, __index_level_0__: "open" }],
      "../../meta/episodes/chunk-000/file-000.parquet": [
        {
          episode_index: 1,
          length: 1,
          "videos/observation.images.top/chunk_index": 0,
          "videos/observation.images.top/file_index": 2,
          "videos/observation.images.top/from_timestamp": 4.5,
          "stats/action/max": [1],
        },
      ],
    });
    expect(second?.task.prompt).toBe("open");
    expect(second?.steps[0]?.media).toEqual([
      {
        kind: "video",
        path: "videos/observation.images.top/chunk-000/file-002.mp4",
        part: { from: 4.5 },
      },
    ]);
    expect(second?.extra["videos/observation.images.top/from_timestamp"]).toBe(4.5);
    expect(second?.extra["stats/action/max"]).toBeUndefined();
  });

  it("names the dataset's folder, and asks for the shard of episodes with the file's number", () => {
    expect(leRobot.datasetPath?.("/d/set/data/chunk-001/episode_000007.parquet")).toBe("/d/set");
    expect(leRobot.companions?.("/d/set/data/chunk-001/file-002.parquet", [], [])).toContain(
      "../../meta/episodes/chunk-001/file-002.parquet",
    );
  });
});

describe("Minari tables", () => {
  it("drop the padding of the last row and keep the final observation", async () => {
    const { format, records } = await readFile(
      await write(
        "data/7/part-0.parquet",
        `SELECT * FROM (VALUES
          ({'position': [0.0::FLOAT, 1]}, 1::BIGINT, 0.5::DOUBLE, false, false),
          ({'position': [2.0, 3]}, 0, 0.25, false, true),
          ({'position': [4.0, 5]}, 0, 0.0, false, false)) t(observations, actions, rewards, terminations, truncations)`,
      ),
    );
    expect(format).toBe(minariTables);
    const [episode] = withCompanions(records, minariTables, {
      "metadata.json": { id: 7, total_steps: 2, seed: null },
      "../metadata.json": { dataset_id: "a/b-v0", env_spec: '{"id": "CartPole-v1"}' },
    });
    expect(episode?.task.id).toBe("7");
    expect(data(episode, "observations.position")).toEqual([0, 1, 2, 3, 4, 5]);
    expect(data(episode, "rewards")).toEqual([0.5, 0.25]);
    expect(episode?.outcome).toMatchObject({ reward: 0.75, truncated: true, stopReason: "truncated" });
    expect(episode?.extra).toMatchObject({ seed: null, dataset: { env_spec: { id: "CartPole-v1" } } });
  });
});
