import { wholeReplies } from "../series/modelInputs";
import type { SignalContext } from "../signal";

/**
 * Text that a reply-reading rule takes: a judge's reply about the trajectory where there is one, else what the policy
 * wrote last, with its thought back in tags where the format cut it out.
 */
export function replyText(context: SignalContext): string | undefined {
  const [judged] = wholeReplies(context);
  return judged ?? policyReply(context);
}

/** What the policy wrote last. */
export function policyReply({ trajectory }: SignalContext): string | undefined {
  const said = trajectory.steps.filter(({ role }) => role === "assistant");
  const last = said.at(-1);
  if (!last) return undefined;
  if (trajectory.flatText && said.length === 1) return trajectory.flatText.response;
  if (last.thought === undefined) return last.action;
  return `<think>${last.thought}</think>${last.action ?? ""}`;
}
