import {
  tableFromArrays,
  tableToIPC,
  vectorFromArray,
  List,
  Field,
  Float64,
  Int64,
  Utf8,
  Bool,
  Table,
} from "apache-arrow";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/model/json";
import type { Trajectory } from "../../src/model/trajectory";
import { rlds } from "../../src/formats/rlds";
import { readFile, readParts } from "./readFile";

const folder = "test/formats/fixtures";

async function read(path: string) {
  const trajectories: Trajectory[] = [];
  const result = await readFile(path, (record, format) => trajectories.push(...readParts(record, format)));
  expect(result.problems).toEqual([]);
  return { ...result, id: result.format?.id, trajectories };
}

const codes = (trajectory: Trajectory | undefined): readonly string[] =>
  (trajectory?.notes ?? []).map((note) => note.code);
const column = (trajectory: Trajectory | undefined, name: string) =>
  trajectory?.columns?.columns.find((one) => one.name === name);

describe("RLDS", () => {
  it("takes a last step of zeros as the final observation, and shows one that holds numbers", async () => {
    const { id, trajectories } = await read(`${folder}/rlds.tfrecord`);
    expect(id).toBe("rlds");
    expect(
      trajectories.map((one) => [
        one.steps.length,
        one.outcome.reward,
        one.outcome.stopReason,
        one.outcome.truncated,
        codes(one),
      ]),
    ).toEqual([
      [2, 2, "terminated", false, ["padded-last-step"]],
      [2, 6, "truncated", true, ["real-last-step"]],
    ]);
    const [first] = trajectories;
    expect(column(first, "observation.state")).toMatchObject({ role: "observation", rows: 3, width: 3 });
    expect(column(first, "action")).toMatchObject({ role: "action", rows: 2, width: 2 });
    expect(first?.task.prompt).toBe("open the door");
    expect(first?.steps[0]?.extra).toEqual({
      language_instruction: "open the door",
      "observation/image": "JPEG, 8 bytes",
    });
    expect(first?.extra).toEqual({ episode_id: 7 });
  });

  it("refuses an episode whose arrays are not of the shapes that features.json gives", async () => {
    const { records } = await read(`${folder}/rlds.tfrecord`);
    const shaped = (size: string): JsonValue => ({
      featuresDict: {
        features: {
          steps: {
            sequence: {
              feature: {
                featuresDict: { features: { action: { tensor: { shape: { dimensions: [size] } } } } },
              },
            },
          },
        },
      },
    });
    const [first] = records;
    const summarise = (size: string) =>
      rlds.summarise(first!.record, {
        ...first!.context,
        companions: new Map([["features.json", shaped(size)]]),
      });
    expect(summarise("2")[0]?.stepCount).toBe(2);
    expect(() => summarise("7")).toThrow("steps/action holds 2 numbers a step and features.json says 7");
  });
});

describe("TF-Agents", () => {
  it("cuts transitions into episodes, and keeps the transition out of a last step with a note", async () => {
    const { id, trajectories } = await read(`${folder}/tf-agents.tfrecord`);
    expect(id).toBe("tf-agents");
    expect(
      trajectories.map((one) => [
        one.steps.map((step) => step.reward),
        one.outcome.stopReason,
        one.outcome.truncated,
        codes(one),
      ]),
    ).toEqual([
      [[1, 2], "terminated", false, []],
      [[3, 0], "truncated", true, ["boundary-transition"]],
      [[4], undefined, undefined, ["cut-episode"]],
    ]);
    expect(column(trajectories[0], "time_step.observation")?.data).toEqual(Float32Array.of(0, 0, 1, 0));
    expect(column(trajectories[0], "time_step.step_type")?.data).toEqual(Float64Array.of(0, 1));
  });
});

describe("imitation datasets", () => {
  it("read a row as a trajectory with one observation more, and infos as data", async () => {
    const numbers = new List(new Field("item", new Float64()));
    const table = new Table({
      obs: vectorFromArray(
        [
          [
            [0, 1],
            [2, 3],
            [4, 5],
          ],
        ],
        new List(new Field("item", numbers)),
      ),
      acts: vectorFromArray([[1n, 0n]], new List(new Field("item", new Int64()))),
      rews: vectorFromArray([[0.5, Number.NaN]], numbers),
      infos: vectorFromArray(
        [["{}", '{"py/object": "x.Y", "speed": 2}']],
        new List(new Field("item", new Utf8())),
      ),
      terminal: vectorFromArray([true], new Bool()),
    });
    const path = join(mkdtempSync(join(tmpdir(), "lens-arrow-")), "data-00000-of-00001.arrow");
    writeFileSync(path, tableToIPC(table, "stream"));
    const { id, trajectories } = await read(path);
    expect(id).toBe("imitation-hf");
    const [first] = trajectories;
    expect(first?.steps).toHaveLength(2);
    expect(first?.outcome.reward).toBeNaN();
    expect(column(first, "obs")).toMatchObject({ rows: 3, width: 2 });
    expect(column(first, "acts")?.data).toEqual(Float64Array.of(1, 0));
    expect(first?.steps.map((step) => step.extra)).toEqual([
      undefined,
      { info: { "py/object": "x.Y", speed: 2 } },
    ]);
    expect(codes(first)).toEqual(["one-done-flag"]);
  });

  it("leave tables with other columns alone", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "lens-arrow-")), "other.arrow");
    writeFileSync(path, tableToIPC(tableFromArrays({ obs: Float64Array.of(1), acts: Float64Array.of(1) })));
    expect((await read(path)).id).toBeUndefined();
  });
});

describe("vehicles", () => {
  it("make consecutive rows of one vehicle a trajectory, also when its number comes again", async () => {
    const { id, trajectories } = await read(`${folder}/vehicle-tracks.csv`);
    expect(id).toBe("vehicle-tracks");
    expect(trajectories.map((one) => [one.task.id, one.steps.length])).toEqual([
      ["vehicle_2_from_13", 3],
      ["vehicle_4_from_20", 2],
      ["vehicle_2_from_900", 1],
    ]);
    expect(column(trajectories[0], "Local_X")).toMatchObject({ role: "observation" });
    expect(Array.from(column(trajectories[1], "v_Vel")?.data ?? [])).toEqual([Number.NaN, 30.5]);
    expect(trajectories[1]?.extra).toMatchObject({ null_rows: { v_Vel: [0] }, frames: [20, 21] });
  });

  it("cut the matrix of a MATLAB file by dataset and vehicle", async () => {
    const { id, trajectories } = await read(`${folder}/vehicle-matrix.mat`);
    expect(id).toBe("vehicle-matrix");
    expect(trajectories.map((one) => [one.task.id, one.steps.length])).toEqual([
      ["1/2/10", 3],
      ["1/5/3", 1],
    ]);
    expect(Array.from(column(trajectories[0], "position")?.data ?? [])).toEqual([1.5, 0, 1.25, 10.5, 1, 21]);
    expect(column(trajectories[1], "position")?.labels).toEqual(["x", "y"]);
    expect(codes(trajectories[0])).toEqual(["guessed-columns"]);
  });
});
