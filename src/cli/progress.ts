import type { Task } from "../services/services";
import { interruption } from "./interruption";
import { oneLine } from "./text";

/** Milliseconds between two states of the line: a terminal need not draw more. */
const EVERY_MS = 80;

let shownAt = 0;
let shown = false;

/** Shows one line on the terminal behind standard error, in place of the one before. Nothing where that is no terminal. */
export function showProgress(text: () => string): void {
  if (!process.stderr.isTTY) return;
  const now = performance.now();
  if (shown && now - shownAt < EVERY_MS) return;
  shownAt = now;
  shown = true;
  const width = Math.max(20, (process.stderr.columns || 80) - 1);
  const line = oneLine(text());
  process.stderr.write(`\r\u001b[K${line.length <= width ? line : `${line.slice(0, width - 1)}…`}`);
}

/** Takes the line off the terminal again. */
export function clearProgress(): void {
  if (!shown) return;
  shown = false;
  process.stderr.write("\r\u001b[K");
}

/** A task that shows how far it is and ends with Ctrl-C. */
export const shownTask = <P>(text: (progress: P) => string): Task<P> => ({
  report: (progress) => showProgress(() => text(progress)),
  signal: interruption,
});

/** "reading 40 of 1200" */
export const counted =
  (what: string) =>
  ({ done, total }: { readonly done: number; readonly total: number }): string =>
    `${what} ${done} of ${total}`;
