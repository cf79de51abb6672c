import { planningDefaults, planningReward } from "../../../src/signals/control/carlPlanningReward";
import { InputError, type Adapter, type Golden } from "../adapter";

type Row = { readonly [key: string]: Golden };

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const accumulation = /_(regular|survival|nuplan)_accumulate/u.exec(fn)?.[1] as
      "regular" | "survival" | "nuplan" | undefined;
    if (!accumulation) throw new InputError("function", `known (${fn})`);
    const config: Row = inputs.has("config") ? inputs.object("config") : {};
    const setting = (name: string, standard: number): number => {
      const value = config[name];
      return typeof value === "number" ? value : standard;
    };
    const options = {
      accumulation,
      terminalPenalty: setting("terminal_penalty", planningDefaults.terminalPenalty),
      collisionPenalty: setting("collision_terminal_penalty", planningDefaults.collisionPenalty),
      survivalRatio: setting("survival_ratio", planningDefaults.survivalRatio),
      factor: setting("reward_factor", planningDefaults.factor),
      comfortEnds: config["comfort_accumulation"] === "terminal",
      timeToCollisionEnds: config["ttc_accumulation"] === "terminal",
    };
    return {
      steps: inputs.list("components").map((entry) => {
        const row = entry as Row;
        const soft = (name: string): number => (typeof row[name] === "number" ? row[name] : 1);
        const flag = (name: string): boolean => Boolean(row[name]);
        return planningReward(
          {
            progress: typeof row["route_completion"] === "number" ? row["route_completion"] : 0,
            collision: flag("collision"),
            otherEnd: ["blocked", "red_light", "stop_sign", "off_road"].some(flag),
            laneDistance: soft("lane_distance"),
            speed: soft("too_fast"),
            offRoute: soft("off_route"),
            comfort: soft("comfort"),
            timeToCollision: soft("ttc"),
          },
          options,
        );
      }),
    };
  },
};
