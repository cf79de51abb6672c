import type { Trajectory } from "../../src/model/trajectory";

/** Repeatable whole numbers below the limit that each call names. */
export function draws(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
}

/** A trajectory that is nothing but tokens, all of them the policy's. */
export const tokenTrajectory = (ids: readonly number[], index: number): Trajectory => ({
  id: `t${index}`,
  datasetId: "d",
  format: "f",
  source: { path: "x", row: index, part: 0 },
  task: {},
  steps: [],
  tokens: {
    count: ids.length,
    ids: Int32Array.from(ids),
    mask: new Uint8Array(ids.length).fill(1),
    series: {},
  },
  outcome: { components: {} },
  extra: {},
  notes: [],
});
