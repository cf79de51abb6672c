import { Failure } from "../model/failure";
import type { ColumnMapping, MappedField } from "../model/columnMapping";
import type { ColumnRole } from "../model/trajectory";
import type { FormatRecord, Hdf5Group } from "./format";
import { otherFields, sliceColumn, type Fields } from "./arrayEpisodes";
import { checkedRows, columnOfDataset, type EpisodeColumn } from "./episodeColumns";
import type { NumericEpisode } from "./numericEpisode";
import { fieldsOf, numbersIn, product } from "./plainFields";

type Columns = ColumnMapping["columns"];

/** What the mapped columns of numeric episodes mean. */
const ROLES: Readonly<Partial<Record<MappedField, ColumnRole>>> = {
  observation: "observation",
  action: "action",
  reward: "reward",
  value: "value",
  logprob: "logprob",
  done: "terminated",
  truncated: "truncated",
};

/** Columns of arrays, whole: an HDF5 group's datasets or the arrays of a pickle or npz file. */
interface Whole {
  readonly rows: number;
  readonly names: readonly string[];
  column(name: string, role: ColumnRole, start: number, end: number): EpisodeColumn | undefined;
  numbers(name: string): Float32Array | Float64Array | undefined;
  readonly extra: NumericEpisode["extra"];
}

/** Group and dataset of a path such as `data/rewards`. */
function datasetAt(
  group: Hdf5Group,
  path: string,
): { readonly group: Hdf5Group; readonly dataset: string } | undefined {
  const parts = path.split("/").filter((part) => part !== "");
  const dataset = parts.pop();
  let at: Hdf5Group | undefined = group;
  for (const part of parts) at = at?.group(part);
  return at === undefined || dataset === undefined || !at.datasets.includes(dataset)
    ? undefined
    : { group: at, dataset };
}

function ofGroup(group: Hdf5Group, columns: Columns): Whole {
  const rows = leadRows((name) => {
    const found = datasetAt(group, name);
    return found?.group.shape(found.dataset)?.[0];
  }, columns);
  const mapped = Object.values(columns);
  return {
    rows,
    names: [
      ...mapped,
      ...group.datasets.filter((name) => !mapped.includes(name) && group.shape(name)?.[0] === rows),
    ],
    column(name, role, start, end) {
      const found = datasetAt(group, name);
      return found === undefined
        ? undefined
        : columnOfDataset(found.group, found.dataset, name, role, { start, end });
    },
    numbers(name) {
      const found = datasetAt(group, name);
      return found?.group.numbers(found.dataset);
    },
    extra: group.attributes,
  };
}

function ofFields(fields: Fields, columns: Columns): Whole {
  const rows = leadRows((name) => numbersIn(fields.get(name))?.shape[0], columns);
  const names = [...fields.keys()].filter((name) => {
    const size = numbersIn(fields.get(name))?.shape[0];
    return size === rows || size === rows + 1;
  });
  return {
    rows,
    names,
    column(name, role, start, end) {
      const numbers = numbersIn(fields.get(name));
      return numbers === undefined || numbers.shape.length === 0
        ? undefined
        : { ...sliceColumn(name, numbers, start, end), role };
    },
    numbers(name) {
      const numbers = numbersIn(fields.get(name));
      return numbers !== undefined && product(numbers.shape) === numbers.shape[0]
        ? numbers.data()
        : undefined;
    },
    extra: otherFields(fields, new Set(names)),
  };
}

/** Number of steps: the rows of the actions, or of what else is mapped. */
function leadRows(size: (name: string) => number | undefined, columns: Columns): number {
  for (const field of ["action", "reward", "done", "observation"] as const) {
    const rows = columns[field] === undefined ? undefined : size(columns[field]);
    if (rows !== undefined) return checkedRows(rows);
  }
  throw new Failure(
    "missing-field",
    `The file has none of the mapped arrays ${Object.values(columns).join(", ")}.`,
    "Map other columns, or correct the mapping in the settings.",
  );
}

/** Where episodes end: the mapped flags, or a change of the mapped episode. */
function stretches(whole: Whole, columns: Columns): readonly (readonly [number, number])[] {
  const done = columns.done === undefined ? undefined : whole.numbers(columns.done);
  const truncated = columns.truncated === undefined ? undefined : whole.numbers(columns.truncated);
  const episode = columns.episode === undefined ? undefined : whole.numbers(columns.episode);
  const out: [number, number][] = [];
  let start = 0;
  for (let row = 0; row < whole.rows; row++) {
    const ended =
      episode === undefined
        ? done?.[row] === 1 || truncated?.[row] === 1
        : row + 1 < whole.rows && episode[row + 1] !== episode[row];
    if (!ended && row < whole.rows - 1) continue;
    out.push([start, row + 1]);
    start = row + 1;
  }
  return out;
}

function episodesOf(whole: Whole, columns: Columns, name: string): NumericEpisode[] {
  const roles = new Map<string, ColumnRole>();
  for (const [field, column] of Object.entries(columns)) {
    const role = ROLES[field as MappedField];
    if (role !== undefined) roles.set(column, role);
  }
  const success = columns.success === undefined ? undefined : whole.numbers(columns.success);
  const runs = stretches(whole, columns);
  return runs.map(([start, end], index) => {
    const label = runs.length === 1 ? name : `episode ${index}`;
    const flag = success?.[end - 1];
    return {
      ownId: runs.length === 1 && name !== "" ? name : `episode_${index}`,
      title: label === "" ? "episode" : label,
      steps: end - start,
      columns: whole.names.flatMap((column) => {
        // The one row more of a single episode is its final observation.
        const to = runs.length === 1 ? end + 1 : end;
        return whole.column(column, roles.get(column) ?? "info", start, to) ?? [];
      }),
      ...(flag === undefined || Number.isNaN(flag) ? {} : { success: flag === 1 }),
      extra: { rows: [start, end], ...whole.extra },
    };
  });
}

/** Numeric episodes of an HDF5 group or of the arrays of a pickle, npz or MATLAB file, by a user's mapping. */
export function mappedEpisodes(
  record: FormatRecord,
  columns: Columns,
  member: string | undefined,
): NumericEpisode[] {
  if (record.kind === "hdf5")
    return episodesOf(
      ofGroup(record.group, columns),
      columns,
      member === undefined || member === "/" ? "" : member,
    );
  const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
  if (fields === undefined)
    throw new Failure("unfit-record", "The record holds no named arrays.", "Map another file.");
  return episodesOf(ofFields(fields, columns), columns, "");
}

/** The groups of an HDF5 file that hold the mapped datasets: the file itself, its groups, or theirs. */
export function mappedGroups(root: Hdf5Group, columns: Columns): readonly string[] {
  const fits = (group: Hdf5Group): boolean =>
    (["action", "reward", "observation"] as const).some(
      (field) => columns[field] !== undefined && datasetAt(group, columns[field]) !== undefined,
    );
  if (fits(root)) return ["/"];
  const found: string[] = [];
  for (const name of root.groups) {
    const group = root.group(name);
    if (group === undefined) continue;
    if (fits(group)) found.push(name);
    else
      for (const inner of group.groups) {
        const child = group.group(inner);
        if (child !== undefined && fits(child)) found.push(`${name}/${inner}`);
      }
  }
  return found;
}
