import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from "@duckdb/node-api";
import { sep } from "node:path";
import { formatById } from "../formats/index";
import { Failure } from "../model/failure";
import type { DatasetInfo, GroupSummary, TrainingStepSummary, TrajectoryRow } from "../model/summary";
import type { Note } from "../model/trajectory";
import type { RowQuery } from "../protocol/storeCalls";
import { readComponentSets } from "./componentSets";
import { DatasetCounter } from "./datasetCounts";
import { groupIdOf, parseGroupId, parseTrajectoryId } from "./ids";
import type { DatasetEntry } from "./indexer";
import { pageInFileOrder } from "./rowPage";
import {
  conditionOf,
  FILE_ORDER,
  orderOf,
  ROW_COLUMNS,
  ROW_TABLES,
  rowOf,
  rowPlace,
  type IndexedRow,
} from "./rowSql";
import { shownNote, shownPath, unpackedPlaces } from "./unpacked";

/** True for all rows of a dataset in the files' order. */
function isPlain({ groupId, noContrast, sort }: RowQuery): boolean {
  return groupId === undefined && noContrast !== true && (sort === undefined || sort === "row");
}

/** A number, or absent where SQL says NULL. */
function present<K extends string>(key: K, value: DuckDBValue | undefined): Partial<Record<K, number>> {
  if (value === null || value === undefined) return {};
  return { [key]: Number(value) } as Partial<Record<K, number>>;
}

const GROUP_COLUMNS = `r.group_no, any_value(f.dataset_id), any_value(r.training_step), arg_min(r.title, r.tno), count(*),
  count(r.reward) FILTER (WHERE isfinite(r.reward)), avg(r.reward) FILTER (WHERE isfinite(r.reward)),
  stddev_samp(r.reward) FILTER (WHERE isfinite(r.reward)), min(r.reward) FILTER (WHERE isfinite(r.reward)),
  max(r.reward) FILTER (WHERE isfinite(r.reward)), count(*) FILTER (WHERE r.success), count(r.success), any_value(r.group_guess), min(f.sort_key), min(r.row_no)`;

function groupOf(values: readonly DuckDBValue[]): GroupSummary {
  const [
    groupNumber,
    datasetId,
    trainingStep,
    title,
    size,
    rewardCount,
    mean,
    std,
    min,
    max,
    successes,
    judged,
    guess,
  ] = values;
  return {
    groupId: groupIdOf(groupNumber as bigint),
    datasetId: datasetId as string,
    ...present("trainingStep", trainingStep),
    title: title as string,
    size: Number(size),
    rewardCount: Number(rewardCount),
    ...present("rewardMean", mean),
    ...present("rewardStd", std),
    ...present("rewardMin", min),
    ...present("rewardMax", max),
    ...(Number(judged) === 0 ? {} : { successes: Number(successes) }),
    ...(guess === null || guess === undefined ? {} : { groupGuess: guess as string }),
  };
}

/** Reads of the index. Every answer comes from the database. */
export class Queries {
  readonly counter: DatasetCounter;

  constructor(
    private readonly connection: DuckDBConnection,
    instance: DuckDBInstance,
  ) {
    this.counter = new DatasetCounter(instance);
  }

  private async all(sql: string, values: DuckDBValue[] = []): Promise<DuckDBValue[][]> {
    return (await this.connection.runAndReadAll(sql, values)).getRows();
  }

  async datasets(
    entries: Iterable<DatasetEntry>,
    looseWarnings: (entry: DatasetEntry) => readonly Note[] = () => [],
  ): Promise<DatasetInfo[]> {
    const infos = await Promise.all([...entries].map((entry) => this.dataset(entry, looseWarnings(entry))));
    return infos.sort(
      (left, right) =>
        left.path.localeCompare(right.path, "en", { numeric: true }) || left.name.localeCompare(right.name),
    );
  }

  async dataset(entry: DatasetEntry, looseWarnings: readonly Note[] = []): Promise<DatasetInfo> {
    const { files, warnings, torn, rewardMean, ...counted } = await this.counter.counts(entry.datasetId);
    const format = formatById(entry.format);
    const notes: Note[] = warnings.map(([code, message, place]) => ({
      code: code as string,
      message: message as string,
      ...(place === null ? {} : { where: place as string }),
    }));
    for (const [path, relativePath, bytes] of torn) {
      notes.push({
        code: "torn-line",
        message: `The last line of ${String(relativePath)} is not finished (${String(bytes)} bytes); it is read as soon as it is whole.`,
        where: path as string,
      });
    }
    const [count, bytes, modified, numeric] = files;
    return {
      id: entry.datasetId,
      path: shownPath(entry.path),
      name: entry.name,
      format: entry.format,
      formatTitle: format?.title ?? entry.format,
      files: Number(count ?? 0),
      bytes: Number(bytes ?? 0),
      trajectories: counted.trajectories,
      steps: counted.steps,
      groups: counted.groups,
      trainingSteps: counted.trainingSteps,
      ...present("rewardMean", rewardMean),
      components: [...counted.components],
      nativeTree: format?.nativeTree ?? false,
      numeric: numeric === true,
      modifiedMs: Number(modified ?? 0),
      warnings: [...notes, ...looseWarnings].map(shownNote),
    };
  }

  async rows(query: RowQuery, start: number, end: number): Promise<{ rows: TrajectoryRow[]; total: number }> {
    const { where, values } = conditionOf(query);
    const from = Math.max(0, Math.floor(start));
    const count = Math.max(0, Math.min(10_000, Math.floor(end) - from));
    if (query.datasetId !== undefined && values.length === 1 && isPlain(query) && count > 0) {
      const { datasetId, descending } = query;
      const ask = (sql: string, some?: DuckDBValue[]): Promise<DuckDBValue[][]> => this.all(sql, some);
      const page = await pageInFileOrder(ask, datasetId, from, from + count, descending === true);
      if (page !== undefined) return { rows: await this.complete(page.rows.map(rowOf)), total: page.total };
    }
    const total = await this.all(`SELECT count(*) FROM ${ROW_TABLES} ${where}`, values);
    const page = await this.all(
      `SELECT ${ROW_COLUMNS} FROM ${ROW_TABLES} ${where} ${orderOf(query)} LIMIT ${count} OFFSET ${from}`,
      values,
    );
    return { rows: await this.complete(page.map(rowOf)), total: Number(total[0]?.[0] ?? 0) };
  }

  async row(id: string): Promise<TrajectoryRow | null> {
    const { fileHash, row, part } = parseTrajectoryId(id);
    const found = await this.all(
      `SELECT ${ROW_COLUMNS} FROM ${ROW_TABLES} WHERE f.hash = $1 AND ${await rowPlace(this.connection, fileHash, row, part)}`,
      [fileHash],
    );
    return (await this.complete(found.map(rowOf)))[0] ?? null;
  }

  async rowAt(path: string, row: number, part: number): Promise<TrajectoryRow | null> {
    const found = await this.all(
      `SELECT ${ROW_COLUMNS} FROM ${ROW_TABLES} WHERE f.path = $1 AND r.row_no = $2 AND r.part = $3`,
      [await this.fileOf(path), row, part],
    );
    return (await this.complete(found.map(rowOf)))[0] ?? null;
  }

  /** The file that a path means: itself, a file in an archive, or the only one of an archive. @throws Failure for one of many */
  private async fileOf(path: string): Promise<string> {
    const places = unpackedPlaces(path);
    if (places.length === 0) return path;
    const files = await this.all(
      `SELECT f.path FROM store.files f WHERE f.records > 0 AND (${places
        .map((_, index) => `f.path = $${2 * index + 1} OR starts_with(f.path, $${2 * index + 2})`)
        .join(" OR ")}) ORDER BY f.sort_key`,
      places.flatMap((place) => [place, place + sep]),
    );
    const shown = files.map(([file]) => shownPath(file as string));
    if (shown.length > 1 && !shown.includes(path))
      throw new Failure(
        "several-files",
        `${path} holds ${shown.length} files, each of which counts its own records.`,
        `Name one of them, such as ${shown[0]}.`,
      );
    return (files[0]?.[0] as string | undefined) ?? path;
  }

  /** Adds what lies in other tables: components, and the place in the group. */
  private async complete(rows: readonly IndexedRow[]): Promise<TrajectoryRow[]> {
    if (rows.length === 0) return [];
    const groups = [
      ...new Set(rows.flatMap(({ groupNumber }) => (groupNumber === undefined ? [] : [groupNumber]))),
    ];
    const [sets, members] = await Promise.all([
      this.componentSets(rows),
      groups.length === 0
        ? []
        : this.all(
            `SELECT r.tno, row_number() OVER (PARTITION BY r.group_no ORDER BY ${FILE_ORDER}) - 1, count(*) OVER (PARTITION BY r.group_no)
             FROM ${ROW_TABLES} WHERE r.group_no IN (${groups.map((group) => `${group}::UBIGINT`).join(", ")})`,
          ),
    ]);
    const placeOf = new Map(
      members.map(([tno, index, size]) => [
        tno as bigint,
        { memberIndex: Number(index), groupSize: Number(size) },
      ]),
    );
    return rows.map(({ tno, row, componentSet, components }) => ({
      ...row,
      components: Object.fromEntries(
        (sets.get(componentSet) ?? []).map((name, index) => [name, components[index] ?? null]),
      ),
      ...placeOf.get(tno),
    }));
  }

  private sets: ReadonlyMap<number, readonly string[]> = new Map();

  /** Names of the components of these rows' sets. Sets are added and never change, so that they are read again only for a new one. */
  private async componentSets(rows: readonly IndexedRow[]): Promise<ReadonlyMap<number, readonly string[]>> {
    if (rows.some(({ componentSet }) => componentSet !== 0 && !this.sets.has(componentSet)))
      this.sets = await readComponentSets(this.connection);
    return this.sets;
  }

  async groups(
    datasetId: string,
    trainingStep: number | undefined,
    start: number,
    end: number,
  ): Promise<{ groups: GroupSummary[]; total: number }> {
    const values: DuckDBValue[] = trainingStep === undefined ? [datasetId] : [datasetId, trainingStep];
    const where = `WHERE f.dataset_id = $1 AND r.group_no IS NOT NULL${trainingStep === undefined ? "" : " AND r.training_step = $2"}`;
    const total = await this.all(`SELECT count(DISTINCT r.group_no) FROM ${ROW_TABLES} ${where}`, values);
    const from = Math.max(0, Math.floor(start));
    const count = Math.max(0, Math.min(10_000, Math.floor(end) - from));
    const page = await this.all(
      `SELECT ${GROUP_COLUMNS} FROM ${ROW_TABLES} ${where} GROUP BY r.group_no ORDER BY any_value(r.training_step) NULLS LAST, min(f.sort_key), min(r.row_no), r.group_no LIMIT ${count} OFFSET ${from}`,
      values,
    );
    return { groups: page.map(groupOf), total: Number(total[0]?.[0] ?? 0) };
  }

  async group(groupId: string): Promise<{ group: GroupSummary; members: TrajectoryRow[] }> {
    const number = parseGroupId(groupId);
    const found = await this.all(
      `SELECT ${GROUP_COLUMNS} FROM ${ROW_TABLES} WHERE r.group_no = ${number}::UBIGINT GROUP BY r.group_no`,
    );
    const values = found[0];
    if (values === undefined)
      throw new Failure(
        "unknown-group",
        `There is no group ${groupId} in the index.`,
        "Its file may have changed; refresh the Trajectories view.",
      );
    const members = await this.all(
      `SELECT ${ROW_COLUMNS} FROM ${ROW_TABLES} WHERE r.group_no = ${number}::UBIGINT ORDER BY ${FILE_ORDER}`,
    );
    return { group: groupOf(values), members: await this.complete(members.map(rowOf)) };
  }

  async trainingSteps(datasetId: string): Promise<TrainingStepSummary[]> {
    const scope =
      "FROM store.rows r WHERE r.file_no IN (SELECT file_no FROM store.files WHERE dataset_id = $1)";
    const finite = "FILTER (WHERE isfinite(r.reward))";
    const [totals, contrast, components] = await Promise.all([
      this.all(
        `SELECT r.training_step, count(*), count(DISTINCT r.group_no), avg(r.reward) ${finite}, stddev_samp(r.reward) ${finite}, avg(CAST(r.success AS INTEGER)),
           avg(CAST(r.truncated AS INTEGER)), avg(r.response_characters), avg(r.token_count), avg(r.step_count)
         ${scope} GROUP BY r.training_step ORDER BY r.training_step NULLS LAST`,
        [datasetId],
      ),
      this.all(
        `SELECT training_step, avg(CAST(flat AS INTEGER)) FROM (
           SELECT any_value(r.training_step) AS training_step, min(r.reward) = max(r.reward) AS flat ${scope} AND r.group_no IS NOT NULL
           GROUP BY r.group_no HAVING count(r.reward) >= 2) GROUP BY training_step`,
        [datasetId],
      ),
      this.all(
        `SELECT training_step, name, avg(value) FILTER (WHERE isfinite(value)) FROM (
           SELECT r.training_step, unnest(c.names) AS name, unnest(r.components) AS value
           FROM store.rows r JOIN store.component_sets c ON c.set_no = r.component_set
           WHERE r.file_no IN (SELECT file_no FROM store.files WHERE dataset_id = $1))
         GROUP BY training_step, name ORDER BY name`,
        [datasetId],
      ),
    ]);
    const key = (step: DuckDBValue | undefined): string => String(step ?? "none");
    const flatShare = new Map(contrast.map(([step, share]) => [key(step), share]));
    const means = new Map<string, Record<string, number>>();
    for (const [step, name, mean] of components) {
      const own = means.get(key(step)) ?? {};
      if (mean !== null && mean !== undefined) own[name as string] = Number(mean);
      means.set(key(step), own);
    }
    return totals.map(
      ([step, trajectories, groups, mean, std, success, truncated, characters, tokens, steps]) => ({
        datasetId,
        trainingStep: step === null || step === undefined ? undefined : Number(step),
        trajectories: Number(trajectories),
        groups: Number(groups),
        ...present("rewardMean", mean),
        ...present("rewardStd", std),
        ...present("successRate", success),
        ...present("truncatedShare", truncated),
        ...present("noContrastShare", flatShare.get(key(step))),
        ...present("meanResponseCharacters", characters),
        ...present("meanTokens", tokens),
        ...present("meanSteps", steps),
        componentMeans: means.get(key(step)) ?? {},
      }),
    );
  }
}
