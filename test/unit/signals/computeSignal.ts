import { resolveParameters, type Signal, type SignalContext } from "../../../src/signals/signal";

/**
 * The series of a signal that a test expects to be there.
 * @throws what the signal lacks
 */
export function compute(
  signal: Signal,
  context: SignalContext,
  overrides: Record<string, unknown> = {},
  preset?: string,
) {
  const result = signal.compute(context, resolveParameters(signal, preset, overrides));
  if ("missing" in result) throw new Error(result.how);
  return result;
}
