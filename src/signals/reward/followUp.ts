/** A chat message as a template takes it. */
export interface ChatMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/**
 * Messages of a list of utterances (e0397123/FLR, run_llama3.py and run_llama3_ft.py, convert_to_messages), beginning
 * with the user.
 *
 * `odd`: the feedback must be the last user turn, so an even list loses its first utterance. `even`: the fine-tuned
 * variant, where the feedback is the model's turn.
 *
 * @throws Error for an odd list when `even` is asked for, as the authors' assertion does
 */
export function followUpMessages(
  utterances: readonly string[],
  length: "odd" | "even",
): readonly ChatMessage[] {
  const odd = utterances.length % 2 === 1;
  if (length === "even" && odd)
    throw new Error(
      `${utterances.length} utterances: the fine-tuned form needs an even number, instruction first.`,
    );
  const kept = length === "odd" && !odd ? utterances.slice(1) : utterances;
  return kept.map((content, turn) => ({ role: turn % 2 === 0 ? "user" : "assistant", content }));
}

/**
 * Follow-up score as released (e0397123/FLR, run_llama3.py, get_outputs_withprobs): mean raw logit of all follow-up ids
 * at one position, the first of the last m rows; no softmax and no shift.
 *
 * @param logits logits at that position, [V]; @param ids follow-up ids with their leading BOS, [m]
 * @returns logits, NaN for an empty follow-up
 */
export function followUpLogit(logits: ArrayLike<number>, ids: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < ids.length; j++) sum += logits[ids[j]!] ?? NaN;
  return sum / ids.length;
}
