import { binary, number, symbol, type Expression } from "../expression";
import type { Missing } from "../series/episode";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import { missing, stepCount } from "../series/modelInputs";
import { flagOf, numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, SignalContext } from "../signal";
import {
  currentDrivingDefaults,
  drivingDefaults,
  drivingRewards,
  type DrivingOptions,
  type DrivingTick,
} from "./carlDrivingReward";
import { nameParameter, namedNumbers, neededNumbers, stepSymbol } from "./controlSeries";
import { comfortDefaults, rideComfort } from "./rideComfort";

/** Columns of a drive beside the route completion, with what stands where they are absent. */
const optional = [
  ["speed", "Speed, m/s."],
  ["speed_limit", "Speed limit, m/s."],
  ["lane_offset", "Distance to the lane's centre, metres."],
  ["lane_width", "Width of the lane, metres."],
  ["junction", "1 inside a junction."],
  ["outside_lanes", "1 outside the route's lanes."],
  ["ttc_violation", "1 where a collision is ahead."],
  ["comfort", "Comfort factor, 1 = comfortable."],
  ["collision", "1 at a collision."],
  ["red_light", "1 when a red light was run."],
  ["route_finished", "1 when the route is finished."],
  ["other_end", "1 when anything else ended the drive, the timeout included."],
] as const;

type TickColumn = (typeof optional)[number][0];

interface Drive {
  readonly ticks: readonly DrivingTick[];
  /** 1 where a recorded column has no number: the tick cannot be judged. */
  readonly unknown: Uint8Array;
  readonly absent: readonly TickColumn[];
}

function driveOf(context: SignalContext, parameters: ParameterValues): Drive | Missing {
  const completion = neededNumbers(
    context,
    parameters,
    "completion",
    "components",
    "the route completion in percent",
  );
  if ("missing" in completion) return completion;
  const columns = new Map<TickColumn, Float64Array>();
  const absent: TickColumn[] = [];
  for (const [name] of optional) {
    const column = namedNumbers(context, parameters, name);
    if (column) columns.set(name, column);
    else absent.push(name);
  }
  const of = (name: TickColumn, t: number, standard: number): number => columns.get(name)?.[t] ?? standard;
  const on = (name: TickColumn, t: number): boolean => of(name, t, 0) === 1;
  const unknown = Uint8Array.from(completion, (percent, t) =>
    Number.isNaN(percent) || [...columns.values()].some((column) => Number.isNaN(column[t]!)) ? 1 : 0,
  );
  return {
    absent,
    unknown,
    ticks: Array.from(completion, (percent, t) => ({
      completion: percent,
      // A column that is not recorded is not judged.
      speed: of("speed", t, 0),
      speedLimit:
        columns.has("speed_limit") && columns.has("speed") ? columns.get("speed_limit")![t]! : Infinity,
      lateral: of("lane_offset", t, 0),
      laneWidth: of("lane_width", t, 3.5),
      junction: columns.has("lane_offset") ? on("junction", t) : true,
      outsideLanes: on("outside_lanes", t),
      collisionAhead: on("ttc_violation", t),
      comfort: of("comfort", t, 1),
      collision: on("collision", t),
      redLight: on("red_light", t),
      otherEnd: on("other_end", t),
      finished: on("route_finished", t),
    })),
  };
}

function optionsOf(parameters: ParameterValues): DrivingOptions {
  return {
    ...(textOf(parameters, "lane") === "grace" ? currentDrivingDefaults : drivingDefaults),
    laneThreshold: numberOf(parameters, "laneThreshold"),
    laneSoftener: numberOf(parameters, "laneSoftener"),
    laneGraceTicks: numberOf(parameters, "laneGraceTicks"),
    overspeed: numberOf(parameters, "overspeed"),
    latchTicks: numberOf(parameters, "latchTicks"),
    terminalReward: numberOf(parameters, "terminalReward"),
    terminalHint: numberOf(parameters, "terminalHint"),
    redLightHint: flagOf(parameters, "redLightHint"),
    product: flagOf(parameters, "product"),
  };
}

const limit = (name: string, description: string, standard: number): Parameter => ({
  name,
  description,
  type: "number",
  minimum: 0,
  default: standard,
});

export const carlDriving = derivedSignal({
  id: "carl-driving",
  title: "CaRL driving reward",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["components"],
  parameters: [
    nameParameter("completion", "Route completion, percent.", "route_completion"),
    ...optional.map(([name, description]) => nameParameter(name, description, name)),
    {
      name: "lane",
      description:
        "Cost of leaving the lane's centre: a fraction of the way to its edge at once (first release), or half after a time of grace (current).",
      type: "choice",
      choices: ["fraction", "grace"],
      default: "fraction",
    },
    limit("laneThreshold", "Metres from the centre that cost nothing.", 0),
    limit("laneSoftener", "Share of the lane's cost that is charged (fraction).", 1),
    limit("laneGraceTicks", "Ticks off the centre that cost nothing (grace).", 30),
    limit("overspeed", "Excess speed at which nothing is left, m/s.", 2.23),
    limit("latchTicks", "Ticks that a collision ahead stays in force.", 500),
    { name: "terminalReward", description: "Reward at the end.", type: "number", default: 0 },
    limit("terminalHint", "Taken off at a collision, and at a red light.", 1),
    { name: "redLightHint", description: "A red light takes the hint off.", type: "boolean", default: true },
    {
      name: "product",
      description: "Progress times all factors; off = nuPlan's weighted mean of progress and bonuses.",
      type: "boolean",
      default: true,
    },
  ],
  presets: [
    {
      id: "release",
      title: "First release",
      values: { lane: "fraction", laneThreshold: 0, laneSoftener: 1 },
      source: "autonomousvision/CaRL, CARLA/team_code, reward/simple_reward.py, and its launch command",
    },
    {
      id: "current",
      title: "Current revision",
      values: { lane: "grace", laneThreshold: 0.5, laneGraceTicks: 30 },
      source: "autonomousvision/CaRL @5abef66c, team_code_roach/reward/simple_reward.py, rl_config.py",
    },
  ],
  source: "Jaeger et al. 2025, CaRL: Learning Scalable Planning Policies with Simple Rewards",
  description:
    "Progress along the route in percent times soft factors for speed, time to collision, comfort and lane centre, with -1 at a collision or red light. Progress made outside the lanes is lost. Factors whose columns are not recorded are not judged, and named.",
  derive(context, parameters) {
    const drive = driveOf(context, parameters);
    if ("missing" in drive) return drive;
    const options = optionsOf(parameters);
    const { ticks } = drive;
    const rewards = drivingRewards(ticks, options);
    const part = (of: (t: number) => number): Float64Array => Float64Array.from(ticks, (_, t) => of(t));
    const gained = (t: number): number =>
      ticks[t]!.outsideLanes ? 0 : ticks[t]!.completion - (ticks[t - 1]?.completion ?? 0);
    const ends = ticks.flatMap((tick, t) => {
      if (!rewards[t]!.terminated && !rewards[t]!.truncated) return [];
      const why = tick.collision
        ? "collision"
        : tick.redLight
          ? "red light"
          : tick.otherEnd
            ? "another end"
            : "route finished";
      return [`Ended at step ${t}: ${why}.`];
    });
    return {
      values: part((t) => (drive.unknown[t] ? NaN : rewards[t]!.reward)),
      parts: {
        progress: part(gained),
        "speed factor": part((t) => rewards[t]!.factors.speed),
        "collision factor": part((t) => rewards[t]!.factors.collisionAhead),
        "comfort factor": part((t) => rewards[t]!.factors.comfort),
        "lane factor": part((t) => rewards[t]!.factors.lane),
        "latch countdown": part((t) => rewards[t]!.latched),
      },
      notes: [
        ...ends.slice(0, 1),
        ...(drive.absent.length > 0 ? [`Not recorded, so not judged: ${drive.absent.join(", ")}.`] : []),
      ],
      convention: `lane: ${options.lane}, ${options.product ? "product of factors" : "weighted mean"}`,
      lines(index) {
        const { reward, factors, terminated } = rewards[index]!;
        const tick = ticks[index]!;
        const hinted = tick.collision || (tick.redLight && options.redLightHint);
        const end = terminated ? options.terminalReward - (hinted ? options.terminalHint : 0) : 0;
        const factor = (name: string, value: number, meaning: string): Expression =>
          stepSymbol(context, name, index, value, meaning);
        const progress = factor("progress", gained(index), "percent of the route gained");
        const speedBonus = tick.speed > (tick.speedLimit ?? options.fallbackLimit) ? 0 : 0.05;
        const good = (value: number): number => (value < 1 ? 0 : 0.05);
        const inner = options.product
          ? binary(
              "*",
              factor("comfort", factors.comfort, "comfort factor"),
              binary(
                "*",
                factor("ttc", factors.collisionAhead, "collision factor"),
                binary("*", factor("speed", factors.speed, "speed factor"), progress),
              ),
            )
          : binary(
              "/",
              {
                kind: "call",
                name: "sum",
                arguments: [
                  binary("*", number(5), progress),
                  number(5 * good(factors.collisionAhead)),
                  number(4 * speedBonus),
                  number(2 * good(factors.comfort)),
                ],
              },
              number(16),
            );
        const along = binary("*", factor("lane", factors.lane, "lane factor"), inner);
        const expression = end === 0 ? along : binary("+", along, symbol("end", end, "reward at the end"));
        return [{ name: `r_${index}`, expression, value: reward }];
      },
    };
  },
});

export const rideComfortSignal = unexplainedSignal({
  id: "ride-comfort",
  title: "Ride comfort",
  family: "control",
  level: "step",
  unit: "factor",
  signed: false,
  needs: ["observations"],
  parameters: [
    nameParameter("x", "Position, metres.", "x"),
    nameParameter("y", "Position, metres.", "y"),
    nameParameter("yaw", "Heading, degrees.", "yaw"),
    limit("interval", "Seconds between steps.", comfortDefaults.interval),
    limit("latchTicks", "Steps that a violation stays in force.", comfortDefaults.latchTicks),
    limit("factor", "Taken off when all six limits are broken.", comfortDefaults.factor),
  ],
  presets: [
    {
      id: "carl",
      title: "CaRL",
      values: {},
      source: "autonomousvision/CaRL, reward/simple_reward.py, compute_comfort_penalty (nuPlan's limits)",
    },
  ],
  source: "autonomousvision/CaRL, SimpleReward.compute_comfort_penalty",
  description:
    "Factor that falls with every one of six comfort limits broken in the last 500 steps: accelerations, jerks, yaw rate and yaw acceleration, smoothed by Savitzky-Golay filters. 1 until eight steps are known.",
  derive(context, parameters) {
    const columns: Float64Array[] = [];
    for (const name of ["x", "y", "yaw"]) {
      const column = neededNumbers(context, parameters, name, "observations", `the vehicle's ${name}`);
      if ("missing" in column) return column;
      columns.push(column);
    }
    if (!(numberOf(parameters, "interval") > 0))
      return missing("observations", "Parameter interval must be above 0 seconds.");
    const [x, y, yaw] = columns as [Float64Array, Float64Array, Float64Array];
    const steps = rideComfort(
      Array.from({ length: stepCount(context.trajectory) }, (_, t) => ({ x: x[t]!, y: y[t]!, yaw: yaw[t]! })),
      {
        ...comfortDefaults,
        interval: numberOf(parameters, "interval"),
        latchTicks: numberOf(parameters, "latchTicks"),
        factor: numberOf(parameters, "factor"),
      },
    );
    const part = (of: (t: number) => number | undefined): Float64Array =>
      Float64Array.from(steps, (_, t) => of(t) ?? NaN);
    return {
      values: part((t) => steps[t]!.comfort),
      parts: {
        "longitudinal acceleration": part((t) => steps[t]!.motion?.longitudinal),
        "lateral acceleration": part((t) => steps[t]!.motion?.lateral),
        jerk: part((t) => steps[t]!.motion?.jerk),
        "yaw rate": part((t) => steps[t]!.motion?.yawRate),
      },
      notes: ["The first acceleration is a jump from rest and stays in the window, as released."],
      convention: "nuPlan limits",
    };
  },
});
