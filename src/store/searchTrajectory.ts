import type { Step, Trajectory } from "../model/trajectory";
import type { SearchField, SearchHit } from "../protocol/storeCalls";
import type { TextMatch, TextMatcher } from "./textMatcher";

const AROUND = 60;
const LONGEST_MATCH = 200;
const LONGEST_WORD = 200;

/** What a search found in one trajectory. */
export interface TrajectoryHits {
  readonly trajectoryId: string;
  /** All matches, those beyond the hits that are kept included. */
  readonly matches: number;
  readonly hits: readonly Omit<SearchHit, "title" | "trainingStep" | "path" | "row" | "datasetId">[];
}

/** Looks through the texts of a trajectory's steps, step by step. @param most hits kept */
export function searchTrajectory(trajectory: Trajectory, matcher: TextMatcher, most: number): TrajectoryHits {
  const hits: TrajectoryHits["hits"][number][] = [];
  let matches = 0;
  for (const step of trajectory.steps) {
    for (const [field, text] of textsOf(step)) {
      for (const match of matcher.matches(text)) {
        matches++;
        if (hits.length >= most) continue;
        hits.push({
          trajectoryId: trajectory.id,
          stepIndex: step.index,
          role: step.role,
          field,
          offset: match.start,
          length: match.end - match.start,
          snippet: snippetOf(text, match),
        });
      }
    }
  }
  return { trajectoryId: trajectory.id, matches, hits };
}

function textsOf(step: Step): readonly (readonly [SearchField, string])[] {
  const texts: [SearchField, string][] = [];
  if (step.observation !== undefined) texts.push(["observation", step.observation]);
  if (step.thought !== undefined) texts.push(["thought", step.thought]);
  if (step.action !== undefined) texts.push(["action", step.action]);
  if (step.toolCalls !== undefined && step.toolCalls.length > 0)
    texts.push([
      "toolCalls",
      step.toolCalls
        .map((call) => {
          const given = typeof call.arguments === "string" ? call.arguments : JSON.stringify(call.arguments);
          return `${call.name} ${given}`;
        })
        .join("\n"),
    ]);
  return texts;
}

/** The match with what stands around it, on one line. */
function snippetOf(text: string, { start, end }: TextMatch): SearchHit["snippet"] {
  const from = wordStart(text, Math.max(0, start - AROUND));
  const to = wordEnd(text, Math.min(text.length, end + AROUND));
  const line = (part: string): string => part.replace(/\s+/g, " ");
  const match = text.slice(start, Math.min(end, start + LONGEST_MATCH));
  return {
    before: `${from > 0 ? "…" : ""}${line(text.slice(from, start)).trimStart()}`,
    match: line(match) + (end - start > LONGEST_MATCH ? "…" : ""),
    after: `${line(text.slice(end, to)).trimEnd()}${to < text.length ? "…" : ""}`,
  };
}

/** Words are not cut, within reason: a piece of a key or password would not be recognised as one, and shown unmasked. */
function wordStart(text: string, index: number): number {
  let start = index;
  while (start > 0 && index - start < LONGEST_WORD && !/\s/.test(text[start - 1] ?? "")) start--;
  return start;
}

function wordEnd(text: string, index: number): number {
  let end = index;
  while (end < text.length && end - index < LONGEST_WORD && !/\s/.test(text[end] ?? "")) end++;
  return end;
}
