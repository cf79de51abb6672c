import type { JsonObject, JsonValue } from "../../../src/model/json";
import { movementDirection, stepMatch, toolCallAction } from "../../../src/signals/reward/guiStepRules";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  text: true,
  run({ fn, inputs }) {
    if (fn === "parse_action") {
      const value = inputs.get("value");
      return typeof value === "string" ? toolCallAction(value) : (value as JsonObject)["arguments"];
    }
    if (fn === "determine_swipe_direction")
      return movementDirection(inputs.get("start") as JsonValue, inputs.get("end") as JsonValue);
    if (fn !== "compare_actions") throw new InputError("function", `known (${fn})`);
    const { correct, typeEqual } = stepMatch(
      inputs.get("pred") as JsonObject | null,
      inputs.get("gt") as JsonObject | null,
      inputs.flag("reverse_swipe", true),
      inputs.number("width"),
      inputs.number("height"),
    );
    return { correct, type_equal: typeEqual };
  },
};
