import { binary, number, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { numberOf, textOf } from "../series/parameters";
import {
  planningReward,
  scenarioSteps,
  type PlanningComponents,
  type PlanningReward,
} from "./carlPlanningReward";
import { nameParameter, namedNumbers, neededNumbers, stepSymbol } from "./controlSeries";

/** Soft factors of the reward and the columns that they are read from. */
const factors = {
  laneDistance: "lane_distance",
  speed: "too_fast",
  offRoute: "off_route",
  comfort: "comfort",
  timeToCollision: "ttc",
} as const;

const ends = ["collision", "blocked", "red_light", "stop_sign", "off_road"] as const;

export const carlPlanning = derivedSignal({
  id: "carl-planning",
  title: "CaRL planning reward (nuPlan)",
  family: "control",
  level: "step",
  unit: "reward",
  signed: true,
  needs: ["components"],
  parameters: [
    nameParameter("progress", "Route completion gained in the step, a fraction.", "route_completion"),
    {
      name: "accumulation",
      description: "Product of factors, the same with a bonus for staying alive, or nuPlan's weighted mean.",
      type: "choice",
      choices: ["regular", "survival", "nuplan"],
      default: "regular",
    },
    {
      name: "terminalPenalty",
      description: "Added at every step where it is not 0, as released.",
      type: "number",
      default: 0,
    },
    { name: "collisionPenalty", description: "The same at collisions.", type: "number", default: 0 },
    {
      name: "survivalRatio",
      description: "Share of the survival bonus.",
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.6,
    },
    { name: "factor", description: "Scale of the reward.", type: "number", default: 100 },
  ],
  presets: [
    {
      id: "regular",
      title: "As released",
      values: { accumulation: "regular" },
      source: "autonomousvision/CaRL, nuPlan, default_reward_builder.py",
    },
    {
      id: "survival",
      title: "With survival bonus",
      values: { accumulation: "survival" },
      source: "autonomousvision/CaRL, nuPlan, default_reward_builder.py, _survival_accumulate",
    },
    {
      id: "nuplan",
      title: "nuPlan weights",
      values: { accumulation: "nuplan" },
      source: "autonomousvision/CaRL, nuPlan, default_reward_builder.py, _nuplan_accumulate",
    },
  ],
  source: "Jaeger et al. 2025, CaRL; autonomousvision/CaRL, default_reward_builder.py",
  description:
    "Progress on the human route times soft factors (lane distance, speed, off route, comfort, time to collision). A step that ends the episode loses its progress. Factors whose columns are not recorded are not judged, and named.",
  derive(context, parameters) {
    const progress = neededNumbers(
      context,
      parameters,
      "progress",
      "components",
      "the gained route completion",
    );
    if ("missing" in progress) return progress;
    const read = (name: string): Float64Array | undefined => namedNumbers(context, { name }, "name");
    const soft = Object.entries(factors).map(([key, name]) => [key, name, read(name)] as const);
    const flags = ends.map((name) => read(name));
    const accumulation = textOf(parameters, "accumulation") as "regular" | "survival" | "nuplan";
    const rewards: PlanningReward[] = Array.from(progress, (gained, t) =>
      planningReward(
        {
          progress: gained,
          collision: flags[0]?.[t] === 1,
          otherEnd: flags.slice(1).some((flag) => flag?.[t] === 1),
          ...(Object.fromEntries(soft.map(([key, , column]) => [key, column?.[t] ?? 1])) as Record<
            keyof typeof factors,
            number
          >),
        } satisfies PlanningComponents,
        {
          accumulation,
          terminalPenalty: numberOf(parameters, "terminalPenalty"),
          collisionPenalty: numberOf(parameters, "collisionPenalty"),
          survivalRatio: numberOf(parameters, "survivalRatio"),
          factor: numberOf(parameters, "factor"),
          comfortEnds: false,
          timeToCollisionEnds: false,
        },
      ),
    );
    const parts = Object.fromEntries(
      soft.flatMap(([, name, column]) => (column ? [[name, column] as const] : [])),
    );
    const absent = [
      ...soft.flatMap(([, name, column]) => (column ? [] : [name])),
      ...ends.filter((_, k) => !flags[k]),
    ];
    const columnOf = new Map(soft.map(([key, , column]) => [key, column]));
    return {
      values: Float64Array.from(rewards, ({ reward }) => reward),
      parts: { progress, ...parts },
      notes: absent.length > 0 ? [`Not recorded, so not judged: ${absent.join(", ")}.`] : [],
      convention: accumulation,
      lines(index) {
        const of = (name: string, value: number): Expression =>
          stepSymbol(context, name, index, value, name.replaceAll("_", " "));
        const soft = (key: keyof typeof factors): Expression =>
          of(factors[key], columnOf.get(key)?.[index] ?? 1);
        const gained = of("progress", progress[index]!);
        const { reward, terminated } = rewards[index]!;
        const alive = symbol("alive", terminated ? 0 : 1, "0 at a step that ends the episode");
        const factor = symbol("factor", numberOf(parameters, "factor"), "scale");
        const product = (parts: readonly Expression[]): Expression =>
          parts.reduce((left, right) => binary("*", left, right));
        if (accumulation === "nuplan") {
          const good = (key: "timeToCollision" | "comfort"): number =>
            (columnOf.get(key)?.[index] ?? 1) === 1 ? 1 : 0;
          const share = (weight: number, value: Expression): Expression =>
            binary("*", number(weight), binary("/", value, number(scenarioSteps)));
          const weighted = binary(
            "/",
            {
              kind: "call",
              name: "sum",
              arguments: [
                binary("*", number(5), gained),
                share(5, of("ttc kept", good("timeToCollision"))),
                share(4, soft("speed")),
                share(2, of("comfort kept", good("comfort"))),
              ],
            },
            number(16),
          );
          const expression = product([weighted, soft("offRoute"), soft("laneDistance"), alive, factor]);
          return [{ name: `r_${index}`, expression, value: reward }];
        }
        const along = binary(
          "*",
          gained,
          product((Object.keys(factors) as (keyof typeof factors)[]).map(soft)),
        );
        const ratio = symbol(
          "survival",
          numberOf(parameters, "survivalRatio"),
          "share of the survival bonus",
        );
        const earned =
          accumulation === "regular"
            ? along
            : binary(
                "+",
                binary("*", binary("-", number(1), ratio), along),
                binary("/", ratio, number(scenarioSteps)),
              );
        const crashed = flags[0]?.[index] === 1;
        const penalty = symbol(
          "penalty",
          numberOf(parameters, crashed ? "collisionPenalty" : "terminalPenalty"),
          "added at every step, as released",
        );
        const expression = binary("*", binary("+", binary("*", earned, alive), penalty), factor);
        return [{ name: `r_${index}`, expression, value: reward }];
      },
    };
  },
});
