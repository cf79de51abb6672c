import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { primeRlTokens } from "../../src/formats/primeRlTokens";
import { spoTree } from "../../src/formats/spoTree";
import { verl } from "../../src/formats/verl";
import type { Format } from "../../src/formats/format";
import type { JsonValue } from "../../src/model/json";
import type { ScoreReport } from "../../src/model/score";
import type { Trajectory } from "../../src/model/trajectory";
import { InferenceClient } from "./inferenceClient";

const world = resolve("examples/workspace/reasoning");
const run = join(world, "runs", "grpo");

/** Trajectories of one record of a file, as the store reads them. */
function readRecord(
  format: Format,
  path: string,
  value: JsonValue,
  row: number,
  parts: number,
): Trajectory[] {
  return Array.from({ length: parts }, (_, part) =>
    format.read(
      { kind: "value", value },
      { id: `${row}:${part}`, datasetId: "d", source: { path, row, part } },
      { path, relativePath: basename(path), row },
    ),
  );
}

const lines = (path: string): JsonValue[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonValue);

/** Training steps that a folder holds, in order. */
const numbered = (folder: string, name: RegExp): number[] =>
  readdirSync(folder)
    .flatMap((entry) => name.exec(entry)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);

/** The numbers that the trainer wrote while it sampled, with the very weights that it then exported. */
describe.skipIf(!existsSync(join(world, "models")))(
  "the example models on the example's own trajectories",
  () => {
    let client: InferenceClient;
    beforeAll(() => {
      client = new InferenceClient();
    });
    afterAll(() => client.close());

    const score = (model: string, trajectories: readonly Trajectory[]): Promise<ScoreReport> =>
      client.call("score", { modelPath: join(world, "models", model), provider: "cpu", trajectories });

    const trees = ["0.json", "1.json"].flatMap((name, row) => {
      const path = join(run, "trees", name);
      const record = JSON.parse(readFileSync(path, "utf8")) as JsonValue;
      const summaries = spoTree.summarise(
        { kind: "value", value: record },
        { path, relativePath: basename(path), row: 0 },
      );
      return readRecord(spoTree, path, record, row, summaries.length);
    });

    it("gives the log-probabilities that the sampler recorded for every branch of the trees", async () => {
      const report = await score("policy", trees);
      expect(report.failures).toEqual([]);
      let compared = 0;
      for (const trajectory of trees) {
        const series = report.series.find((s) => s.trajectoryId === trajectory.id && s.name === "logprob")!;
        let at = trajectory.flatText!.prompt.length;
        for (const step of trajectory.steps.slice(1)) {
          const end = at + step.action!.length;
          let [sum, cursor] = [0, 0];
          series.tokenText!.forEach((text, i) => {
            cursor += text.length;
            if (cursor > at && cursor <= end) sum += series.values[i]!;
          });
          // The end-of-text token is part of the record and has no text, so only steps that go on are compared.
          if (step !== trajectory.steps.at(-1) && typeof step.logprob === "number") {
            expect(Math.abs(sum - step.logprob)).toBeLessThan(2e-3);
            compared++;
          }
          at = end;
        }
      }
      expect(compared).toBeGreaterThan(20);
    });

    it("gives the trainer's log-probabilities on its token exports, the nearer the later", async () => {
      const steps = numbered(join(run, "token_exports"), /^step_(\d+)$/);
      expect(steps.length).toBeGreaterThan(1);
      const differences: number[] = [];
      for (const step of [steps[0]!, steps.at(-1)!]) {
        const path = join(run, "token_exports", `step_${step}`, "rank_0.jsonl");
        const record = lines(path)[0]!;
        const parts = primeRlTokens.summarise(
          { kind: "value", value: record },
          { path, relativePath: basename(path), row: 0 },
        ).length;
        const trajectories = readRecord(primeRlTokens, path, record, 0, parts);
        const report = await score("policy", trajectories);
        expect(report.failures).toEqual([]);
        let [sum, count] = [0, 0];
        for (const trajectory of trajectories) {
          const series = report.series.find((s) => s.trajectoryId === trajectory.id && s.name === "logprob")!;
          expect(series.method).toContain("token ids of the file");
          const recorded = trajectory.tokens!.series["trainer_logprob"]!;
          series.values.forEach((value, i) => {
            expect(Number.isNaN(value)).toBe(trajectory.tokens!.mask![i] !== 1);
            if (Number.isNaN(value)) return;
            sum += Math.abs(value - recorded[i]!);
            count++;
          });
        }
        differences.push(sum / count);
      }
      // The exported weights are those after the last step: the nearer the step, the smaller the difference.
      expect(differences[1]!).toBeLessThan(0.05);
      expect(differences[1]!).toBeLessThan(differences[0]!);
    });

    it("scores every step of rollouts with the process reward model, higher where the puzzle was solved", async () => {
      const path = join(
        run,
        "rollouts",
        `${numbered(join(run, "rollouts"), /^(\d+)\.jsonl$/).at(-1)!}.jsonl`,
      );
      const trajectories = lines(path)
        .slice(0, 64)
        .flatMap((row, index) => readRecord(verl, path, row, index, 1));
      const report = await score("prm", trajectories);
      expect(report.failures).toEqual([]);
      const last = (trajectory: Trajectory): number =>
        report.series.find((s) => s.trajectoryId === trajectory.id)!.values.at(-1)!;
      const mean = (some: readonly Trajectory[]): number =>
        some.reduce((sum, trajectory) => sum + last(trajectory), 0) / some.length;
      const solved = trajectories.filter((trajectory) => trajectory.outcome.success === true);
      const failed = trajectories.filter((trajectory) => trajectory.outcome.success === false);
      expect(Math.min(solved.length, failed.length)).toBeGreaterThan(3);
      expect(mean(solved)).toBeGreaterThan(mean(failed) + 0.3);
      for (const series of report.series) {
        const steps = trajectories.find((trajectory) => trajectory.id === series.trajectoryId)!.steps;
        steps.forEach((step, i) => {
          expect(Number.isNaN(series.values[i])).toBe(step.role !== "assistant");
          if (step.role === "assistant") expect(series.values[i]! >= 0 && series.values[i]! <= 1).toBe(true);
        });
      }
    });
  },
);
