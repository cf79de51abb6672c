import type { JsonObject } from "../model/json";
import type { Step } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { isObject, objectOf, recordedNumber, textOf, titleOf, wholeNumber, without } from "./jsonFields";

const NODE = new Set([
  "user_question",
  "rephrased_user_question",
  "ost_step",
  "direct_answer",
  "subquestion",
  "subanswer",
]);

/** Numbered entries of an object, in the order of their numbers. */
function numbered(value: JsonObject[string]): readonly (readonly [number, JsonObject[string]])[] {
  if (!isObject(value)) return [];
  return Object.entries(value)
    .map(([key, entry]) => [Number(key), entry] as const)
    .filter(([key]) => Number.isInteger(key))
    .sort(([one], [other]) => one - other);
}

/** Text and the search's value of a node, which is either an object of both or the text alone. */
function said(
  value: JsonObject[string],
): { readonly text: string; readonly value?: number | null } | undefined {
  if (typeof value === "string") return { text: value };
  if (!isObject(value)) return undefined;
  const text = textOf(value["text"]);
  return text === undefined ? undefined : { text, ...given("value", recordedNumber(value["value"])) };
}

/** Answer sheets of rStar: one solution a record, as the nodes on its path through the search. */
export const rStar = draftedFormat({
  id: "rstar",
  title: "rStar solutions",
  source: "zhentingqi/rStar, answer_sheets/Question N - {Final,Rollout} Solutions.json",
  containers: ["json", "jsonl"],
  grouping: "consecutive",
  needs: [["trace"]],
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    const first = isObject(row) && isObject(row["trace"]) ? row["trace"]["0"] : undefined;
    return isObject(first) && "user_question" in first
      ? { confidence: 0.95, reason: 'trace["0"].user_question' }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const nodes = numbered(row["trace"]).flatMap(([, node]) => (isObject(node) ? [node] : []));
    const first = nodes[0] ?? {};
    const prompt = textOf(first["user_question"]) ?? "";
    const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: prompt }];
    const add = (
      part: { readonly text: string; readonly value?: number | null },
      kind: Step["kind"],
      extra?: JsonObject,
    ): void => {
      steps.push({
        index: steps.length,
        role: "assistant",
        ...given("kind", kind),
        action: part.text,
        ...given("value", part.value),
        ...given("extra", extra),
      });
    };
    for (const node of nodes) {
      const rephrased = said(node["rephrased_user_question"]);
      if (rephrased) add(rephrased, "think", { action: "rephrased question" });
      const question = said(node["subquestion"]);
      if (question) add(question, "think", { action: "subquestion" });
      const answer = said(node["subanswer"]);
      if (answer) add(answer, "act", { action: "subanswer" });
      for (const [, step] of numbered(node["ost_step"])) {
        const one = said(step);
        if (one) add(one, "act", { action: "one step" });
      }
      const direct = said(node["direct_answer"]);
      if (direct) add(direct, "answer", { action: "direct answer" });
      const rest = without(node, NODE);
      const last = steps.at(-1);
      if (Object.keys(rest).length > 0 && last && last.index > 0)
        steps[steps.length - 1] = { ...last, extra: { ...last.extra, ...rest } };
    }
    const end = steps.at(-1);
    const rollout = wholeNumber(row["rollout_id"]);
    return [
      {
        ...(rollout === undefined ? {} : { ownId: `rollout ${rollout}` }),
        groupKey: prompt,
        groupGuess: "solutions of one file with the same question",
        title: titleOf(prompt),
        task: { prompt },
        steps,
        outcome: { components: {} },
        extra: without(row, new Set(["trace"])),
        notes: [
          ...(end?.value === undefined
            ? []
            : [
                {
                  code: "search-value",
                  message: "Values are the search's own; whether the answer is right is not in this file.",
                },
              ]),
        ],
      },
    ];
  },
});
