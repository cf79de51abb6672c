import { semiOnlinePerformance } from "../../../src/signals/agentic/uis1Rollout";
import type { Adapter } from "../adapter";

interface Line {
  readonly num_steps: number;
  readonly task_success: boolean;
  readonly final_step_id: number;
}

export const adapter: Adapter = {
  run({ inputs }) {
    const results = inputs.list("results") as unknown as readonly Line[];
    const { successRate, averageProgress } = semiOnlinePerformance(
      results.map((line) => ({
        steps: line.num_steps,
        success: line.task_success,
        matched: line.final_step_id,
      })),
    );
    return { success_rate: successRate, avg_progress: averageProgress };
  },
};
