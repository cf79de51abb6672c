import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ScoreReport } from "../../src/model/score";
import type { ScoreExtras } from "../../src/protocol/inferenceCalls";
import { fixture, InferenceClient, reference, textTrajectory } from "./inferenceClient";

const row = reference.text[0]!;
const trajectory = textTrajectory("t", row.prompt, row.response);
const network = fixture("flow-network.onnx");
/** A policy with the states of all layers as outputs. */
const policy = fixture("tiny-states");

describe("a flow network over hidden states (RLFR)", () => {
  let client: InferenceClient;
  beforeAll(() => {
    client = new InferenceClient();
  });
  afterAll(() => client.close());

  const score = (modelPath: string, extras: ScoreExtras): Promise<ScoreReport> =>
    client.call("score", { modelPath, provider: "cpu", trajectories: [trajectory], extras });

  it("is told apart from the state flows of GFlowNets", async () => {
    for (const path of [network, fixture("flow.onnx")]) {
      const { kind, problem } = await client.call("inspect", { path });
      expect([kind, problem]).toEqual(["flow", undefined]);
    }
  });

  it("gives the deviation of each token of the policy, a row a draw, whatever the noise where it cancels", async () => {
    const report = await score(policy, { flow: network, flowDraws: 3, hiddenLayers: [2] });
    expect(report.failures).toEqual([]);
    const states = report.arrays!.find(({ name }) => name === "hidden_states")!;
    const found = report.arrays!.find(({ name }) => name === "flow_deviation")!;
    expect([found.rows, found.width]).toEqual([3, states.rows]);
    expect(found.method).toContain("at 0.5 and 0.75, layers 2, token_post 1");
    // Block 1 of 2: the network is told 0.5. Both times have the weight of the last one, 0.75 / 0.25, as released.
    const { width } = states;
    let compared = 0;
    for (let token = 0; token < states.rows; token++) {
      const own = row.promptTokens <= token;
      const error = (time: number): number => {
        let sum = 0;
        for (let i = 0; i < width; i++) {
          const before = states.data[(token - 1) * width + i]!;
          sum += (0.5 * before - states.data[token * width + i]! / (1 - time)) ** 2;
        }
        return sum / width;
      };
      for (let draw = 0; draw < 3; draw++) {
        const value = found.data[draw * found.width + token]!;
        if (!own) expect(value).toBeNaN();
        else {
          const expected = (3 * (error(0.5) + error(0.75))) / 2;
          expect(Math.abs(value - expected) / expected).toBeLessThan(1e-3);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(30);
    const series = report.series.find(({ name }) => name === "flow_deviation")!;
    expect([...series.values.keys()].filter((t) => !Number.isNaN(series.values[t]))).toHaveLength(
      compared / 3,
    );
  });

  it("refuses what does not go together", async () => {
    await expect(score(policy, { flow: fixture("encoder.onnx") })).rejects.toMatchObject({
      message: expect.stringContaining("no flow network over hidden states") as string,
    });
    await expect(score(policy, { flow: network, reference: policy })).rejects.toMatchObject({
      code: "bad-parameter",
    });
    await expect(score(policy, { flow: network, flowDraws: 0 })).rejects.toMatchObject({
      code: "bad-parameter",
    });
    // This policy was exported without hidden states.
    await expect(score(fixture("tiny-policy"), { flow: network })).rejects.toMatchObject({
      code: "no-hidden-states",
    });
    const alone = await score(network, {});
    expect(alone.failures[0]?.message).toContain("a flow network over a policy's hidden states");
  });
});
