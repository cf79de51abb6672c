import type { JsonObject } from "../../../src/model/json";
import { guiStepScore, matchGuiAction } from "../../../src/signals/agentic/guiActionMatch";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  text: true,
  run({ fn, inputs }) {
    const sizes = {
      width: inputs.number("width"),
      height: inputs.number("height"),
      resizedWidth: inputs.number("resized_width"),
      resizedHeight: inputs.number("resized_height"),
    };
    if (fn === "gui_action_match_compute_score") {
      const response = inputs.object("parsed_response") as JsonObject;
      const { think, action_content: action } = response;
      const result = guiStepScore(
        {
          thought: typeof think === "string" ? think : undefined,
          action: action === undefined || action === null ? undefined : (action as JsonObject),
        },
        inputs.object("check_options") as JsonObject,
        inputs.number("num_steps"),
        sizes,
      );
      return {
        score: result.score,
        format_score: result.formatScore,
        type_match: result.typeMatch,
        extract_match: result.extractMatch,
        step_reward: result.stepReward,
      };
    }
    const rule =
      fn === "check_response_match"
        ? "training"
        : fn === "evaluate_android_control_action"
          ? "evaluation"
          : undefined;
    if (!rule) throw new InputError("function", `known (${fn})`);
    const match = matchGuiAction(
      inputs.object("pred") as JsonObject,
      inputs.object("ground_truth") as JsonObject,
      sizes,
      rule,
      inputs.flag("text_retrict", false),
    );
    return { type_match: match.typeMatch, extract_match: match.extractMatch };
  },
};
