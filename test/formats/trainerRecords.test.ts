import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratchConnection } from "../../src/store/parquet";
import { lines } from "./draftsOf";
import { readFile, readParts } from "./readFile";

const fixtures = "test/formats/fixtures";
const folder = mkdtempSync(join(tmpdir(), "lens-records-"));

async function read(path: string, format: string) {
  const result = await readFile(path);
  expect([result.format?.id, result.problems]).toEqual([format, []]);
  return {
    trajectories: result.records.flatMap((record) => readParts(record, result.format!)),
    summaries: result.records.flatMap((record) => record.summaries),
  };
}

/** A fixture under the name that its writer gives it. */
function named(fixture: string, name: string): string {
  const path = join(folder, name);
  copyFileSync(join(fixtures, fixture), path);
  return path;
}

const list = (values: ArrayLike<number> | undefined): number[] => Array.from(values ?? []);

describe("PipelineRL", () => {
  it("cuts texts where Python counts the predicted characters from, and masks by labels", async () => {
    const { trajectories, summaries } = await read(join(fixtures, "pipeline-rl.jsonl"), "pipeline-rl");
    expect(trajectories.map((one) => lines(one).at(-1))).toEqual([
      "assistant/answer: It is 4 \u{1f600}.",
      "assistant/answer: 5",
      "assistant/answer: 4",
    ]);
    const [first, second] = trajectories;
    expect(list(first?.tokens?.mask)).toEqual([0, 0, 0, 1, 1]);
    expect(list(first?.tokens?.series["logprob"])).toEqual([NaN, NaN, NaN, -0.5, -0.25]);
    expect(list(first?.tokens?.series["ref_logprob"])).toEqual([NaN, NaN, NaN, -0.75, -0.5]);
    expect(first).toMatchObject({ trainingStep: 12, outcome: { reward: 1, truncated: false } });
    expect(second?.outcome).toMatchObject({ reward: 0, truncated: true });
    expect(summaries.map(({ groupKey, groupGuess }) => [groupKey, groupGuess])).toEqual([
      ["g7", undefined],
      ["g7", undefined],
      ["g7", undefined],
    ]);
  });
});

describe("RL2", () => {
  it("reads a line of samples with their tokens, rewards a turn and ground truth", async () => {
    const { trajectories, summaries } = await read(named("rl2.jsonl", "step8.jsonl"), "rl2");
    expect(
      trajectories.map(({ outcome, trainingStep }) => [outcome.reward, outcome.stopReason, trainingStep]),
    ).toEqual([
      [1, "done", 8],
      [0, "done", 8],
      [1, "done", 8],
    ]);
    expect(lines(trajectories[1])).toEqual(["user/prompt: 2+2?", "assistant/answer: It is 5"]);
    expect(trajectories[1]?.task.groundTruth).toBe("4");
    expect(list(trajectories[1]?.tokens?.mask)).toEqual([0, 0, 0, 1, 1, 1]);
    expect(list(trajectories[1]?.tokens?.series["reward"])).toEqual([0, 0, 0, 0, 0, 0]);
    expect(new Set(summaries.map(({ groupKey }) => groupKey)).size).toBe(1);
  });
});

describe("replay buffers as JSON", () => {
  it("align what is recorded of actions with the end of the sequence", async () => {
    const path = named("experience-records.jsonl", "iter12_replay_buffer.jsonl");
    const { trajectories } = await read(path, "experience-records");
    const [first, second] = trajectories;
    expect(first).toMatchObject({
      trainingStep: 12,
      advantage: 0.5,
      outcome: { reward: 1, components: { kl: 0.0625 } },
    });
    expect(list(first?.tokens?.mask)).toEqual([0, 0, 0, 1, 1]);
    expect(list(first?.tokens?.series["logprob"])).toEqual([NaN, NaN, NaN, -0.5, -0.25]);
    expect(list(first?.tokens?.series["value"])).toEqual([NaN, NaN, NaN, 0.5, 0.75]);
    expect(second).toMatchObject({ advantage: -0.5, outcome: { reward: 0 } });
    expect(Object.keys(second?.tokens?.series ?? {}).sort()).toEqual(["advantage", "logprob", "return"]);
    // What is null stays so.
    expect(second?.extra).toMatchObject({ values: null, base_action_log_probs: null });
  });

  it("are trlx's where they hold a query and a response", async () => {
    const { trajectories, summaries } = await read(join(fixtures, "trlx-history.json"), "trlx-history");
    expect(trajectories.map(({ outcome }) => outcome.reward)).toEqual([0.875, undefined]);
    expect(list(trajectories[0]?.tokens?.mask)).toEqual([0, 0, 1, 1]);
    expect(list(trajectories[0]?.tokens?.series["reward"])).toEqual([NaN, NaN, -0.125, 1]);
    expect(summaries.map(({ groupKey }) => groupKey)).toEqual(["5,6", "5,6"]);
  });
});

describe("generation results", () => {
  it("of Open-Reasoner-Zero hold the output as an object", async () => {
    const path = join(folder, "iter3_generation_results.json");
    const output = {
      response: "4",
      iscorrect: true,
      stop_reason: "stop",
      final_answer: "4",
      repeat_score: 0,
    };
    writeFileSync(
      path,
      JSON.stringify(
        [
          { prompt: "2+2?", score: 0.5, outputs: output },
          { prompt: "2+2?", score: -0.5, outputs: { ...output, response: "5", iscorrect: false } },
        ],
        null,
        2,
      ),
    );
    const { trajectories } = await read(path, "completion-log");
    expect(
      trajectories.map(({ outcome, trainingStep }) => [outcome.reward, outcome.success, trainingStep]),
    ).toEqual([
      [0.5, true, 3],
      [-0.5, false, 3],
    ]);
    expect(lines(trajectories[1])).toEqual(["user/prompt: 2+2?", "assistant/answer: 5"]);
    expect(trajectories[0]?.extra).toMatchObject({ stop_reason: "stop", final_answer: "4" });
  });

  it("of oat hold a list of records with scores", async () => {
    const path = join(folder, "40.json");
    const row = {
      problem: "2+2?",
      output: "4",
      scores: 1,
      format_problem: "user: 2+2?",
      reference: "4",
      generator: "run",
    };
    writeFileSync(path, JSON.stringify([row, { ...row, output: "5", scores: 0 }], null, 4));
    const { trajectories } = await read(path, "completion-log");
    expect(
      trajectories.map(({ outcome, trainingStep }) => [outcome.reward, outcome.rewardSource, trainingStep]),
    ).toEqual([
      [1, "scores", 40],
      [0, "scores", 40],
    ]);
  });
});

describe("UnstableBaselines", () => {
  it("makes a trajectory of each player's turns in a game", async () => {
    const { trajectories, summaries } = await read(
      join(fixtures, "unstable-baselines.csv"),
      "unstable-baselines",
    );
    expect(summaries.map(({ ownId, reward }) => [ownId, reward])).toEqual([
      ["3:0", 1],
      ["3:1", -1],
      ["4:0", 1],
      ["4:1", -1],
    ]);
    expect(lines(trajectories[0])).toEqual([
      "environment/prompt: Board:\n...",
      'assistant/act: (<think>centre, "best"</think>) \n[4]',
      "environment/observe: Board:\nOX.",
      "assistant/act: [2]",
    ]);
    expect(trajectories[0]?.steps[1]?.extra).toMatchObject({
      step_info: { legal: true },
      extracted_action: "[4]",
    });
  });

  it("keeps the steps of a training batch apart", async () => {
    const path = join(folder, "train_data_step_5.csv");
    writeFileSync(
      path,
      'pid,obs,act,reward,env_id,step_info\n0,"Board, empty",[4],1.0,TicTacToe-v0,"{""legal"": true}"\n1,"Board, one",[0],-1.0,TicTacToe-v0,{}\n',
    );
    const { trajectories } = await read(path, "unstable-baselines");
    expect(
      trajectories.map(({ outcome, trainingStep, task }) => [outcome.reward, trainingStep, task.id]),
    ).toEqual([
      [1, 5, "TicTacToe-v0"],
      [-1, 5, "TicTacToe-v0"],
    ]);
    expect(lines(trajectories[0])).toEqual(["environment/prompt: Board, empty", "assistant/act: [4]"]);
  });
});

describe("tinker-cookbook's capture", () => {
  it("gives each sample of a call with its scope", async () => {
    const { trajectories, summaries } = await read(join(fixtures, "tinker-capture.jsonl"), "tinker-capture");
    expect(
      summaries.map(({ ownId, groupKey, trainingStep, split, truncated }) => [
        ownId,
        groupKey,
        trainingStep,
        split,
        truncated,
      ]),
    ).toEqual([
      ["77:0", "train/2", 4, "train", false],
      ["77:1", "train/2", 4, "train", false],
      ["78:0", "train/2", 4, "train", true],
    ]);
    expect(list(trajectories[1]?.tokens?.ids)).toEqual([5, 6, 7, 11, 11]);
    expect(list(trajectories[1]?.tokens?.series["logprob"])).toEqual([NaN, NaN, NaN, -0.5, -0.25]);
  });

  it("names calls that failed", async () => {
    const path = join(folder, "sample.jsonl");
    writeFileSync(
      path,
      `${JSON.stringify({ kind: "sample", scope: {}, num_samples: 1, status: "error", error: "timeout" })}\n`,
    );
    const { format, problems } = await readFile(path);
    expect([format?.id, problems.map(({ message }) => message)]).toEqual([
      "tinker-capture",
      ["The call gave no samples (timeout)."],
    ]);
  });
});

describe("NeMo-RL's distillation", () => {
  it("logs texts without rewards", async () => {
    const path = join(folder, "train_data_step3.jsonl");
    writeFileSync(path, `${JSON.stringify({ content: [["2+2?", "4"]], input_lengths: [7], idx: 0 })}\n`);
    const { trajectories } = await read(path, "nemo-rl");
    expect(lines(trajectories[0])).toEqual(["user/prompt: 2+2?", "assistant/answer: 4"]);
    expect(trajectories[0]?.outcome.reward).toBeUndefined();
    expect(trajectories[0]?.trainingStep).toBe(3);
  });
});

describe("LLaMA-Factory", () => {
  it("writes predictions beside labels", async () => {
    const path = join(folder, "generated_predictions.jsonl");
    writeFileSync(
      path,
      `${JSON.stringify({ prompt: "user\n2+2?\nassistant\n", predict: "4", label: "four" })}\n`,
    );
    const { trajectories } = await read(path, "completion-log");
    expect(lines(trajectories[0])).toEqual(["user/prompt: 2+2?", "assistant/answer: 4"]);
    expect(trajectories[0]?.task.groundTruth).toBe("four");
  });
});

describe("rows of token ids", () => {
  it("are known by usual names, with what is recorded of the response", async () => {
    const { trajectories, summaries } = await read(join(fixtures, "token-rows.jsonl"), "token-rows");
    const [first] = trajectories;
    expect(first).toMatchObject({
      trainingStep: 2,
      advantage: 0.5,
      outcome: { reward: 1 },
      task: { groundTruth: "4" },
    });
    expect(list(first?.tokens?.mask)).toEqual([0, 0, 1, 0, 1]);
    expect(list(first?.tokens?.series["logprob"])).toEqual([NaN, NaN, -0.5, -0.25, -0.125]);
    expect(summaries.map(({ groupKey }) => groupKey)).toEqual(["5,6", "5,6"]);
  });

  it("are those of prime-rl's first Parquet files, whose columns are in the plural", async () => {
    const path = join(folder, "step_3.parquet");
    const connection = await scratchConnection();
    await connection.run(
      `COPY (SELECT [5, 6]::INTEGER[] AS input_tokens, [10, 11]::INTEGER[] AS output_tokens, NULL::FLOAT[] AS input_logprobs,
         [-0.5, -0.25]::FLOAT[] AS output_logprobs, 0.5::FLOAT AS advantages, 1::FLOAT AS rewards, 0.75::FLOAT AS task_rewards) TO '${path}' (FORMAT parquet)`,
    );
    connection.closeSync();
    const { trajectories } = await read(path, "token-rows");
    expect(trajectories[0]).toMatchObject({
      advantage: 0.5,
      outcome: { reward: 1, rewardSource: "rewards", components: { task_rewards: 0.75 } },
    });
    expect(list(trajectories[0]?.tokens?.series["logprob"])).toEqual([NaN, NaN, -0.5, -0.25]);
  });
});
