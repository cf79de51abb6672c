import { describe, expect, it } from "vitest";
import type { TrajectoryRow } from "../../../src/model/summary";
import type { Trajectory } from "../../../src/model/trajectory";
import { loadedRows } from "../../../src/services/trajectoryBatches";

const row = (id: string, responseCharacters: number): TrajectoryRow => ({
  id,
  datasetId: "d",
  path: "/f",
  row: 0,
  part: 0,
  title: "",
  stepCount: 1,
  responseCharacters,
  components: {},
});
const trajectory = (id: string): Trajectory => ({
  id,
  datasetId: "d",
  format: "",
  source: { path: "/f", row: 0, part: 0 },
  task: {},
  steps: [],
  outcome: { components: {} },
  extra: {},
  notes: [],
});

/** Lists of rows, and a store that counts what it is asked. */
function run(lists: readonly (readonly TrajectoryRow[])[]) {
  const calls: (readonly string[])[] = [];
  const datasets = {
    trajectories: (ids: readonly string[]) => {
      calls.push(ids);
      return Promise.resolve(ids.map(trajectory));
    },
  };
  return { calls, datasets, lists };
}

describe("loadedRows", () => {
  it("gives every list its own trajectories, in order, with few questions", async () => {
    const { calls, datasets, lists } = run(
      Array.from({ length: 300 }, (_, g) => [row(`${g}a`, 100), row(`${g}b`, 100)]),
    );
    const told: number[] = [];
    let at = 0;
    for await (const { members, trajectories } of loadedRows(datasets, lists, "It", {
      report: ({ done, total }) => {
        told.push(done);
        expect(total).toBe(600);
      },
    })) {
      expect(members).toBe(lists[at++]);
      expect(trajectories.map(({ id }) => id)).toEqual(members.map(({ id }) => id));
    }
    expect(at).toBe(300);
    expect(told.at(-1)).toBe(600);
    expect(calls.flat()).toEqual(lists.flat().map(({ id }) => id));
    expect(calls.length).toBeLessThan(10);
  });

  it("holds what is large list by list", async () => {
    const { calls, datasets, lists } = run([
      [row("a", 3_000_000)],
      [row("b", 3_000_000), row("c", 3_000_000)],
      [row("d", 10)],
    ]);
    for await (const each of loadedRows(datasets, lists, "It"))
      expect(each.trajectories).toHaveLength(each.members.length);
    expect(calls).toEqual([["a"], ["b", "c"], ["d"]]);
  });

  it("asks for nothing where there is nothing, and stops when it is cancelled", async () => {
    const nothing = run([]);
    for await (const each of loadedRows(nothing.datasets, [], "It")) expect(each).toBeUndefined();
    expect(nothing.calls).toEqual([]);
    const { datasets, lists, calls } = run(Array.from({ length: 2000 }, (_, i) => [row(String(i), 1)]));
    const controller = new AbortController();
    let seen = 0;
    const reading = (async () => {
      for await (const each of loadedRows(datasets, lists, "The reading", { signal: controller.signal })) {
        seen += each.members.length;
        if (seen === 3) controller.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "cancelled", message: "The reading was cancelled." });
    expect(seen).toBe(3);
    expect(calls.length).toBeLessThan(3);
  });

  it("gives the failure of a read when its turn comes", async () => {
    const lists = Array.from({ length: 600 }, (_, i) => [row(String(i), 1)]);
    const datasets = {
      trajectories: (ids: readonly string[]) =>
        ids.includes("300") ? Promise.reject(new Error("gone")) : Promise.resolve(ids.map(trajectory)),
    };
    let seen = 0;
    const reading = (async () => {
      for await (const each of loadedRows(datasets, lists, "It")) seen += each.members.length;
    })();
    await expect(reading).rejects.toThrow("gone");
    expect(seen).toBe(256);
  });
});
