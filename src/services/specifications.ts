import {
  checkTrajectory,
  readPropositions,
  readSpecification,
  type RuleOutcome,
} from "../signals/specification/specification";
import { Failure } from "../model/failure";
import { placeText } from "../signals/specification/sourceText";
import type { CheckReport, CheckRequest, CheckRule, Datasets, Specifications, Task } from "./services";

/** Trajectories that are on their way from their files at once. */
const AHEAD = 8;

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
    const loading = new Map<number, ReturnType<Datasets["trajectory"]>>();
    const load = (index: number): void => {
      const id = ids[index];
      if (id === undefined) return;
      const coming = this.datasets.trajectory(id);
      coming.catch(() => undefined);
      loading.set(index, coming);
    };
    for (let index = 0; index < Math.min(AHEAD, ids.length); index++) load(index);
    for (const [index, id] of ids.entries()) {
      if (task?.signal?.aborted) throw new Failure("cancelled", "Checking was cancelled.", "Start it again.");
      const trajectory = await loading.get(index)!;
      loading.delete(index);
      load(index + AHEAD);
      trajectories.push({
        id,
        rules: checkTrajectory(specification, trajectory, propositions, request.semantics),
      });
      task?.report?.({ done: index + 1, total: ids.length });
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
