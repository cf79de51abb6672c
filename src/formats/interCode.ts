import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  isList,
  isObject,
  objectOf,
  recordedFlag,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";

const MAPPED = new Set(["task_id", "query", "turn_history", "summary"]);

const isEpisode = (value: JsonValue | undefined): value is JsonObject =>
  isObject(value) &&
  "query" in value &&
  isObject(value["turn_history"]) &&
  isList(value["turn_history"]["actions"]);

/** Episodes by their numbers, alone or beside what the experiment was run with. */
const episodesOf = (row: JsonObject): readonly JsonObject[] => {
  const logs = isObject(row["logs"]) ? row["logs"] : row;
  return isEpisode(row) ? [row] : Object.values(logs).filter(isEpisode);
};

const said = (value: JsonValue | undefined): string =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);

function draftOf(episode: JsonObject): TrajectoryDraft {
  const history = isObject(episode["turn_history"]) ? episode["turn_history"] : {};
  const column = (name: string): readonly JsonValue[] => (isList(history[name]) ? history[name] : []);
  const [actions, observations, rewards, thoughts, valid] = [
    "actions",
    "observations",
    "rewards",
    "thoughts",
    "valid_action",
  ].map(column);
  const summary = isObject(episode["summary"]) ? episode["summary"] : {};
  const prompt = said(episode["query"]);
  const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt }];
  for (const [turn, action] of (actions ?? []).entries()) {
    const reward = recordedNumber(rewards?.[turn]);
    const flag = recordedFlag(valid?.[turn]);
    steps.push({
      index: steps.length,
      role: "assistant",
      kind: "act",
      ...given("thought", textOf(thoughts?.[turn])),
      action: said(action),
      ...given("reward", reward),
      ...(flag === undefined ? {} : { extra: { valid_action: flag } }),
    });
    if (observations !== undefined && turn < observations.length)
      steps.push({
        index: steps.length,
        role: "environment",
        kind: "observe",
        observation: said(observations[turn]),
      });
  }
  const best = recordedNumber(summary["max_reward"]);
  const taken = recordedNumber(summary["turns_taken"]);
  const most = recordedNumber(summary["turns_max"]);
  const task = episode["task_id"];
  const id = task === undefined || task === null ? undefined : String(task);
  return {
    ...given("ownId", id),
    ...given("groupKey", id),
    title: titleOf(prompt),
    task: { ...given("id", id), prompt, ...given("groundTruth", episode["answer"] ?? episode["gold"]) },
    steps,
    outcome: {
      ...(best === undefined ? {} : { reward: best, rewardSource: "max_reward of the summary" }),
      ...(best === 1 ? { success: true } : typeof best === "number" ? { success: false } : {}),
      ...(typeof taken === "number" && typeof most === "number"
        ? { truncated: taken >= most && best !== 1 }
        : {}),
      components: { ...given("turns_taken", taken) },
    },
    extra: {
      ...without(episode, MAPPED),
      ...without(history, new Set(["actions", "observations", "rewards", "thoughts", "valid_action"])),
      summary,
    },
    notes: [],
  };
}

/** Results of InterCode: what was typed into Bash, SQL, Python or a capture-the-flag machine, with a reward each turn. */
export const interCode = draftedFormat({
  id: "intercode",
  title: "InterCode results",
  source: "princeton-nlp/intercode experiments, ic_{env}_{method}.json",
  containers: ["json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && episodesOf(row).length > 0
      ? { confidence: 0.85, reason: "episodes of a query and turn_history with actions" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const episodes = episodesOf(row);
    if (episodes.length === 0)
      throw new Failure(
        "missing-field",
        "The document holds no episode with a `turn_history`.",
        "Check that it is of InterCode.",
      );
    const meta = isObject(row["meta"]) ? row["meta"] : undefined;
    return episodes.map((episode) => {
      const draft = draftOf(episode);
      return meta === undefined ? draft : { ...draft, extra: { ...draft.extra, meta } };
    });
  },
});
