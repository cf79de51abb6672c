import type { ScoreArray, ScoreSeries } from "../../model/score";
import type { Sheet } from "../csv";
import { seriesNumbers } from "../json";

/** A series of scores for JSON: null for a step or token without a score. */
export const seriesDocument = (series: ScoreSeries): unknown => ({
  ...series,
  values: seriesNumbers(series.values),
});

/** A table of scores for JSON: null where the model gave nothing. */
export const arrayDocument = (array: ScoreArray): unknown => ({ ...array, data: seriesNumbers(array.data) });

/** One row a number; steps and tokens without a score are left out. */
export const seriesSheet = (series: readonly ScoreSeries[]): Sheet => ({
  headings: ["id", "name", "level", "unit", "index", "value", "token"],
  rows: series.flatMap(({ trajectoryId, name, level, unit, values, tokenText }) =>
    [...values.entries()]
      .filter(([, value]) => !Number.isNaN(value))
      .map(([index, value]) => [trajectoryId, name, level, unit, index, value, tokenText?.[index]]),
  ),
});
