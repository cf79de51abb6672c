import { describe, expect, it } from "vitest";
import { formatById } from "../../../src/formats/index";
import { datasetPlace } from "../../../src/store/datasetPaths";

const place = (
  path: string,
  format = "verl",
): { path: string; name: string; id: string; relative: string } => {
  const found = datasetPlace(path, formatById(format)!);
  return { path: found.path, name: found.name, id: found.datasetId, relative: found.relativePath };
};

describe("datasets", () => {
  it("join numbered shards and step folders", () => {
    expect(place("/run/rollouts/1.jsonl").id).toBe(place("/run/rollouts/12.jsonl").id);
    expect(place("/run/rollouts/12.jsonl")).toMatchObject({
      path: "/run/rollouts",
      name: "rollouts",
      relative: "12.jsonl",
    });
    expect(place("/run/token_exports/step_3/rank_0.jsonl", "prime-rl-tokens")).toMatchObject({
      path: "/run/token_exports",
      name: "token_exports",
      relative: "step_3/rank_0.jsonl",
    });
    expect(place("/d/completions/completions_00003.parquet", "trl-completions")).toMatchObject({
      path: "/d/completions",
      name: "completions",
    });
    // A file an episode, also where they are spread over numbered folders.
    expect(place("/run/00/ep12.json", "chat").id).toBe(place("/run/01/ep1012.json", "chat").id);
    expect(place("/run/episode_3.json", "chat").id).toBe(place("/run/episode_12.json", "chat").id);
    expect(place("/d/part-00001-of-00010.jsonl").id).toBe(place("/d/part-00002-of-00010.jsonl").id);
  });

  it("keep what does not belong together apart", () => {
    expect(place("/exp/train_data_step1.jsonl", "nemo-rl").id).not.toBe(
      place("/exp/val_data_step1.jsonl", "nemo-rl").id,
    );
    expect(place("/exp/train_data_step1.jsonl", "nemo-rl").name).toBe("exp · train_data_step");
    expect(place("/a/1.jsonl").id).not.toBe(place("/b/1.jsonl").id);
    expect(place("/a/model-v2.jsonl")).toMatchObject({ path: "/a/model-v2.jsonl", name: "model-v2.jsonl" });
    expect(place("/a/sweep2.jsonl").path).toBe("/a/sweep2.jsonl");
    expect(place("/a/gpt-4.jsonl").path).toBe("/a/gpt-4.jsonl");
  });

  it("follow what a format says of its folders", () => {
    expect(place("/d/pendulum/v0/data/main_data.hdf5", "minari").path).toBe("/d/pendulum/v0");
    expect(place("/r/inst__a-1/inst__a-1.traj", "swe-agent").path).toBe("/r");
    expect(place("/r/lone.traj", "swe-agent").path).toBe("/r/lone.traj");
  });
});
