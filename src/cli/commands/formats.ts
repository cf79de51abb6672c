import { formats } from "../../formats/index";
import type { Output } from "../session";
import { table } from "../table";

/** The catalogue of formats. */
export function formatsCommand(): Output {
  const list = formats.map((format) => ({
    id: format.id,
    title: format.title,
    source: format.source,
    containers: format.containers,
    grouping: format.grouping,
    nativeTree: format.nativeTree,
    recordsAdvantage: format.recordsAdvantage ?? null,
  }));
  return {
    document: { formats: list },
    text: (width) =>
      table(
        ["id", "title", "containers", "groups", "tree", "advantages", "source"],
        list.map((format) => [
          format.id,
          format.title,
          format.containers.join(" "),
          format.grouping,
          format.nativeTree ? "yes" : "no",
          format.recordsAdvantage ?? "none",
          format.source,
        ]),
        width,
      ),
    sheet: () => ({
      headings: ["id", "title", "containers", "grouping", "native_tree", "records_advantage", "source"],
      rows: list.map((format) => [
        format.id,
        format.title,
        format.containers.join(" "),
        format.grouping,
        format.nativeTree,
        format.recordsAdvantage,
        format.source,
      ]),
    }),
  };
}
