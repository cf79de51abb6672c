import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
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

const MAPPED = new Set([
  "prompt",
  "implementations",
  "test_feedback",
  "reflections",
  "solution",
  "acc",
  "is_solved",
  "name",
]);

/** Results of LATS and Reflexion on programming tasks: each attempt, what the tests said, and what the model made of it. */
export const lats = draftedFormat({
  id: "lats-programming",
  title: "LATS programming results",
  source: "lapisrocks/LanguageAgentTreeSearch, programming runs (mcts.py, reflexion.py)",
  containers: ["jsonl"],
  grouping: "none",
  needs: [
    ["prompt", "entry_point"],
    ["prompt", "implementations"],
  ],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !("prompt" in row)) return undefined;
    // Rows of tasks without a named function have no entry point.
    if (isList(row["implementations"]) && "is_solved" in row)
      return { confidence: 0.9, reason: "prompt, implementations, is_solved" };
    if (!("entry_point" in row) || !("test" in row)) return undefined;
    if (isList(row["implementations"]))
      return { confidence: 0.9, reason: "prompt, test, implementations, test_feedback" };
    return "acc" in row || "is_solved" in row
      ? { confidence: 0.7, reason: "programming tasks (prompt, entry_point, test) with acc" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const prompt = textOf(row["prompt"]) ?? "";
    const list = (key: string): readonly (string | undefined)[] => {
      const value = row[key];
      return isList(value) ? value.map((one) => textOf(one)) : [];
    };
    const [attempts, feedback, reflections] = [
      list("implementations"),
      list("test_feedback"),
      list("reflections"),
    ];
    const solution = textOf(row["solution"]);
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt }];
    for (const [at, attempt] of attempts.entries()) {
      steps.push({ index: steps.length, role: "assistant", kind: "act", action: attempt ?? "" });
      const said = feedback[at];
      if (said !== undefined)
        steps.push({ index: steps.length, role: "tool", kind: "observe", observation: said });
      const thought = reflections[at];
      if (thought !== undefined)
        steps.push({ index: steps.length, role: "assistant", kind: "think", action: thought });
    }
    if (solution !== undefined && solution !== attempts.at(-1))
      steps.push({ index: steps.length, role: "assistant", kind: "answer", action: solution });
    const success = recordedFlag(row["is_solved"]);
    const accuracy = recordedNumber(row["acc"]);
    return [
      {
        ...given("ownId", textOf(row["name"]) ?? textOf(row["task_id"])),
        title: titleOf(textOf(row["name"]) ?? prompt),
        task: { prompt },
        steps,
        outcome: {
          ...(success === undefined ? {} : { success }),
          // `acc` is the accuracy over the tasks so far, not this task's.
          components: accuracy === undefined ? {} : { acc: accuracy },
        },
        extra: without(row, MAPPED),
        notes: [
          ...(accuracy === undefined
            ? []
            : [
                {
                  code: "running-accuracy",
                  message: "acc is the share of tasks solved up to this row, not this task's own result.",
                },
              ]),
          ...(attempts.length === 0
            ? [
                {
                  code: "no-attempts",
                  message:
                    "This row holds no attempts: the tree and the texts of this search were only printed to a log.",
                },
              ]
            : []),
        ],
      },
    ];
  },
});
