import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { primeRlBatches } from "../../src/formats/primeRlBatches";
import { microBatchOf, trainingSampleOf } from "../../src/formats/primeRlStructs";
import { isCandidate } from "../../src/store/walk";
import { readFile, readParts } from "./readFile";

const folder = "test/formats/fixtures/prime-rl";

async function read(path: string) {
  const result = await readFile(path);
  expect([result.format?.id, result.problems]).toEqual(["prime-rl-batches", []]);
  return {
    notes: result.notes,
    trajectories: result.records.map((record) => readParts(record, primeRlBatches)[0]!),
    summaries: result.records.map((record) => record.summaries[0]!),
  };
}

const list = (values: ArrayLike<number> | undefined): number[] => Array.from(values ?? []);

/** A copy under a step folder of its own. */
function written(name: string, bytes: Uint8Array): string {
  const path = join(mkdtempSync(join(tmpdir(), "lens-prime-")), "step_9", name);
  mkdirSync(dirname(path));
  writeFileSync(path, bytes);
  return path;
}

describe("prime-rl's batches in MessagePack", () => {
  it("cut micro batches into documents, without padding, and keep what fills up a rank", async () => {
    const { trajectories, summaries } = await read(join(folder, "rollouts/step_12/rank_0.bin"));
    expect(trajectories.map(({ tokens }) => list(tokens?.ids))).toEqual([
      [10, 11, 12, 13, 14, 15],
      [10, 11, 20],
      [10, 11, 12, 13, 14, 15],
      [10, 11, 20],
      [1, 1],
    ]);
    const [first, second, copy] = trajectories;
    expect(first).toMatchObject({
      trainingStep: 12,
      advantage: 0.5,
      task: { id: "sums" },
      outcome: { components: {} },
    });
    expect(first?.outcome.reward).toBeUndefined();
    expect(list(first?.tokens?.mask)).toEqual([0, 0, 1, 1, 0, 1]);
    expect(list(first?.tokens?.series["logprob"])).toEqual([0, 0, -0.5, -0.25, 0, -0.125]);
    expect(list(first?.tokens?.series["ref_logprob"])).toEqual([-1, -1, -1, -1, -1, -1]);
    expect(list(first?.tokens?.series["temperature"])).toEqual([0.7, 0.7, 0.7, 0.7, 0.7, 0.7]);
    expect(second).toMatchObject({ advantage: -0.5, task: { id: "words" } });
    expect(copy?.notes.map(({ code }) => code)).toContain("untrained");
    expect(summaries[0]?.groupKey).toBe("sums:10,11");
    expect(first?.steps.map(({ role, tokenStart, tokenEnd }) => [role, tokenStart, tokenEnd])).toEqual([
      ["user", 0, 2],
      ["assistant", 2, 4],
      ["tool", 4, 5],
      ["assistant", 5, 6],
    ]);
  });

  it("read the first version, whose structs have five or six fields", async () => {
    const { trajectories } = await read(join(folder, "oldest/step_3/rank_1.bin"));
    expect(trajectories.map(({ tokens }) => tokens?.count)).toEqual([6, 3]);
    expect(trajectories[1]).toMatchObject({ trainingStep: 3, advantage: -0.5, extra: { temperature: 0.7 } });
  });

  it("read training samples with their reward, in which prompt and completion are apart", async () => {
    const { trajectories, summaries } = await read(join(folder, "run/rollouts/step_7/rollouts.bin"));
    const [first, second] = trajectories;
    expect(first).toMatchObject({
      trainingStep: 7,
      advantage: 0.5,
      outcome: { reward: 1, rewardSource: "reward" },
    });
    expect(list(first?.tokens?.series["logprob"])).toEqual([NaN, NaN, -0.5, -0.25, 0, -0.125]);
    expect(first?.extra).toEqual({
      training_mode: "rl",
      run_idx: null,
      teacher_logprobs: null,
      mm_kwargs: null,
      routed_experts: null,
      mm_token_type_ids: null,
    });
    expect(second).toMatchObject({ advantage: -0.5, outcome: { reward: 0 } });
    expect(new Set(summaries.map(({ groupKey }) => groupKey)).size).toBe(1);
  });

  it("tell the temperature of the oldest batches from their step", async () => {
    const { trajectories } = await read(join(folder, "oldest/step_4/rollouts.bin"));
    expect(trajectories[0]).toMatchObject({
      trainingStep: 4,
      advantage: 0.25,
      extra: { temperature: 0.7, run_idx: 0 },
    });
    expect(trajectories[0]?.outcome.reward).toBeUndefined();
  });

  it("read branches whose advantages differ from token to token", async () => {
    const { trajectories } = await read(join(folder, "turns/step_2/rollouts.bin"));
    expect(trajectories[0]?.advantage).toBeUndefined();
    expect(list(trajectories[0]?.tokens?.series["advantage"])).toEqual([0, 0.5, 0, 0.75]);
    expect(trajectories[0]?.steps.map(({ advantage }) => advantage)).toEqual([
      undefined,
      0.5,
      undefined,
      0.75,
    ]);
  });

  it("read the tensors that ranks were given before", async () => {
    const { trajectories } = await read(join(folder, "torch/step_5/rank_0.pt"));
    expect(trajectories.map(({ tokens }) => list(tokens?.ids))).toEqual([
      [10, 11, 12],
      [10, 20],
      [10, 11, 12],
      [10, 20],
    ]);
    expect(trajectories[1]).toMatchObject({ trainingStep: 5, advantage: -0.5, extra: { temperature: 0.7 } });
    expect(list(trajectories[1]?.tokens?.mask)).toEqual([0, 1]);
    expect(list(trajectories[1]?.tokens?.series["logprob"])).toEqual([0, -0.75]);
  });

  it("tell versions by their kinds: the same place holds other fields", () => {
    const start = [
      [5, 6],
      [false, true],
      [0, 1],
      [0, -1],
      [0, 1],
    ];
    const names = (...rest: (number | null | string | readonly (number | string)[])[]) =>
      [...(microBatchOf([...start, ...rest])?.keys() ?? [])].slice(5);
    expect(names(0.7, null, null)).toEqual(["temperature", "teacher_logprobs", "lora_num_tokens"]);
    expect(names([2, 0], 0.7)).toEqual(["lora_num_tokens", "temperature"]);
    expect(names([0.7, 0.7], [-1, -1], [2])).toEqual(["temperatures", "teacher_logprobs", "lora_num_tokens"]);
    expect(names([0.7, 0.7], ["a", "a"], [2]).slice(0, 3)).toEqual([
      "temperatures",
      "env_names",
      "sequence_lengths",
    ]);
    expect(names([2], [0.7, 0.7], ["a", "a"]).slice(0, 3)).toEqual([
      "sequence_lengths",
      "temperatures",
      "env_names",
    ]);
    expect(microBatchOf([[5, 6], [false], [0, 1], [0, -1], [0, 1]])).toBeUndefined();
    expect(
      microBatchOf([
        [1, 2],
        [3, 4],
      ]),
    ).toBeUndefined();
    expect(trainingSampleOf([[5], [false], [6, 7], [true], [-1]])).toBeUndefined();
  });

  it("show what is whole of a file that is cut off, and read compressed files", async () => {
    const bytes = readFileSync(join(folder, "rollouts/step_12/rank_0.bin"));
    const torn = await read(written("rank_0.bin", bytes.subarray(0, bytes.length - 40)));
    expect(torn.trajectories).toHaveLength(2);
    expect(torn.notes.map(({ code }) => code)).toEqual(["torn-message-pack"]);
    const batch = readFileSync(join(folder, "run/rollouts/step_7/rollouts.bin"));
    const tornBatch = await read(written("rollouts.bin", batch.subarray(0, batch.length - 20)));
    expect(tornBatch.trajectories.map(({ outcome }) => outcome.reward)).toEqual([1]);
    const packed = await read(written("rank_0.bin.gz", gzipSync(bytes)));
    expect(packed.trajectories).toHaveLength(5);
    expect(packed.trajectories[0]?.trainingStep).toBe(9);
  });

  it("are looked at in folders, where other .bin files are weights", () => {
    expect(["rank_0.bin", "rank_12.bin", "rollouts.bin", "pytorch_model.bin"].map(isCandidate)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
