import { symbol, type Expression, type ExpressionReference } from "../expression";
import type { EpisodeSeries } from "./episode";

/** Where decision `t` of an episode lies, so that a click on its symbol goes there. */
function decisionReference(trajectoryId: string, series: EpisodeSeries, t: number): ExpressionReference {
  const position = series.positions[t]!;
  return series.level === "step"
    ? { trajectoryId, stepIndex: position }
    : { trajectoryId, tokenIndex: position };
}

/** A symbol such as `r_5`, numbered by the step or token it stands at. */
export function decisionSymbol(
  name: string,
  trajectoryId: string,
  series: EpisodeSeries,
  t: number,
  value: number,
  meaning: string,
): Expression {
  const position = series.positions[t]!;
  return symbol(
    `${name}_${position}`,
    value,
    `${meaning} at ${series.level} ${position}`,
    decisionReference(trajectoryId, series, t),
  );
}
