import { titleOf } from "./jsonFields";
import type { LongText } from "./longText";
import { countEscapedReasoning, countReasoning } from "./stepCount";
import type { Note, Step, StepKind, StepRole } from "../model/trajectory";

/** A stretch of text and who said it. */
export interface Turn {
  readonly role: StepRole;
  readonly text: string;
}

/** A piece of an assistant turn. The pieces of a turn, put together, are the turn's text to the last character. */
export interface Piece {
  readonly kind: StepKind;
  readonly text: string;
}

const PROMPT_ROLE = /(?:^|\n)(system|user|assistant|tool)\n/g;
const OUTPUT_ROLE = /\n(user|assistant|tool)\n/g;

const GUESSED_TURNS: Note = {
  code: "guessed-turns",
  message:
    "Turns are guessed from bare role lines in the text: a model that prints such a line itself breaks the split.",
};

export const GUESSED_STEPS: Note = {
  code: "guessed-steps",
  message:
    "Steps inside a turn are guessed from think tags, blank lines or line ends: the file records none.",
};

/**
 * Splits a flat prompt (special tokens dropped, roles left as bare lines) into turns. A prompt without role lines is
 * one user turn. The empty assistant turn that only opens the generation is left out.
 */
export function splitPrompt(text: string): { readonly turns: readonly Turn[]; readonly guessed: boolean } {
  if (!/^\s*(?:system|user|assistant|tool)\n/.test(text))
    return { turns: text === "" ? [] : [{ role: "user", text }], guessed: false };
  const turns: Turn[] = [];
  let role: StepRole = "user";
  let start = 0;
  let open = false;
  for (const match of text.matchAll(PROMPT_ROLE)) {
    const before = text.slice(start, match.index);
    if (open || before.trim() !== "") turns.push({ role, text: before });
    role = match[1] as StepRole;
    start = match.index + match[0].length;
    open = true;
  }
  const last = text.slice(start);
  if (last.trim() !== "" || role !== "assistant") turns.push({ role, text: last });
  return { turns, guessed: true };
}

function hasRoleLine(text: string): boolean {
  return text.includes("\nuser\n") || text.includes("\nassistant\n") || text.includes("\ntool\n");
}

/** Splits a flat response into the policy's turns and what tools or users said in between. The first turn is the policy's. */
export function splitOutput(text: string): { readonly turns: readonly Turn[]; readonly guessed: boolean } {
  const turns: Turn[] = [];
  let role: StepRole = "assistant";
  let start = 0;
  if (hasRoleLine(text)) {
    OUTPUT_ROLE.lastIndex = 0;
    for (let match = OUTPUT_ROLE.exec(text); match !== null; match = OUTPUT_ROLE.exec(text)) {
      turns.push({ role, text: text.slice(start, match.index) });
      role = match[1] as StepRole;
      start = OUTPUT_ROLE.lastIndex;
      // Two role lines in a row share the line end between them.
      OUTPUT_ROLE.lastIndex = start - 1;
      if (OUTPUT_ROLE.lastIndex < match.index + 1) OUTPUT_ROLE.lastIndex = start;
    }
  }
  turns.push({ role, text: text.slice(start) });
  return { turns, guessed: turns.length > 1 };
}

/** True when a stretch holds white space alone. Most stretches tell by their first character that they do not. */
function isBlank(text: string, start: number, end: number): boolean {
  if (start >= end) return true;
  const code = text.charCodeAt(start);
  return !(code > 0x20 && code < 0x7f) && text.slice(start, end).trim() === "";
}

/** Cuts after each run of line ends that holds at least `lineEnds` of them; separators stay with the piece before. */
function cutAfter(text: string, lineEnds: 1 | 2): string[] {
  const pieces: string[] = [];
  let start = 0;
  let index = text.indexOf("\n");
  while (index >= 0) {
    let end = index + 1;
    let ends = 1;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === 0x0a) ends++;
      else if (code !== 0x20 && code !== 0x09 && code !== 0x0d) break;
    }
    // Spaces after the last line end are indentation of the next piece.
    const boundary = text.lastIndexOf("\n", end - 1) + 1;
    if (ends >= lineEnds && !isBlank(text, start, boundary) && !isBlank(text, boundary, text.length)) {
      pieces.push(text.slice(start, boundary));
      start = boundary;
    }
    index = text.indexOf("\n", end);
  }
  pieces.push(text.slice(start));
  return pieces;
}

/** Blank-line paragraphs, or lines where there is only one paragraph. */
function reasoningPieces(text: string): string[] {
  if (!text.includes("\n")) return [text];
  const paragraphs = cutAfter(text, 2);
  return paragraphs.length > 1 ? paragraphs : cutAfter(text, 1);
}

/**
 * Splits an assistant turn into steps of reasoning: what stands in think tags is thought, the rest is done. Inside both,
 * blank-line paragraphs, or lines where there is one paragraph alone. The last piece outside the tags is the answer.
 */
export function splitReasoning(text: string): readonly Piece[] {
  const pieces: { kind: StepKind; text: string }[] = [];
  const open = text.indexOf("<think>");
  const close = text.indexOf("</think>");
  const thoughtEnd = close >= 0 ? close + "</think>".length : open >= 0 ? text.length : 0;
  // Chat templates often open the tag in the prompt, so a closing tag alone also ends a thought.
  const thoughtStart = open >= 0 && open < thoughtEnd ? open : 0;
  const before = thoughtEnd > 0 ? text.slice(0, thoughtStart) : "";
  if (before.trim() !== "")
    for (const piece of reasoningPieces(before)) pieces.push({ kind: "act", text: piece });
  const thought = text.slice(before.trim() === "" ? 0 : thoughtStart, thoughtEnd);
  if (thought !== "")
    for (const piece of reasoningPieces(thought)) pieces.push({ kind: "think", text: piece });
  const rest = text.slice(thoughtEnd);
  const last = pieces.at(-1);
  if (rest.trim() === "" && last !== undefined) last.text += rest;
  else for (const piece of reasoningPieces(rest)) pieces.push({ kind: "act", text: piece });
  const end = pieces.at(-1);
  if (end !== undefined && end.kind === "act") end.kind = "answer";
  return pieces;
}

/** Steps of a flat prompt and response, with the notes of what was guessed. */
export function stepsOfFlatText(
  prompt: string,
  output: string,
): { readonly steps: readonly Step[]; readonly notes: readonly Note[] } {
  const asked = splitPrompt(prompt);
  const said = splitOutput(output);
  const steps: Step[] = [];
  let guessedSteps = false;
  for (const turn of asked.turns) steps.push(spokenStep(steps.length, turn, "prompt"));
  for (const turn of said.turns) {
    if (turn.role !== "assistant") {
      steps.push(spokenStep(steps.length, turn, "observe"));
      continue;
    }
    const pieces = splitReasoning(turn.text);
    if (pieces.length > 1) guessedSteps = true;
    for (const piece of pieces) {
      const text = piece.kind === "think" ? { thought: piece.text } : { action: piece.text };
      steps.push({ index: steps.length, role: "assistant", kind: piece.kind, ...text });
    }
  }
  const notes: Note[] = [];
  if (asked.guessed || said.guessed) notes.push(GUESSED_TURNS);
  if (guessedSteps) notes.push(GUESSED_STEPS);
  return { steps, notes };
}

interface PromptMeasure {
  readonly turns: number;
  readonly task: string;
}

/** Members of a group share their prompt, so what was found in the last prompts is kept. */
const measured = new Map<string, PromptMeasure>();

/** The last prompt, as it came and decoded: comparing with it is cheaper than hashing or decoding a long one again. */
let lastPrompt: KnownPrompt | undefined;

interface KnownPrompt {
  readonly asGiven: string;
  readonly escaped: boolean;
  readonly text: string;
  readonly measure: PromptMeasure;
}

function knownPrompt(prompt: string | LongText): KnownPrompt {
  const escaped = typeof prompt !== "string";
  const asGiven = escaped ? prompt.raw : prompt;
  if (lastPrompt?.escaped === escaped && lastPrompt.asGiven === asGiven) return lastPrompt;
  const text = escaped ? prompt.text : prompt;
  lastPrompt = { asGiven, escaped, text, measure: measured.get(text) ?? newMeasure(text) };
  return lastPrompt;
}

function newMeasure(prompt: string): PromptMeasure {
  const { turns } = splitPrompt(prompt);
  const measure = {
    turns: turns.length,
    task: titleOf(turns.findLast((turn) => turn.role === "user")?.text ?? prompt),
  };
  if (measured.size >= 256) measured.clear();
  measured.set(prompt, measure);
  return measure;
}

/** The prompt itself. */
export function textOfPrompt(prompt: string | LongText): string {
  return knownPrompt(prompt).text;
}

/** How many steps `stepsOfFlatText` gives, and how many characters the policy wrote, without building the steps. */
export function measureFlatText(
  prompt: string | LongText,
  output: string | LongText,
): { readonly stepCount: number; readonly responseCharacters: number } {
  const { turns } = knownPrompt(prompt).measure;
  if (typeof output !== "string") {
    const counted = countEscapedReasoning(output.raw);
    if (counted !== undefined)
      return { stepCount: turns + counted.steps, responseCharacters: counted.characters };
  }
  const text = typeof output === "string" ? output : output.text;
  if (!hasRoleLine(text)) return { stepCount: turns + countReasoning(text), responseCharacters: text.length };
  let stepCount = turns;
  let responseCharacters = 0;
  for (const turn of splitOutput(text).turns) {
    if (turn.role === "assistant") {
      stepCount += countReasoning(turn.text);
      responseCharacters += turn.text.length;
    } else {
      stepCount++;
    }
  }
  return { stepCount, responseCharacters };
}

/** The task as a person would name it, in one line: the last thing that the user said in the prompt. */
export function titleOfPrompt(prompt: string | LongText): string {
  return knownPrompt(prompt).measure.task;
}

/** One step that is not the policy's: its text is what was observed; an assistant turn of the prompt keeps it as action. */
function spokenStep(index: number, turn: Turn, kind: StepKind): Step {
  return turn.role === "assistant"
    ? { index, role: turn.role, kind, action: turn.text }
    : { index, role: turn.role, kind, observation: turn.text };
}

/** Headers of chat templates that keep their special tokens: ChatML, Llama 3, DeepSeek, Gemma. */
const MARKED =
  /<\|im_start\|>(\w+)\n?|<\|start_header_id\|>(\w+)<\|end_header_id\|>\n*|<[|｜](User|Assistant)[|｜]>|<start_of_turn>(\w+)\n/g;
const MARKED_END =
  /(?:<\|im_end\|>|<\|eot_id\|>|<\|end_of_text\|>|<[|｜]end▁of▁sentence[|｜]>|<end_of_turn>)\s*$/;
const MARKED_ROLES: Readonly<Record<string, StepRole>> = {
  system: "system",
  user: "user",
  assistant: "assistant",
  model: "assistant",
  tool: "tool",
  ipython: "tool",
  observation: "tool",
  User: "user",
  Assistant: "assistant",
};

/** Splits text that kept its chat template's special tokens. Nothing is guessed. @returns undefined when there are none */
export function splitMarked(text: string, first: StepRole): readonly Turn[] | undefined {
  const turns: Turn[] = [];
  let role = first;
  let start = 0;
  let found = false;
  const add = (end: number): void => {
    const body = text
      .slice(start, end)
      .replace(MARKED_END, "")
      .replace(/^<[|｜](?:begin[▁_]of[▁_](?:sentence|text))[|｜]>/, "");
    if (body.trim() !== "") turns.push({ role, text: body });
  };
  for (const match of text.matchAll(MARKED)) {
    found = true;
    add(match.index);
    role = MARKED_ROLES[match[1] ?? match[2] ?? match[3] ?? match[4] ?? ""] ?? "user";
    start = match.index + match[0].length;
  }
  if (!found) return undefined;
  add(text.length);
  return turns;
}

/** Steps of a prompt and a response whose special tokens were kept; falls back to bare role lines. */
export function stepsOfMarkedText(
  prompt: string,
  output: string,
): { readonly steps: readonly Step[]; readonly notes: readonly Note[] } {
  const asked = splitMarked(prompt, "user");
  const marked = splitMarked(output, "assistant");
  if (asked === undefined && marked === undefined && !MARKED_END.test(output))
    return stepsOfFlatText(prompt, output);
  const said = marked ?? [{ role: "assistant" as const, text: output.replace(MARKED_END, "") }];
  const steps: Step[] = (asked ?? splitPrompt(prompt).turns).map((turn, index) =>
    spokenStep(index, turn, "prompt"),
  );
  let guessed = false;
  for (const turn of said) {
    if (turn.role !== "assistant") {
      steps.push(spokenStep(steps.length, turn, "observe"));
      continue;
    }
    const pieces = splitReasoning(turn.text);
    guessed ||= pieces.length > 1;
    for (const piece of pieces)
      steps.push({
        index: steps.length,
        role: "assistant",
        kind: piece.kind,
        ...(piece.kind === "think" ? { thought: piece.text } : { action: piece.text }),
      });
  }
  return { steps, notes: guessed ? [GUESSED_STEPS] : [] };
}
