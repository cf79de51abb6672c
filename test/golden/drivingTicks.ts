import {
  drivingRewards,
  type DrivingOptions,
  type DrivingReward,
} from "../../src/signals/control/carlDrivingReward";
import type { Golden, Inputs } from "./adapter";

type Row = { readonly [key: string]: Golden };

/** `SimpleReward.get` over the rows of a case, with the configuration's names of either revision of CaRL. */
export function rewardsOfDrive(inputs: Inputs, defaults: DrivingOptions): readonly DrivingReward[] {
  const config: Row = inputs.has("config_overrides") ? inputs.object("config_overrides") : {};
  const setting = (name: string, standard: number): number => {
    const value = config[name];
    return typeof value === "boolean" ? Number(value) : typeof value === "number" ? value : standard;
  };
  const on = (name: string, standard = true): boolean => setting(name, Number(standard)) !== 0;
  const maximumChange = setting("max_change", 0.25);
  const ticks = (inputs.list("steps") as readonly Row[]).map((row) => {
    const number = (name: string, standard: number): number =>
      typeof row[name] === "number" ? row[name] : standard;
    const flag = (name: string): boolean => Boolean(row[name]);
    // Limits are km/h; the harness gives 0 (not a float) for a vehicle without one.
    const limit = on("speeding_infraction") ? number("limit", 50) : Infinity;
    return {
      completion: number("rc", 0),
      speed: number("speed", 0),
      speedLimit: limit === 0 ? undefined : limit / 3.6,
      lateral: number("lat", 0),
      laneWidth: number("lane_width", 3.5),
      junction: flag("junction") || !on("use_perc_progress"),
      outsideLanes: flag("outside") && on("use_outside_route_lanes"),
      collisionAhead: flag("ttc") && on("use_ttc"),
      comfort: on("use_comfort_infraction") ? number("comfort", 1) : 1,
      collision: flag("collision"),
      redLight: flag("red") && on("consider_tl"),
      tooClose: flag("too_close") && on("use_vehicle_close_penalty", false),
      trafficShare: on("use_min_speed_infraction", false) ? number("fraction_of_speed", 1) : 1,
      abrupt: on("use_max_change_penalty", false) && number("action_change", 0) > maximumChange,
      otherEnd:
        flag("stop") ||
        flag("blocked") ||
        flag("off_route") ||
        (number("off_road", 0) > setting("off_road_term_perc", 0.95) && on("use_off_road_term")) ||
        number("t", 0) > setting("eval_time", 1200),
      finished: flag("finished"),
    };
  });
  return drivingRewards(ticks, {
    ...defaults,
    laneThreshold: setting("lane_distance_violation_threshold", defaults.laneThreshold),
    laneSoftener: setting("lane_dist_penalty_softener", defaults.laneSoftener),
    laneGraceTicks: setting("lane_dist_penalty_time", defaults.laneGraceTicks),
    overspeed: setting("max_overspeed_value_threshold", defaults.overspeed),
    fallbackLimit: setting("rr_maximum_speed", defaults.fallbackLimit),
    latchTicks: setting("ttc_penalty_ticks", defaults.latchTicks),
    terminalReward: setting("terminal_reward", defaults.terminalReward),
    terminalHint: on("use_termination_hint") ? setting("terminal_hint", defaults.terminalHint) : 0,
    redLightHint: on("use_rl_termination_hint"),
    product: on("use_single_reward"),
    survival: on("use_survival_reward", false) ? setting("survival_reward_magnitude", 1e-4) : 0,
  });
}
