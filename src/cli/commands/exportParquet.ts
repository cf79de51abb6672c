import { resolve } from "node:path";
import { Failure } from "../../model/failure";
import { interruption } from "../interruption";
import { withIndex, type CommonOptions, type Output } from "../session";

export interface ExportOptions extends CommonOptions {
  readonly to: string;
}

/** Writes the index's rows of a path, scores included, to one Parquet file. */
export function exportCommand(path: string, options: ExportOptions): Promise<Output> {
  if (!options.to.endsWith(".parquet")) {
    throw new Failure(
      "bad-arguments",
      `The option --to names a Parquet file, and "${options.to}" does not end in .parquet.`,
      "Write for example --to rollouts.parquet.",
    );
  }
  return withIndex([path], options, async ({ services, datasets }) => {
    const written = await services.datasets.exportParquet(
      datasets.map((dataset) => dataset.id),
      resolve(options.to),
      { signal: interruption },
    );
    return { document: written, text: () => `${written.rows} rows written to ${written.path}` };
  });
}
