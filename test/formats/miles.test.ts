import { copyFileSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchConnection } from "../../src/store/parquet";
import { lines } from "./draftsOf";
import { readFile, readParts } from "./readFile";

const fixtures = "test/formats/fixtures";

async function read(path: string, format: string) {
  const result = await readFile(path);
  expect([result.format?.id, result.problems]).toEqual([format, []]);
  return {
    trajectories: result.records.map((record) => readParts(record, result.format!)[0]!),
    summaries: result.records.map((record) => record.summaries[0]!),
  };
}

/** The files of a `--dump-details` folder. */
function dump(...files: readonly (readonly [from: string, to: string])[]): string {
  const folder = mkdtempSync(join(tmpdir(), "lens-miles-"));
  for (const [from, to] of files) {
    mkdirSync(join(folder, to, ".."), { recursive: true });
    copyFileSync(join(fixtures, from), join(folder, to));
  }
  return folder;
}

const TURNS = [
  "user/prompt: What is 2+2?",
  'assistant/act: Let me compute. [add {"a":2,"b":2}]',
  "tool/observe: 4",
  "assistant/answer: It is 4.",
];

describe("miles", () => {
  it("keeps conversations with their group, status and rollout", async () => {
    const folder = dump(
      ["miles-trajectory.jsonl", "trajectory/7.jsonl"],
      ["miles-trajectory.jsonl", "trajectory/eval_7.jsonl"],
    );
    const { trajectories, summaries } = await read(join(folder, "trajectory/7.jsonl"), "miles-trajectory");
    expect(lines(trajectories[0])).toEqual(TURNS);
    expect(trajectories[0]).toMatchObject({
      trainingStep: 7,
      outcome: { reward: 1, stopReason: "completed", truncated: false },
    });
    expect(summaries.map(({ ownId, groupKey }) => [ownId, groupKey])).toEqual([
      ["24", "3"],
      ["25", "3"],
    ]);
    // The prompt is a text with its template, and the conversation begins behind it.
    expect(lines(trajectories[1])).toEqual([
      "system/prompt: Be brief.",
      "user/prompt: What is 2+2?",
      "assistant/answer: It is 5",
    ]);
    expect(trajectories[1]).toMatchObject({
      task: { prompt: "What is 2+2?" },
      outcome: { reward: null, truncated: true },
    });
    expect(trajectories[1]?.notes.map(({ code }) => code)).toEqual(["reward-left-out"]);
    const evaluated = await read(join(folder, "trajectory/eval_7.jsonl"), "miles-trajectory");
    expect(evaluated.trajectories[0]).toMatchObject({ trainingStep: 7, split: "eval" });
  });

  it("gives the turns of the rollout dump beside it", async () => {
    const folder = dump(
      ["miles-trajectory.jsonl", "trajectory/12.jsonl"],
      ["pickles/slime/rollout_data/12.pt", "rollout_data/12.pt"],
    );
    const { trajectories } = await read(join(folder, "rollout_data/12.pt"), "slime-rollout");
    expect(lines(trajectories[0])).toEqual(TURNS);
    expect(trajectories[0]?.notes.map(({ code }) => code)).toContain("joined-conversation");
    expect(trajectories[0]?.tokens?.count).toBe(7);
    const alone = await read(join(fixtures, "pickles/slime/rollout_data/12.pt"), "slime-rollout");
    expect(alone.trajectories[0]?.notes.map(({ code }) => code)).not.toContain("joined-conversation");
  });

  it("mirrors token columns, aligned with the response", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-miles-"));
    const path = join(folder, "rollout_eval_9.parquet");
    const connection = await scratchConnection();
    await connection.run(
      `COPY (SELECT 24::INTEGER AS sample_index, 3::INTEGER AS response_length, 5::INTEGER AS total_length, [5, 6, 11, 12, 13] AS tokens,
         [1, 0, 1]::TINYINT[] AS loss_mask, [-0.5, -0.25, -1]::FLOAT[] AS rollout_log_probs
       UNION ALL SELECT 25, 1, 3, [5, 6, 14], NULL, NULL) TO '${path}' (FORMAT parquet)`,
    );
    connection.closeSync();
    const { trajectories, summaries } = await read(path, "miles-columns");
    const [first, second] = trajectories;
    expect(first).toMatchObject({ trainingStep: 9, split: "eval" });
    expect(Array.from(first?.tokens?.mask ?? [])).toEqual([0, 0, 1, 0, 1]);
    expect(Array.from(first?.tokens?.series["logprob"] ?? [])).toEqual([NaN, NaN, -0.5, -0.25, -1]);
    expect(Array.from(second?.tokens?.mask ?? [])).toEqual([0, 0, 1]);
    expect(second?.tokens?.series).toEqual({});
    expect(new Set(summaries.map(({ groupKey }) => groupKey)).size).toBe(1);
  });
});
