import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Outcome, Step, TokenColumns } from "../model/trajectory";
import { promptKey } from "./completionDraft";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { float64, isList, isObject, objectOf, textOf, titleOf, without } from "./jsonFields";
import { contentOf, messageList, messageSteps, promptOfMessages, roleOf } from "./messages";
import { numbersOf, outcomeOfRow } from "./outcomeFields";
import { unpacked } from "./spanMessages";

/** One of the answers that a server gave. */
interface Answer {
  readonly message: JsonObject;
  readonly stop?: string | undefined;
  readonly tokens?: TokenColumns | undefined;
  readonly extra: JsonObject;
}

const REQUESTS = ["request", "input", "params", "kwargs", "request_body", "body", "payload"] as const;
const RESPONSES = ["response", "output", "completion", "response_body", "result", "raw_response"] as const;
const LENGTH = /^(?:length|max_tokens|MAX_TOKENS|max_output_tokens|model_context_window_exceeded)$/;

/** Tokens with their log-probabilities as chat completions and text completions list them. */
function tokensOf(choice: JsonObject): TokenColumns | undefined {
  const logprobs = isObject(choice["logprobs"]) ? choice["logprobs"] : undefined;
  const listed = isList(logprobs?.["content"]) ? logprobs["content"].filter(isObject) : undefined;
  const texts =
    listed?.map((one) => one["token"] ?? null) ?? (isList(logprobs?.["tokens"]) ? logprobs["tokens"] : []);
  const values =
    listed?.map((one) => one["logprob"] ?? null) ??
    (isList(logprobs?.["token_logprobs"]) ? logprobs["token_logprobs"] : []);
  if (texts.length === 0 || texts.length !== values.length) return undefined;
  const ids =
    isList(choice["token_ids"]) && choice["token_ids"].length === texts.length
      ? choice["token_ids"]
      : undefined;
  return {
    count: texts.length,
    text: texts.map((text) => textOf(text) ?? ""),
    ...(ids === undefined ? {} : { ids: Int32Array.from(ids.map(Number)) }),
    mask: new Uint8Array(texts.length).fill(1),
    series: { logprob: float64(values) },
  };
}

/** The answers of a response of OpenAI's chat or text completions, of Anthropic's messages or of Gemini. */
function answersOf(value: JsonValue | undefined): readonly Answer[] | undefined {
  const body = unpacked(value);
  if (!isObject(body)) return undefined;
  const { choices, candidates } = body;
  if (isList(choices)) {
    const found = choices.filter(isObject).flatMap((choice): Answer[] => {
      const message = isObject(choice["message"])
        ? choice["message"]
        : typeof choice["text"] === "string"
          ? { content: choice["text"] }
          : undefined;
      if (message === undefined) return [];
      return [
        {
          message: { role: "assistant", ...message },
          stop: textOf(choice["finish_reason"]) ?? textOf(choice["stop_reason"]),
          tokens: tokensOf(choice),
          extra: without(choice, new Set(["message", "text", "finish_reason", "logprobs"])),
        },
      ];
    });
    return found.length === 0 ? undefined : found;
  }
  if (body["type"] === "message" && body["role"] === "assistant" && isList(body["content"]))
    return [
      {
        message: { role: "assistant", content: body["content"] },
        stop: textOf(body["stop_reason"]),
        extra: {},
      },
    ];
  if (isList(candidates)) {
    const found = candidates.filter(isObject).flatMap((one): Answer[] =>
      isObject(one["content"]) && isList(one["content"]["parts"])
        ? [
            {
              message: { role: "model", ...one["content"] },
              stop: textOf(one["finishReason"]) ?? textOf(one["finish_reason"]),
              extra: without(one, new Set(["content"])),
            },
          ]
        : [],
    );
    return found.length === 0 ? undefined : found;
  }
  return undefined;
}

interface Call {
  readonly body: JsonObject;
  readonly answers: readonly Answer[];
  /** Field of the row that holds the response; undefined when the row is one. */
  readonly field?: string;
}

/** The response of a row: itself, one of its fields, or in that the `body` or `message` of a batch's line. */
function callOf(row: JsonObject): Call | undefined {
  const bare = answersOf(row);
  if (bare !== undefined) return { body: row, answers: bare };
  for (const field of RESPONSES) {
    const outer = unpacked(row[field]);
    if (!isObject(outer)) continue;
    for (const body of [outer, outer["body"], outer["message"], outer["response"]]) {
      const own = unpacked(body);
      const answers = answersOf(own);
      if (answers !== undefined && isObject(own)) return { body: own, answers, field };
    }
  }
  return undefined;
}

/** The messages that were asked, wherever the request stands; text completions have a text. */
function askedOf(row: JsonObject): { readonly messages: readonly JsonObject[]; readonly field?: string } {
  const fromRequest = (request: JsonObject): readonly JsonObject[] | undefined => {
    const own = messageList(request["messages"]) ?? messageList(request["contents"]);
    const text = textOf(request["prompt"]);
    const listed = own ?? (text === undefined ? undefined : [{ role: "user", content: text }]);
    const system = request["system"] ?? request["systemInstruction"] ?? request["system_instruction"];
    const said = contentOf(isObject(system) ? system["parts"] : system).text;
    return listed === undefined || said === "" || listed.some((message) => roleOf(message) === "system")
      ? listed
      : [{ role: "system", content: said }, ...listed];
  };
  for (const field of REQUESTS) {
    const outer = unpacked(row[field]);
    const bare = messageList(outer);
    if (bare !== undefined) return { messages: bare, field };
    if (!isObject(outer)) continue;
    const messages = fromRequest(outer) ?? (isObject(outer["body"]) ? fromRequest(outer["body"]) : undefined);
    if (messages !== undefined) return { messages, field };
  }
  const own = fromRequest(row);
  return own === undefined ? { messages: [] } : { messages: own };
}

/** What a request says besides the conversation. */
function requestBeside(row: JsonObject, field: string | undefined): JsonObject {
  if (field === undefined) return {};
  const request = unpacked(row[field]);
  return isObject(request) ? { [field]: without(request, new Set(["messages", "contents", "prompt"])) } : {};
}

function draftOf(row: JsonObject, call: Call, answer: Answer, index: number): TrajectoryDraft {
  const { messages, field } = askedOf(row);
  const answered = messageList([answer.message]) ?? [answer.message];
  const steps: Step[] = messageSteps([...messages, ...answered], messages.length);
  const { tokens } = answer;
  const last = steps.length - 1;
  const prompt = messages.length === 0 ? undefined : promptOfMessages(messages);
  const usage = isObject(call.body["usage"])
    ? call.body["usage"]
    : isObject(call.body["usageMetadata"])
      ? call.body["usageMetadata"]
      : {};
  const hidden = new Set([
    "choices",
    "candidates",
    "content",
    "usage",
    "usageMetadata",
    ...(call.field === undefined ? [] : [call.field]),
    ...(field === undefined ? ["messages", "contents", "prompt"] : [field]),
  ]);
  const own: Outcome =
    call.field === undefined
      ? { components: {} }
      : outcomeOfRow(row, new Set([...hidden, "request", "response"]));
  return {
    ...given("ownId", textOf(row["custom_id"]) ?? textOf(row["id"]) ?? textOf(call.body["id"])),
    ...(messages.length === 0 || call.answers.length === 1 ? {} : { groupKey: promptKey(messages) }),
    title: titleOf(prompt ?? steps[0]?.action ?? ""),
    task: { ...given("prompt", prompt) },
    steps:
      tokens === undefined
        ? steps
        : steps.map((step, at) => (at === last ? { ...step, tokenStart: 0, tokenEnd: tokens.count } : step)),
    ...given("tokens", tokens),
    outcome: {
      ...own,
      ...given("stopReason", answer.stop),
      ...(answer.stop === undefined ? {} : { truncated: LENGTH.test(answer.stop) }),
      components: { ...own.components, ...numbersOf(usage, new Set()) },
    },
    extra: {
      ...(call.field === undefined ? {} : { response: without(call.body, hidden) }),
      ...without(row, hidden),
      ...requestBeside(row, field),
      ...(call.answers.length === 1 ? {} : { choice: index }),
      ...answer.extra,
    },
    notes: [],
  };
}

/** Calls of a model's interface as proxies, batches and agents log them: the response, and the request where it was kept. */
export const apiCalls = draftedFormat({
  id: "api-calls",
  title: "Model calls",
  source:
    "Chat and text completions of OpenAI (also lines of its Batch API, vLLM, LiteLLM), messages of Anthropic, contents of Gemini: responses with their requests; AppWorld lm_calls.jsonl",
  containers: ["jsonl", "json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row)) return undefined;
    const call = callOf(row);
    if (call === undefined) return undefined;
    if (call.field === undefined) {
      const named =
        typeof row["object"] === "string" || "usage" in row || "usageMetadata" in row || "stop_reason" in row;
      return named && !("messages" in row)
        ? { confidence: 0.6, reason: "a response of a model's interface" }
        : undefined;
    }
    return { confidence: 0.55, reason: `a response of a model's interface under ${call.field}` };
  },

  drafts(record) {
    const row = objectOf(record);
    const call = callOf(row);
    if (call !== undefined) return call.answers.map((answer, index) => draftOf(row, call, answer, index));
    const { messages } = askedOf(row);
    if (messages.length === 0)
      throw new Failure(
        "missing-field",
        "The record holds no response of a model.",
        "Its error, if it has one, is in the file.",
      );
    // A call that failed has an error in the response's place.
    return [
      {
        ...given("ownId", textOf(row["custom_id"]) ?? textOf(row["id"])),
        task: { ...given("prompt", promptOfMessages(messages)) },
        steps: messageSteps(messages, messages.length),
        outcome: { stopReason: "error", components: {} },
        extra: without(row, new Set(["messages"])),
        notes: [],
      },
    ];
  },
});
