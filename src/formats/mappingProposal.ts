import type { ColumnKind, ColumnOffer, MappedField, MappingProposal } from "../model/columnMapping";
import type { JsonValue } from "../model/json";
import type { FileHead, Hdf5Group, TableColumn, Tables } from "./format";
import { isList, isObject } from "./jsonFields";
import { mappableContainers } from "./mapped";
import { messageList } from "./messages";
import { datasetsBelow } from "./episodeColumns";
import { fieldsOf, isPlainList, jsonOf, numbersIn } from "./plainFields";

const text: readonly ColumnKind[] = ["text", "messages"];
const number: readonly ColumnKind[] = ["number", "flag"];
const anyNumber: readonly ColumnKind[] = ["number", "flag", "numbers"];

/** Names that people give, best first, and the kinds of values that they must have. Matched without case, `_` and `-`. */
const NAMES: Readonly<Record<MappedField, readonly [readonly string[], readonly ColumnKind[]]>> = {
  messages: [["messages", "conversation", "conversations", "chat", "dialogue", "dialog"], ["messages"]],
  prompt: [
    ["prompt", "question", "query", "problem", "instruction", "input", "task", "goal", "inputtext"],
    text,
  ],
  response: [
    [
      "response",
      "completion",
      "output",
      "answer",
      "generation",
      "solution",
      "rollout",
      "prediction",
      "modeloutput",
      "outputtext",
    ],
    text,
  ],
  groundTruth: [
    ["groundtruth", "reference", "goldanswer", "gold", "label", "target", "expected"],
    ["text", "number", "flag", "other"],
  ],
  reward: [["reward", "rewards", "score", "return", "totalreward", "finalreward", "rew", "r"], anyNumber],
  success: [["success", "issuccess", "correct", "iscorrect", "solved", "resolved", "passed"], number],
  advantage: [["advantage", "advantages", "adv"], anyNumber],
  group: [
    ["group", "groupid", "uid", "promptid", "taskid", "problemid", "questionid", "idx"],
    ["text", "number"],
  ],
  step: [["globalstep", "trainingstep", "trainstep", "iteration", "updatestep", "epoch", "step"], ["number"]],
  id: [
    ["id", "trajectoryid", "rolloutid", "sampleid"],
    ["text", "number"],
  ],
  split: [["split"], ["text"]],
  episode: [
    ["episode", "episodeid", "episodeindex", "ep", "epid", "trajid", "trajindex", "rolloutindex"],
    ["text", "number"],
  ],
  observation: [
    ["observation", "observations", "obs", "state", "states"],
    ["number", "numbers", "text"],
  ],
  action: [
    ["action", "actions", "act", "acts"],
    ["number", "flag", "numbers", "text"],
  ],
  value: [["value", "values", "vpred", "valueestimate"], anyNumber],
  logprob: [["logprob", "logprobs", "logp", "actionlogprob", "oldlogprobs"], anyNumber],
  done: [["done", "dones", "terminal", "terminals", "terminated", "termination", "terminations"], anyNumber],
  truncated: [["truncated", "truncation", "truncations", "timeout", "timeouts"], anyNumber],
  tokenIds: [["tokenids", "inputids", "tokens", "ids"], ["numbers"]],
  tokenMask: [["lossmask", "mask", "actionmask", "responsemask", "tokenmask"], ["numbers"]],
};

const plainName = (name: string): string =>
  (name.split(/[./]/).at(-1) ?? name).replace(/[^\p{L}\p{N}]/gu, "").toLowerCase();

function kindOf(value: JsonValue | undefined): ColumnKind {
  if (typeof value === "string") return messageList(value) === undefined ? "text" : "messages";
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "flag";
  if (messageList(value) !== undefined) return "messages";
  return isList(value) && value.length > 0 && flatNumbers(value) ? "numbers" : "other";
}

function flatNumbers(value: readonly JsonValue[]): boolean {
  return value.every((item) =>
    isList(item) ? flatNumbers(item) : item === null || typeof item === "number" || typeof item === "boolean",
  );
}

/** The kind of a table's column by its DuckDB or Arrow type. */
function kindOfType(type: string): ColumnKind {
  const name = type.replace(/"/g, "").toUpperCase();
  if (/^STRUCT\(.*\b(ROLE|FROM)\b.*\)\[\]$/s.test(name)) return "messages";
  if (/^(FLOAT|DOUBLE|DECIMAL[^[]*|U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|U?INT\d+|FLOAT\d+)$/.test(name))
    return "number";
  if (/^BOOL(EAN)?$/.test(name)) return "flag";
  if (/^(VARCHAR|STRING|UTF8|LARGEUTF8|TEXT)$/.test(name)) return "text";
  if (/^(FLOAT|DOUBLE|U?(TINY|SMALL|BIG)?INT(EGER)?|BOOLEAN)(\[\d*\])+$/.test(name)) return "numbers";
  return /^(FIXEDSIZE)?LIST.*(FLOAT|INT|DOUBLE|BOOL)/.test(name) ? "numbers" : "other";
}

function offersOfRecord(record: JsonValue | undefined, prefix = "", depth = 0): ColumnOffer[] {
  if (!isObject(record)) return [];
  return Object.entries(record).flatMap(([name, value]): ColumnOffer[] => {
    const path = `${prefix}${name}`;
    if (isObject(value) && depth < 2) return offersOfRecord(value, `${path}.`, depth + 1);
    return [{ name: path, kind: kindOf(value) }];
  });
}

/** Datasets of the first group that has any, since the groups of a file are alike. */
function offersOfHdf5(root: Hdf5Group): ColumnOffer[] {
  const group = root.datasets.length > 0 ? root : (firstGroup(root) ?? root);
  return [...datasetsBelow(group)].slice(0, 200).map(({ path, group: inner, dataset }) => ({
    name: path,
    kind: inner.numeric(dataset) ? "numbers" : "other",
  }));
}

function firstGroup(group: Hdf5Group, depth = 0): Hdf5Group | undefined {
  for (const name of group.groups) {
    const child = group.group(name);
    if (child === undefined) continue;
    if (child.datasets.length > 0) return child;
    const inner = depth < 2 ? firstGroup(child, depth + 1) : undefined;
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** The columns of a file that could be mapped; none for containers whose fields have no names. */
export function columnOffers(head: FileHead): readonly ColumnOffer[] {
  if (!mappableContainers.includes(head.container)) return [];
  if (head.columns !== undefined)
    return head.columns.map(({ name, type }) => ({ name, kind: kindOfType(type) }));
  if (head.tables !== undefined) return proposeMapping(head)?.columns ?? widest(head.tables);
  if (head.hdf5 !== undefined) return offersOfHdf5(head.hdf5);
  if (head.plain !== undefined) {
    const fields = fieldsOf(isPlainList(head.plain) ? head.plain[0] : head.plain);
    return [...(fields ?? [])].map(([name, value]) => ({
      name,
      kind: (numbersIn(value)?.shape.length ?? 0) > 0 ? "numbers" : kindOf(jsonOf(value)),
    }));
  }
  return offersOfRecord(isList(head.firstRecord) ? head.firstRecord[0] : head.firstRecord);
}

/**
 * Guesses which column is what from names and kinds of values. Undefined when nothing is left to look at: a conversation, a
 * response with its prompt or its reward, observations with actions, or token ids are the least that makes a trajectory.
 */
export function proposeMapping(head: FileHead): MappingProposal | undefined {
  if (head.tables === undefined) return proposeFor(head, columnOffers(head));
  for (const columns of head.tables.values()) {
    const found = proposeFor(head, offersOfTable(columns));
    if (found !== undefined) return found;
  }
  return undefined;
}

const offersOfTable = (columns: readonly TableColumn[]): readonly ColumnOffer[] =>
  columns.map(({ name, type }) => ({ name, kind: kindOfStored(type) }));

/** SQLite takes any type for a column; these are the ones that mean something. JSON may be anything that a text holds. */
function kindOfStored(type: string): ColumnKind {
  if (/INT|REAL|FLOA|DOUB|NUMERIC|DECIMAL/i.test(type)) return "number";
  return /BOOL/i.test(type) ? "flag" : "text";
}

function widest(tables: Tables): readonly ColumnOffer[] {
  const all = [...tables.values()].sort((left, right) => right.length - left.length);
  return offersOfTable(all[0] ?? []);
}

function proposeFor(head: FileHead, columns: readonly ColumnOffer[]): MappingProposal | undefined {
  const taken = new Set<string>();
  const mapping: Partial<Record<MappedField, string>> = {};
  const reasons: string[] = [];
  for (const [field, [names, kinds]] of Object.entries(NAMES) as [
    MappedField,
    (typeof NAMES)[MappedField],
  ][]) {
    const found = names
      .map((name) =>
        columns.find(
          (one) => plainName(one.name) === name && kinds.includes(one.kind) && !taken.has(one.name),
        ),
      )
      .find((one) => one !== undefined);
    if (found === undefined) continue;
    taken.add(found.name);
    mapping[field] = found.name;
    reasons.push(`${found.name} looks like ${field}`);
  }
  // Pickles and array files hold many things by such names; only arrays can be steps.
  const arrays = head.plain !== undefined || head.hdf5 !== undefined;
  const lists = (field: MappedField): boolean =>
    !arrays || columns.find(({ name }) => name === mapping[field])?.kind === "numbers";
  // A conversation holds what was asked and answered.
  const enough =
    mapping.messages !== undefined ||
    (mapping.response !== undefined && (mapping.prompt !== undefined || mapping.reward !== undefined)) ||
    mapping.tokenIds !== undefined ||
    (mapping.action !== undefined &&
      lists("action") &&
      (mapping.observation !== undefined || mapping.reward !== undefined));
  if (!enough) return undefined;
  const steps = mapping.episode !== undefined || stepRows(columns, mapping);
  return {
    columns,
    mapping: { columns: mapping, ...(steps ? { rows: "step" as const } : {}) },
    why: `${reasons.join(", ")}${steps ? "; rows look like steps" : ""}`,
  };
}

/** Rows without texts whose reward and end are single numbers are steps, even where no column numbers the episodes. */
function stepRows(columns: readonly ColumnOffer[], mapping: Partial<Record<MappedField, string>>): boolean {
  const kind = (field: MappedField): ColumnKind | undefined =>
    columns.find(({ name }) => name === mapping[field])?.kind;
  const single = (field: MappedField): boolean => kind(field) === "number" || kind(field) === "flag";
  return (
    mapping.response === undefined &&
    mapping.messages === undefined &&
    mapping.action !== undefined &&
    (single("done") || single("truncated") || single("reward"))
  );
}

/** One sentence on a file of no known format that a mapping would open. */
export function proposalSentence(name: string, { mapping }: MappingProposal): string {
  const columns = Object.entries(mapping.columns).map(([field, column]) =>
    field === column ? column : `${column} as ${field}`,
  );
  return `${name} is of no known format; it could be read with ${columns.join(", ")}. Map its columns to open it.`;
}
