import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { primeRlTokens } from "../../src/formats/primeRlTokens";
import { probe } from "../../src/store/probe";
import { readFile, readParts } from "./readFile";

/** Two documents packed into one line, the first with a tool turn, then padding. */
const packed = {
  schema_version: 1,
  step: 6,
  rank: 0,
  micro_step: 0,
  micro_sequence_idx: 0,
  export_sequence_idx: 3,
  env_name: "puzzles",
  token_ids: [10, 11, 12, 13, 14, 15, 10, 11, 20, 0, 0, 0],
  position_ids: [0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 0, 0],
  loss_mask: [false, false, true, true, false, true, false, false, true, false, false, false],
  advantages: [0, 0, 0.5, 0.5, 0, 0.5, 0, 0, -0.5, 0, 0, 0],
  inference_logprobs: [null, -1, -0.5, -0.25, -2, -0.125, null, -1, -0.75, 0, 0, 0],
  trainer_logprobs: [0, -1.5, -0.5, -0.25, -2, -0.125, 0, -1, -0.75, 0, 0, 0],
  entropy: [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
  mismatch_kl: [0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0, 0, 0],
  is_masked: [false, false, false, true, false, false, false, false, false, false, false, false],
};

function write(stable: boolean): string {
  const step = join(mkdtempSync(join(tmpdir(), "lens-prime-")), "token_exports", "step_6");
  mkdirSync(step, { recursive: true });
  const path = join(step, "rank_0.jsonl");
  writeFileSync(path, `${JSON.stringify(packed)}\n`);
  if (stable) writeFileSync(join(step, "STABLE"), "");
  return path;
}

describe("prime-rl token exports", () => {
  it("unpack sequences where position_ids returns to 0 and drop padding", async () => {
    const { format, records } = await readFile(write(true));
    expect(format).toBe(primeRlTokens);
    const [first, second] = readParts(records[0]!, primeRlTokens);
    expect(records[0]?.summaries).toHaveLength(2);
    expect(first?.tokens?.ids).toEqual(Int32Array.of(10, 11, 12, 13, 14, 15));
    expect(first?.tokens?.mask).toEqual(Uint8Array.of(0, 0, 1, 1, 0, 1));
    expect(Object.keys(first?.tokens?.series ?? {}).sort()).toEqual([
      "advantage",
      "entropy",
      "is_masked",
      "logprob",
      "mismatch_kl",
      "trainer_logprob",
    ]);
    expect(first?.tokens?.series["logprob"]).toEqual(
      Float64Array.of(Number.NaN, -1, -0.5, -0.25, -2, -0.125),
    );
    expect(second?.tokens?.series["mismatch_kl"]).toEqual(Float64Array.of(0, 0, 0.25));
    expect([first?.advantage, second?.advantage]).toEqual([0.5, -0.5]);
    expect(first?.steps.map((step) => [step.role, step.tokenStart, step.tokenEnd, step.logprob])).toEqual([
      ["user", 0, 2, undefined],
      ["assistant", 2, 4, -0.75],
      ["tool", 4, 5, undefined],
      ["assistant", 5, 6, -0.125],
    ]);
    expect("reward" in (first?.outcome ?? {})).toBe(false);
    expect(first?.extra).toMatchObject({ micro_step: 0, export_sequence_idx: 3, env_name: "puzzles" });
    expect(first?.trainingStep).toBe(6);
  });

  it("group sequences of equal prompt tokens", async () => {
    const { records } = await readFile(write(true));
    const keys = records[0]?.summaries.map((summary) => summary.groupKey);
    expect(keys?.[0]).toBe(keys?.[1]);
    expect(records[0]?.summaries[0]?.groupGuess).toContain("prompt tokens are equal");
  });

  it("say when the export is not finished", async () => {
    for (const stable of [true, false]) {
      const found = await probe(write(stable));
      if (found.kind !== "readable") throw new Error(found.kind);
      expect(found.format.notes?.(found.head).map((note) => note.code)).toEqual(
        stable ? [] : ["unfinished-export"],
      );
    }
  });
});
