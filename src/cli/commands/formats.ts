import { formats } from "../../formats/index";
import type { Output } from "../session";
import { table } from "../text";

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
    text: () =>
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
      ),
  };
}
