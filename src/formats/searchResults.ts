import { Failure } from "../model/failure";
import type { Step, StepRole } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { isList, isObject, listOf, objectOf, recordedFlag, textOf, titleOf, without } from "./jsonFields";
import { GUESSED_STEPS, splitReasoning } from "./turns";

/** What stands between these markers came from the search engine, or is the query that was sent to it. */
const SEARCH = /<\|begin_of_(query|documents)\|>([\s\S]*?)(?:<\|end_of_\1\|>|$)/g;

function searchSteps(question: string, text: string): Step[] {
  const steps: Step[] = [{ index: 0, role: "user", kind: "prompt", observation: question }];
  const say = (said: string): void => {
    if (said.trim() === "") return;
    for (const piece of splitReasoning(said))
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: piece.kind === "answer" ? "act" : piece.kind,
        ...(piece.kind === "think" ? { thought: piece.text } : { action: piece.text }),
      });
  };
  let start = 0;
  for (const match of text.matchAll(SEARCH)) {
    say(text.slice(start, match.index));
    start = match.index + match[0].length;
    const inside = match[2] ?? "";
    if (match[1] === "query")
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: "act",
        action: match[0],
        toolCalls: [{ name: "search", arguments: inside.trim() }],
      });
    else steps.push({ index: steps.length, role: "tool", kind: "observe", observation: match[0] });
  }
  say(text.slice(start));
  const last = steps.at(-1);
  if (last?.role === "assistant" && last.toolCalls === undefined && last.kind === "act")
    steps[steps.length - 1] = { ...last, kind: "answer" };
  return steps;
}

/** R1-Searcher's evaluation results: a question, what was written and found, and a judge's verdict. */
export const searchResults = draftedFormat({
  id: "r1-searcher",
  title: "R1-Searcher results",
  source: "RUCAIBox/R1-Searcher evaluation: {question, answer, pred_ans, gen_text_store, stop_reason_final}",
  containers: ["jsonl"],
  grouping: "none",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && typeof row["question"] === "string" && typeof row["gen_text_store"] === "string"
      ? { confidence: 0.95, reason: "keys question, gen_text_store" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const question = textOf(row["question"]);
    const text = textOf(row["gen_text_store"]);
    if (question === undefined || text === undefined)
      throw new Failure(
        "missing-field",
        "The row has no question and gen_text_store.",
        "Check the row's fields.",
      );
    const judge = Object.keys(row).find((key) => /^gpt.*_output$/.test(key));
    const success = judge === undefined ? undefined : recordedFlag(row[judge]);
    const stop = textOf(row["stop_reason_final"]);
    return [
      {
        title: titleOf(question),
        task: { prompt: question, ...given("groundTruth", row["answer"]) },
        steps: searchSteps(question, text),
        flatText: { prompt: question, response: text },
        outcome: {
          ...given("success", success),
          ...given("stopReason", stop),
          ...(stop === undefined ? {} : { truncated: /many|max|length/i.test(stop) }),
          components: {},
        },
        extra: without(row, new Set(["question", "answer", "gen_text_store"])),
        notes: [GUESSED_STEPS],
      },
    ];
  },
});

const ROLES: Readonly<Record<string, StepRole>> = {
  user: "user",
  agent: "assistant",
  assistant: "assistant",
  system: "system",
};

/** AgentBench's runs: one row a sample with its history. */
export const agentBench = draftedFormat({
  id: "agentbench",
  title: "AgentBench runs",
  source:
    "THUDM/AgentBench, outputs/*/runs.jsonl: {index, error, info, output{history, status, result}, time}",
  containers: ["jsonl"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    return isObject(row) && "index" in row && isObject(row["output"]) && isList(row["output"]["history"])
      ? { confidence: 0.9, reason: "keys index, output.history" }
      : undefined;
  },

  drafts(record) {
    const row = objectOf(record);
    const output = isObject(row["output"]) ? row["output"] : undefined;
    const history = listOf(output?.["history"]);
    if (output === undefined || history === undefined)
      throw new Failure(
        "missing-field",
        "The row has no output.history: the run ended with an error.",
        "Its `error` and `info` say why.",
      );
    let spoken = false;
    const steps = history.filter(isObject).map((item, index): Step => {
      const role = ROLES[textOf(item["role"]) ?? ""] ?? "environment";
      const text = textOf(item["content"]) ?? JSON.stringify(item["content"] ?? null);
      if (role === "assistant") {
        spoken = true;
        return { index, role, kind: "act", action: text };
      }
      return { index, role, kind: spoken ? "observe" : "prompt", observation: text };
    });
    const result = isObject(output["result"]) ? output["result"] : {};
    const success =
      recordedFlag(result["result"]) ?? recordedFlag(result["success"]) ?? recordedFlag(output["result"]);
    const stop = textOf(output["status"]);
    const prompt = steps.find((step) => step.role === "user")?.observation;
    const id = String(row["index"]);
    return [
      {
        ownId: id,
        groupKey: id,
        title: titleOf(prompt ?? `sample ${id}`),
        task: { id, ...given("prompt", prompt) },
        steps,
        outcome: {
          ...given("success", success),
          ...given("stopReason", stop),
          ...(stop === undefined ? {} : { truncated: /limit/i.test(stop) }),
          components: {},
        },
        extra: { ...without(row, new Set(["output"])), output: without(output, new Set(["history"])) },
        notes: [],
      },
    ];
  },
});
