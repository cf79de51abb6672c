/** Characters of a text that are compared; texts that part later than that are told as parting there. */
const COMPARED = 100_000;

/** Characters that a text begins with like one of those before it. */
export function sharedWithEarlier(texts: readonly string[], index: number): number {
  const own = (texts[index] ?? "").slice(0, COMPARED);
  let most = 0;
  for (const other of texts.slice(0, index)) {
    // Only a text that goes on like the best one so far can share more.
    if (!other.startsWith(own.slice(0, most))) continue;
    let same = most;
    while (same < own.length && same < other.length && own[same] === other[same]) same++;
    most = same;
  }
  return most;
}
