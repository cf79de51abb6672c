import type { JsonObject, JsonValue } from "../model/json";
import { isList, isObject, textOf, without } from "./jsonFields";

/** What one part of a message is: words (also pictures and files), a thought, a call, or what a call gave. */
type Piece =
  | { readonly kind: "content"; readonly part: JsonValue }
  | { readonly kind: "thought"; readonly text: string; readonly signature?: JsonValue }
  | { readonly kind: "call"; readonly call: JsonObject }
  | { readonly kind: "result"; readonly message: JsonObject };

/** Names of called tools by the calls' ids: parts with results often hold the id alone. */
export type CalledTools = Map<string, string>;

const isGiven = (value: JsonValue | undefined): value is JsonValue => value !== undefined && value !== null;

/** The first of some fields that is there. */
function firstOf(part: JsonObject, keys: readonly string[]): JsonValue | undefined {
  for (const key of keys) if (isGiven(part[key])) return part[key];
  return undefined;
}

const CALL_ID = ["id", "call_id", "callID", "toolCallId", "tool_call_id", "tool_use_id"] as const;

function callPiece(part: JsonObject, name: JsonValue | undefined, input: JsonValue | undefined): Piece {
  const id = firstOf(part, CALL_ID);
  return {
    kind: "call",
    call: {
      ...(id === undefined ? {} : { id }),
      name: name ?? "",
      arguments: input ?? null,
    },
  };
}

/** An output that is one text in an object of its own: Gemini's `{output}`, the AI SDK's `{type, value}`. */
function saidByTool(output: JsonValue | undefined): JsonValue {
  if (!isObject(output)) return output ?? null;
  const keys = Object.keys(output);
  if (keys.length === 1 || (keys.length === 2 && typeof output["type"] === "string" && "value" in output))
    for (const key of ["output", "result", "error", "content", "value"])
      if (typeof output[key] === "string" || isList(output[key])) return output[key];
  return output;
}

function resultPiece(
  id: JsonValue | undefined,
  name: JsonValue | undefined,
  output: JsonValue | undefined,
  more: JsonObject = {},
): Piece {
  return {
    kind: "result",
    message: {
      role: "tool",
      content: saidByTool(output),
      ...(isGiven(id) ? { tool_call_id: id } : {}),
      ...(isGiven(name) ? { name } : {}),
      ...more,
    },
  };
}

/** Goose writes what a call gave as `{status, value}`, and an error as `{status, error}`. */
function gooseValue(result: JsonValue | undefined): JsonValue | undefined {
  if (!isObject(result) || !("status" in result)) return result;
  const value = result["value"] ?? result["error"];
  return isObject(value) && isList(value["content"]) ? value["content"] : value;
}

/** Anthropic's blocks, also the names that the GenAI conventions and LangChain give them. */
function anthropicPieces(part: JsonObject, type: string): readonly Piece[] | undefined {
  switch (type) {
    case "tool_use":
    case "server_tool_use":
    case "mcp_tool_use":
    case "tool_call":
      return [callPiece(part, part["name"], firstOf(part, ["input", "arguments", "args"]))];
    case "tool_call_response":
      return [resultPiece(part["id"], part["name"], firstOf(part, ["response", "result", "content"]))];
    case "thinking":
    case "reasoning": {
      const text = textOf(firstOf(part, ["thinking", "text", "content", "reasoning"]));
      if (text === undefined) return undefined;
      return [
        { kind: "thought", text, ...(isGiven(part["signature"]) ? { signature: part["signature"] } : {}) },
      ];
    }
    default:
      if (type !== "tool_result" && !type.endsWith("_tool_result")) return undefined;
      return [
        resultPiece(firstOf(part, ["tool_use_id", "tool_call_id"]), part["name"], part["content"], {
          ...(part["is_error"] === undefined ? {} : { is_error: part["is_error"] }),
          ...(type === "tool_result" ? {} : { type }),
        }),
      ];
  }
}

/** Goose's parts; a call that the model wrote wrongly is an error where the call should be. */
function goosePieces(part: JsonObject, type: string): readonly Piece[] | undefined {
  if (type === "toolRequest" || type === "frontendToolRequest") {
    const request = isObject(part["toolCall"]) ? part["toolCall"] : {};
    const call = isObject(request["value"]) ? request["value"] : request;
    return [callPiece(part, call["name"], call["arguments"] ?? call["error"])];
  }
  if (type === "toolResponse") {
    const result = part["toolResult"];
    const failed = isObject(result) && (result["status"] === "error" || "error" in result);
    return [resultPiece(part["id"], undefined, gooseValue(result), failed ? { is_error: true } : {})];
  }
  return undefined;
}

/** Parts of Pi, of the AI SDK and of OpenCode; of these one part may hold the call and what it gave. */
function sdkPieces(part: JsonObject, type: string): readonly Piece[] | undefined {
  const id = firstOf(part, CALL_ID);
  if (type === "toolCall") return [callPiece(part, part["name"], part["arguments"])];
  if (type === "tool-call")
    return [callPiece({ id: id ?? null }, part["toolName"], firstOf(part, ["input", "args"]))];
  if (type === "tool-result") return [resultPiece(id, part["toolName"], firstOf(part, ["output", "result"]))];
  if (type === "tool" && isObject(part["state"])) {
    const { state } = part;
    const callId = part["callID"] ?? part["id"];
    const call = callPiece({ id: callId ?? null }, part["tool"], state["input"]);
    const output = firstOf(state, ["output", "error"]);
    if (output === undefined) return [call];
    const more = without(state, new Set(["input", "output", "error"]));
    const failed = "error" in state ? { is_error: true } : {};
    return [call, resultPiece(callId, part["tool"], output, { ...failed, state: more })];
  }
  const invocation = type === "tool-invocation" ? part["toolInvocation"] : undefined;
  const own = isObject(invocation)
    ? invocation
    : type.startsWith("tool-") && "toolCallId" in part
      ? part
      : undefined;
  if (own === undefined) return undefined;
  const name = textOf(own["toolName"]) ?? type.slice("tool-".length);
  const call = callPiece({ id: own["toolCallId"] ?? null }, name, firstOf(own, ["input", "args"]));
  const output = firstOf(own, ["output", "result", "errorText"]);
  return output === undefined ? [call] : [call, resultPiece(own["toolCallId"], name, output)];
}

/** Gemini's parts, which have no type: one field of each says what it is, in the spelling of JSON or of the Python SDK. */
function geminiPieces(part: JsonObject): readonly Piece[] | undefined {
  const call = firstOf(part, ["functionCall", "function_call"]);
  if (isObject(call)) return [callPiece(call, call["name"], call["args"])];
  const response = firstOf(part, ["functionResponse", "function_response"]);
  if (isObject(response)) return [resultPiece(response["id"], response["name"], response["response"])];
  if (part["thought"] === true && typeof part["text"] === "string")
    return [{ kind: "thought", text: part["text"] }];
  const code = firstOf(part, ["executableCode", "executable_code"]);
  if (isObject(code)) return [callPiece({}, "code_execution", code)];
  const ran = firstOf(part, ["codeExecutionResult", "code_execution_result"]);
  if (isObject(ran)) return [resultPiece(undefined, "code_execution", ran["output"] ?? ran["outcome"])];
  return undefined;
}

/** Pydantic AI's parts, which hold the roles of a request. */
function pydanticPieces(part: JsonObject): readonly Piece[] | undefined {
  const input = part["args"];
  switch (part["part_kind"]) {
    case "tool-call":
      return [callPiece({ id: part["tool_call_id"] ?? null }, part["tool_name"], input)];
    case "tool-return":
    case "retry-prompt":
      return "tool_name" in part && isGiven(part["tool_name"])
        ? [resultPiece(part["tool_call_id"], part["tool_name"], part["content"])]
        : undefined;
    case "thinking":
      return typeof part["content"] === "string" ? [{ kind: "thought", text: part["content"] }] : undefined;
    default:
      return undefined;
  }
}

/** What a part holds besides words; undefined for words, pictures and what nobody knows. */
function piecesOf(part: JsonValue): readonly Piece[] | undefined {
  if (!isObject(part)) return undefined;
  if ("part_kind" in part) return pydanticPieces(part);
  const type = textOf(part["type"]);
  return type === undefined
    ? geminiPieces(part)
    : (anthropicPieces(part, type) ?? goosePieces(part, type) ?? sdkPieces(part, type) ?? geminiPieces(part));
}

/** True for parts that hold a call, a result or a thought. */
export function holdsPieces(parts: readonly JsonValue[]): boolean {
  return parts.some((part) => piecesOf(part) !== undefined);
}

const PARTS = new Set(["content", "parts"]);

/**
 * A message in parts as messages in OpenAI's form, in the parts' order: results of tools are messages of their own, calls and
 * thoughts stand in fields. A thought after words or calls begins another message. The message's other fields stay with the
 * first; a message without parts is one message without words.
 * @param tools names of called tools, kept over the messages of a conversation
 */
export function messagesOfParts(
  message: JsonObject,
  role: string,
  parts: readonly JsonValue[],
  tools: CalledTools,
): JsonObject[] {
  const out: JsonObject[] = [];
  let content: JsonValue[] = [];
  let thoughts: string[] = [];
  let signatures: JsonValue[] = [];
  let calls: JsonObject[] = [];
  const close = (): void => {
    if (content.length + thoughts.length + calls.length === 0) return;
    const only = content.length === 1 ? content[0] : undefined;
    out.push({
      role,
      content: isObject(only) && only["type"] === "text" ? (textOf(only["text"]) ?? content) : content,
      ...(thoughts.length === 0 ? {} : { reasoning_content: thoughts.join("\n") }),
      ...(signatures.length === 0 ? {} : { reasoning_signatures: signatures }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    });
    [content, thoughts, signatures, calls] = [[], [], [], []];
  };
  for (const part of parts)
    for (const piece of piecesOf(part) ?? [{ kind: "content" as const, part }]) {
      if (piece.kind === "result") {
        close();
        const id = textOf(piece.message["tool_call_id"]);
        const name = id === undefined ? undefined : tools.get(id);
        out.push(name === undefined || "name" in piece.message ? piece.message : { ...piece.message, name });
      } else if (piece.kind === "thought") {
        if (content.length + calls.length > 0) close();
        thoughts.push(piece.text);
        if (piece.signature !== undefined) signatures.push(piece.signature);
      } else if (piece.kind === "call") {
        const id = textOf(piece.call["id"]);
        const name = textOf(piece.call["name"]);
        if (id !== undefined && name !== undefined) tools.set(id, name);
        calls.push(piece.call);
      } else {
        if (calls.length > 0) close();
        content.push(piece.part);
      }
    }
  close();
  const more = without(message, PARTS);
  if (out.length === 0) return [{ ...more, role, content: "" }];
  return out.map((one, index) => (index === 0 ? { ...more, ...one } : one));
}
