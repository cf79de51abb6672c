import { Failure } from "../model/failure";
import type { Step, Trajectory } from "../model/trajectory";

/** Where a step stands in a text: characters [start, end), UTF-16 units. */
export interface StepSpan {
  readonly step: number;
  readonly start: number;
  readonly end: number;
  /** True where the policy wrote the text (assistant steps). */
  readonly policy: boolean;
}

/** What a language model reads of a trajectory, and which part of it is which step. */
export interface TrajectoryText {
  readonly text: string;
  readonly spans: readonly StepSpan[];
  /** "text as written" or "chat template": how the text came about. */
  readonly method: string;
  /** True when a template wrote the special tokens itself. */
  readonly templated: boolean;
}

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly tool_calls?: readonly unknown[];
}

/** Renders messages as the model was trained to read them; undefined when the model has no chat template. */
export type ChatTemplate = (messages: readonly ChatMessage[]) => string;

/** The texts of a step in the order in which they stand in the trajectory. */
const piecesOf = (step: Step): string[] =>
  (step.role === "assistant" ? [step.thought, step.action] : [step.observation, step.action]).filter(
    (piece): piece is string => piece !== undefined && piece !== "",
  );

/** Roles that only a conversation has. */
const isConversation = (trajectory: Trajectory): boolean =>
  trajectory.steps.some((step) => step.role !== "assistant");

/**
 * The text of a trajectory: its flat text where the format kept it, else rendered through the chat template where it
 * is a conversation, else prompt and steps one after the other.
 * @throws Failure `no-text` when there is nothing to read, `step-text-mismatch` when a step cannot be found in the text
 */
export function textOf(trajectory: Trajectory, template: ChatTemplate | undefined): TrajectoryText {
  if (trajectory.flatText) {
    const { prompt, response } = trajectory.flatText;
    return {
      text: prompt + response,
      spans: findSteps(
        trajectory,
        prompt + response,
        prompt.length,
        trajectory.steps.filter((step) => step.kind !== "prompt"),
      ),
      method: "text as written",
      templated: false,
    };
  }
  if (trajectory.steps.every((step) => piecesOf(step).length === 0)) {
    throw new Failure(
      "no-text",
      `Trajectory ${trajectory.id} holds no text to read.`,
      "Choose a model that reads observations, or a trajectory with text.",
    );
  }
  if (isConversation(trajectory) && template) {
    const rendered = template(messagesOf(trajectory));
    return {
      text: rendered,
      spans: findSteps(trajectory, rendered, 0, trajectory.steps),
      method: "chat template",
      templated: true,
    };
  }
  const startsWithPrompt = trajectory.steps[0]?.role === "user" || trajectory.steps[0]?.role === "system";
  let text = startsWithPrompt ? "" : (trajectory.task.prompt ?? "");
  const spans: StepSpan[] = [];
  for (const step of trajectory.steps) {
    const start = text.length;
    text += piecesOf(step).join("");
    if (text.length > start)
      spans.push({ step: step.index, start, end: text.length, policy: step.role === "assistant" });
  }
  return { text, spans, method: "text as written", templated: false };
}

/** Steps as messages: neighbouring steps of one role are one turn. */
export function messagesOf(trajectory: Trajectory): readonly ChatMessage[] {
  const messages: { role: string; content: string; tool_calls?: unknown[] }[] = [];
  const first = trajectory.steps[0]?.role;
  if (trajectory.task.prompt !== undefined && first !== "user" && first !== "system")
    messages.push({ role: "user", content: trajectory.task.prompt });
  for (const step of trajectory.steps) {
    const role = step.role === "environment" ? "user" : step.role;
    const last = messages.at(-1);
    const content = piecesOf(step).join("");
    const calls = step.toolCalls?.map((call) => ({
      type: "function",
      ...(call.id === undefined ? {} : { id: call.id }),
      function: { name: call.name, arguments: call.arguments },
    }));
    if (last?.role === role && role === "assistant" && !last.tool_calls) last.content += content;
    else messages.push({ role, content });
    if (calls && calls.length > 0) messages.at(-1)!.tool_calls = calls;
  }
  return messages;
}

/**
 * Finds each step's text in the whole, in order. What stands between two steps of one turn (line ends, closing tags)
 * belongs to the earlier one, so that the spans of a turn have no holes.
 */
function findSteps(trajectory: Trajectory, text: string, from: number, steps: readonly Step[]): StepSpan[] {
  const found: { step: Step; start: number; end: number }[] = [];
  let cursor = from;
  for (const step of steps) {
    const pieces = piecesOf(step)
      .map((piece) => piece.trim())
      .filter((piece) => piece !== "");
    let start = -1;
    for (const piece of pieces) {
      const at = text.indexOf(piece, cursor);
      if (at < 0) {
        throw new Failure(
          "step-text-mismatch",
          `Step ${step.index} of trajectory ${trajectory.id} is not found in the text that the model would read, so its tokens cannot be told.`,
          "Score it with a model whose chat template keeps the text, or report the format.",
        );
      }
      if (start < 0) start = at;
      cursor = at + piece.length;
    }
    if (start >= 0) found.push({ step, start, end: cursor });
  }
  return found.map(({ step, start, end }, index) => {
    const next = found[index + 1];
    const sameTurn = step.role === "assistant" && next?.step.role === "assistant";
    const lastOfFlat = next === undefined && trajectory.flatText !== undefined;
    const first = index === 0 && trajectory.flatText !== undefined && step.role === "assistant";
    return {
      step: step.index,
      start: first ? from : start,
      end: sameTurn ? next.start : lastOfFlat ? text.length : end,
      policy: step.role === "assistant",
    };
  });
}
