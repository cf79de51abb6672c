import type { JsonObject } from "../model/json";
import type { MediaReference } from "../model/trajectory";
import { comparedAnswer } from "./comparedAnswer";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import {
  fieldNames,
  isList,
  isObject,
  objectOf,
  recordedNumber,
  textOf,
  titleOf,
  without,
} from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";

/** Pairs of similar instructions, each with two answers: an answer is right for its own instruction alone. */
export const contrastInstructions = draftedFormat({
  id: "contrast-instructions",
  title: "Contrast Instructions",
  source: "shadowkiller33/Contrast-Instruction, data/contrast_instructions/*.json",
  containers: ["json", "jsonl"],
  grouping: "record",
  needs: [["query", "retrieval"]],
  nativeTree: false,
  detect: (head) =>
    isObject(head.firstRecord) &&
    ["query", "retrieval", "query_response_k", "retrieval_response_k"].every(
      (key) => key in (head.firstRecord as JsonObject),
    )
      ? { confidence: 0.95, reason: "query and retrieval with two responses each" }
      : undefined,
  drafts(record) {
    const row = objectOf(record);
    const drafts: TrajectoryDraft[] = [];
    for (const side of ["query", "retrieval"])
      for (const name of ["k", "j"]) {
        const text = textOf(row[`${side}_response_${name}`]);
        if (text === undefined) continue;
        drafts.push(
          comparedAnswer(textOf(row[side]) ?? "", text, {
            ownId: `${side} ${name}`,
            outcome: { success: name === "k", components: {} },
            extra: without(
              row,
              new Set([
                "query",
                "retrieval",
                "query_response_k",
                "query_response_j",
                "retrieval_response_k",
                "retrieval_response_j",
              ]),
            ),
            notes: [
              {
                code: "preference",
                message: "k is the answer preferred for its own instruction, j the other one.",
              },
            ],
          }),
        );
      }
    return drafts;
  },
});

/** Pairs with letters instead of ranks: `response_j` is the preferred one. */
export const letteredPairs = draftedFormat({
  id: "lettered-pairs",
  title: "Preference pairs j and k",
  source: "shadowkiller33/Contrast-Instruction, data/human_preferences; StackLLaMA data",
  containers: ["json", "jsonl", "parquet"],
  grouping: "record",
  needs: [["response_j", "response_k"]],
  nativeTree: false,
  detect(head) {
    const names = fieldNames(head);
    return ["question", "response_j", "response_k"].every((name) => names.includes(name))
      ? { confidence: 0.9, reason: "question, response_j and response_k" }
      : undefined;
  },
  drafts(record) {
    const row = objectOf(record);
    return ["j", "k"].map((name) => {
      const score = recordedNumber(row[`response_${name}_score`]);
      return comparedAnswer(textOf(row["question"]) ?? "", textOf(row[`response_${name}`]) ?? "", {
        ownId: name,
        outcome: {
          ...(score === undefined ? {} : { reward: score, rewardSource: `response_${name}_score` }),
          success: name === "j",
          components: {},
        },
        extra: without(
          row,
          new Set(["question", "response_j", "response_k", "response_j_score", "response_k_score"]),
        ),
        notes: [{ code: "preference", message: "response_j was preferred to response_k." }],
      });
    });
  },
});

/** VL-RewardBench: two answers to a question about a picture, ranked by people. */
export const vlRewardBench = draftedFormat({
  id: "vl-rewardbench",
  title: "VL-RewardBench",
  source: "MMInstruction/VL-RewardBench, as UnifiedReward keeps it",
  containers: ["json", "jsonl", "parquet"],
  grouping: "record",
  needs: [["query", "response"]],
  nativeTree: false,
  detect(head) {
    const names = fieldNames(head);
    return ["query", "response", "human_ranking"].every((name) => names.includes(name))
      ? { confidence: 0.9, reason: "query, response and human_ranking" }
      : undefined;
  },
  drafts(record) {
    const row = objectOf(record);
    const prompt = textOf(row["query"]) ?? "";
    const ranks = isList(row["human_ranking"]) ? row["human_ranking"].map(recordedNumber) : [];
    const best = Math.min(...ranks.filter((rank): rank is number => typeof rank === "number"));
    const image = textOf(row["image"]);
    const media: readonly MediaReference[] = image === undefined ? [] : [{ kind: "image", path: image }];
    return (isList(row["response"]) ? row["response"] : []).map((text, index) => {
      const rank = ranks[index];
      const draft = comparedAnswer(prompt, textOf(text) ?? "", {
        ownId: `${textOf(row["id"]) ?? "row"} ${index}`,
        outcome: {
          ...(typeof rank === "number" ? { success: rank === best } : {}),
          components: typeof rank === "number" ? { human_rank: rank } : {},
        },
        extra: without(row, new Set(["query", "response", "human_ranking"])),
        notes: [{ code: "preference", message: "Success means the better human rank; 0 is the best." }],
      });
      const [first, ...rest] = draft.steps;
      return first && media.length > 0 ? { ...draft, steps: [{ ...first, media }, ...rest] } : draft;
    });
  },
});

/** GenAI-Bench: two videos for one prompt, with the vote between them. */
export const videoVotes = draftedFormat({
  id: "video-votes",
  title: "Votes between two videos",
  source: "TIGER-Lab/GenAI-Bench video votes, as UnifiedReward keeps them",
  containers: ["json", "jsonl"],
  grouping: "record",
  needs: [["video_left", "video_right"]],
  nativeTree: false,
  detect: (head) =>
    isObject(head.firstRecord) &&
    ["prompt", "video_left", "video_right", "vote_type"].every(
      (key) => key in (head.firstRecord as JsonObject),
    )
      ? { confidence: 0.95, reason: "video_left, video_right and vote_type" }
      : undefined,
  drafts(record) {
    const row = objectOf(record);
    const vote = textOf(row["vote_type"]);
    const prompt = textOf(row["prompt"]) ?? "";
    return (["left", "right"] as const).map((side) => {
      const path = textOf(row[`video_${side}`]);
      return {
        ownId: `${String(row["id"] ?? "row")} ${side}`,
        groupKey: "videos",
        title: titleOf(prompt),
        task: { prompt },
        steps: [
          { index: 0, role: "user" as const, kind: "prompt" as const, observation: prompt },
          {
            index: 1,
            role: "assistant" as const,
            kind: "answer" as const,
            action: path ?? "",
            ...(path === undefined ? {} : { media: [{ kind: "video" as const, path }] }),
          },
        ],
        outcome: {
          // A tie and "both bad" favour neither.
          ...(vote === `${side}vote`
            ? { success: true }
            : vote === "leftvote" || vote === "rightvote"
              ? { success: false }
              : {}),
          components: {},
        },
        extra: without(row, new Set(["prompt", "video_left", "video_right"])),
        notes: [],
      };
    });
  },
});

/** Two conversations about one picture, the first of them preferred. */
export const conversationPairs = draftedFormat({
  id: "conversation-pairs",
  title: "Preferred conversations",
  source: "InternLM/InternLM-XComposer, XComposer2.5-Reward training data: conversations_a, conversations_b",
  containers: ["json", "jsonl"],
  grouping: "record",
  needs: [["conversations_a", "conversations_b"]],
  nativeTree: false,
  detect: (head) =>
    isObject(head.firstRecord) &&
    messageList(head.firstRecord["conversations_a"]) !== undefined &&
    messageList(head.firstRecord["conversations_b"]) !== undefined
      ? { confidence: 0.9, reason: "conversations_a and conversations_b" }
      : undefined,
  drafts(record) {
    const row = objectOf(record);
    const image = textOf(row["image"]);
    return (["a", "b"] as const).map((side) => {
      const messages = messageList(row[`conversations_${side}`]) ?? [];
      const steps = messageSteps(messages, messages.length - 1);
      const [first, ...rest] = steps;
      return {
        ownId: `${String(row["id"] ?? "row")} ${side}`,
        groupKey: "conversations",
        title: titleOf(promptOfMessages(messages) ?? ""),
        task: given("prompt", promptOfMessages(messages)),
        steps:
          first && image !== undefined
            ? [{ ...first, media: [{ kind: "image" as const, path: image }] }, ...rest]
            : steps,
        outcome: { success: side === "a", components: {} },
        extra: without(row, new Set(["conversations_a", "conversations_b"])),
        notes: [{ code: "preference", message: "Conversation a was preferred to conversation b." }],
      };
    });
  },
});
