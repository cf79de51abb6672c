import { drivingDefaults, drivingRewards } from "../../../src/signals/control/carlDrivingReward";
import { InputError, type Adapter, type Golden } from "../adapter";

type Row = { readonly [key: string]: Golden };

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn !== "SimpleReward.get") throw new InputError("function", `known (${fn})`);
    const config: Row = inputs.has("config_overrides") ? inputs.object("config_overrides") : {};
    const setting = (name: string, standard: number): number => {
      const value = config[name];
      return typeof value === "boolean" ? Number(value) : typeof value === "number" ? value : standard;
    };
    const hint = setting("use_termination_hint", 1) !== 0;
    const ticks = (inputs.list("steps") as readonly Row[]).map((row) => {
      const number = (name: string, standard: number): number =>
        typeof row[name] === "number" ? row[name] : standard;
      const flag = (name: string): boolean => Boolean(row[name]);
      // Limits are km/h; the harness gives 0 (not a float) for a vehicle without one.
      const limit = number("limit", 50);
      return {
        completion: number("rc", 0),
        speed: number("speed", 0),
        speedLimit: limit === 0 ? undefined : limit / 3.6,
        lateral: number("lat", 0),
        laneWidth: number("lane_width", 3.5),
        junction: flag("junction"),
        outsideLanes: flag("outside"),
        collisionAhead: flag("ttc"),
        comfort: number("comfort", 1),
        collision: flag("collision"),
        redLight: flag("red"),
        otherEnd:
          flag("stop") ||
          flag("blocked") ||
          flag("off_route") ||
          number("off_road", 0) > setting("off_road_term_perc", 0.95) ||
          number("t", 0) > setting("eval_time", 1200),
        finished: flag("finished"),
      };
    });
    return {
      steps: drivingRewards(ticks, {
        laneThreshold: setting("lane_distance_violation_threshold", drivingDefaults.laneThreshold),
        laneSoftener: setting("lane_dist_penalty_softener", drivingDefaults.laneSoftener),
        overspeed: setting("max_overspeed_value_threshold", drivingDefaults.overspeed),
        fallbackLimit: setting("rr_maximum_speed", drivingDefaults.fallbackLimit),
        latchTicks: setting("ttc_penalty_ticks", drivingDefaults.latchTicks),
        terminalReward: setting("terminal_reward", drivingDefaults.terminalReward),
        terminalHint: hint ? setting("terminal_hint", drivingDefaults.terminalHint) : 0,
        redLightHint: setting("use_rl_termination_hint", 1) !== 0,
        product: setting("use_single_reward", 1) !== 0,
      }),
    };
  },
};
