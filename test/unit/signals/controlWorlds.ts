import type { ColumnRole, NumericColumn } from "../../../src/model/trajectory";
import type { Matrix, SignalContext } from "../../../src/signals/signal";
import { random, trajectory } from "./worlds";

/** A matrix of rows. */
export function matrix(rows: readonly (readonly number[])[]): Matrix {
  return { rows: rows.length, width: rows[0]?.length ?? 0, data: Float64Array.from(rows.flat()) };
}

export function column(
  name: string,
  rows: readonly (readonly number[])[],
  role: ColumnRole = "info",
): NumericColumn {
  return { name, role, ...matrix(rows) };
}

/** An episode of named columns, one number a step, and whatever else is given. */
export function columnsContext(
  id: string,
  numbers: Readonly<Record<string, readonly number[]>>,
  more: {
    readonly columns?: readonly NumericColumn[];
    readonly arrays?: Readonly<Record<string, Matrix>>;
    readonly embeddings?: Matrix;
  } = {},
): SignalContext {
  const roles: Readonly<Record<string, ColumnRole>> = {
    reward: "reward",
    value: "value",
    terminated: "terminated",
    truncated: "truncated",
    logprob: "logprob",
  };
  const columns = [
    ...Object.entries(numbers).map(([name, values]) =>
      column(
        name,
        values.map((value) => [value]),
        roles[name] ?? "info",
      ),
    ),
    ...(more.columns ?? []),
  ];
  const steps =
    (numbers["reward"] ?? Object.values(numbers)[0] ?? []).length || (more.columns?.[0]?.rows ?? 0);
  return {
    trajectory: trajectory(id, { columns: { steps, columns } }),
    inputs: {
      ...(more.arrays ? { arrays: more.arrays } : {}),
      ...(more.embeddings ? { embeddings: more.embeddings } : {}),
    },
  };
}

/** A chain of four states with actions forward and back, as tables; the last state is terminal. */
export const chain = {
  transitions: matrix([
    [0, 1, 0, 0],
    [1, 0, 0, 0],
    [0, 0, 1, 0],
    [1, 0, 0, 0],
    [0, 0, 0, 1],
    [0, 1, 0, 0],
    [0, 0, 0, 1],
    [0, 0, 0, 1],
  ]),
  target_policy: matrix([
    [1, 0],
    [1, 0],
    [1, 0],
    [1, 1],
  ]),
  original_reward: matrix([
    [0, 0],
    [0, 0],
    [1, 0],
    [0, 0],
  ]),
  designed_reward: matrix([
    [0.25, -0.5],
    [0.25, -0.5],
    [1, -0.5],
    [0, 0],
  ]),
  learner_policy: matrix([
    [0.75, 0.25],
    [0.5, 0.5],
    [0.25, 0.75],
    [0.5, 0.5],
  ]),
  start: matrix([[1, 0, 0, 0]]),
  shaping: matrix([
    [0.5, -0.25],
    [0.125, 0],
    [0.25, -0.5],
    [0, 0],
  ]),
};

/** Contexts in which every signal of control has what it needs. */
export function controlContexts(): readonly SignalContext[] {
  const next = random(11);
  const size = 6;
  const signed = (): number => next() * 2 - 1;
  const numbers = (count = size): number[] => Array.from({ length: count }, signed);
  const table = (rows: number, width: number, make = signed): number[][] =>
    Array.from({ length: rows }, () => Array.from({ length: width }, make));
  const shares = (rows: number): number[][] =>
    Array.from({ length: rows }, () => {
      const share = 0.1 + 0.8 * next();
      return [share, 1 - share];
    });
  const probabilities = shares(size);
  const credit = columnsContext(
    "credit",
    {
      reward: numbers(),
      value: numbers(),
      terminated: [0, 0, 0, 0, 0, 1],
      truncated: [0, 0, 0, 0, 0, 0],
      logprob: numbers().map((x) => -Math.abs(x)),
      action_value: numbers(),
      return_prediction: numbers(),
      action: [0, 1, 1, 0, 1, 0],
      shaped_reward: numbers(),
      new_logprob: numbers().map((x) => -Math.abs(x)),
      aux_r: numbers(),
      phi1: numbers(),
      phi2: numbers(),
      phi3: numbers(),
      in_lava: [0, 0, NaN, 1, 0, 0],
    },
    {
      columns: [
        column("observation", table(size + 1, 3), "observation"),
        column("policy_probabilities", probabilities),
      ],
      arrays: {
        hindsight: matrix(shares(size * size)),
        return_hindsight: matrix(shares(size)),
        dynamics_logits: matrix(table(size, 3)),
        dynamics_ranges: matrix([
          [-1, 1],
          [-0.5, 1.5],
          [-2, 0.5],
        ]),
        candidate_rewards: matrix(table(size, 4, next)),
        inverse_means: matrix(table(size, 2)),
        inverse_deviations: matrix(table(size, 2, next)),
        demonstration_0: matrix(table(size, 3)),
        demonstration_1: matrix(table(size, 3)),
        emitter_rewards: matrix(table(8, 3, next)),
        positions: matrix(table(3, 2 * size)),
        frames: matrix(table(2, 12, next)),
        reconstructions: matrix(table(2, 12, next)),
        prediction: matrix(
          table(size, 5).map(([x, y, sx, sy, rho]) => [x!, y!, 1 + sx!, 1 + Math.abs(sy!), rho! / 2]),
        ),
        truth: matrix(table(size, 2)),
      },
      embeddings: matrix(table(size, 3)),
    },
  );
  credit.trajectory.columns!.columns.forEach((entry) => {
    if (entry.name === "phi2") entry.data.forEach((value, k) => (entry.data[k] = value + 1));
  });
  const tabular = columnsContext(
    "tabular",
    {
      reward: [0, 0, 0, 1],
      state: [0, 1, 1, 2],
      action: [0, 1, 0, 0],
      terminated: [0, 0, 0, 1],
      truncated: [0, 0, 0, 0],
    },
    { arrays: chain },
  );
  const driving = columnsContext("drive", {
    reward: [0, 0, 0, 0],
    route_completion: [1, 2.5, 2.5, 4],
    speed: [5, 15, 8, 3],
    speed_limit: [13.9, 13.9, 13.9, 13.9],
    lane_offset: [0, 0.8, 0.2, 1],
    comfort: [1, 0.75, 0.75, 1],
    ttc_violation: [0, 1, 0, 0],
    collision: [0, 0, 0, 1],
    ttc: [1, 0.5, 1, 1],
    x: [0, 1, 2, 3],
    y: [0, 0, 0.1, 0.2],
    yaw: [0, 0, 5, 10],
  });
  const axes = (name: string): string[] => ["x", "y", "z"].map((axis) => `${name}.${axis}`);
  const rocket = columnsContext(
    "rocket",
    { reward: [0, 0, 0] },
    {
      columns: [
        {
          ...column(
            "states",
            [
              [0, 0, 93, 0, -2000, 17, 0, 1200, 0],
              [100, 200, 93, 10, -1500, 17, 50, 1400, 0],
              [200, -1200, 93, 20, -900, 17, 100, -300, 0],
            ],
            "observation",
          ),
          labels: [...axes("ball.position"), ...axes("car_0.position"), ...axes("car_0.velocity")],
        },
      ],
    },
  );
  const population = Array.from({ length: 5 }, (_, i) =>
    trajectory(`agent${i}`, {
      groupId: "generation",
      outcome: { reward: i % 3, components: { video_reward: signed() } },
      extra: { bd: [signed(), signed()], surprise: next() },
    }),
  );
  const group = {
    groupId: "generation",
    members: population.map((member) => ({
      trajectoryId: member.id,
      reward: member.outcome.reward,
      components: member.outcome.components,
      stepCount: 0,
      trajectory: member,
    })),
  };
  const players = ["blue", "blue", "orange"].map((team, i) =>
    trajectory(`player${i}`, {
      ...columnsContext(`player${i}`, { reward: numbers(4), goal: [0, 1, 1, 2], demoed: [0, 0, 1, 0] })
        .trajectory,
      groupId: "match",
      extra: { team },
    }),
  );
  const match = {
    groupId: "match",
    members: players.map((member) => ({
      trajectoryId: member.id,
      reward: undefined,
      components: {},
      stepCount: 4,
      trajectory: member,
    })),
  };
  return [
    ...players.map((member) => ({ trajectory: member, group: match })),
    credit,
    tabular,
    driving,
    rocket,
    ...population.map((member) => ({ trajectory: member, group })),
  ];
}
