import type { Readable } from "node:stream";

/** Longest line that is kept; the rest of a longer one is dropped. */
const LINE_LIMIT = 2_000;
/** Lines handed on in one second at most, so that a child that floods its output cannot flood the log. */
const LINES_PER_SECOND = 200;

/**
 * Hands the lines of a child's output to `write`, bounded in length and rate; what is left out is counted and said.
 * @param write gets one line without its line ending
 */
export function forwardLines(stream: Readable, write: (line: string) => void): void {
  let rest = "";
  let overlong = false;
  let second = 0;
  let written = 0;
  let dropped = 0;

  const emit = (line: string): void => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      if (dropped > 0) write(`(${dropped} more lines were left out)`);
      second = now;
      written = 0;
      dropped = 0;
    }
    if (written >= LINES_PER_SECOND) dropped++;
    else {
      written++;
      write(line);
    }
  };

  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (overlong) overlong = false;
      else if (line.trim() !== "") emit(line.slice(0, LINE_LIMIT));
    }
    if (rest.length > LINE_LIMIT) {
      if (!overlong) emit(`${rest.slice(0, LINE_LIMIT)} ...`);
      overlong = true;
      rest = "";
    }
  });
  stream.on("end", () => {
    if (!overlong && rest.trim() !== "") emit(rest);
    if (dropped > 0) write(`(${dropped} more lines were left out)`);
  });
  stream.on("error", () => undefined);
}
