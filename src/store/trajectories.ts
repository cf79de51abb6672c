import type { DuckDBConnection } from "@duckdb/node-api";
import type { Format, FormatRecord, RecordContext } from "../formats/format";
import { formatById } from "../formats/index";
import { Failure } from "../model/failure";
import type { Trajectory } from "../model/trajectory";
import type { Tree, TreeNode } from "../model/tree";
import { companionsOf } from "./containers/companions";
import { openRecords, type StoredContainer } from "./containers/recordSource";
import { groupIdOf, parseGroupId, parseTrajectoryId, trajectoryIdOf } from "./ids";
import { fileCondition, rowPlace } from "./rowSql";
import { readTextRecord } from "./textRecords";

interface Located {
  readonly path: string;
  readonly relativePath: string;
  readonly container: StoredContainer;
  readonly datasetId: string;
  readonly fileHash: string;
  readonly row: number;
  readonly part: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly member: string | undefined;
  readonly groupNumber: bigint | undefined;
  readonly mtimeMs: number;
  readonly format: Format;
}

/** Large documents hold many trajectories; the last ones read stay parsed. */
const KEPT_RECORDS = 4;
const KEPT_BYTES = 64 * 1024 * 1024;

const unknownTrajectory = (id: string): Failure =>
  new Failure(
    "unknown-trajectory",
    `There is no trajectory ${id} in the index.`,
    "Its file may have changed; refresh the Trajectories view.",
  );

/** Reads trajectories and trees back from their files, by the places that the index holds. */
export class TrajectoryReader {
  private readonly kept = new Map<string, FormatRecord & { kind: "value" }>();

  constructor(private readonly connection: DuckDBConnection) {}

  async trajectory(id: string): Promise<Trajectory> {
    const { fileHash, row, part } = parseTrajectoryId(id);
    const [located] = await this.locate(
      `f.hash = $1 AND ${await rowPlace(this.connection, fileHash, row, part)}`,
      [fileHash],
    );
    if (located === undefined) throw unknownTrajectory(id);
    return this.read(id, located);
  }

  /** Several trajectories in the order of the ids, at most 500; the index is asked once per file. */
  async trajectories(ids: readonly string[]): Promise<readonly Trajectory[]> {
    const wanted = ids.slice(0, 500).map((id) => ({ id, ...parseTrajectoryId(id) }));
    const places = new Map<string, Located>();
    for (const hash of new Set(wanted.map(({ fileHash }) => fileHash))) {
      const rows = wanted.filter(({ fileHash }) => fileHash === hash);
      const place = await fileCondition(this.connection, hash);
      // A tuple list is a filter after a scan of the file's part of the table; the bounds let DuckDB pass over the rest.
      const numbers = rows.map(({ row }) => row);
      const located = await this.locate(
        `f.hash = $1 AND ${place} AND r.row_no BETWEEN ${Math.min(...numbers)} AND ${Math.max(...numbers)}
         AND (r.row_no, r.part) IN (${rows.map(({ row, part }) => `(${row}, ${part})`).join(", ")})`,
        [hash],
      );
      for (const one of located) places.set(`${hash}:${one.row}:${one.part}`, one);
    }
    const found: Trajectory[] = [];
    for (const { id, fileHash, row, part } of wanted) {
      const located = places.get(`${fileHash}:${row}:${part}`);
      if (located === undefined) throw unknownTrajectory(id);
      found.push(await this.read(id, located));
    }
    return found;
  }

  private read(id: string, located: Located): Promise<Trajectory> {
    return this.withRecord(located, (record, context) =>
      located.format.read(
        record,
        {
          id,
          datasetId: located.datasetId,
          source: {
            path: located.path,
            row: located.row,
            part: located.part,
            ...(located.byteLength === 0
              ? {}
              : { byteOffset: located.byteOffset, byteLength: located.byteLength }),
            ...(located.member === undefined ? {} : { member: located.member }),
          },
          ...(located.groupNumber === undefined ? {} : { groupId: groupIdOf(located.groupNumber) }),
        },
        context,
      ),
    );
  }

  /**
   * The tree that the file records for a group; null when its format has none. Where the group's members lie in several
   * records, each with a tree of its own, the trees stand side by side.
   */
  async tree(groupId: string): Promise<Tree | null> {
    const located = await this.locate(`r.group_no = ${parseGroupId(groupId)}::UBIGINT`, []);
    const [first] = located;
    if (first === undefined)
      throw new Failure(
        "unknown-group",
        `There is no group ${groupId} in the index.`,
        "Its file may have changed; refresh the Trajectories view.",
      );
    const { format } = first;
    if (format.tree === undefined) return null;
    const build = format.tree.bind(format);
    const records = located.filter(
      (one, index) => one.fileHash !== located[index - 1]?.fileHash || one.row !== located[index - 1]?.row,
    );
    const trees: Tree[] = [];
    for (const record of records) {
      trees.push(
        await this.withRecord(record, (value, context) =>
          build(value, { ...context, datasetId: record.datasetId, groupId }, (part) =>
            trajectoryIdOf(record.fileHash, record.row, part),
          ),
        ),
      );
    }
    const [own] = trees;
    if (own === undefined || trees.length === 1) return own ?? null;
    const nodes: TreeNode[] = [];
    for (const tree of trees) {
      const offset = nodes.length;
      for (const node of tree.nodes)
        nodes.push(node.parent < 0 ? node : { ...node, parent: node.parent + offset });
    }
    return { ...own, id: groupId, title: `${trees.length} rollouts, each with its branches`, nodes };
  }

  private async locate(where: string, values: (string | number)[]): Promise<Located[]> {
    const result = await this.connection.runAndReadAll(
      `SELECT f.path, f.relative_path, f.container, f.dataset_id, d.format, f.hash, r.row_no, r.part, r.byte_offset, r.byte_length, r.member, r.group_no, f.mtime_ms
       FROM store.rows r JOIN store.files f ON f.file_no = r.file_no JOIN store.datasets d ON d.dataset_id = f.dataset_id
       WHERE ${where} ORDER BY f.sort_key, r.row_no, r.part LIMIT 1000`,
      values,
    );
    return (
      result.getRows() as [
        string,
        string,
        StoredContainer,
        string,
        string,
        string,
        number,
        number,
        number,
        number,
        string | null,
        bigint | null,
        number,
      ][]
    ).map(
      ([
        path,
        relativePath,
        container,
        datasetId,
        formatId,
        fileHash,
        row,
        part,
        byteOffset,
        byteLength,
        member,
        groupNumber,
        mtimeMs,
      ]) => {
        const format = formatById(formatId);
        if (format === undefined)
          throw new Failure(
            "unknown-format",
            `${path} was indexed as "${formatId}", which this version does not know.`,
            "Refresh the Trajectories view to index it again.",
          );
        return {
          path,
          relativePath,
          container,
          datasetId,
          fileHash,
          row,
          part,
          byteOffset,
          byteLength,
          member: member ?? undefined,
          groupNumber: groupNumber ?? undefined,
          mtimeMs,
          format,
        };
      },
    );
  }

  private async withRecord<T>(
    located: Located,
    use: (record: FormatRecord, context: RecordContext) => T,
  ): Promise<T> {
    const context: RecordContext = {
      path: located.path,
      relativePath: located.relativePath,
      row: located.row,
      ...(located.member === undefined ? {} : { member: located.member }),
    };
    try {
      if (located.container !== "jsonl" && located.container !== "json") {
        const source = await openRecords(located.path, located.container, located.format);
        try {
          const [record] = await source.read(located.row, located.row + 1);
          if (record === undefined || source.member(located.row) !== located.member)
            throw new Failure(
              "changed-file",
              `${located.path} no longer holds ${located.member ?? `record ${located.row + 1}`}.`,
              "Refresh the Trajectories view to read it again.",
            );
          if (record instanceof Failure) throw record;
          const { companions, plainCompanions } = source;
          return use(record, {
            ...context,
            ...(companions === undefined ? {} : { companions }),
            ...(plainCompanions === undefined ? {} : { plainCompanions }),
          });
        } finally {
          source.close();
        }
      }
      const companions = companionsOf(located.format, located.path);
      if (companions !== undefined) return use(this.textRecord(located), { ...context, companions });
      return use(this.textRecord(located), context);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT")
        throw new Failure(
          "missing-file",
          `${located.path} is no longer there.`,
          "Refresh the Trajectories view.",
        );
      throw error;
    }
  }

  private textRecord(located: Located): FormatRecord {
    const key = `${located.path}\n${located.mtimeMs}\n${located.byteOffset}`;
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const record = {
      kind: "value",
      value: readTextRecord(
        located.path,
        located.byteOffset,
        located.byteLength,
        located.format.wholeDocument === true,
      ),
    } as const;
    if (located.byteLength <= KEPT_BYTES) {
      this.kept.set(key, record);
      if (this.kept.size > KEPT_RECORDS) this.kept.delete(this.kept.keys().next().value ?? "");
    }
    return record;
  }
}
