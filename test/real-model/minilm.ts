import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Trajectory } from "../../src/model/trajectory";
import type { InferenceClient } from "../process/inferenceClient";
import { bareTrajectory, type Checks } from "./checks";

const TOLERANCE = 1e-3;

interface Reference {
  readonly texts: readonly string[];
  readonly embeddings: readonly (readonly number[])[];
  readonly rows: readonly { readonly prompt: string; readonly response: string }[];
  readonly rewards: readonly number[];
  readonly pairs: number;
  readonly heldOutAccuracy: number;
}

/** all-MiniLM-L6-v2 as an embedding model, and a reward model trained on top of it, against PyTorch. */
export async function checkMiniLm(client: InferenceClient, folder: string, checks: Checks): Promise<void> {
  const reference = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as Reference;
  const embedding = join(folder, "embedding");
  const info = await client.call("inspect", { path: embedding });
  checks.check("MiniLM is recognised", info.kind === "embedding" && info.problem === undefined, info.kind);
  const texts: Trajectory = {
    ...bareTrajectory,
    id: "texts",
    steps: reference.texts.map((text, index) => ({ index, role: "assistant", action: text })),
  };
  const embedded = await client.call("score", {
    modelPath: embedding,
    provider: "cpu",
    trajectories: [texts],
  });
  const vectors = embedded.arrays?.find((one) => one.name === "embeddings");
  for (const [step, expected] of reference.embeddings.entries()) {
    const own = vectors?.data.subarray(step * vectors.width, (step + 1) * vectors.width);
    if (reference.texts[step] === "")
      checks.check("a step without text has no embedding", own?.every(Number.isNaN) === true, "all NaN");
    else checks.near(`embedding of text ${step}`, own, expected, TOLERANCE);
  }

  const reward = join(folder, "reward");
  const kind = (await client.call("inspect", { path: reward })).kind;
  checks.check("the reward model is recognised", kind === "scalar-reward", kind);
  const scored = await client.call("score", {
    modelPath: reward,
    provider: "cpu",
    trajectories: reference.rows.map(({ prompt, response }, i) => ({
      ...bareTrajectory,
      id: `r${i}`,
      steps: [{ index: 0, role: "assistant", action: response }],
      flatText: { prompt, response },
    })),
  });
  for (const failure of scored.failures) checks.check(failure.trajectoryId, false, failure.message);
  checks.near(
    `rewards of a model trained on ${reference.pairs} pairs (held-out accuracy ${reference.heldOutAccuracy.toFixed(2)})`,
    reference.rewards.map(
      (_, i) => scored.series.find((one) => one.trajectoryId === `r${i}`)?.values[0] ?? Number.NaN,
    ),
    reference.rewards,
    TOLERANCE,
  );
}
