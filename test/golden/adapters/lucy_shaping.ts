import { potentialDifference } from "../../../src/signals/control/rocketPotentials";
import { distributeRewards, eventReward, offensivePressure } from "../../../src/signals/control/teamRewards";
import { InputError, list, vector, type Adapter, type Golden, type Inputs } from "../adapter";

/** {"(player, step)": value} as one series per player. */
function series(table: { readonly [key: string]: Golden }): Map<string, Float64Array> {
  const rows = new Map<string, number[]>();
  for (const [key, value] of Object.entries(table)) {
    const [player, step] = (/\((\d+),\s*(\d+)\)/u.exec(key) ?? []).slice(1);
    if (player === undefined) throw new InputError(key, "(player, step)");
    const row = rows.get(player) ?? [];
    row[Number(step)] = Number(value);
    rows.set(player, row);
  }
  return new Map([...rows].map(([player, row]) => [player, Float64Array.from(row)]));
}

const turn = (rows: readonly Float64Array[]): number[][] =>
  Array.from(rows[0] ?? [], (_, t) => rows.map((row) => row[t]!));

function events(inputs: Inputs): number[] {
  const weights = Object.entries(inputs.object("weights"));
  // The case tells its counters in words. Its first reward, 20, is two goals at 10; the others are one event each.
  const counters = inputs.texts("states").map(() => new Float64Array(weights.length));
  inputs.texts("states").forEach((words, i) => {
    if (i > 0) counters[i]!.set(counters[i - 1]!);
    weights.forEach(([name], k) => {
      if (new RegExp(`\\b${name}\\b`, "u").test(words)) counters[i]![k]! += name === "goal" ? 2 : 1;
    });
  });
  const values = Float64Array.from(weights, ([, weight]) => Number(weight));
  return counters.map((own, i) => (i === 0 ? 0 : eventReward(counters[i - 1]!, own, values)));
}

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn.includes("DiffPotentialReward")) {
      const own = series(inputs.object("phi"));
      const slope = inputs.number("negative_slope", 1);
      // The first step after a reset has no potential before it.
      const rows = inputs
        .texts("players")
        .map((player) =>
          Float64Array.of(0, ...potentialDifference(own.get(player)!, inputs.number("gamma"), slope)),
        );
      return { reward_per_step: turn(rows) };
    }
    if (fn.includes("DistributeRewards")) {
      const spirit = inputs.number("team_spirit", 0.3);
      if (typeof inputs.get("base") === "number")
        return { reward: distributeRewards(Float64Array.of(inputs.number("base")), [0], spirit)[0] };
      const own = series(inputs.object("base"));
      const teams = inputs.object("teams");
      const sides = [...own.keys()].map((player) => Number(teams[player]));
      const steps = turn([...own.values()]);
      return {
        reward_per_step: steps.map((row) => distributeRewards(Float64Array.from(row), sides, spirit)),
      };
    }
    if (fn.includes("OffensivePressureReward")) {
      const players = { blue: [inputs.vector("blue_pos")], orange: [inputs.vector("orange_pos")] };
      const frames = inputs.list("ball_and_blue_score").map((entry) => {
        const [ball, blue] = list(entry);
        return { ball: vector(ball), players, score: { blue: Number(blue), orange: 0 } };
      });
      const paid = offensivePressure(frames, {
        cutoff: inputs.number("cutoff_frame"),
        exponent: inputs.number("exponent"),
        threshold: inputs.number("distance_threshold"),
      });
      return { reward_per_step: paid.map(({ blue, orange }) => [blue, orange]) };
    }
    if (fn.includes("EventReward")) return { reward_per_step: events(inputs) };
    throw new InputError("function", `known (${fn})`);
  },
};
