import { savitzkyGolay } from "../kernels/savitzkyGolay";

/** Where a vehicle is at one tick. */
export interface VehiclePose {
  /** Metres. */
  readonly x: number;
  /** Metres. */
  readonly y: number;
  /** Degrees. */
  readonly yaw: number;
}

/** Smoothed motion at the newest tick. */
export interface RideMotion {
  /** m/s^2 along the vehicle. */
  readonly longitudinal: number;
  /** m/s^2 across the vehicle. */
  readonly lateral: number;
  /** Change of the acceleration's magnitude, m/s^3. */
  readonly jerk: number;
  /** m/s^3 along the vehicle. */
  readonly longitudinalJerk: number;
  /** rad/s */
  readonly yawRate: number;
  /** rad/s^2 */
  readonly yawAcceleration: number;
}

/** Limits of comfort; nuPlan's. */
export interface ComfortLimits {
  readonly longitudinalLeast: number;
  readonly longitudinalMost: number;
  readonly lateral: number;
  readonly jerk: number;
  readonly longitudinalJerk: number;
  readonly yawRate: number;
  readonly yawAcceleration: number;
}

export interface ComfortOptions {
  /** Seconds between ticks. */
  readonly interval: number;
  /** Ticks that a violation stays in force. */
  readonly latchTicks: number;
  /** What is taken off when all six limits are broken. */
  readonly factor: number;
  readonly limits: ComfortLimits;
}

export const comfortDefaults: ComfortOptions = {
  interval: 0.1,
  latchTicks: 500,
  factor: 0.5,
  limits: {
    longitudinalLeast: -4.05,
    longitudinalMost: 2.4,
    lateral: 4.89,
    jerk: 8.37,
    longitudinalJerk: 4.13,
    yawRate: 0.95,
    yawAcceleration: 1.93,
  },
};

export interface RideComfort {
  /** Factor on the progress, 1 = comfortable. */
  readonly comfort: number;
  /** Undefined until enough ticks are known. */
  readonly motion: RideMotion | undefined;
  /** Ticks that each of the six limits (longitudinal, lateral, jerk, longitudinal jerk, yaw rate, yaw acceleration) stays broken. */
  readonly latched: readonly number[];
}

/** Ticks of history that are kept, and how many are needed. */
const kept = 15;
const needed = 8;

function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/** Angles without jumps of a whole turn: every jump is taken off, rounded to turns, from all later angles. */
function unwrapped(angles: readonly number[]): number[] {
  let turns = 0;
  return angles.map((angle, k) => {
    if (k > 0) turns += roundHalfEven((angle - angles[k - 1]!) / (2 * Math.PI));
    return angle - 2 * Math.PI * turns;
  });
}

interface Sample {
  readonly longitudinal: number;
  readonly lateral: number;
  readonly magnitude: number;
  readonly yaw: number;
}

function motionOf(history: readonly Sample[], interval: number): RideMotion {
  const last = (values: Float64Array): number => values[values.length - 1]!;
  const smooth = (of: (sample: Sample) => number): Float64Array =>
    savitzkyGolay(history.map(of), { window: needed, order: 2 });
  const slope = (values: ArrayLike<number>, window: number, order: number, derivative: number): number =>
    last(savitzkyGolay(values, { window, order, derivative, spacing: interval }));
  const longitudinal = smooth((sample) => sample.longitudinal);
  const magnitude = smooth((sample) => sample.magnitude);
  const long = Math.min(kept, history.length);
  const yaw = unwrapped(history.map((sample) => sample.yaw));
  return {
    longitudinal: last(longitudinal),
    lateral: last(smooth((sample) => sample.lateral)),
    jerk: slope(magnitude, long, 2, 1),
    longitudinalJerk: slope(longitudinal, long, 2, 1),
    yawRate: slope(yaw, 5, 2, 1),
    yawAcceleration: slope(yaw, 5, 3, 2),
  };
}

/**
 * Comfort of a ride tick by tick (autonomousvision/CaRL, SimpleReward.compute_comfort_penalty): accelerations by finite
 * differences of positions, smoothed by Savitzky-Golay filters over the last 15 ticks, held against six limits, each of
 * which stays broken for a while. The first acceleration jumps from rest, and stays in the history, as released.
 *
 * @param poses from the start of a drive
 */
export function rideComfort(poses: readonly VehiclePose[], options: ComfortOptions): RideComfort[] {
  const { interval, limits } = options;
  const rate = 1 / interval;
  const history: Sample[] = [];
  let velocity: readonly [number, number] = [0, 0];
  let latched = new Array<number>(6).fill(0);
  return poses.map((pose, tick) => {
    latched = latched.map((ticks) => Math.max(0, ticks - 1));
    let acceleration: readonly [number, number] = [0, 0];
    if (tick > 0) {
      const before = poses[tick - 1]!;
      const now: readonly [number, number] = [(pose.x - before.x) * rate, (pose.y - before.y) * rate];
      acceleration = [(now[0] - velocity[0]) * rate, (now[1] - velocity[1]) * rate];
      velocity = now;
    }
    const yaw = (pose.yaw * Math.PI) / 180;
    history.push({
      longitudinal: acceleration[0] * Math.cos(yaw) + acceleration[1] * Math.sin(yaw),
      lateral: -acceleration[0] * Math.sin(yaw) + acceleration[1] * Math.cos(yaw),
      magnitude: Math.hypot(...acceleration),
      yaw,
    });
    if (history.length > kept) history.shift();
    if (history.length < needed) return { comfort: 1, motion: undefined, latched };
    const motion = motionOf(history, interval);
    const broken = [
      motion.longitudinal > limits.longitudinalMost || motion.longitudinal < limits.longitudinalLeast,
      Math.abs(motion.lateral) > limits.lateral,
      Math.abs(motion.jerk) > limits.jerk,
      Math.abs(motion.longitudinalJerk) > limits.longitudinalJerk,
      Math.abs(motion.yawRate) > limits.yawRate,
      Math.abs(motion.yawAcceleration) > limits.yawAcceleration,
    ];
    latched = latched.map((ticks, limit) => (broken[limit] ? options.latchTicks : ticks));
    const count = latched.filter((ticks) => ticks > 0).length;
    return { comfort: 1 - options.factor * (count / 6), motion, latched };
  });
}
