import {
  latrPrune,
  latrRoots,
  latrStep,
  removeRows,
  type PruneRule,
} from "../../../src/signals/agentic/latr";
import { list, vector, type Adapter } from "../adapter";

interface Prune {
  readonly steps: readonly number[];
  readonly edit?: number;
  readonly suffix?: number;
  readonly rouge?: number;
}

export const adapter: Adapter = {
  tolerance: { relative: 1e-6, absolute: 1e-9 },
  run({ inputs }) {
    const rule = {
      absolute: inputs.number("abs_thres"),
      relative: inputs.number("rel_thres"),
      gap: "below" as const,
    };
    const given = inputs.get("prune") as unknown as Prune | null | undefined;
    const prune: PruneRule | undefined = given
      ? {
          ages: given.steps,
          ...(given.edit === undefined ? {} : { edit: given.edit }),
          ...(given.suffix === undefined ? {} : { suffix: given.suffix }),
          ...(given.rouge === undefined ? {} : { rouge: given.rouge }),
        }
      : undefined;
    let state = latrRoots([...inputs.vector("first_ids")]);
    const events = inputs.list("next_token_probs_by_step_and_row").map((rows, step) => {
      const rowsBefore = state.branches.length;
      const probabilities = list(rows).map((row) => vector(row));
      // The toy model's vocabulary ends with the end token where the case does not name another one.
      const endToken = inputs.number("end_token", probabilities[0]!.length - 1);
      const candidates = latrStep(state, probabilities, step, rule, inputs.number("capacity_per_root"));
      const event = {
        step,
        rows_before: rowsBefore,
        branching_candidates: candidates,
        rows_after: state.branches.length,
      };
      if (!prune) return event;
      const { removed, compared } = latrPrune(state, step + 1, prune, endToken);
      state = removeRows(state, removed);
      return { ...event, removed, compared };
    });
    return {
      events,
      sequences: state.sequences,
      branches: state.branches.map((branch) => ({
        parent: branch.parent,
        root: branch.root,
        birth_step: branch.birthStep,
        children: branch.children,
        accumulated_logp: branch.logprob,
        suppressed_num: branch.suppressed,
      })),
    };
  },
};
