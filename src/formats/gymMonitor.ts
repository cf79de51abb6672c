import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import { given } from "./draft";
import { isList, isObject, listOf, objectOf, recordedNumber, textOf, without } from "./jsonFields";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

const LISTS = ["episode_rewards", "episode_lengths"] as const;

/** Lists of a document with an entry an episode. */
function isStats(row: JsonObject): boolean {
  const [rewards, lengths] = LISTS.map((name) => row[name]);
  return isList(rewards) && isList(lengths) && rewards.length === lengths.length && "timestamps" in row;
}

/** What Gym's Monitor wrote beside its videos: return and length of each episode, without its steps. */
export const gymMonitor = episodeFormat({
  id: "gym-monitor",
  title: "Gym monitor statistics",
  source: "OpenAI Gym before 0.22, wrappers.Monitor, openaigym.episode_batch.*.stats.json",
  containers: ["json"],
  detect({ firstRecord }) {
    return isObject(firstRecord) && isStats(firstRecord)
      ? { confidence: 0.9, reason: "timestamps, episode_lengths and episode_rewards of one length" }
      : undefined;
  },
  episodes(record) {
    const row = objectOf(record);
    if (!isStats(row))
      throw new Failure(
        "missing-field",
        "The document lacks episode_rewards and episode_lengths of one length.",
        "It may be cut off.",
      );
    const [rewards = [], lengths = []] = LISTS.map((name) => listOf(row[name]));
    const [types, times] = [listOf(row["episode_types"]), listOf(row["timestamps"])];
    const extra = without(row, new Set([...LISTS, "episode_types", "timestamps"]));
    return rewards.map((entry, index) => (): NumericEpisode => {
      const [reward, length, time] = [entry, lengths[index], times?.[index]].map(recordedNumber);
      const type = textOf(types?.[index]);
      return {
        ownId: String(index),
        title: `episode ${index}`,
        // "t" is a training episode, "e" one of an evaluation.
        ...given("split", type === "t" ? "train" : type === "e" ? "eval" : type),
        steps: 0,
        columns: [],
        ...(reward === undefined ? {} : { reward: { value: reward, source: "episode_rewards" } }),
        components: { ...given("length", length), ...given("timestamp", time) },
        extra,
        notes: [
          {
            code: "no-steps",
            message: "The statistics keep the return and length of each episode, not its steps.",
          },
        ],
      };
    });
  },
});
