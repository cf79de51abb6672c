import type { DatasetInfo, TrainingStepSummary } from "../../../src/model/summary";
import type { RowQuery } from "../../../src/protocol/storeCalls";
import type { BrushedSteps } from "../../components/trainingPlot";

/** A query without some of its parts. */
export function without(query: RowQuery, ...keys: readonly (keyof RowQuery)[]): RowQuery {
  return Object.fromEntries(
    Object.entries(query).filter(([key]) => !keys.includes(key as keyof RowQuery)),
  ) as RowQuery;
}

/** The part that selects training steps. */
export function stepPart(query: RowQuery): RowQuery {
  const { trainingStep, trainingStepFrom, trainingStepTo } = query;
  return {
    ...(trainingStep === undefined ? {} : { trainingStep }),
    ...(trainingStepFrom === undefined ? {} : { trainingStepFrom }),
    ...(trainingStepTo === undefined ? {} : { trainingStepTo }),
  };
}

/** The query without its filters: order and training steps stay. */
export function unfiltered(query: RowQuery): RowQuery {
  const { sort, descending } = query;
  return {
    ...stepPart(query),
    ...(sort === undefined ? {} : { sort }),
    ...(descending === undefined ? {} : { descending }),
  };
}

/** True when every trajectory of the dataset fits; the order does not matter. */
export function isUnfiltered(query: RowQuery): boolean {
  return Object.keys(without(query, "sort", "descending")).length === 0;
}

/** What one trajectory of a dataset is called. */
export const rowNoun = (dataset: DatasetInfo): string => (dataset.numeric ? "episode" : "trajectory");

/** The query with a text to look for, or with none when it is blank. */
export function withText(query: RowQuery, text: string): RowQuery {
  const rest = without(query, "text");
  return text.trim() === "" ? rest : { ...rest, text: text.trim() };
}

/** The query with other training steps; undefined = all. */
export function withSteps(query: RowQuery, steps: BrushedSteps | undefined): RowQuery {
  const rest = without(query, "trainingStep", "trainingStepFrom", "trainingStepTo");
  return steps ? { ...rest, trainingStepFrom: steps.from, trainingStepTo: steps.to } : rest;
}

/** Training steps that a query selects; undefined = all. */
export function brushedSteps(
  query: RowQuery,
  steps: readonly TrainingStepSummary[],
): BrushedSteps | undefined {
  const { trainingStep, trainingStepFrom, trainingStepTo } = query;
  if (trainingStep !== undefined) return { from: trainingStep, to: trainingStep };
  if (trainingStepFrom === undefined && trainingStepTo === undefined) return undefined;
  const numbered = steps.map((step) => step.trainingStep).filter((step) => step !== undefined);
  return {
    from: trainingStepFrom ?? Math.min(...numbered),
    to: trainingStepTo ?? Math.max(...numbered),
  };
}
