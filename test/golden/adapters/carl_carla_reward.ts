import { currentDrivingDefaults } from "../../../src/signals/control/carlDrivingReward";
import { comfortDefaults, rideComfort } from "../../../src/signals/control/rideComfort";
import { InputError, Inputs, type Adapter } from "../adapter";
import { rewardsOfDrive } from "../drivingTicks";

function comfortOf(inputs: Inputs): unknown {
  const config = new Inputs(inputs.has("config_overrides") ? inputs.object("config_overrides") : {});
  const poses = inputs.matrix("pose_x_y_yaw_deg").map(([x, y, yaw]) => ({ x: x!, y: y!, yaw: yaw! }));
  const { limits, latchTicks, factor } = comfortDefaults;
  const steps = rideComfort(poses, {
    interval: inputs.number("dt", comfortDefaults.interval),
    latchTicks: config.number("comfort_penalty_ticks", latchTicks),
    factor: config.number("comfort_penalty_factor", factor),
    limits: {
      longitudinalLeast: config.number("min_lon_accel", limits.longitudinalLeast),
      longitudinalMost: config.number("max_lon_accel", limits.longitudinalMost),
      lateral: config.number("max_abs_lat_accel", limits.lateral),
      jerk: config.number("max_abs_mag_jerk", limits.jerk),
      longitudinalJerk: config.number("max_abs_lon_jerk", limits.longitudinalJerk),
      yawRate: config.number("max_abs_yaw_rate", limits.yawRate),
      yawAcceleration: config.number("max_abs_yaw_accel", limits.yawAcceleration),
    },
  });
  return {
    steps: steps.map(({ comfort, motion, latched }) => ({
      comfort,
      signals: motion
        ? {
            lon: motion.longitudinal,
            lat: motion.lateral,
            jerk: motion.jerk,
            lon_jerk: motion.longitudinalJerk,
            yaw_rate: motion.yawRate,
            yaw_acc: motion.yawAcceleration,
          }
        : null,
      active: latched.map((ticks) => ticks > 0),
    })),
  };
}

export const adapter: Adapter = {
  // Filters of residuals near 0: the least-squares solvers differ in the last digits.
  tolerance: { relative: 1e-9, absolute: 1e-9 },
  run({ fn, inputs }) {
    if (fn === "SimpleReward.get") return { steps: rewardsOfDrive(inputs, currentDrivingDefaults) };
    if (fn === "SimpleReward.compute_comfort_penalty") return comfortOf(inputs);
    throw new InputError("function", `known (${fn})`);
  },
};
