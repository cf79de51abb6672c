import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBranchingModel } from "../../src/inference/branchingGraph";
import type { ScoreReport } from "../../src/model/score";
import { fixture, InferenceClient } from "./inferenceClient";
import { draws, tokenTrajectory } from "./tokenTrajectories";

const draw = draws(17);
const stretch = (length: number): number[] => Array.from({ length }, () => 3 + draw(60));

/** Leaves of a tree whose nodes have 5 to 9 tokens, some of them chains, some one above the other. */
function tree(nodes: number): number[][] {
  const paths: number[][] = [stretch(6)];
  while (paths.length < nodes) paths.push([...paths[draw(paths.length)]!, ...stretch(5 + draw(5))]);
  return paths;
}

/** Tokens of a tree in which each prefix counts once. */
const unique = (sequences: readonly (readonly number[])[]): number =>
  new Set(sequences.flatMap((ids) => ids.map((_, i) => ids.slice(0, i + 1).join()))).size;

describe("shared prefixes", () => {
  let client: InferenceClient;
  beforeAll(() => {
    client = new InferenceClient();
  });
  afterAll(() => client.close());

  const score = (
    model: string,
    sequences: readonly (readonly number[])[],
    sharePrefixes: boolean,
    extra: object = {},
  ): Promise<ScoreReport> =>
    client.call("score", {
      modelPath: fixture(model),
      provider: "cpu",
      trajectories: sequences.map(tokenTrajectory),
      sharePrefixes,
      ...extra,
    });

  const agree = (a: ScoreReport, b: ScoreReport, tolerance: number): void => {
    expect(a.failures).toEqual([]);
    expect(a.series.length).toBe(b.series.length);
    let worst = 0;
    for (const series of a.series) {
      if (series.name === "rank") continue;
      const other = b.series.find(
        (one) => one.trajectoryId === series.trajectoryId && one.name === series.name,
      )!;
      expect(other.values.length).toBe(series.values.length);
      series.values.forEach((value, i) => {
        expect(Number.isNaN(value)).toBe(Number.isNaN(other.values[i]!));
        if (!Number.isNaN(value)) worst = Math.max(worst, Math.abs(value - other.values[i]!));
      });
    }
    expect(worst).toBeLessThan(tolerance);
  };

  it.each(["tiny-policy", "tiny-policy-external", "tiny-states"])(
    "computes the tokens of a tree once, with the numbers of each sequence alone (%s)",
    async (model) => {
      for (const nodes of [3, 40, 160]) {
        const sequences = tree(nodes);
        const alone = await score(model, sequences, false, { maxBatchTokens: 512 });
        // Small batches cut the tree into many rows and waves, large ones into few.
        for (const maxBatchTokens of [24, 200, 4096]) {
          const shared = await score(model, sequences, true, { maxBatchTokens });
          agree(alone, shared, 1e-4);
          // Stretches that save fewer than four tokens are computed again.
          expect(shared.tokens).toBeLessThanOrEqual(1.01 * unique(sequences));
        }
      }
    },
  );

  it.each(["tiny-policy-fp16", "tiny-policy-int8"])(
    "keeps to the model's own precision (%s)",
    async (model) => {
      const sequences = tree(60);
      agree(
        await score(model, sequences, false),
        await score(model, sequences, true),
        model.endsWith("fp16") ? 0.05 : 0.3,
      );
    },
  );

  it("gives alternatives, hidden states and a reference's numbers for branches too", async () => {
    const sequences = tree(40);
    const extras = { topK: 3, reference: fixture("tiny-reference") };
    const [alone, shared] = [
      await score("tiny-policy", sequences, false, { extras }),
      await score("tiny-policy", sequences, true, { extras }),
    ];
    agree(alone, shared, 1e-4);
    for (const array of alone.arrays!.filter(({ name }) => name === "topk_logprob")) {
      const other = shared.arrays!.find(
        (one) => one.trajectoryId === array.trajectoryId && one.name === array.name,
      )!;
      array.data.forEach((value, i) => {
        if (!Number.isNaN(value)) expect(other.data[i]).toBeCloseTo(value, 3);
      });
    }
    const layers = { extras: { hiddenLayers: [1] } };
    const [states, sharedStates] = [
      await score("tiny-states", sequences, false, layers),
      await score("tiny-states", sequences, true, layers),
    ];
    expect(states.arrays!.length).toBe(sequences.length);
    states.arrays!.forEach((array, i) =>
      array.data.forEach((value, at) => expect(sharedStates.arrays![i]!.data[at]).toBeCloseTo(value, 3)),
    );
  });
});

describe("readBranchingModel", () => {
  it("changes causal models with a cache, and leaves others as they are", () => {
    for (const model of ["tiny-policy", "tiny-policy-external", "tiny-states"])
      expect(readBranchingModel(fixture(`${model}/onnx/model.onnx`)), model).toBeDefined();
    for (const model of ["tiny-prm/onnx/model.onnx", "tiny-embedding/onnx/model.onnx", "not-onnx.onnx"])
      expect(readBranchingModel(fixture(model)), model).toBeUndefined();
  });
});
