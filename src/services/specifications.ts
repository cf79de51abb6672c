import {
  checkTrajectory,
  readPropositions,
  readSpecification,
  type RuleOutcome,
} from "../signals/specification/specification";
import { Failure } from "../model/failure";
import { placeText } from "../signals/specification/sourceText";
import type { CheckReport, CheckRequest, CheckRule, Specifications } from "./specificationsContract";
import type { Datasets, Task } from "./services";

/** Trajectories in memory at once. */
const TOGETHER = 64;

/** Specification files over indexed trajectories. */
export class DatasetSpecifications implements Specifications {
  constructor(private readonly datasets: Datasets) {}

  async check(request: CheckRequest, task?: Task<{ done: number; total: number }>): Promise<CheckReport> {
    const propositions = readPropositions(request.propositions);
    const specification = readSpecification(request.language, request.text, propositions);
    const wrong = specification.diagnostics.find(({ severity }) => severity === "error");
    if (wrong)
      throw new Failure(
        "bad-specification",
        `The specification cannot be read at ${placeText(request.text, wrong.range.start)}: ${wrong.message}`,
        "Mend it there.",
      );
    const [broken] = propositions.problems;
    if (broken)
      throw new Failure(
        "bad-proposition",
        broken.diagnostic.message,
        "Mend it in the setting trajectoryLens.propositions.",
      );
    const ids = request.trajectoryIds;
    const trajectories: { id: string; rules: readonly RuleOutcome[] }[] = [];
    for (let start = 0; start < ids.length; start += TOGETHER) {
      if (task?.signal?.aborted) throw new Failure("cancelled", "Checking was cancelled.", "Start it again.");
      for (const trajectory of await this.datasets.trajectories(ids.slice(start, start + TOGETHER)))
        trajectories.push({
          id: trajectory.id,
          rules: checkTrajectory(specification, trajectory, propositions, request.semantics),
        });
      task?.report?.({ done: Math.min(start + TOGETHER, ids.length), total: ids.length });
    }
    return { rules: countsOf(trajectories), trajectories, warnings: specification.diagnostics };
  }
}

function countsOf(trajectories: CheckReport["trajectories"]): readonly CheckRule[] {
  const rules = new Map<string, { holds: number; fails: number; unknown: number; running: number }>();
  for (const { rules: outcomes } of trajectories)
    for (const { name, verdict } of outcomes) {
      const counts = rules.get(name) ?? { holds: 0, fails: 0, unknown: 0, running: 0 };
      counts[verdict]++;
      rules.set(name, counts);
    }
  return [...rules].map(([name, counts]) => ({ name, ...counts }));
}
