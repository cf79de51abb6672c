import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Companions } from "./format";
import { isList, isObject, recordedNumber } from "./jsonFields";
import { parseJson } from "./jsonText";
import { columnOfNumbers, roleOf, type EpisodeColumn } from "./episodeColumns";
import { episodeFormat } from "./numericEpisode";
import { rowsAsColumns } from "./rowsAsColumns";

const PARTS = ["observations", "actions", "rewards", "terminations", "truncations"] as const;
const FOLDER = /[/\\]data[/\\]\d+[/\\][^/\\]+$/;

const objectIn = (companions: Companions | undefined, name: string): JsonObject => {
  const value = companions?.get(name);
  return isObject(value) ? value : {};
};

/** What the dataset says of itself, with spaces and environment parsed out of their texts. */
function datasetFacts(facts: JsonObject): JsonObject {
  const out: Record<string, JsonValue | undefined> = {};
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value !== "string" || !value.startsWith("{")) out[name] = value;
    else
      try {
        out[name] = parseJson(value);
      } catch {
        out[name] = value;
      }
  }
  return out;
}

/** Minari datasets written as Arrow or Parquet: a folder an episode, whose table has one row more than there are steps. */
export const minariTables = episodeFormat({
  id: "minari-table",
  title: "Minari episodes in tables",
  source: "Farama-Foundation/Minari with data_format arrow or parquet, data/<id>/part-0.*",
  containers: ["parquet", "arrow"],
  episodeColumns: [],
  companions: () => ["metadata.json", "../metadata.json"],
  datasetPath: (path) => path.replace(FOLDER, ""),
  detect({ columns, siblings }) {
    const names = new Set(columns?.map(({ name }) => name));
    if (!PARTS.every((part) => names.has(part))) return undefined;
    return {
      confidence: siblings.includes("metadata.json") ? 0.95 : 0.4,
      reason:
        "a table with observations, actions, rewards, terminations, truncations beside its metadata.json",
    };
  },
  episodes(record, context) {
    const rows = record.kind === "value" && isList(record.value) ? record.value.filter(isObject) : [];
    if (rows.length === 0)
      throw new Failure("missing-field", "The table has no rows.", "The episode may be unfinished.");
    const own = objectIn(context.companions, "metadata.json");
    const recorded = recordedNumber(own["total_steps"]);
    const steps = typeof recorded === "number" && recorded <= rows.length ? recorded : rows.length - 1;
    const { columns, nulls, others } = rowsAsColumns(rows, { role: minariRole });
    const folder = /[/\\](\d+)[/\\][^/\\]+$/.exec(context.path)?.[1];
    const id = recordedNumber(own["id"]) ?? (folder === undefined ? undefined : Number(folder));
    return [
      {
        ...(typeof id === "number" ? { ownId: `episode_${id}`, task: { id: String(id) } } : {}),
        title: typeof id === "number" ? `episode ${id}` : "episode",
        steps,
        columns: columns.map((column) => withoutPadding(column, steps)),
        stepExtra: others,
        extra: {
          ...own,
          ...(Object.keys(nulls).length === 0 ? {} : { null_rows: nulls }),
          dataset: datasetFacts(objectIn(context.companions, "../metadata.json")),
        },
      },
    ];
  },
});

const minariRole = (name: string): ReturnType<typeof roleOf> =>
  name.startsWith("observations.") ? "observation" : name.startsWith("actions.") ? "action" : roleOf(name);

/** The last row holds the final observation; its action, reward and flags only fill the table. Infos have one row more too. */
function withoutPadding(column: EpisodeColumn, steps: number): EpisodeColumn {
  if (column.rows <= steps || column.role === "observation" || column.name.startsWith("infos")) return column;
  return columnOfNumbers(
    column.name,
    column.role,
    column.data().slice(0, steps * column.width),
    column.width,
    column.labels,
  );
}
