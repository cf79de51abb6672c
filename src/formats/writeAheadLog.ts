/**
 * Name of the write-ahead log beside a SQLite database: what a running program has committed lies there first, while the
 * database's own file stays as it was. For `Format.plainCompanions`.
 */
export function writeAheadLog(path: string): readonly string[] {
  return [`${path.split(/[/\\]/).at(-1) ?? ""}-wal`];
}
