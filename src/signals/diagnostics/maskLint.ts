import type { Step } from "../../model/trajectory";
import { needHow } from "../signal";
import { diagnostic, type Finding } from "./diagnostic";

/** Roles whose text the policy reads and must not be trained on. */
const read = new Set(["system", "user", "tool", "environment"]);

/** Tokens of the loss mask that are trained and should not be, and the other way round. */
export const maskLint = diagnostic({
  id: "mask-lint",
  scope: "trajectory",
  title: "Loss mask",
  unit: "tokens",
  needs: ["tokenMask"],
  parameters: [
    {
      name: "untrainedTurns",
      description: "Also report turns of the policy without any trained token.",
      type: "boolean",
      default: true,
    },
  ],
  source: "Loss masks of multi-turn rollouts: tool output that is trained, end-of-turn tokens that are not",
  description:
    "Number of tokens on the wrong side of the loss mask: tokens of tools, users and the environment that are trained, and turns of the policy whose last token (the one that ends the turn) is not trained although the rest is.",
  inspect({ trajectory }, parameters) {
    const { tokens } = trajectory;
    if (!tokens?.mask) return { missing: ["tokenMask"], how: needHow.tokenMask };
    const placed = trajectory.steps.filter(
      (step) =>
        step.tokenStart !== undefined && step.tokenEnd !== undefined && step.tokenEnd > step.tokenStart,
    );
    if (placed.length === 0)
      return {
        missing: ["tokenMask"],
        how: "The file records a mask, but not which tokens belong to which step.",
      };
    const { mask, text } = tokens;
    const findings: Finding[] = [];
    const found = (step: Step, value: number, message: string): void => {
      findings.push({
        diagnosticId: "mask-lint",
        severity: "warning",
        message,
        trajectoryIds: [trajectory.id],
        stepIndex: step.index,
        ...(trajectory.trainingStep === undefined ? {} : { trainingStep: trajectory.trainingStep }),
        value,
      });
    };
    let wrong = 0;
    for (const step of placed) {
      const start = step.tokenStart!;
      const end = Math.min(step.tokenEnd!, mask.length);
      let trained = 0;
      for (let i = start; i < end; i++) trained += mask[i]!;
      if (read.has(step.role)) {
        wrong += trained;
        if (trained > 0)
          found(
            step,
            trained,
            `${trained} of ${end - start} tokens of step ${step.index} (${step.role}) are trained, although the policy did not write them.`,
          );
        continue;
      }
      if (trained === 0) {
        if (parameters["untrainedTurns"] === true)
          found(
            step,
            0,
            `None of the ${end - start} tokens of step ${step.index}, which the policy wrote, is trained.`,
          );
        continue;
      }
      // Line ends that a chat template puts behind the turn are not the policy's.
      let last = end - 1;
      while (text && last > start && (text[last] ?? "").trim() === "") last--;
      if (mask[last] === 0 && last > start && mask[last - 1] === 1) {
        wrong++;
        const shown = text?.[last] === undefined ? "" : ` (${JSON.stringify(text[last])})`;
        found(
          step,
          1,
          `The last token of step ${step.index}${shown} is not trained while the ones before it are: the policy does not learn to end its turn.`,
        );
      }
    }
    return { values: Float64Array.of(wrong), findings };
  },
});
