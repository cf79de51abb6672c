import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { isObject, objectOf, textOf, titleOf, without } from "./jsonFields";

const MAPPED = new Set(["Observation", "Thought", "Action"]);

/** Runs of Mobile-Agent: numbered turns of observation, thought and action in one document. */
export const mobileAgent = draftedFormat({
  id: "mobile-agent",
  title: "Mobile-Agent run",
  source: "X-PLUG/MobileAgent, results/{app}/{task}/data.json",
  containers: ["json"],
  grouping: "none",
  nativeTree: false,
  wholeDocument: true,

  detect(head) {
    const row = head.firstRecord;
    const first = isObject(row) ? row["1"] : undefined;
    return isObject(first) && "Action" in first && ("Thought" in first || "Observation" in first)
      ? { confidence: 0.95, reason: "numbered turns of Observation, Thought and Action" }
      : undefined;
  },

  companions: () => ["instruction.txt"],

  drafts(record, context) {
    const row = objectOf(record);
    const turns = Object.entries(row)
      .filter(([key, turn]) => /^\d+$/.test(key) && isObject(turn))
      .sort(([one], [other]) => Number(one) - Number(other));
    const instruction = textOf(context.companions?.get("instruction.txt"));
    const steps: Step[] = [];
    if (instruction !== undefined)
      steps.push({ index: 0, role: "user", kind: "prompt", observation: instruction });
    for (const [at, [, turn]] of turns.entries()) {
      if (!isObject(turn)) continue;
      const rest = without(turn, MAPPED);
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: at === turns.length - 1 ? "answer" : "act",
        ...given("observation", textOf(turn["Observation"])),
        ...given("thought", textOf(turn["Thought"])),
        action: textOf(turn["Action"]) ?? JSON.stringify(turn["Action"] ?? null),
        ...(Object.keys(rest).length > 0 ? { extra: rest } : {}),
      });
    }
    const place = context.path.replace(/[\\]/g, "/").split("/").slice(-3, -1).join(" ");
    return [
      {
        ownId: place,
        title: titleOf(instruction ?? place),
        task: given("prompt", instruction),
        steps,
        outcome: { components: {} },
        extra: without(row, new Set(turns.map(([key]) => key))),
        notes: [
          {
            code: "policy-observations",
            message:
              "Observations are the policy's own descriptions of the screen; whether the task was solved is not in this file.",
          },
        ],
      },
    ];
  },
});

/** GUI-Critic-R1: one step of an agent with the critic's verdict on it. */
export const guiCritic = draftedFormat({
  id: "gui-critic",
  title: "GUI-Critic judgements",
  source: "X-PLUG/MobileAgent, GUI-Critic-R1/test_files/*.jsonl",
  containers: ["jsonl", "json"],
  grouping: "none",
  needs: [["problem", "solution"]],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) &&
      typeof row["problem"] === "string" &&
      typeof row["solution"] === "string" &&
      Array.isArray(row["images"])
      ? { confidence: 0.7, reason: "images, problem and solution" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const images = Array.isArray(row["images"]) ? (row["images"] as readonly unknown[]) : [];
    const problem = textOf(row["problem"]) ?? "";
    const solution = textOf(row["solution"]) ?? "";
    const verdict = /^\s*(correct|incorrect)\b/i.exec(solution)?.[1]?.toLowerCase();
    const media = images.flatMap((path) =>
      typeof path === "string" ? [{ kind: "image" as const, path }] : [],
    );
    return [
      {
        title: titleOf(/(?:user'?s? )?instruction[^:]*:\s*([^\n]+)/i.exec(problem)?.[1] ?? problem),
        task: { prompt: problem },
        steps: [
          {
            index: 0,
            role: "user",
            kind: "prompt",
            observation: problem,
            ...(media.length > 0 ? { media } : {}),
          },
          { index: 1, role: "assistant", kind: "answer", action: solution },
        ],
        // The verdict is about the step that is judged; the judgement itself has no reward here.
        outcome: {
          components: verdict === undefined ? {} : { judged_correct: verdict === "correct" ? 1 : 0 },
        },
        extra: without(row, new Set(["problem", "solution", "images"])),
        notes: [],
      },
    ];
  },
});
