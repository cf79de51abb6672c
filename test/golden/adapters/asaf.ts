import {
  bufferWindowStarts,
  episodeLimits,
  episodeWindows,
  structuredDiscriminatorLoss,
} from "../../../src/signals/control/asaf";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    if (fn === "mask_to_episodes_limits") return episodeLimits(inputs.vector("done_mask"));
    if (fn === "split_episodes_to_windows")
      return episodeWindows(
        { starts: Array.from(inputs.vector("starts")), ends: Array.from(inputs.vector("ends")) },
        inputs.number("window_size"),
      );
    if (fn === "mask_to_window_start")
      return {
        starts: bufferWindowStarts(
          inputs.list("done_mask").length,
          inputs.number("window_size"),
          inputs.number("window_stride"),
        ),
      };
    if (fn.startsWith("ASAFLearner.fit"))
      return {
        loss: structuredDiscriminatorLoss(
          inputs.vector("sum_log_prob_new_policy"),
          inputs.vector("sum_log_prob_generator"),
          inputs.number("n_learner_windows"),
        ),
      };
    throw new InputError("function", `known (${fn})`);
  },
};
