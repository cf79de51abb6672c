import type { JsonObject } from "../model/json";
import { recordedNumber, textOf } from "./jsonFields";

/** Phrases of verl-agent's prompt templates (ALFWorld, WebShop, Sokoban, search). */
export const VERL_AGENT_PROMPT =
  /Prior to this step, you have already taken (\d+) step\(s\)|[Yy]our current observation(?: is)?:|You are now at step (\d+)|Now it's your turn to (?:take (?:an|one) action|respond for the current step)/;
const TASK = /(?:Your task is to|Your task is|Task|# Question|Your question):?\s*(.+?)(?:\n|$)/;
const OBSERVATION =
  /[Yy]our current observation(?: is)?:\s*([\s\S]*?)(?=\n\s*Your admissible actions|\n\s*Now it's your turn|\n\s*assistant\s*$|$)/;
/** An entry of the history in the prompt: `[Observation 3: '...', Action 3: '...']`. */
const ENTRY = /\[Observation (\d+): '([\s\S]*?)', Action \1: '([\s\S]*?)'\]/g;

/** One row of a dump with what its prompt tells of its place in an episode. */
export interface StepRow {
  readonly row: JsonObject;
  /** Place in the file, from 0. */
  readonly at: number;
  readonly input: string;
  readonly output: string;
  readonly task: string | undefined;
  /** Steps taken before this one, as the prompt says. */
  readonly before: number;
  readonly observation: string | undefined;
  readonly score: number | null | undefined;
  readonly history: readonly {
    readonly step: number;
    readonly observation: string;
    readonly action: string;
  }[];
}

/** Rows that were put together; `doubts` counts the rows for which another episode would have fitted as well. */
export interface Episode {
  readonly rows: readonly StepRow[];
  readonly doubts: number;
}

/** Templates put a full stop behind what they insert, some do not. */
const bare = (text: string): string => text.replace(/[.\s]+$/, "").trim();

function taskOf(input: string): string | undefined {
  const task = TASK.exec(input)?.[1];
  return task === undefined ? undefined : bare(task.replace(/\s*Prior to this step,.*$/, ""));
}

/** Reads what a prompt tells. @returns undefined for a row without text input and output */
export function stepRow(row: JsonObject, at: number): StepRow | undefined {
  const input = textOf(row["input"]);
  const output = textOf(row["output"]);
  if (input === undefined || output === undefined) return undefined;
  const taken = /already taken (\d+) step\(s\)/.exec(input)?.[1];
  const now = /You are now at step (\d+)/.exec(input)?.[1];
  const history = [...input.matchAll(ENTRY)].map(([, step, observation, action]) => ({
    step: Number(step),
    observation: observation ?? "",
    action: action ?? "",
  }));
  return {
    row,
    at,
    input,
    output,
    task: taskOf(input),
    before: taken !== undefined ? Number(taken) : now !== undefined ? Math.max(0, Number(now) - 1) : 0,
    observation: OBSERVATION.exec(input)?.[1]?.trim(),
    score: recordedNumber(row["score"]),
    history,
  };
}

/**
 * How well a row goes on from an episode: the number of its history entries that the episode's rows confirm;
 * undefined when one of them contradicts, or when the rewards differ (the score is the episode's, repeated on each row).
 */
function agreement(rows: readonly StepRow[], next: StepRow): number | undefined {
  if (!Object.is(rows[0]?.score, next.score)) return undefined;
  let confirmed = 0;
  for (const { step, observation, action } of next.history) {
    // The templates count steps from 1.
    const earlier = rows[step - 1];
    if (earlier === undefined) continue;
    if (earlier.observation !== undefined && bare(earlier.observation) !== bare(observation))
      return undefined;
    // The environment is given the action in lower case.
    if (action !== "" && !earlier.output.toLowerCase().includes(action.toLowerCase())) return undefined;
    confirmed++;
  }
  return confirmed;
}

/**
 * Chains the step rows of one file into episodes. Rows of a task that have taken N steps go on from an episode of N rows
 * whose rewards and history agree; of several, from the one that most entries confirm, then from the one whose last row
 * stands nearest before it. Rows that go on from nothing begin an episode whose beginning is missing.
 */
export function chainEpisodes(rows: readonly StepRow[]): readonly Episode[] {
  const open = new Map<string, { rows: StepRow[]; doubts: number }[]>();
  const all: { rows: StepRow[]; doubts: number }[] = [];
  const ordered = [...rows].sort((a, b) => a.before - b.before || a.at - b.at);
  // Episodes by task, step and length, so that each row only looks at those that it can go on from.
  const keyOf = (row: StepRow, length: number): string =>
    JSON.stringify([row.task ?? row.input, row.row["step"] ?? null, length]);
  for (const row of ordered) {
    const candidates = row.before === 0 ? [] : (open.get(keyOf(row, row.before)) ?? []);
    let best: { episode: { rows: StepRow[]; doubts: number }; confirmed: number; near: number } | undefined;
    let equals = 0;
    for (const episode of candidates) {
      const confirmed = agreement(episode.rows, row);
      if (confirmed === undefined) continue;
      const last = episode.rows.at(-1)?.at ?? 0;
      // The nearest row before it in the file; rows after it come last.
      const near = last < row.at ? row.at - last : Number.MAX_SAFE_INTEGER - row.at + last;
      if (best === undefined || confirmed > best.confirmed) {
        best = { episode, confirmed, near };
        equals = 1;
      } else if (confirmed === best.confirmed) {
        equals++;
        if (near < best.near) best = { episode, confirmed, near };
      }
    }
    const key = keyOf(row, row.before + 1);
    const longer = open.get(key) ?? [];
    if (!open.has(key)) open.set(key, longer);
    if (best === undefined) {
      const episode = { rows: [row], doubts: 0 };
      all.push(episode);
      longer.push(episode);
      continue;
    }
    candidates.splice(candidates.indexOf(best.episode), 1);
    best.episode.rows.push(row);
    if (equals > 1) best.episode.doubts++;
    longer.push(best.episode);
  }
  return all.sort((a, b) => (a.rows[0]?.at ?? 0) - (b.rows[0]?.at ?? 0));
}
