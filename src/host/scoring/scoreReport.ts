import type { ModelInfo, ScoreReport } from "../../model/score";
import { counted, digits } from "../ui/numbers";

/** "Scored 8 trajectories with prm on webgpu: 1,234 tokens in 0.52 s." */
export function reportSentence(report: ScoreReport, model: ModelInfo): string {
  const done = report.trajectories - report.failures.length;
  const fresh = done - report.cached;
  // An episode of a control task has steps where a text has tokens.
  const unit =
    report.modelKind === "process-reward" ||
    report.modelKind === "scalar-reward" ||
    report.modelKind === "policy-lm" ||
    report.modelKind === "preference-pair" ||
    report.modelKind === "embedding"
      ? "token"
      : "step";
  const cached = report.cached > 0 ? `, ${report.cached} from the cache` : "";
  const cost =
    fresh === 0
      ? "all from the cache"
      : `${counted(report.tokens, unit)} in ${digits(report.seconds)} s${cached}`;
  return `Scored ${counted(done, "trajectory", "trajectories")} with ${model.name} on ${report.provider}: ${cost}.`;
}
