import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrajectoryRow } from "../../src/model/summary";
import { createServices } from "../../src/services/openServices";
import type { Services } from "../../src/services/services";
import { signals } from "../../src/signals/index";

const runs = resolve("examples/workspace");
const reasoning = join(runs, "reasoning/runs/grpo");
/** Rows of a dataset that every signal is computed on. */
const ROWS = 2;

interface Example {
  readonly name: string;
  readonly path: string;
  readonly format: string;
  /** The signals whose needs the data meets; the rest must say what is missing. */
  readonly numbers: readonly string[];
  /** What a user sets for signals that ask for it; the others run with their defaults. */
  readonly settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Observation of the pendulum: cosine of its angle first. */
const propositions = JSON.stringify({ upright: "observation[0] > 0.95" });
const outcome = { rewards: "outcome" };
const outcomes = Object.fromEntries(
  [
    "return",
    "n-step-return",
    "td-lambda",
    "td-error",
    "mc-advantage",
    "gae",
    "bi-level-gae",
    "reinforce-plus-plus",
    "rudder",
    "vtrace",
    "retrace",
  ].map((id) => [id, outcome]),
);

const examples: readonly Example[] = [
  {
    name: "rollouts of a language model",
    path: join(reasoning, "rollouts"),
    numbers: [
      "recorded-reward",
      "return",
      "reinforce-plus-plus",
      "reinforce-plus-plus-baseline",
      "remax",
      "grpo",
      "dr-grpo",
      "dapo",
      "rloo",
      "gpg",
      "pass-at-k",
      "group-contrast",
      "spo-tree",
      "spa-credit",
      "pair-uncertainty",
      "best-of-n-curve",
      "proxy-gold-gap",
      "ltlf-truth",
      "column",
      "return-expression",
      "reward-divergence",
      "format-drift",
      "length-bloat",
      "group-outcomes",
      "group-completeness",
      "zero-variance",
      "duplicate-answers",
      "repetition",
      "repeated-actions",
    ],
    format: "verl",
    settings: {
      ...outcomes,
      remax: { ...outcome, greedyReward: 0.5 },
      "ltlf-truth": { formula: "F last", propositions: '{"last": "role == \'assistant\'"}' },
      column: { column: "outcome.reward" },
      "return-expression": { expression: "outcome.reward" },
    },
  },
  {
    name: "a trainer's token export",
    path: join(reasoning, "token_exports/step_1"),
    numbers: [
      "recorded-advantage",
      "logprob",
      "entropy",
      "pair-uncertainty",
      "policy-loss",
      "overlong-penalty",
      "truncation",
      "group-completeness",
      "mask-lint",
    ],
    format: "prime-rl-tokens",
    settings: {},
  },
  {
    name: "a tree of rollouts",
    path: join(reasoning, "trees/0.json"),
    numbers: [
      "recorded-reward",
      "recorded-value",
      "recorded-advantage",
      "logprob",
      "return",
      "n-step-return",
      "td-lambda",
      "td-error",
      "mc-advantage",
      "gae",
      "reinforce-plus-plus",
      "reinforce-plus-plus-baseline",
      "remax",
      "grpo",
      "dr-grpo",
      "dapo",
      "rloo",
      "gpg",
      "opo",
      "pass-at-k",
      "group-contrast",
      "spo-tree",
      "spa-credit",
      "pair-uncertainty",
      "best-of-n-curve",
      "proxy-gold-gap",
      "column",
      "truncation",
      "group-outcomes",
      "group-completeness",
      "zero-variance",
      "duplicate-answers",
      "repetition",
      "repeated-actions",
    ],
    format: "spo-tree",
    settings: { ...outcomes, remax: { ...outcome, greedyReward: 0.5 }, column: { column: "outcome.reward" } },
  },
  {
    name: "episodes of control",
    path: join(runs, "control/runs/pendulum-ppo/pendulum/ppo-late-v0"),
    numbers: [
      "recorded-reward",
      "recorded-value",
      "recorded-advantage",
      "logprob",
      "return",
      "n-step-return",
      "td-lambda",
      "td-error",
      "mc-advantage",
      "gae",
      "reinforce-plus-plus",
      "remax",
      "uis1-return",
      "taro-reward",
      "gated-reward",
      "objective",
      "potential-shaping",
      "shaping-invariance",
      "rudder",
      "behaviour-constraints",
      "optimisation-regret",
      "ltlf-truth",
      "reward-machine",
      "column",
      "return-expression",
      "truncation",
    ],
    format: "minari",
    settings: {
      rudder: { predictions: "values" },
      remax: { greedyReward: -200 },
      column: { column: "reward" },
      "behaviour-constraints": { constraints: "infos.reward_torque>=-0.5" },
      "shaping-invariance": { base: "infos.reward_angle", shaped: "rewards" },
      "ltlf-truth": { formula: "F upright", propositions },
      "reward-machine": { machine: "0\n[1]\n(0,1,'upright',ConstantRewardFunction(1))\n", propositions },
    },
  },
];

let services: Services;
const rowsOf = new Map<string, readonly TrajectoryRow[]>();

beforeAll(async () => {
  if (!existsSync(resolve("dist/store.js")))
    throw new Error("dist/store.js is missing: run `node esbuild.mjs` first.");
  services = createServices({
    storageFolder: mkdtempSync(join(tmpdir(), "lens-examples-")),
    distFolder: resolve("dist"),
    log: () => undefined,
  });
  for (const { path } of examples) {
    const { datasets } = await services.datasets.index([path], { watch: false });
    const { rows } = await services.datasets.rows({ sort: "row", datasetId: datasets[0]!.id }, 0, ROWS);
    rowsOf.set(path, rows);
  }
}, 60_000);

afterAll(() => services.dispose());

describe.each(examples)("every signal on $name", ({ path, format, settings, numbers }) => {
  it("gives numbers, or one sentence about what is missing", async () => {
    const rows = rowsOf.get(path)!;
    expect(rows).toHaveLength(ROWS);
    expect((await services.datasets.trajectory(rows[0]!.id)).format).toBe(format);
    const given: string[] = [];
    for (const { id } of signals) {
      let finite = 0;
      for await (const { row, track } of services.signals.computeRows(rows, {
        signalId: id,
        parameters: settings[id] ?? {},
      })) {
        if ("missing" in track.result) {
          expect(track.result.how, id).toMatch(/^[A-Z0-9].*[.)\]"]$/u);
          continue;
        }
        const { level, values } = track.result;
        const trajectory = await services.datasets.trajectory(row.id);
        const sizes: Readonly<Record<string, number | undefined>> = {
          token: trajectory.tokens?.count,
          step: trajectory.steps.length || trajectory.columns?.steps,
          trajectory: 1,
        };
        expect(values.length, `${id} on the ${level} level`).toBe(sizes[level] ?? values.length);
        for (const part of Object.values(track.result.parts ?? {}))
          expect(part, id).toBeInstanceOf(Float64Array);
        if (values.some(Number.isFinite)) finite++;
      }
      if (finite > 0) given.push(id);
    }
    expect(given).toEqual(numbers);
  }, 60_000);
});
