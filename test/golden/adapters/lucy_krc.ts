import * as rocket from "../../../src/signals/control/rocketPotentials";
import { InputError, list, vector, type Adapter, type Inputs } from "../adapter";

/** One point, or a list of points: the functions broadcast. */
const points = (inputs: Inputs, name: string): Float64Array[] => {
  const value = inputs.list(name);
  return Array.isArray(value[0]) ? value.map((row) => vector(row)) : [vector(value)];
};

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const shape = { dispersion: inputs.number("dispersion", 1), density: inputs.number("density", 1) };
    const weights = { defense: inputs.number("defense", 0.5), offense: inputs.number("offense", 0.5) };
    const team = inputs.flag("orange", false) ? "orange" : "blue";
    const goal = inputs.flag("own_goal", false) ? "blue" : "orange";
    if (fn === "diff_potential") {
      const slope = inputs.number("negative_slope", 1);
      return { reward: rocket.potentialDifference(inputs.vector("reward"), inputs.number("gamma"), slope) };
    }
    const balls = points(inputs, "ball_position");
    if (fn === "liu_dist_ball2goal")
      return { reward: balls.map((ball) => rocket.ballToGoal(ball, goal, shape)) };
    if (fn === "signed_liu_dist_ball2goal")
      return { reward: balls.map((ball) => rocket.signedBallToGoal(ball, goal, shape)) };
    if (fn === "ball_y_coord")
      return { reward: balls.map((ball) => rocket.ballDepth(ball, inputs.number("exponent", 1))) };
    if (fn === "liu_dist_ball2goal_diff") {
      const reward = balls.map((ball) =>
        rocket.ballToGoalDifference(
          ball,
          { dispersion: inputs.number("off_dispersion", 0.5), density: inputs.number("off_density", 1) },
          { dispersion: inputs.number("def_dispersion", 0.5), density: inputs.number("def_density", 1) },
        ),
      );
      return { reward };
    }
    const players = points(inputs, "player_position");
    const ballOf = (i: number): Float64Array => balls[balls.length === 1 ? 0 : i]!;
    const distances = players.map((player, i) => rocket.playerToBall(player, ballOf(i), shape));
    if (fn === "liu_dist_player2ball") return { reward: distances };
    const aligned = players.map((player, i) => rocket.alignment(player, ballOf(i), team, weights));
    if (fn === "dist_weighted_align_ball")
      return { reward: aligned.map((value, i) => rocket.weightedAlignment(value, distances[i]!)) };
    if (fn !== "offensive_potential") throw new InputError("function", `known (${fn})`);
    const velocity = inputs.list("player_lin_velocity");
    if (!Array.isArray(velocity[0])) {
      const own = vector(velocity);
      return {
        reward: players.map((player, i) =>
          rocket.offensivePotential(
            aligned[i]!,
            rocket.velocityToBall(player, ballOf(i), own),
            distances[i]!,
          ),
        ),
      };
    }
    // The release multiplies directions [N, 3] with the velocities as a matrix [3, K], so each column acts as one
    // velocity, and alignment and distance are broadcast along the columns.
    const rows = velocity.map((row) => vector(list(row)));
    return {
      reward: players.map((player, i) =>
        Array.from(rows[0]!, (_, k) =>
          rocket.offensivePotential(
            aligned[k]!,
            rocket.velocityToBall(
              player,
              ballOf(i),
              rows.map((row) => row[k]!),
            ),
            distances[k]!,
          ),
        ),
      ),
    };
  },
};
