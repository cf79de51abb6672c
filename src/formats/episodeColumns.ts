import { Failure } from "../model/failure";
import type { ColumnRole, NumericColumn } from "../model/trajectory";
import { given } from "./draft";
import type { FormatRecord, Hdf5Group } from "./format";

/** A column of an episode; its numbers are read when they are asked for, so that an index never loads observations. */
export interface EpisodeColumn extends Omit<NumericColumn, "data"> {
  data(): Float32Array | Float64Array;
}

/** Names under which libraries keep what a column means, without the groups they lie in. */
const ROLES: readonly (readonly [RegExp, ColumnRole])[] = [
  [/^(obs|observations?|states?|images?|pixels)$/i, "observation"],
  [/^(acts?|actions?|acs)$/i, "action"],
  [/^(rews?|rewards?)$/i, "reward"],
  [/^(terminals?|terminations?|terminated|is_terminal|dones?)$/i, "terminated"],
  [/^(timeouts?|truncations?|truncated)$/i, "truncated"],
  [/^(values?|value_estimates?|v_?preds?)$/i, "value"],
  [/^((action_)?log_?probs?|logp|action_log_prob)$/i, "logprob"],
];

/** What a column means by its name: `actions`, `infos/action_log_probs`, `observation.state`. Otherwise `info`. */
export function roleOf(name: string): ColumnRole {
  const last = name.split(/[./]/).at(-1) ?? name;
  const inInfos = /^(infos?|env_infos?|agent_infos?)[./]/.test(name);
  const role = ROLES.find(([pattern]) => pattern.test(last))?.[1];
  // Of what a simulator adds, values and log-probabilities are the policy's own; anything else stays information.
  return role === undefined || (inInfos && role !== "value" && role !== "logprob") ? "info" : role;
}

/** A shape costs a file nothing, so that a damaged or hostile one could claim any number of rows. */
const MOST_ROWS = 2 ** 28;

/** @throws Failure when a file claims more rows than can be looked at */
export function checkedRows(rows: number): number {
  if (rows <= MOST_ROWS) return rows;
  throw new Failure(
    "large-array",
    `The file claims ${rows.toLocaleString("en")} rows.`,
    `Up to ${MOST_ROWS.toLocaleString("en")} rows in one array are read; it may be damaged.`,
  );
}

/** A column of numbers that are already read. */
export function columnOfNumbers(
  name: string,
  role: ColumnRole,
  data: Float32Array | Float64Array,
  width = 1,
  labels?: readonly string[],
): EpisodeColumn {
  return {
    name,
    role,
    rows: width === 0 ? 0 : data.length / width,
    width,
    ...given("labels", labels),
    data: () => data,
  };
}

/** A dataset of an HDF5 group as a column; undefined when it is not numeric. Rows [start, end) of it when they are given. */
export function columnOfDataset(
  group: Hdf5Group,
  dataset: string,
  name: string,
  role: ColumnRole,
  range?: { readonly start: number; readonly end: number },
): EpisodeColumn | undefined {
  const shape = group.shape(dataset);
  const all = shape?.[0];
  if (shape === undefined || all === undefined || group.numeric(dataset) !== true) return undefined;
  const start = Math.min(range?.start ?? 0, all);
  const end = Math.min(range?.end ?? all, all);
  return {
    name,
    role,
    rows: end - start,
    width: shape.slice(1).reduce((product, size) => product * size, 1),
    data: () => group.numberRows(dataset, start, end) ?? new Float64Array(0),
  };
}

/** Names of the numeric datasets of a group and below it, as paths (`observation/state`), with the group that holds each. */
export function* datasetsBelow(
  group: Hdf5Group,
  prefix = "",
): Generator<{ readonly path: string; readonly group: Hdf5Group; readonly dataset: string }> {
  for (const dataset of group.datasets) yield { path: `${prefix}${dataset}`, group, dataset };
  for (const child of group.groups) {
    const inner = group.group(child);
    if (inner !== undefined) yield* datasetsBelow(inner, `${prefix}${child}/`);
  }
}

/** The group of an HDF5 record. @throws Failure when the record is something else */
export function hdf5GroupOf(record: FormatRecord, what: string): Hdf5Group {
  if (record.kind !== "hdf5")
    throw new Failure("unfit-record", "The record is not an HDF5 group.", `Check that the file is ${what}.`);
  return record.group;
}
