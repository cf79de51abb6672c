import {
  detachedPreferenceLoss,
  outcomeCrossEntropy,
  preferenceAccuracy,
  trajectoryPreferenceLoss,
} from "../../../src/signals/agentic/istarLoss";
import { InputError, type Adapter } from "../adapter";

export const adapter: Adapter = {
  run({ fn, inputs }) {
    const rows = {
      scores: inputs.matrix("q"),
      masks: inputs.matrix("response_mask"),
      outcomes: inputs.vector("acc"),
    };
    switch (fn) {
      case "compute_eto_loss_rm":
        return trajectoryPreferenceLoss(
          rows,
          inputs.texts("uid"),
          inputs.texts("traj_uid"),
          inputs.vector("active_masks"),
          inputs.number("beta"),
        ).loss;
      case "compute_ce_dpo_loss_rm":
        return outcomeCrossEntropy(rows, inputs.number("beta"));
      case "compute_detach_dpo_loss_rm": {
        const mode = inputs.text("bon_mode", "none");
        if (mode !== "none" && mode !== "bon_rm" && mode !== "bon_acc")
          throw new Error(`bon_mode "${mode}" is not none, bon_rm or bon_acc.`);
        return detachedPreferenceLoss(
          rows,
          inputs.matrix("Q_bc"),
          inputs.matrix("acc_bc"),
          inputs.number("beta"),
          mode,
        );
      }
      case "compute_dpo_accuracy":
        return preferenceAccuracy(rows, inputs.number("n_samples"));
      default:
        throw new InputError("function", `known (${fn})`);
    }
  },
};
