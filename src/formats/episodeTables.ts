import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import { layoutOf, type Fields } from "./arrayEpisodes";
import { episodesOfArrays } from "./arrivalRows";
import { given } from "./draft";
import type { FormatRecord } from "./format";
import { isList, isObject, objectOf, recordedFlag } from "./jsonFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

/** Columns of numbers of a row; texts and objects are none. */
function fieldsOfRow(value: JsonValue | undefined): Fields | undefined {
  if (!isObject(value)) return undefined;
  // JSON's numbers and lists are plain values as well; objects and texts stay as they are and are shown under extra.
  return new Map(Object.entries(value) as [string, PlainValue][]);
}

/** How an episode ended, where one flag says so for all of it. */
function endOf(record: FormatRecord): NumericEpisode["end"] {
  const row = objectOf(record);
  const flag = (names: readonly string[]): boolean | null | undefined =>
    names
      .map((name) => (isList(row[name]) ? undefined : recordedFlag(row[name])))
      .find((one) => one !== undefined);
  const [terminated, truncated] = [flag(["terminated", "terminal"]), flag(["truncated", "timeout"])];
  if (terminated === true)
    return { stopReason: "terminated", ...(truncated === undefined ? {} : { truncated: false }) };
  if (truncated === true) return { stopReason: "truncated", truncated: true };
  return truncated === false ? { truncated: false } : undefined;
}

/** Tables and JSON with an episode a row: lists of observations, actions and rewards. */
export const episodeTables = episodeFormat({
  id: "episode-rows",
  title: "Episodes by row",
  source:
    "edbeeching/decision_transformer_gym_replay and other sets with lists of observations, actions, rewards, dones a row",
  containers: ["jsonl", "json", "parquet", "arrow"],

  detect({ firstRecord }) {
    const fields = fieldsOfRow(firstRecord);
    const layout = fields === undefined ? undefined : layoutOf(fields);
    return layout === undefined
      ? undefined
      : {
          confidence: 0.55,
          reason: `lists ${[...layout.arrays.keys()].slice(0, 4).join(", ")} of one length`,
        };
  },

  episodes(record, { row }) {
    const fields = record.kind === "value" ? fieldsOfRow(record.value) : undefined;
    const layout = fields === undefined ? undefined : layoutOf(fields);
    if (fields === undefined || layout === undefined)
      throw new Failure(
        "missing-field",
        "The row has no lists of actions with observations or rewards of the same length.",
        "The other rows are shown.",
      );
    const episodes = episodesOfArrays(fields, layout);
    return episodes.length > 1
      ? episodes
      : episodes.map((episode) => ({
          ...episode,
          ownId: `episode_${row}`,
          title: `episode ${row}`,
          ...given("end", episode.end ?? endOf(record)),
        }));
  },
});
