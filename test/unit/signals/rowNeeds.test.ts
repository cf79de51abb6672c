import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../../src/model/trajectory";
import { signals } from "../../../src/signals/index";
import { resolveParameters, type Group, type Need, type SignalContext } from "../../../src/signals/signal";
import { modelContexts } from "./modelWorlds";

/** Needs that the rows of an index hold: a signal that declares no others never gets a trajectory in full. */
const rowNeeds: ReadonlySet<Need> = new Set(["group", "batch", "outcomeReward", "components", "dataset"]);

function bare(own: Trajectory): Trajectory {
  const { id, datasetId, format, source, groupId, trainingStep, outcome, advantage } = own;
  return {
    id,
    datasetId,
    format,
    source,
    task: {},
    steps: [],
    outcome,
    extra: {},
    notes: [],
    ...(groupId === undefined ? {} : { groupId }),
    ...(trainingStep === undefined ? {} : { trainingStep }),
    ...(advantage === undefined ? {} : { advantage }),
  };
}

function bareGroup(group: Group): Group {
  return {
    ...group,
    members: group.members.map(({ trajectoryId, reward, components, stepCount, tokenCount, trajectory }) => ({
      trajectoryId,
      reward,
      components,
      stepCount,
      ...(tokenCount === undefined ? {} : { tokenCount }),
      ...(trajectory?.outcome.success === undefined ? {} : { success: trajectory.outcome.success }),
    })),
  };
}

const only = signals.filter(({ needs }) => needs.length > 0 && needs.every((need) => rowNeeds.has(need)));

describe.each(only.map((signal) => [signal.id, signal] as const))("%s", (_id, signal) => {
  it("declares every need: rows without steps give the same numbers as whole trajectories", () => {
    for (const context of modelContexts()) {
      const { trajectory, group, batch } = context;
      const rows: SignalContext = {
        trajectory: bare(trajectory),
        ...(group ? { group: bareGroup(group) } : {}),
        ...(batch ? { batch: batch.map(bareGroup) } : {}),
      };
      const parameters = resolveParameters(signal, undefined);
      const whole = signal.compute(context, parameters);
      const got = signal.compute(rows, parameters);
      expect("missing" in got, trajectory.id).toBe("missing" in whole);
      if ("values" in got && "values" in whole)
        expect([...got.values], trajectory.id).toEqual([...whole.values]);
    }
  });
});
