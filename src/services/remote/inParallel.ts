import { Failure } from "../../model/failure";

/**
 * Works through a list with at most so many items under way. The first error ends it once what is under way is done;
 * nothing new is begun after it. @throws that error, or Failure `cancelled`
 */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal | undefined,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      if (signal?.aborted) {
        failed = {
          error: new Failure("cancelled", "The run was cancelled.", "What was done so far is kept."),
        };
        return;
      }
      const item = items[next++]!;
      try {
        await work(item);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failed) throw (failed as { readonly error: unknown }).error;
}
