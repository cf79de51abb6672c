import type { JsonObject } from "../model/json";
import type { Note } from "../model/trajectory";
import { isList, isObject, textOf } from "./jsonFields";

/** Lines of one conversation: the main one, what an earlier prompt led to before it was taken back, or a sub-agent's. */
export interface SessionThread {
  readonly lines: readonly JsonObject[];
  /** Names a sub-agent's thread. */
  readonly agent?: string;
  readonly notes: readonly Note[];
}

/** A user can go back to earlier prompts as often as they like; more ways than these are told and not shown. */
const MOST_BRANCHES = 100;

const BRANCHED: Note = {
  code: "branched-session",
  message:
    "The session was taken back to an earlier point: each way it went on is a trajectory of its own, and they share their beginning.",
};

/** Ids of the calls that a line makes, and of those that it answers. */
function callIds(line: JsonObject, type: "tool_use" | "tool_result"): string[] {
  const message = isObject(line["message"]) ? line["message"] : {};
  const content = isList(message["content"]) ? message["content"] : [];
  return content.flatMap((block) => {
    if (!isObject(block) || block["type"] !== type) return [];
    const id = textOf(type === "tool_use" ? block["id"] : block["tool_use_id"]);
    return id === undefined ? [] : [id];
  });
}

const messageId = (line: JsonObject): string | undefined =>
  isObject(line["message"]) ? textOf(line["message"]["id"]) : undefined;

/** True for what a user says: only that can begin a conversation. */
const isPrompt = (line: JsonObject): boolean =>
  line["type"] === "user" && callIds(line, "tool_result").length === 0;

/**
 * Index of each line's parent, -1 where a conversation begins. A compaction names what came before it; a parent that is not
 * in the file (a kind of line that is no longer kept) is taken to be the line before of the same session and agent.
 */
function parentsOf(lines: readonly JsonObject[]): Int32Array {
  const at = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    const uuid = textOf(line["uuid"]);
    if (uuid !== undefined && !at.has(uuid)) at.set(uuid, index);
  }
  const parents = new Int32Array(lines.length).fill(-1);
  const before = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    const agent = `${textOf(line["sessionId"]) ?? ""}:${textOf(line["agentId"]) ?? ""}:${line["isSidechain"] === true}`;
    const own = textOf(line["parentUuid"]) ?? textOf(line["logicalParentUuid"]);
    const known = own === undefined ? undefined : at.get(own);
    const previous = before.get(agent) ?? -1;
    const begins = own === undefined && line["parentUuid"] === null && isPrompt(line);
    parents[index] = known !== undefined && known < index ? known : begins ? -1 : previous;
    before.set(agent, index);
  }
  return parents;
}

/** True for lines that users, models and tools have their turns in; others are remarks that hang on them. */
const isTurn = (line: JsonObject | undefined): boolean => line !== undefined && isObject(line["message"]);

/** The turns that no other turn comes after, and which lines lead to a turn. */
function endsOf(
  lines: readonly JsonObject[],
  parents: Int32Array,
): { readonly ends: number[]; readonly leads: Uint8Array } {
  const leads = new Uint8Array(lines.length);
  for (const [index, line] of lines.entries())
    if (isTurn(line))
      for (let above = parents[index] ?? -1; above >= 0 && leads[above] === 0; above = parents[above] ?? -1)
        leads[above] = 1;
  return { ends: [...lines.keys()].filter((index) => isTurn(lines[index]) && leads[index] === 0), leads };
}

/** Where the blocks of each answer stand, and what each call gave: of calls made at once these hang side by side. */
function answersOf(lines: readonly JsonObject[]): (index: number) => readonly number[] {
  const ofMessage = new Map<string, number[]>();
  const results = new Map<string, number[]>();
  const put = (map: Map<string, number[]>, key: string, index: number): void => {
    const known = map.get(key);
    if (known === undefined) map.set(key, [index]);
    else known.push(index);
  };
  for (const [index, line] of lines.entries()) {
    for (const id of callIds(line, "tool_result")) put(results, id, index);
    const id = messageId(line);
    if (id !== undefined) put(ofMessage, id, index);
  }
  return (index) => {
    const line = lines[index];
    if (line === undefined) return [];
    const id = messageId(line);
    const blocks = id === undefined ? [index] : (ofMessage.get(id) ?? []);
    return blocks.flatMap((block) => [
      block,
      ...callIds(lines[block] ?? {}, "tool_use").flatMap((call) => results.get(call) ?? []),
    ]);
  };
}

/** Ways through lines that name their parents, the one that was gone last first, and how many are left out. */
function waysThrough(lines: readonly JsonObject[]): {
  readonly ways: readonly (readonly number[])[];
  readonly left: number;
} {
  const parents = parentsOf(lines);
  const { ends, leads } = endsOf(lines, parents);
  const together = answersOf(lines);
  const covered = new Set<number>();
  const ways: number[][] = [];
  let left = 0;
  for (const end of ends.reverse()) {
    if (covered.has(end)) continue;
    if (ways.length >= MOST_BRANCHES) {
      left++;
      continue;
    }
    const way = new Set<number>();
    for (let index = end; index >= 0 && !way.has(index); index = parents[index] ?? -1) way.add(index);
    for (const index of [...way]) for (const other of together(index)) way.add(other);
    for (const index of lines.keys())
      if (leads[index] === 0 && !isTurn(lines[index]) && way.has(parents[index] ?? -1)) way.add(index);
    for (const index of way) covered.add(index);
    ways.push([...way].sort((a, b) => a - b));
  }
  return { ways, left };
}

/** Threads of lines without links: what belongs to a sub-agent names the call that started it. */
function byAgent(lines: readonly JsonObject[]): SessionThread[] {
  const agentOf = (line: JsonObject): string => textOf(line["parent_tool_use_id"]) ?? "";
  const agents = [...new Set(lines.map(agentOf))].sort((a, b) => Number(a !== "") - Number(b !== ""));
  return agents.map((agent) => ({
    lines: lines.filter((line) => agentOf(line) === agent),
    ...(agent === "" ? {} : { agent }),
    notes: [],
  }));
}

/** The conversations in the lines of a session file: the main one first, then those it was taken back from, then sub-agents. */
export function threadsOf(lines: readonly JsonObject[]): readonly SessionThread[] {
  const linked = lines.filter((line) => "uuid" in line || isTurn(line));
  if (!linked.some((line) => typeof line["parentUuid"] === "string")) {
    // A stream has no links, nor have sessions without a parent anywhere.
    const sessionOf = (line: JsonObject): string =>
      textOf(line["sessionId"]) ?? textOf(line["session_id"]) ?? "";
    const named = [...new Set(lines.map(sessionOf))].filter((session) => session !== "");
    // Runs that were logged one after another into one file; lines that name no session are of all of them.
    return (named.length < 2 ? [""] : named).flatMap((session) =>
      byAgent(session === "" ? lines : lines.filter((line) => sessionOf(line) === session)),
    );
  }
  const { ways, left } = waysThrough(linked);
  const threads = ways.map((way): JsonObject[] =>
    way.map((index) => linked[index]).filter((line) => line !== undefined),
  );
  const isSide = (own: readonly JsonObject[]): boolean => own.every((line) => line["isSidechain"] === true);
  const main = threads.filter((own) => !isSide(own));
  const branched = new Set(main.map((own) => own[0])).size < main.length;
  const told: Note[] = [
    ...(branched ? [BRANCHED] : []),
    ...(left === 0
      ? []
      : [{ code: "branches-left-out", message: `${left} further ends of this session are not shown.` }]),
  ];
  return [
    ...main.map((own) => ({ lines: own, notes: told })),
    ...threads.filter(isSide).map((own) => ({
      lines: own,
      agent: textOf(own[0]?.["agentId"]) ?? textOf(own[0]?.["uuid"]) ?? "",
      notes: [],
    })),
  ];
}
