import { editDistance } from "../kernels/sequenceDistance";

/** A stretch of a text, in characters from its start; `end` is behind the last one. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

/** A remark on a specification: where, how bad, one sentence. */
export interface SpecificationDiagnostic {
  readonly range: SourceRange;
  readonly severity: "error" | "warning";
  /** Stable, kebab-case. */
  readonly code: string;
  readonly message: string;
}

/** Where reading of a specification stopped. Caught by the parsers, which turn it into a diagnostic. */
export class SpecificationError extends Error {
  constructor(
    message: string,
    readonly range: SourceRange,
    readonly code = "syntax",
  ) {
    super(message);
    this.name = "SpecificationError";
  }

  toDiagnostic(): SpecificationDiagnostic {
    return { range: this.range, severity: "error", code: this.code, message: this.message };
  }
}

/** Line and column of an offset, both from 0. */
export function positionAt(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const line = before.split("\n").length - 1;
  return { line, column: offset - (before.lastIndexOf("\n") + 1) };
}

/** "line 3, column 7", as people count. */
export function placeText(text: string, offset: number): string {
  const { line, column } = positionAt(text, offset);
  return `line ${line + 1}, column ${column + 1}`;
}

/** The candidate that a misspelt name most likely meant: one or two letters off; undefined when none is near. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(2, Math.max(1, Math.floor(name.length / 3))) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}
