import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import { isList, isObject, objectOf, recordedNumber, textOf, titleOf, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { parseJson } from "./jsonText";

const MAPPED = new Set(["id", "result", "inference_log"]);
const COUNTS = ["input_token_count", "output_token_count", "latency"] as const;

/** Scores of a file of results lie in a folder beside `result`, under the same path. */
function scorePath(path: string): string | undefined {
  const parts = path.replace(/\\/g, "/").split("/");
  const at = parts.lastIndexOf("result");
  const name = parts.at(-1) ?? "";
  if (at < 0 || !name.endsWith("_result.json")) return undefined;
  const below = parts.slice(at + 1, -1);
  return [
    ...below.map(() => ".."),
    "..",
    "score",
    ...below,
    name.replace(/_result\.json$/, "_score.json"),
  ].join("/");
}

/** Calls as the handlers list them: objects of one field, the function's name, with its arguments as JSON text or parsed. */
function messageOf(said: JsonValue | undefined, more: JsonObject = {}): JsonObject {
  const calls =
    isList(said) && said.length > 0 && said.every((call) => isObject(call) && Object.keys(call).length === 1)
      ? said.filter(isObject)
      : undefined;
  if (calls === undefined)
    return {
      ...more,
      role: "assistant",
      content: typeof said === "string" ? said : JSON.stringify(said ?? null),
    };
  return {
    ...more,
    role: "assistant",
    content: "",
    tool_calls: calls.flatMap((call) =>
      Object.entries(call).map(([name, input]) => ({ name, arguments: parsed(input) })),
    ),
  };
}

function parsed(input: JsonValue | undefined): JsonValue {
  if (typeof input !== "string") return input ?? null;
  try {
    return parseJson(input);
  } catch {
    return input;
  }
}

/** The log of a conversation in turns: what was asked, then steps of what the model said, its calls and what they gave. */
function logged(log: JsonValue | undefined): readonly JsonObject[] {
  const messages: JsonObject[] = [];
  for (const turn of isList(log) ? log : [])
    if (isList(turn))
      // The state of the simulated world after a turn.
      messages.push(
        ...turn.filter(isObject).map((entry) => ({
          ...without(entry, new Set(["content", "role"])),
          role: "environment",
          content: JSON.stringify(entry["content"] ?? null, null, 2),
        })),
      );
    else if (isObject(turn))
      for (const [name, entries] of Object.entries(turn)) {
        if (name === "begin_of_turn_query") messages.push(...(messageList(entries) ?? []));
        else
          for (const entry of isList(entries) ? entries.filter(isObject) : []) {
            const { role, content } = entry;
            const more = without(entry, new Set(["role", "content"]));
            if (role === "assistant") messages.push(messageOf(content, more));
            else if (role === "tool") messages.push({ ...more, role: "tool", content: content ?? "" });
            else
              messages.push({
                ...more,
                role: "environment",
                content: typeof content === "string" ? content : JSON.stringify(content ?? null),
              });
          }
      }
  return messages;
}

/** Sums over turns and steps; a single turn has one number. */
function sumOf(value: JsonValue | undefined): number | undefined {
  if (!isList(value)) {
    const number = recordedNumber(value);
    return typeof number === "number" ? number : undefined;
  }
  const numbers = value.map(sumOf).filter((number) => number !== undefined);
  return numbers.length === 0 ? undefined : numbers.reduce((sum, number) => sum + number, 0);
}

/** A score file lists the rows that failed: a row that is not there was right. */
function gradeOf(
  id: JsonValue | undefined,
  scores: JsonValue | undefined,
): { readonly outcome: Partial<Outcome>; readonly extra: JsonObject } {
  const rows = isList(scores) ? scores.filter(isObject) : [];
  if (!rows.some((row) => "accuracy" in row && "total_count" in row)) return { outcome: {}, extra: {} };
  const failed = rows.find((row) => row["id"] === id);
  return failed === undefined
    ? { outcome: { success: true }, extra: {} }
    : {
        outcome: { success: false },
        extra: { error: failed["error"] ?? null, ...given("possible_answer", failed["possible_answer"]) },
      };
}

/** Results of the Berkeley Function-Calling Leaderboard, with their grades where the scores lie beside them. */
export const bfcl = draftedFormat({
  id: "bfcl",
  title: "BFCL results",
  source: "ShishirPatil/gorilla berkeley-function-call-leaderboard, result/{model}/**/BFCL_*_result.json",
  containers: ["jsonl", "json"],
  grouping: "none",
  nativeTree: false,

  companions(path) {
    const scores = scorePath(path);
    return scores === undefined ? [] : [scores];
  },

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || typeof row["id"] !== "string" || !("result" in row)) return undefined;
    const counted = "input_token_count" in row && "output_token_count" in row && "latency" in row;
    return counted || (isList(row["inference_log"]) && isList(row["result"]))
      ? { confidence: 0.85, reason: "fields id, result and the counts of tokens" }
      : undefined;
  },

  drafts(record, context) {
    const row = objectOf(record);
    if (!("result" in row))
      throw new Failure("missing-field", "The row has no `result`.", "Check that it is a result of BFCL.");
    const { result } = row;
    const turns = logged(row["inference_log"]);
    const reasoning = textOf(row["reasoning_content"]);
    const spoken = turns.some((message) => message["role"] === "assistant")
      ? turns
      : [
          messageOf(
            result,
            reasoning === undefined || reasoning === "" ? {} : { reasoning_content: reasoning },
          ),
        ];
    const messages = messageList(spoken) ?? spoken;
    const path = scorePath(context.path);
    const grade = gradeOf(row["id"], path === undefined ? undefined : context.companions?.get(path));
    const components: Record<string, number | null> = {};
    for (const name of COUNTS) {
      const sum = sumOf(row[name]);
      if (sum !== undefined) components[name] = sum;
    }
    const prompt = turns.length === 0 ? undefined : promptOfMessages(messages);
    const failed = typeof result === "string" && result.startsWith("Error during inference:");
    return [
      {
        ...given("ownId", textOf(row["id"])),
        title: titleOf(`${textOf(row["id"]) ?? ""} ${prompt ?? ""}`.trim()),
        task: { ...given("id", textOf(row["id"])), ...given("prompt", prompt) },
        steps: messageSteps(messages),
        outcome: { ...grade.outcome, ...(failed ? { stopReason: "error" } : {}), components },
        extra: { ...without(row, MAPPED), ...grade.extra },
        notes:
          turns.length > 0
            ? []
            : [
                {
                  code: "no-prompt",
                  message: "The file holds answers alone: the questions are in the leaderboard's data.",
                },
              ],
      },
    ];
  },
});
