import { DuckDBInstance } from "@duckdb/node-api";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { trlCompletions } from "../../src/formats/trlCompletions";
import { readFile, readParts } from "./readFile";

async function write(select: string): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), "lens-trl-")), "completions_00003.parquet");
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`);
  return path;
}

describe("TRL completions", () => {
  it("keep each reward function's column, NaN for None, and mark how the total came about", async () => {
    const path = await write(`SELECT * FROM (VALUES
      (3::BIGINT, 'What?', 'this', 1.0::DOUBLE, 0.5::DOUBLE, 'x', 0.7::DOUBLE),
      (3, 'What?', 'that', 'nan'::DOUBLE, 0.25, 'y', -0.7),
      (3, 'How?', 'so', 'nan'::DOUBLE, 'nan'::DOUBLE, 'z', NULL)) t(step, prompt, completion, accuracy_reward, format_reward, answer, advantage)`);
    const { format, records } = await readFile(path);
    expect(format).toBe(trlCompletions);
    const [first, second, third] = records.flatMap((record) => readParts(record, trlCompletions));
    expect(first?.outcome).toMatchObject({
      reward: 1.5,
      components: { accuracy_reward: 1, format_reward: 0.5 },
    });
    expect(first?.outcome.rewardSource).toContain("weights are not in the file");
    expect(second?.outcome).toMatchObject({
      reward: 0.25,
      components: { accuracy_reward: Number.NaN, format_reward: 0.25 },
    });
    expect(second?.notes.map((note) => note.code)).toContain("reward-none");
    expect(third?.outcome.reward).toBeNull();
    expect([first?.advantage, second?.advantage, third?.advantage]).toEqual([0.7, -0.7, null]);
    expect(first).toMatchObject({
      trainingStep: 3,
      extra: { answer: "x" },
      flatText: { prompt: "What?", response: "this" },
    });
    expect(records.map(({ summaries }) => summaries[0]?.groupKey)).toEqual(["What?", "What?", "How?"]);
  });

  it("name the only reward function", async () => {
    const { records } = await readFile(
      await write(
        "SELECT 1::BIGINT AS step, 'q' AS prompt, 'a' AS completion, 0.1::DOUBLE + 0.2::DOUBLE AS length_reward, 0.0::DOUBLE AS advantage",
      ),
    );
    expect(readParts(records[0]!, trlCompletions)[0]?.outcome).toEqual({
      reward: 0.1 + 0.2,
      rewardSource: "length_reward",
      components: { length_reward: 0.1 + 0.2 },
    });
  });

  it("leave numbers that are not called rewards out of the reward where others are, and say so", async () => {
    const { records } = await readFile(
      await write(
        "SELECT 1::BIGINT AS step, 'q' AS prompt, 'a' AS completion, 0.5::DOUBLE AS format_reward, NULL::DOUBLE AS rewarded, 17::BIGINT AS letters, 0.0::DOUBLE AS advantage",
      ),
    );
    const row = readParts(records[0]!, trlCompletions)[0];
    expect(row?.outcome).toMatchObject({
      reward: 0.5,
      components: { format_reward: 0.5, rewarded: null, letters: 17 },
    });
    expect(row?.notes.map((note) => note.code)).toEqual(
      expect.arrayContaining(["guessed-rewards", "reward-none"]),
    );
    expect(row?.notes.find((note) => note.code === "guessed-rewards")?.message).toContain("letters is not");
  });

  it("read conversational datasets, whose prompts and completions are messages, and null as a function's None", async () => {
    const { format, records } = await readFile(
      await write(`SELECT 2::BIGINT AS step,
        [{'role': 'system', 'content': 'Be brief.', 'tool_calls': NULL::VARCHAR[]}, {'role': 'user', 'content': 'What?', 'tool_calls': NULL}] AS prompt,
        [{'content': completion, 'role': 'assistant'}] AS completion,
        reward AS accuracy_reward, 0.5::DOUBLE AS advantage
        FROM (VALUES ('<think>Hm.</think>this', 1.0::DOUBLE), ('that', NULL)) t(completion, reward)`),
    );
    expect(format).toBe(trlCompletions);
    const [first, second] = records.flatMap((record) => readParts(record, trlCompletions));
    expect(first?.steps).toEqual([
      { index: 0, role: "system", kind: "prompt", observation: "Be brief." },
      { index: 1, role: "user", kind: "prompt", observation: "What?" },
      { index: 2, role: "assistant", kind: "answer", thought: "<think>Hm.</think>", action: "this" },
    ]);
    expect(first).toMatchObject({ trainingStep: 2, task: { prompt: "What?" }, advantage: 0.5 });
    expect(first?.flatText).toBeUndefined();
    expect(second?.outcome).toEqual({
      reward: null,
      rewardSource: "every reward function returned None",
      components: { accuracy_reward: null },
    });
    expect(second?.notes.map((note) => note.code)).toContain("reward-none");
    const [summary, other] = records.flatMap(({ summaries }) => summaries);
    expect(summary).toMatchObject({ title: "What?", responseCharacters: 22, stepCount: 3 });
    expect(other?.groupKey).toBe(summary?.groupKey);
  });

  it("are not any table with a prompt", async () => {
    expect(
      (await readFile(await write("SELECT 'q' AS prompt, 'a' AS completion, 1.0::DOUBLE AS score"))).format,
    ).not.toBe(trlCompletions);
  });
});
