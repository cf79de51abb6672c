import { describe, expect, it } from "vitest";
import type { NumericColumn } from "../../../src/model/trajectory";
import { carlDriving } from "../../../src/signals/control/drivingSignals";
import { behaviourConstraints, parseConstraints } from "../../../src/signals/control/behaviourSignals";
import { controlSignals } from "../../../src/signals/control/controlSignals";
import { dynamicsRewardSignal } from "../../../src/signals/control/dynamicsSignals";
import { optimisationRegret } from "../../../src/signals/control/regretSignal";
import { transportImitation } from "../../../src/signals/control/imitationSignals";
import { potentialShaping } from "../../../src/signals/control/potentialShaping";
import { monteCarloAdvantage, temporalDifference } from "../../../src/signals/returns/temporalDifference";
import { retrace } from "../../../src/signals/offpolicy/retraceSignal";
import { dapo, drGrpo } from "../../../src/signals/group/grpoVariants";
import { reinforcePlusPlusBaseline } from "../../../src/signals/group/reinforcePlusPlusBaseline";
import {
  resolveParameters,
  type Matrix,
  type Signal,
  type SignalContext,
  type SignalResult,
} from "../../../src/signals/signal";
import { columnsContext, controlContexts, matrix } from "./controlWorlds";
import { numericEpisode, outcomeGroup, tokens, trajectory } from "./worlds";

const all: readonly Signal[] = [
  ...controlSignals,
  retrace,
  temporalDifference,
  monteCarloAdvantage,
  dapo,
  drGrpo,
  reinforcePlusPlusBaseline,
];

const run = (signal: Signal, context: SignalContext, overrides: Record<string, unknown> = {}): SignalResult =>
  signal.compute(context, resolveParameters(signal, undefined, overrides));

function valuesOf(result: SignalResult): number[] {
  if ("missing" in result) throw new Error(result.how);
  return [...result.values];
}

/** The same context with every number of the episode and of the models' outputs changed. */
function changed(
  context: SignalContext,
  steps: number | undefined,
  number: (value: number) => number,
): SignalContext {
  const cut = <T extends Matrix>(of: T): T => {
    const rows = steps === undefined ? of.rows : Math.min(of.rows, steps);
    return { ...of, rows, data: Float64Array.from(of.data.subarray(0, rows * of.width), number) };
  };
  const { columns } = context.trajectory;
  const inputs = context.inputs;
  return {
    ...context,
    trajectory: {
      ...context.trajectory,
      ...(columns
        ? {
            columns: {
              steps: steps ?? columns.steps,
              columns: columns.columns.map((entry): NumericColumn => cut(entry)),
            },
          }
        : {}),
    },
    ...(inputs
      ? {
          inputs: {
            ...(inputs.arrays
              ? {
                  arrays: Object.fromEntries(
                    Object.entries(inputs.arrays).map(([name, of]) => [name, cut(of)]),
                  ),
                }
              : {}),
            ...(inputs.embeddings ? { embeddings: cut(inputs.embeddings) } : {}),
          },
        }
      : {}),
  };
}

describe.each(all.map((signal) => [signal.id, signal] as const))("%s on bad input", (_id, signal) => {
  it.each([
    ["an empty episode", 0, (value: number): number => value],
    ["a single step", 1, (value: number): number => value],
    ["NaN everywhere", undefined, (): number => NaN],
    ["infinity everywhere", undefined, (): number => Infinity],
    ["equal numbers", undefined, (): number => 0.5],
    ["enormous numbers", undefined, (value: number): number => value * 1e300],
  ] as const)("refuses or gives defined numbers: %s", (_name, steps, number) => {
    for (const context of controlContexts()) {
      const worse = changed(context, steps, number);
      const result = run(signal, worse);
      if ("missing" in result) {
        expect(result.how).toMatch(/\.$/u);
        continue;
      }
      for (const part of Object.values(result.parts ?? {})) expect(part.length).toBe(result.values.length);
      for (let index = 0; index < result.values.length; index++) {
        expect(typeof result.values[index]).toBe("number");
        // An explanation is there exactly where there is a number.
        const explained = signal.explain?.(worse, resolveParameters(signal, undefined), index);
        if (Number.isNaN(result.values[index])) expect(explained).toBeUndefined();
      }
    }
  });
});

describe("missing is never zero in control", () => {
  it("does not judge what a drive does not record, and says so", () => {
    const result = run(carlDriving, columnsContext("d", { route_completion: [1, 3] }));
    expect(valuesOf(result)).toEqual([1, 2]);
    expect("notes" in result && result.notes.join()).toContain("Not recorded, so not judged: speed,");
  });

  it("gives no reward to a tick whose speed is unknown", () => {
    const result = run(
      carlDriving,
      columnsContext("d", { route_completion: [1, 2], speed: [3, NaN], speed_limit: [10, 10] }),
    );
    expect(valuesOf(result)).toEqual([1, NaN]);
  });

  it("keeps an indicator that is not defined out of its rate", () => {
    const context = columnsContext("c", { reward: [1, 1, 1], in_lava: [1, NaN, 0] });
    const result = run(behaviourConstraints, context, { constraints: "in_lava<=0.25", logits: "0,0" });
    expect(valuesOf(result)).toEqual([0, 0.5, 0.5]);
    expect("notes" in result && result.notes.join()).toContain("rate 0.5, bound at most 0.25, broken");
    expect(() => parseConstraints("in_lava=1")).toThrow(/must look like/u);
  });

  it("says that a potential after a cut is unknown instead of taking 0", () => {
    const context = {
      trajectory: numericEpisode("p", {
        reward: [0, 0],
        value: [1, 2],
        terminated: [0, 0],
        truncated: [0, 1],
      }),
    };
    const result = run(potentialShaping, context, { gamma: 0.5 });
    expect(valuesOf(result)).toEqual([0, NaN]);
    expect(valuesOf(run(potentialShaping, context, { gamma: 0.5, lastPotential: 4 }))).toEqual([0, 0]);
  });

  it("names the step whose action is no index, and the shape that does not fit", () => {
    const result = run(
      transportImitation,
      columnsContext(
        "o",
        { reward: [0, 0] },
        { embeddings: matrix([[1], [2]]), arrays: { demonstration_0: matrix([[1]]) } },
      ),
    );
    expect("missing" in result && result.how).toContain("has 2 frames and demonstration 0 has 1");
    const ranges = run(
      dynamicsRewardSignal,
      columnsContext(
        "r",
        { reward: [0] },
        {
          arrays: {
            dynamics_logits: matrix([[0.5]]),
            dynamics_ranges: matrix([
              [1, 2],
              [3, 4],
            ]),
          },
        },
      ),
    );
    expect("missing" in ranges && ranges.how).toContain("one row (learner, expert) for each of the 1");
  });

  it("tells that the best of a run is not the optimum", () => {
    const result = run(optimisationRegret, columnsContext("b", { reward: [1, 3, 2] }), { kind: "none" });
    expect(valuesOf(result)).toEqual([2, 0, 0]);
    expect("notes" in result && result.notes[0]).toContain("taken to be 3");
  });

  it("needs token counts to punish length", () => {
    const [first] = outcomeGroup([1, 0]);
    expect(run(dapo, first!, { maximum: 100 })).toMatchObject({ missing: ["tokenMask"] });
  });
});

describe("long rows", () => {
  it("takes a row of a million tokens", () => {
    const size = 1_000_000;
    const series = Array.from({ length: size }, (_, t) => (t % 7) - 3);
    const context = {
      trajectory: trajectory("long", {
        tokens: tokens(
          { reward: series, value: series },
          Array.from({ length: size }, (_, t) => (t % 5 === 0 ? 0 : 1)),
        ),
        outcome: { truncated: false, components: {} },
      }),
    };
    for (const signal of [temporalDifference, monteCarloAdvantage, potentialShaping]) {
      const result = run(signal, context, { level: "token" });
      const values = valuesOf(result);
      expect(values.length).toBe(size);
      expect(values[0]).toBeNaN();
      expect(values[1]).not.toBeNaN();
    }
  });
});
