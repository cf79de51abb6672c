import { wordsOfCommandLine } from "../hints";
import { terminalText } from "../text";

/** What went wrong with trajectories, those with the same reason in one line; a reason that names its trajectory is the same for all. */
export function failureLines(
  failures: readonly { readonly trajectoryId: string; readonly message: string }[],
): string[] {
  const reasons = new Map<
    string,
    { readonly trajectoryId: string; readonly message: string; count: number }
  >();
  for (const { trajectoryId, message } of failures) {
    const reason = message.replaceAll(trajectoryId, "");
    const known = reasons.get(reason);
    if (known) known.count++;
    else reasons.set(reason, { trajectoryId, message, count: 1 });
  }
  return [...reasons.values()].map(({ trajectoryId, message, count }) =>
    terminalText(
      `${count === 1 ? trajectoryId : `${count} trajectories, ${trajectoryId} the first`}: ${wordsOfCommandLine(message)}`,
    ),
  );
}
