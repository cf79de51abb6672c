import type { NumericColumn, Step, TokenColumns, Trajectory } from "../../../src/model/trajectory";
import type { Group, SignalContext } from "../../../src/signals/signal";

/** Seeded generator (mulberry32): the same laws are tried on the same numbers everywhere. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function trajectory(id: string, parts: Partial<Trajectory> = {}): Trajectory {
  return {
    id,
    datasetId: "d",
    format: "test",
    source: { path: "rollouts.jsonl", row: 0, part: 0 },
    task: {},
    steps: [],
    outcome: { components: {} },
    extra: {},
    notes: [],
    ...parts,
  };
}

export function step(index: number, parts: Partial<Step> = {}): Step {
  return { index, role: "assistant", action: `step ${index}`, ...parts };
}

/** An agent's episode: a prompt, then one assistant step per reward. */
export function episode(
  id: string,
  rewards: readonly (number | null | undefined)[],
  parts: Partial<Step>[] = [],
): Trajectory {
  const steps: Step[] = [{ index: 0, role: "user", action: "solve it" }];
  rewards.forEach((reward, i) => {
    steps.push(step(i + 1, { ...(reward === undefined ? {} : { reward }), ...parts[i] }));
  });
  const numbers = rewards.filter((reward): reward is number => typeof reward === "number");
  return trajectory(id, {
    steps,
    outcome: { reward: numbers.reduce((sum, reward) => sum + reward, 0), components: {} },
  });
}

export function numericEpisode(
  id: string,
  columns: {
    reward: readonly number[];
    value?: readonly number[];
    terminated?: readonly number[];
    truncated?: readonly number[];
    logprob?: readonly number[];
  },
): Trajectory {
  const made: NumericColumn[] = Object.entries(columns).map(([role, values]) => ({
    name: role,
    role: role as NumericColumn["role"],
    rows: values.length,
    width: 1,
    data: Float64Array.from(values),
  }));
  return trajectory(id, { columns: { steps: columns.reward.length, columns: made } });
}

export function tokens(series: Record<string, readonly number[]>, mask?: readonly number[]): TokenColumns {
  const count = Object.values(series)[0]!.length;
  return {
    count,
    ...(mask ? { mask: Uint8Array.from(mask) } : {}),
    series: Object.fromEntries(
      Object.entries(series).map(([name, values]) => [name, Float64Array.from(values)]),
    ),
  };
}

/** A group with one member per reward; the members carry their trajectories. */
export function groupOf(trajectories: readonly Trajectory[], groupId = "g"): Group {
  return {
    groupId,
    members: trajectories.map((member) => ({
      trajectoryId: member.id,
      reward: member.outcome.reward,
      components: member.outcome.components,
      stepCount: member.steps.length,
      ...(member.tokens ? { tokenCount: member.tokens.count } : {}),
      trajectory: member,
    })),
  };
}

/** Contexts of a whole group of outcome rewards, one per member. */
export function outcomeGroup(
  rewards: readonly (number | null | undefined)[],
  groupId = "g",
): readonly SignalContext[] {
  const members = rewards.map((reward, i) =>
    trajectory(`${groupId}${i}`, {
      groupId,
      outcome: { ...(reward === undefined ? {} : { reward }), components: {} },
      steps: [step(0)],
    }),
  );
  const group = groupOf(members, groupId);
  return members.map((member) => ({ trajectory: member, group, batch: [group] }));
}
