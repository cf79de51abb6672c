/** What happened in one tick of a drive. */
export interface DrivingTick {
  /** Route completion so far, percent. */
  readonly completion: number;
  /** Metres per second. */
  readonly speed: number;
  /** Metres per second; undefined = the vehicle knows none. */
  readonly speedLimit: number | undefined;
  /** Distance to the lane's centre, metres. */
  readonly lateral: number;
  readonly laneWidth: number;
  readonly junction: boolean;
  readonly outsideLanes: boolean;
  readonly collisionAhead: boolean;
  /** Factor for comfort, 1 = comfortable. */
  readonly comfort: number;
  readonly collision: boolean;
  readonly redLight: boolean;
  /** Forecast to hit the vehicle ahead; absent = not watched. */
  readonly tooClose?: boolean;
  /** Share of the mean speed of the traffic around, at most 1; absent = not watched. */
  readonly trafficShare?: number;
  /** Steering, throttle or brake jumped by more than allowed; absent = not watched. */
  readonly abrupt?: boolean;
  /** Any other event that ends the drive, the timeout included. */
  readonly otherEnd: boolean;
  readonly finished: boolean;
}

export interface DrivingOptions {
  /**
   * Cost of leaving the lane's centre: `fraction` of the way to its edge at once (first release), or `grace` = half after
   * more than `laneGraceTicks` ticks beyond the threshold, counted down one by one (current revision).
   */
  readonly lane: "fraction" | "grace";
  /** Metres from the centre that cost nothing. */
  readonly laneThreshold: number;
  /** For `fraction`. */
  readonly laneSoftener: number;
  /** For `grace`. */
  readonly laneGraceTicks: number;
  /** Excess speed at which nothing is left, metres per second. */
  readonly overspeed: number;
  /** Limit where the vehicle knows none, metres per second. */
  readonly fallbackLimit: number;
  /** Ticks that a time-to-collision violation stays in force. */
  readonly latchTicks: number;
  readonly terminalReward: number;
  /** Taken off for a collision, and for a red light where `redLightHint`. */
  readonly terminalHint: number;
  readonly redLightHint: boolean;
  /** False = weighted mean of progress and constant bonuses instead of the product. */
  readonly product: boolean;
  /** Added at every tick. */
  readonly survival: number;
}

/** Values of the first release's launch script. */
export const drivingDefaults: DrivingOptions = {
  lane: "fraction",
  laneThreshold: 0,
  laneSoftener: 1,
  laneGraceTicks: 30,
  overspeed: 2.23,
  fallbackLimit: 6,
  latchTicks: 500,
  terminalReward: 0,
  terminalHint: 1,
  redLightHint: true,
  product: true,
  survival: 0,
};

/** Defaults of the current revision (team_code_roach/rl_config.py). */
export const currentDrivingDefaults: DrivingOptions = {
  ...drivingDefaults,
  lane: "grace",
  laneThreshold: 0.5,
};

export interface DrivingReward {
  readonly reward: number;
  readonly terminated: boolean;
  /** True when the route is finished; both can be true in one tick. */
  readonly truncated: boolean;
  readonly factors: {
    readonly speed: number;
    readonly collisionAhead: number;
    readonly comfort: number;
    readonly lane: number;
    /** Share of the traffic's speed, 1 where it is not watched. */
    readonly traffic: number;
    readonly action: number;
  };
  /** Ticks that a time-to-collision violation stays in force. */
  readonly latched: number;
}

/** Percent over ticks of a completed drive: what each good tick earns without the product. */
const tickBonus = 100 / 2000;

/**
 * Reward of CaRL on CARLA, first release or current revision (Jaeger et al., 2025; autonomousvision/CaRL,
 * reward/simple_reward.py, SimpleReward.get): progress in percent times soft factors for speed, time to collision, comfort and lane centre, plus
 * the hint at the end. Progress made outside the lanes is lost; it is not deferred.
 *
 * @param ticks in order, from the start of a drive
 */
export function drivingRewards(ticks: readonly DrivingTick[], options: DrivingOptions): DrivingReward[] {
  let last = 0;
  let latched = 0;
  let astray = 0;
  return ticks.map((tick) => {
    const excess = tick.speed - (tick.speedLimit ?? options.fallbackLimit);
    const speed = excess > 0 ? Math.max(0, 1 - excess / options.overspeed) : 1;
    if (latched > 0) latched--;
    if (tick.collisionAhead) latched = options.latchTicks;
    const collisionAhead = tick.collisionAhead || latched > 0 ? 0.5 : 1;
    const beyond = Math.abs(tick.lateral) - options.laneThreshold;
    let lane = 1;
    if (!tick.junction && options.lane === "grace") {
      astray = beyond > 0 ? astray + 1 : Math.max(0, astray - 1);
      if (astray > options.laneGraceTicks) lane = 0.5;
    } else if (!tick.junction) {
      const free = Math.max(1e-6, tick.laneWidth * 0.5 - options.laneThreshold);
      lane = 1 - Math.min(1, Math.max(0, beyond / free)) * options.laneSoftener;
    }
    let progress = tick.outsideLanes ? 0 : tick.completion - last;
    last = tick.completion;
    if (options.product) progress = tick.comfort * (collisionAhead * (speed * progress));
    else {
      const good = (factor: number, weight: number): number => (factor < 1 ? 0 : weight * tickBonus);
      const speedBonus = excess > 0 ? 0 : 4 * tickBonus;
      progress = (5 * progress + good(collisionAhead, 5) + speedBonus + good(tick.comfort, 2)) / 16;
    }
    const tooClose = tick.tooClose ?? false;
    const terminated = tick.collision || tick.redLight || tooClose || tick.otherEnd;
    const hinted = tick.collision || tooClose || (tick.redLight && options.redLightHint);
    const end = terminated ? options.terminalReward - (hinted ? options.terminalHint : 0) : 0;
    const traffic = tick.trafficShare ?? 1;
    const action = tick.abrupt ? 0.5 : 1;
    return {
      reward: action * (traffic * (lane * progress)) + end + options.survival,
      terminated,
      truncated: tick.finished,
      factors: { speed, collisionAhead, comfort: tick.comfort, lane, traffic, action },
      latched,
    };
  });
}
