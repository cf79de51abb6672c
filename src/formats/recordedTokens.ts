import type { JsonValue } from "../model/json";
import type { TokenColumns } from "../model/trajectory";
import { float64, isList, listOf, recordedNumber } from "./jsonFields";

/** A list of numbers, out of a batch of one row where it lies in one. */
export function numberList(value: JsonValue | undefined): readonly JsonValue[] | undefined {
  const list = listOf(value);
  const row = list?.length === 1 && isList(list[0]) ? list[0] : list;
  return row?.every((item) => item === null || typeof item === "number" || typeof item === "boolean") === true
    ? row
    : undefined;
}

/**
 * Token columns from lists. Lists that are as long as all tokens stand as they are, shorter ones at the end: what a trainer
 * records of the response alone. Of the first tokens nothing is recorded then, which is NaN and no zero.
 */
export function tokensOfLists(
  ids: readonly JsonValue[],
  mask: readonly JsonValue[] | undefined,
  lists: Readonly<Record<string, readonly JsonValue[] | undefined>>,
): TokenColumns {
  const count = ids.length;
  const series: Record<string, Float64Array> = {};
  for (const [name, values] of Object.entries(lists)) {
    if (values === undefined || values.length === 0 || values.length > count) continue;
    const column = new Float64Array(count).fill(Number.NaN);
    column.set(float64(values), count - values.length);
    series[name] = column;
  }
  const shift = count - (mask?.length ?? 0);
  return {
    count,
    ids: Int32Array.from(ids, Number),
    ...(mask === undefined || mask.length > count
      ? {}
      : {
          mask: Uint8Array.from(ids, (_, index) =>
            index >= shift && (recordedNumber(mask[index - shift]) ?? 0) > 0 ? 1 : 0,
          ),
        }),
    series,
  };
}

/** The training step that a file's name tells before its other words: `iter12_replay_buffer.jsonl`, `step5.jsonl`. */
export function stepInName(path: string): number | undefined {
  const digits = /(?:^|[/\\_.-])(?:iter|iteration|step|global_step|epoch)[_-]?(\d+)(?=[_.-][^/\\]*$)/i.exec(
    path,
  )?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The training step that a file's name is, or tells; a number behind other words may be anything (`baseline_k4.json`). */
export function stepOfName(path: string): number | undefined {
  const whole = /(?:^|[/\\])(\d{1,15})\.\w+(?:\.\w+)?$/.exec(path)?.[1];
  return stepInName(path) ?? (whole === undefined ? undefined : Number(whole));
}
