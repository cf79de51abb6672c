import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Trajectory } from "../../src/model/trajectory";
import type { InferenceClient } from "../process/inferenceClient";
import { bareTrajectory, type Checks } from "./checks";

const TOLERANCE = 1e-3;
const LAYERS = [0, 10, 20, 30];

interface Row {
  readonly prompt: string;
  readonly response: string;
  readonly ids: readonly number[];
  readonly promptTokens: number;
  /** Entry t is about token t + 1. */
  readonly logprob: readonly number[];
  readonly entropy: readonly number[];
  readonly topIds: readonly (readonly number[])[];
  readonly topLogprob: readonly (readonly number[])[];
  /** By layer: length and first four numbers of each token's state. */
  readonly hidden: Readonly<Record<string, readonly (readonly number[])[]>>;
}

/** The conversation as steps of text. */
const conversation = (row: Row, id: string): Trajectory => ({
  ...bareTrajectory,
  id,
  steps: [
    { index: 0, role: "user", kind: "prompt", observation: row.prompt },
    { index: 1, role: "assistant", action: row.response },
  ],
});

/** The same as the token ids that PyTorch saw. */
const tokens = (row: Row, id: string): Trajectory => ({
  ...bareTrajectory,
  id,
  steps: [],
  tokens: {
    count: row.ids.length,
    ids: Int32Array.from(row.ids),
    mask: Uint8Array.from(row.ids, (_, i) => (i < row.promptTokens ? 0 : 1)),
    series: {},
  },
});

/** SmolLM2-135M-Instruct against PyTorch: log-probabilities, entropies, alternatives, hidden states, continuations. */
export async function checkSmolLm2(client: InferenceClient, model: string, checks: Checks): Promise<void> {
  const rows = JSON.parse(readFileSync(join(model, "reference.json"), "utf8")) as Row[];
  const info = await client.call("inspect", { path: model });
  checks.check(
    "SmolLM2 is recognised",
    info.kind === "policy-lm" && info.problem === undefined,
    `${info.kind}, ${(info.bytes / 2 ** 20).toFixed(0)} MiB`,
  );
  const report = await client.call("score", {
    modelPath: model,
    provider: "cpu",
    extras: { topK: 3, hiddenLayers: LAYERS },
    trajectories: [
      ...rows.map((row, i) => tokens(row, `ids${i}`)),
      ...rows.map((row, i) => conversation(row, `chat${i}`)),
    ],
  });
  for (const failure of report.failures) checks.check(failure.trajectoryId, false, failure.message);
  const values = (id: string, name: string): Float64Array | undefined =>
    report.series.find((series) => series.trajectoryId === id && series.name === name)?.values;
  for (const [i, row] of rows.entries()) {
    const from = row.promptTokens;
    for (const name of ["logprob", "entropy"] as const)
      checks.near(
        `${name} of text ${i}`,
        values(`ids${i}`, name)?.subarray(from),
        row[name].slice(from - 1),
        TOLERANCE,
      );
    const array = (name: string): readonly number[][] => {
      const found = report.arrays?.find((one) => one.trajectoryId === `ids${i}` && one.name === name);
      return found
        ? Array.from({ length: found.rows }, (_, at) => [
            ...found.data.subarray(at * found.width, (at + 1) * found.width),
          ])
        : [];
    };
    checks.near(
      `three likeliest tokens of text ${i}`,
      array("topk_logprob").slice(from).flat(),
      row.topLogprob.slice(from - 1).flat(),
      TOLERANCE,
    );
    checks.check(
      `ids of the likeliest tokens of text ${i}`,
      array("topk_id")
        .slice(from)
        .every((ids, at) => ids[0] === row.topIds[from - 1 + at]?.[0]),
      `${row.ids.length - from} tokens`,
    );
    for (const layer of LAYERS) {
      const states = report.arrays?.find(
        (one) => one.trajectoryId === `ids${i}` && one.name === "hidden_states" && one.layer === layer,
      );
      const own = (row.hidden[String(layer)] ?? []).flatMap((_, token) => {
        const state =
          states?.data.subarray(token * states.width, (token + 1) * states.width) ?? new Float32Array();
        return [Math.hypot(...state), ...state.subarray(0, 4)];
      });
      const expected = (row.hidden[String(layer)] ?? []).flat();
      const scale = Math.max(1, ...expected.map(Math.abs));
      checks.near(
        `hidden states after layer ${layer} of text ${i} (relative)`,
        own.map((value) => value / scale),
        expected.map((value) => value / scale),
        TOLERANCE,
      );
    }
    // The template closes the turn, so the conversation has more tokens at its end; the response's own agree.
    const recorded = (id: string): Float64Array =>
      values(id, "logprob")?.filter((value) => !Number.isNaN(value)) ?? new Float64Array();
    // A response cut inside a character has no text that gives its tokens back.
    if (!row.response.includes("\ufffd"))
      checks.near(
        `text ${i} through the chat template`,
        recorded(`chat${i}`),
        [...recorded(`ids${i}`)],
        TOLERANCE,
      );
    const { continuations, prefixTokens } = await client.call("generate", {
      modelPath: model,
      provider: "cpu",
      trajectory: tokens(row, "fork"),
      point: { afterToken: from - 1 },
      options: {
        count: 1,
        temperature: 0,
        topP: 1,
        maxNewTokens: row.ids.length - from,
        stop: [],
        seed: 1,
      },
    });
    const expected = row.ids.slice(prefixTokens);
    checks.check(
      `greedy continuation of text ${i}`,
      expected.length > 0 && expected.every((id, at) => continuations[0]?.ids[at] === id),
      JSON.stringify(continuations[0]?.text.slice(0, 50)),
    );
  }
  console.log(
    `      ${report.tokens} tokens in ${report.seconds.toFixed(2)} s, loaded in ${report.loadSeconds.toFixed(2)} s`,
  );
}
