import { Failure } from "../model/failure";

/**
 * Lets messages (a cancellation) in between two runs, which themselves block the thread.
 * @throws Failure `cancelled`
 */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted)
    throw new Failure("cancelled", "Scoring was cancelled.", "Start it again when you want it.");
}
