import { expect, it } from "vitest";
import type { ScoreSeries } from "../../../src/model/score";
import type { TrajectoryRow } from "../../../src/model/summary";
import type { Trajectory } from "../../../src/model/trajectory";
import { SignalContexts } from "../../../src/services/signalContexts";
import type { Datasets } from "../../../src/services/services";
import { istar } from "../../../src/signals/agentic/istarSignals";
import { grpo } from "../../../src/signals/group/grpo";
import { resolveParameters } from "../../../src/signals/signal";
import { trajectory } from "../signals/worlds";

const ids = ["m0", "m1", "m2"];
const made = (id: string, m: number): Trajectory =>
  trajectory(id, {
    groupId: "g",
    steps: [
      { index: 0, role: "user", observation: "Open the box." },
      { index: 1, role: "assistant", action: "open", tokenStart: 1, tokenEnd: 3 },
    ],
    tokens: {
      count: 3,
      mask: Uint8Array.of(0, 1, 1),
      series: { logprob: Float64Array.of(0, -1, -1) },
    },
    outcome: { reward: m % 2, components: {} },
  });
const row = (id: string, m: number): TrajectoryRow =>
  ({ id, datasetId: "d", groupId: "g", reward: m % 2, components: {}, stepCount: 2 }) as TrajectoryRow;
const scoresOf = (m: number): readonly ScoreSeries[] => [
  {
    trajectoryId: ids[m]!,
    name: "rm_logprob",
    level: "token",
    unit: "nats",
    values: Float64Array.of(0, -1 + m / 2, -1),
    modelPath: "rm",
    provider: "cpu",
  } as ScoreSeries,
];

it("gives a group signal the series that a model made of every member, also those made later", async () => {
  const scored = new Set<number>([0, 1]);
  let asked = 0;
  const datasets = {
    trajectory: (id: string) => Promise.resolve(made(id, ids.indexOf(id))),
    group: () => Promise.resolve({ group: { groupId: "g" }, members: ids.map(row) }),
    scores: (id: string) => {
      asked++;
      const m = ids.indexOf(id);
      return Promise.resolve(scored.has(m) ? scoresOf(m) : []);
    },
  } as unknown as Datasets;
  const contexts = new SignalContexts(datasets);
  const parameters = resolveParameters(istar, undefined);
  const without = istar.compute(await contexts.gather("m0", istar, parameters), parameters);
  expect(without).toMatchObject({ missing: ["logprobs"] });
  expect("how" in without && without.how).toContain("m2");
  scored.add(2);
  const context = await contexts.gather("m0", istar, parameters);
  expect(context.group?.members.map(({ scores }) => scores?.[0]?.values[1])).toEqual([-1, -0.5, 0]);
  const result = istar.compute(context, parameters);
  if ("missing" in result) throw new Error(result.how);
  // beta (log p_rm - log p) summed over the tokens of the step
  expect(result.parts!["step reward"]![1]).toBe(0);
  asked = 0;
  await contexts.gather("m0", grpo, resolveParameters(grpo, undefined));
  expect(asked).toBeLessThanOrEqual(1);
});
