import type { DuckDBConnection } from "@duckdb/node-api";
import type { FormatRecord, RecordContext } from "../formats/format";
import { formatById } from "../formats/index";
import { Failure } from "../model/failure";
import type { Trajectory } from "../model/trajectory";
import type { Tree, TreeNode } from "../model/tree";
import type { StoredContainer } from "./containers/recordSource";
import { groupIdOf, parseGroupId, parseTrajectoryId, trajectoryIdOf } from "./ids";
import { RecordReader, type Located } from "./recordReader";
import { fileCondition, rowPlace } from "./rowSql";

const unknownTrajectory = (id: string): Failure =>
  new Failure(
    "unknown-trajectory",
    `There is no trajectory ${id} in the index.`,
    "Its file may have changed; refresh the Trajectories view.",
  );

/** Reads trajectories and trees back from their files, by the places that the index holds. */
export class TrajectoryReader {
  private readonly records = new RecordReader();

  constructor(private readonly connection: DuckDBConnection) {}

  async trajectory(id: string): Promise<Trajectory> {
    const { fileHash, row, part } = parseTrajectoryId(id);
    const [located] = await this.locate(
      `f.hash = $1 AND ${await rowPlace(this.connection, fileHash, row, part)}`,
      [fileHash],
    );
    if (located === undefined) throw unknownTrajectory(id);
    return this.records.one(located, (record, context) => trajectoryOf(located, record, context));
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
    const found = wanted.map(({ id, fileHash, row, part }) => {
      const located = places.get(`${fileHash}:${row}:${part}`);
      if (located === undefined) throw unknownTrajectory(id);
      return located;
    });
    return this.records.several(found, (located, record, context) => trajectoryOf(located, record, context));
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
        await this.records.one(record, (value, context) =>
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
}

/** A record's trajectory, under the ids of the index. */
function trajectoryOf(located: Located, record: FormatRecord, context: RecordContext): Trajectory {
  const { path, row, part, byteOffset, byteLength, member, groupNumber } = located;
  return located.format.read(
    record,
    {
      id: trajectoryIdOf(located.fileHash, row, part),
      datasetId: located.datasetId,
      source: {
        path,
        row,
        part,
        ...(byteLength === 0 ? {} : { byteOffset, byteLength }),
        ...(member === undefined ? {} : { member }),
      },
      ...(groupNumber === undefined ? {} : { groupId: groupIdOf(groupNumber) }),
    },
    context,
  );
}
