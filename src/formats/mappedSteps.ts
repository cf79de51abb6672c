import type { ColumnMapping, MappedField } from "../model/columnMapping";
import type { JsonObject, JsonValue } from "../model/json";
import type { NumericColumn, Outcome, Step } from "../model/trajectory";
import { given, type TrajectoryDraft } from "./draft";
import { isList, isObject, recordedFlag, recordedNumber, without } from "./jsonFields";
import { rowsAsColumns } from "./rowsAsColumns";

type Columns = ColumnMapping["columns"];

/** The value of a column: a field of that very name, otherwise the nested one that a path such as `info.score` leads to. */
export function fieldAt(row: JsonObject, column: string | undefined): JsonValue | undefined {
  if (column === undefined) return undefined;
  if (column in row) return row[column];
  let at: JsonValue | undefined = row;
  for (const name of column.split(".")) at = isObject(at) ? at[name] : undefined;
  return at;
}

/** One number of a row; a list of numbers is no trajectory's reward. */
export function numberAt(row: JsonObject, column: string | undefined): number | null | undefined {
  return recordedNumber(fieldAt(row, column));
}

/** Steps with the columns of their numbers. */
export interface NumericDraft {
  readonly steps: readonly Step[];
  readonly columns: NonNullable<TrajectoryDraft["columns"]>;
  readonly reward?: Pick<Outcome, "reward" | "rewardSource">;
}

/** Lists by step inside one row: every list as long as the actions (observations may have one more). */
export function listsDraft(row: JsonObject, columns: Columns): NumericDraft | undefined {
  const lead = fieldAt(row, columns.action) ?? fieldAt(row, columns.observation);
  if (!isList(lead)) return undefined;
  const rows = lead.map((_item, step): JsonObject => {
    const fields: Record<string, JsonValue | undefined> = {};
    for (const name of STEP_FIELDS) {
      const value = fieldAt(row, columns[name]);
      if (columns[name] !== undefined && isList(value) && value.length >= lead.length)
        fields[columns[name]] = value[step];
    }
    return fields;
  });
  return stepsDraft(rows, columns);
}

const STEP_FIELDS = [
  "observation",
  "action",
  "reward",
  "advantage",
  "value",
  "logprob",
  "done",
  "truncated",
] as const;

/** Steps and columns of rows that are one step each. */
export function stepsDraft(rows: readonly JsonObject[], columns: Columns): NumericDraft {
  const roles = new Map<string, NumericColumn["role"]>();
  const role = (field: MappedField, as: NumericColumn["role"]): void => {
    if (columns[field] !== undefined) roles.set(columns[field], as);
  };
  role("observation", "observation");
  role("action", "action");
  role("reward", "reward");
  role("value", "value");
  role("logprob", "logprob");
  role("done", "terminated");
  role("truncated", "truncated");
  // A nested field is lifted to the top under its path, so that it is a column of its own.
  const flat = rows.map((row): JsonObject => {
    const lifted: Record<string, JsonValue | undefined> = { ...row };
    for (const name of STEP_FIELDS) {
      const column = columns[name];
      if (column !== undefined && !(column in row)) {
        const value = fieldAt(row, column);
        if (value !== undefined) lifted[column] = value;
      }
    }
    return lifted;
  });
  const identityColumns = new Set(
    (["episode", "group", "step", "id", "split", "success", "groundTruth", "prompt"] as const).flatMap(
      (name) => (columns[name] === undefined ? [] : [columns[name]]),
    ),
  );
  const table = rowsAsColumns(flat, {
    role: (name) =>
      roles.get(name) ?? [...roles].find(([column]) => name.startsWith(`${column}.`))?.[1] ?? "info",
    skip: identityColumns,
  });
  const textColumns = new Set([columns.observation, columns.action]);
  const steps = flat.map((row, index): Step => {
    const observation = columns.observation === undefined ? undefined : row[columns.observation];
    const action = columns.action === undefined ? undefined : row[columns.action];
    const extra = without(
      table.others(index),
      new Set([...textColumns].filter((name) => name !== undefined)),
    );
    const reward = numberAt(row, columns.reward);
    const value = numberAt(row, columns.value);
    const advantage = numberAt(row, columns.advantage);
    const logprob = numberAt(row, columns.logprob);
    const done = recordedFlag(fieldAt(row, columns.done));
    const truncated = recordedFlag(fieldAt(row, columns.truncated));
    return {
      index,
      role: "assistant",
      kind: "act",
      ...(typeof observation === "string" ? { observation } : {}),
      ...(typeof action === "string" ? { action } : {}),
      ...given("reward", reward),
      ...given("value", value),
      ...given("advantage", advantage),
      ...given("logprob", logprob),
      ...(typeof done === "boolean" ? { terminated: done } : {}),
      ...(typeof truncated === "boolean" ? { truncated } : {}),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    };
  });
  return {
    steps,
    columns: {
      steps: rows.length,
      columns: table.columns.map((column) => ({ ...column, data: column.data() })),
    },
    ...rewardSum(steps),
  };
}

/** Undiscounted sum of the steps' rewards: NaN where one is missing or null, absent where none is mapped. */
function rewardSum(steps: readonly Step[]): { readonly reward?: Pick<Outcome, "reward" | "rewardSource"> } {
  if (steps.length === 0 || steps.every((step) => step.reward === undefined)) return {};
  const sum = steps.reduce((total, step) => total + (step.reward ?? Number.NaN), 0);
  return { reward: { reward: sum, rewardSource: "sum of rewards" } };
}
