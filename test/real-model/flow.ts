import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Trajectory } from "../../src/model/trajectory";
import { rlfrPenalty } from "../../src/signals/agentic/rlfr";
import type { InferenceClient } from "../process/inferenceClient";
import { bareTrajectory, type Checks } from "./checks";

interface Reference {
  readonly rows: readonly { readonly ids: readonly number[]; readonly promptTokens: number }[];
  readonly draws: number;
  /** Per text and draw: one score a token of the response. */
  readonly scores: readonly (readonly (readonly number[])[])[];
  readonly loss: readonly [first: number, last: number];
  readonly states: number;
}

/** RLFR's flow network over SmolLM2's hidden states, against Python, and the penalty that the signal makes of it. */
export async function checkFlow(
  client: InferenceClient,
  policy: string,
  folder: string,
  checks: Checks,
): Promise<void> {
  const reference = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as Reference;
  const network = join(folder, "flow.onnx");
  const info = await client.call("inspect", { path: network });
  checks.check(
    "the flow network is recognised",
    info.kind === "flow" && info.problem === undefined,
    info.problem ?? info.kind,
  );
  const trajectories = reference.rows.map(({ ids, promptTokens }, i): Trajectory => ({
    ...bareTrajectory,
    id: `flow${i}`,
    steps: [],
    tokens: {
      count: ids.length,
      ids: Int32Array.from(ids),
      mask: Uint8Array.from(ids, (_, t) => (t < promptTokens ? 0 : 1)),
      series: {},
    },
  }));
  const report = await client.call("score", {
    modelPath: policy,
    provider: "cpu",
    trajectories,
    extras: { flow: network, flowDraws: reference.draws },
  });
  for (const failure of report.failures) checks.check(failure.trajectoryId, false, failure.message);
  for (const [i, trajectory] of trajectories.entries()) {
    const { promptTokens } = reference.rows[i]!;
    const table = report.arrays?.find(
      (one) => one.trajectoryId === trajectory.id && one.name === "flow_deviation",
    );
    const expected = reference.scores[i]!;
    const own = expected.map((_, draw) =>
      table?.data.subarray(draw * table.width + promptTokens, (draw + 1) * table.width),
    );
    const scale = Math.max(...expected.flat());
    checks.near(
      `velocity deviation of text ${i}, ${reference.draws} draws (relative; trained on ${reference.states} states, loss ${reference.loss[0].toFixed(2)} to ${reference.loss[1].toFixed(2)})`,
      own.flatMap((row) => [...(row ?? [])].map((value) => value / scale)),
      expected.flat().map((value) => value / scale),
      1e-3,
    );
    const parameters = Object.fromEntries(rlfrPenalty.parameters.map((one) => [one.name, one.default]));
    const penalty = rlfrPenalty.compute(
      { trajectory, ...(table ? { inputs: { arrays: { flow_deviation: table } } } : {}) },
      parameters,
    );
    const values = "values" in penalty ? [...penalty.values] : [];
    const penalised = values.filter((value) => value < 0);
    checks.check(
      `penalty of text ${i}`,
      penalised.length > 0 &&
        penalised.length <= 15 &&
        penalised.every((value) => value >= -0.01 - 1e-12 && value < -0.006),
      `${penalised.length} of ${values.filter((value) => !Number.isNaN(value)).length} tokens, ${Math.min(...penalised).toFixed(4)} at most`,
    );
  }
}
