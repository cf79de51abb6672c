import type { DuckDBConnection, DuckDBListValue, DuckDBValue } from "@duckdb/node-api";
import type { TrajectoryRow } from "../model/summary";
import type { RowQuery } from "../protocol/storeCalls";
import { groupIdOf, parseGroupId, trajectoryIdOf } from "./ids";

/** Columns of a row as `rowOf` expects them, from `store.rows r JOIN store.files f`. */
export const ROW_COLUMNS = `r.tno, f.hash, f.dataset_id, f.path, r.row_no, r.part, r.member, r.own_id, r.group_no, r.group_guess, r.training_step, r.split,
  r.title, r.reward, r.success, r.truncated, r.stop_reason, r.advantage, r.step_count, r.token_count, r.response_characters, r.nulls,
  r.component_set, r.components`;

export const ROW_TABLES = "store.rows r JOIN store.files f ON f.file_no = r.file_no";

/** The file's own order over a whole dataset. */
export const FILE_ORDER = "f.sort_key, r.row_no, r.part";

/** Groups of two or more whose recorded rewards are all equal. */
export const NO_CONTRAST_GROUPS = `SELECT g.group_no FROM store.rows g WHERE g.group_no IS NOT NULL
  GROUP BY g.group_no HAVING count(g.reward) >= 2 AND min(g.reward) = max(g.reward)`;

/**
 * Condition for one row of `store.rows r`. Its file's number is asked for first: as a literal it lets DuckDB pass over
 * the parts of the table that hold other files, which a join does not.
 */
export async function rowPlace(
  connection: DuckDBConnection,
  fileHash: string,
  row: number,
  part: number,
): Promise<string> {
  return `${await fileCondition(connection, fileHash)} AND r.row_no = ${row} AND r.part = ${part}`;
}

/** Condition for the rows of one file in `store.rows r`, with the file's number as a literal. */
export async function fileCondition(connection: DuckDBConnection, fileHash: string): Promise<string> {
  const found = await connection.runAndReadAll("SELECT file_no FROM store.files WHERE hash = $1", [fileHash]);
  return `r.file_no = ${Number(found.getRows()[0]?.[0] ?? -1)}`;
}

export interface IndexedRow {
  readonly tno: bigint;
  readonly groupNumber: bigint | undefined;
  /** Number of the row's set of components, 0 = none, and their values in the order of its names. */
  readonly componentSet: number;
  readonly components: readonly (number | null)[];
  readonly row: Omit<TrajectoryRow, "components" | "memberIndex" | "groupSize">;
}

function optional<K extends string, V>(key: K, value: V | null): Partial<Record<K, V>> {
  return value === null ? {} : ({ [key]: value } as Partial<Record<K, V>>);
}

/** A number that the file may hold as null: the bit of `nulls` tells null from absent. */
function recorded<K extends string, V>(
  key: K,
  value: V | null,
  nulls: number,
  bit: number,
): Partial<Record<K, V | null>> {
  if (value !== null) return { [key]: value } as Partial<Record<K, V | null>>;
  return (nulls & bit) === 0 ? {} : ({ [key]: null } as Partial<Record<K, V | null>>);
}

export function rowOf(values: readonly DuckDBValue[]): IndexedRow {
  const [
    tno,
    hash,
    datasetId,
    path,
    row,
    part,
    member,
    ownId,
    groupNumber,
    groupGuess,
    trainingStep,
    split,
    title,
    reward,
    success,
    truncated,
    stopReason,
    advantage,
    stepCount,
    tokenCount,
    responseCharacters,
    nulls,
    componentSet,
    components,
  ] = values as [
    bigint,
    string,
    string,
    string,
    number,
    number,
    string | null,
    string | null,
    bigint | null,
    string | null,
    number | null,
    string | null,
    string,
    number | null,
    boolean | null,
    boolean | null,
    string | null,
    number | null,
    number,
    number | null,
    number | null,
    number,
    number | null,
    DuckDBListValue | null,
  ];
  return {
    tno,
    groupNumber: groupNumber ?? undefined,
    componentSet: componentSet ?? 0,
    components: (components?.items ?? []) as readonly (number | null)[],
    row: {
      id: trajectoryIdOf(hash, row, part),
      datasetId,
      path,
      row,
      part,
      title,
      stepCount,
      ...optional("member", member),
      ...optional("ownId", ownId),
      ...(groupNumber === null ? {} : { groupId: groupIdOf(groupNumber) }),
      ...optional("groupGuess", groupGuess),
      ...optional("trainingStep", trainingStep),
      ...optional("split", split),
      ...recorded("reward", reward, nulls, 1),
      ...recorded("success", success, nulls, 2),
      ...optional("truncated", truncated),
      ...optional("stopReason", stopReason),
      ...recorded("advantage", advantage, nulls, 4),
      ...optional("tokenCount", tokenCount),
      ...optional("responseCharacters", responseCharacters),
    },
  };
}

export interface Condition {
  readonly where: string;
  readonly values: DuckDBValue[];
}

/** The restriction of a query as SQL with numbered parameters. */
export function conditionOf(query: RowQuery): Condition {
  const parts: string[] = [];
  const values: DuckDBValue[] = [];
  const add = (sql: (parameter: string) => string, value: DuckDBValue): void => {
    values.push(value);
    parts.push(sql(`$${values.length}`));
  };
  if (query.datasetId !== undefined) add((p) => `f.dataset_id = ${p}`, query.datasetId);
  if (query.trainingStep !== undefined) add((p) => `r.training_step = ${p}`, query.trainingStep);
  if (query.trainingStepFrom !== undefined) add((p) => `r.training_step >= ${p}`, query.trainingStepFrom);
  if (query.trainingStepTo !== undefined) add((p) => `r.training_step <= ${p}`, query.trainingStepTo);
  if (query.groupId !== undefined) parts.push(`r.group_no = ${parseGroupId(query.groupId)}::UBIGINT`);
  if (query.text !== undefined && query.text !== "")
    add((p) => `contains(lower(r.title), lower(${p}))`, query.text);
  if (query.success !== undefined) add((p) => `r.success = ${p}`, query.success);
  if (query.truncated !== undefined) add((p) => `r.truncated = ${p}`, query.truncated);
  if (query.noContrast === true) parts.push(`r.group_no IN (${NO_CONTRAST_GROUPS})`);
  return { where: parts.length === 0 ? "" : `WHERE ${parts.join(" AND ")}`, values };
}

const SORT_COLUMNS = {
  reward: "r.reward",
  steps: "r.step_count",
  tokens: "r.token_count",
  length: "r.response_characters",
  advantage: "r.advantage",
  trainingStep: "r.training_step",
} as const;

/** Rows that lack the value come last in both directions; ties keep the file's order. */
export function orderOf(query: RowQuery): string {
  const direction = query.descending === true ? "DESC" : "ASC";
  if (query.sort === undefined || query.sort === "row") {
    return query.descending === true
      ? "ORDER BY f.sort_key DESC, r.row_no DESC, r.part DESC"
      : `ORDER BY ${FILE_ORDER}`;
  }
  return `ORDER BY ${SORT_COLUMNS[query.sort]} ${direction} NULLS LAST, ${FILE_ORDER}`;
}
