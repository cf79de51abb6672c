import { withIndex, type CommonOptions, type Output } from "../session";
import { table } from "../table";

export interface QueryOptions extends CommonOptions {
  readonly sql: string;
  readonly limit?: number;
  readonly timeout?: number;
}

/** Read-only SQL over the views of the index. */
export function queryCommand(path: string, options: QueryOptions): Promise<Output> {
  return withIndex([path], options, async ({ services }) => {
    const result = await services.datasets.query(options.sql, {
      ...(options.limit === undefined ? {} : { limit: options.limit }),
      ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout * 1000 }),
    });
    return {
      document: result,
      text: (width) =>
        [
          table(
            result.columns.map((column) => column.name),
            result.rows.map((row) => row.map(cell)),
            width,
          ),
          ...(result.truncated ? [`(cut at ${result.rows.length} rows; raise --limit)`] : []),
        ].join("\n"),
      sheet: () => ({
        headings: result.columns.map((column) => column.name),
        rows: result.rows.map((row) => row.map(cell)),
      }),
    };
  });
}

const cell = (value: unknown): string | number | null =>
  value === null || typeof value === "number" || typeof value === "string"
    ? value
    : value instanceof Date
      ? value.toISOString()
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
