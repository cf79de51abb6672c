/** Position or velocity, (x, y, z). */
export type Point = ArrayLike<number>;

/** Measures of the Rocket League arena, unreal units; blue defends negative y. */
const goalBack = { blue: [0, -6000, 321.3875], orange: [0, 6000, 321.3875] } as const;
const backWall = 5120;
const ballRadius = 92.75;
/** From the goal's back to its line, plus the ball's radius. */
const goalDepth = 6000 - backWall + ballRadius;
const carTopSpeed = 2300;
const ballTopSpeed = 6000;
/** Scale at which the signed ball-to-goal reward is about 0 at a side wall on the half-way line. */
const signedScale = 4570;

export type Team = "blue" | "orange";
export const otherTeam = (team: Team): Team => (team === "blue" ? "orange" : "blue");

const between = (from: Point, to: Point): number[] => [0, 1, 2].map((d) => to[d]! - from[d]!);
const dot = (a: Point, b: Point): number => a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
const size = (a: Point): number => Math.sqrt(dot(a, a));

/** Distance from a position to the back of a team's goal, less the goal's depth. */
export const goalDistance = (position: Point, goal: Team): number =>
  size(between(position, goalBack[goal])) - goalDepth;

/** Spread of a distance reward: `dispersion` widens it, `density` sharpens it. */
export interface DistanceShape {
  readonly dispersion: number;
  readonly density: number;
}

const decay = (distance: number, scale: number, { dispersion, density }: DistanceShape): number =>
  Math.exp((-0.5 * distance) / (scale * dispersion)) ** (1 / density);

/** Player close to the ball: exp(-0.5 d / (2300 dispersion))^(1/density), d to the ball's surface. */
export function playerToBall(player: Point, ball: Point, shape: DistanceShape): number {
  return decay(size(between(player, ball)) - ballRadius, carTopSpeed, shape);
}

/** Ball close to the opponent's goal, or to the own one; may exceed 1 inside the net. */
export function ballToGoal(ball: Point, goal: Team, shape: DistanceShape): number {
  return decay(goalDistance(ball, goal), ballTopSpeed, shape);
}

/** Ball close to the opponent's goal less ball close to the own one, each with its own spread (liu_dist_ball2goal_diff). */
export function ballToGoalDifference(ball: Point, offense: DistanceShape, defense: DistanceShape): number {
  return ballToGoal(ball, "orange", offense) - ballToGoal(ball, "blue", defense);
}

/** Ball-to-goal reward rescaled to about -1..1; the density acts on its size. */
export function signedBallToGoal(ball: Point, goal: Team, shape: DistanceShape): number {
  const value = 2 * (decay(goalDistance(ball, goal), signedScale, { ...shape, density: 1 }) - 0.5);
  return Math.abs(value) ** (1 / shape.density) * Math.sign(value);
}

/** Weighted cosines of player-ball with own goal-player and with player-opponent goal. */
export function alignment(
  player: Point,
  ball: Point,
  team: Team,
  weights: { readonly defense: number; readonly offense: number },
): number {
  const toBall = between(player, ball);
  const cosine = (other: Point): number => dot(toBall, other) / (size(toBall) * size(other));
  return (
    weights.defense * cosine(between(goalBack[team], player)) +
    weights.offense * cosine(between(player, goalBack[otherTeam(team)]))
  );
}

/** Player's speed towards the ball over the top speed of a car. */
export function velocityToBall(player: Point, ball: Point, velocity: Point): number {
  const toBall = between(player, ball);
  return dot(toBall, velocity) / size(toBall) / carTopSpeed;
}

/**
 * Kinesthetic reward combination of Lucy-SKG (Moschopoulos et al., 2023; Enkhai/rlgym-reward-analysis,
 * custom_rewards.offensive_potential), as coded: cube root of the product's size, + only where alignment and velocity
 * are both at least 0. The paper asks for all components above 0.
 */
export function offensivePotential(aligned: number, velocity: number, distance: number): number {
  return Math.cbrt(Math.abs(aligned * velocity * distance)) * (velocity >= 0 && aligned >= 0 ? 1 : -1);
}

/** Combination of alignment and distance: root of the product's size with the product's sign. */
export function weightedAlignment(aligned: number, distance: number): number {
  return Math.sqrt(Math.abs(aligned * distance)) * Math.sign(aligned * distance);
}

/** Ball's y over its range, raised to a power with its sign kept. */
export function ballDepth(ball: Point, exponent: number): number {
  const value = ball[1]! / (backWall + ballRadius);
  return Math.abs(value) ** exponent * Math.sign(value);
}

/** gamma * potential[t+1] - potential[t], negative differences times `negativeSlope`, [T-1] (diff_potential). */
export function potentialDifference(potential: Float64Array, gamma: number, negativeSlope = 1): Float64Array {
  return Float64Array.from({ length: Math.max(0, potential.length - 1) }, (_, t) => {
    const value = gamma * potential[t + 1]! - potential[t]!;
    return value < 0 ? value * negativeSlope : value;
  });
}
