import type { Detection, FileHead, Format } from "../../formats/format";
import { isList, isObject } from "../../formats/jsonFields";
import type { JsonObject, JsonValue } from "../../model/json";

/** Rows that a document holds, as if they were the lines of a file. */
export interface HeldRows {
  /** Where they are, in words: `results`, `a column a key`. */
  readonly place: string;
  readonly rows: readonly JsonObject[];
}

/** Documents in documents that are looked into. */
const DEEPEST = 3;
/** Keys of one object that are looked into: an object with more is itself a table of rows. */
const MOST_KEYS = 200;
/** What stands beside the rows is told with each of them up to this many characters. */
const LONGEST_REST = 4096;
/** Rows that are shown to formats; at least half of them must be of the format. */
const SAMPLED = 12;

/**
 * The rows that a JSON document may hold: a list of objects under a key (`{"results": [...]}`), objects or lists of them by
 * an id, lists of columns, and the layouts of pandas' `to_json` and of the Hugging Face dataset viewer. What stands beside
 * the rows, such as settings, comes with each of them as `document`.
 */
export function heldRows(document: JsonValue): readonly HeldRows[] {
  return lookInto(document, "", 0);
}

function lookInto(value: JsonValue | undefined, place: string, depth: number): readonly HeldRows[] {
  if (isList(value)) return ofList(value, place);
  if (!isObject(value)) return [];
  const keys = Object.keys(value);
  const own = [splitTable(value, place), columns(value, place), byId(value, place)].filter(
    (rows) => rows !== undefined,
  );
  if (keys.length > MOST_KEYS || depth >= DEEPEST) return own;
  const below = keys.flatMap((key) =>
    lookInto(value[key], place === "" ? key : `${place}.${key}`, depth + 1).map((held) =>
      beside(held, value, key),
    ),
  );
  return [...below, ...own];
}

function ofList(list: readonly JsonValue[], place: string): readonly HeldRows[] {
  if (list.length === 0) return [];
  if (list.every(isObject)) {
    // Pages of the dataset viewer wrap each row.
    const wrapped = list.every((item) => isObject(item["row"]) && "row_idx" in item);
    return [{ place, rows: wrapped ? list.map((item) => item["row"] as JsonObject) : list }];
  }
  // Lists of groups: members of one follow each other.
  const groups = list.filter((item): item is readonly JsonObject[] => isList(item) && item.every(isObject));
  return groups.length === list.length ? [{ place: `${place}[]`, rows: groups.flat() }] : [];
}

/** `{columns, data}` with a list a row, as pandas' `orient="split"` writes. */
function splitTable({ columns: names, data }: JsonObject, place: string): HeldRows | undefined {
  if (!isList(names) || !isList(data) || data.length === 0) return undefined;
  if (!data.every((row) => isList(row) && row.length === names.length)) return undefined;
  return {
    place: `${place} columns and data`.trim(),
    rows: data.map((row) =>
      Object.fromEntries(
        names.map((name, index) => [String(name), (row as readonly JsonValue[])[index] ?? null]),
      ),
    ),
  };
}

/** Columns under their names: lists of one length, or objects with the same keys (pandas' `to_json`). */
function columns(document: JsonObject, place: string): HeldRows | undefined {
  const fields = Object.entries(document);
  const lists = fields.flatMap(([name, value]) => (isList(value) ? [[name, value] as const] : []));
  const length = lists[0]?.[1].length ?? 0;
  if (lists.length >= 2 && length > 0 && lists.every(([, list]) => list.length === length)) {
    const rest = Object.fromEntries(fields.filter(([, value]) => !isList(value)));
    const told = toldBeside(rest);
    return {
      place: `${place} lists of ${length}`.trim(),
      rows: Array.from({ length }, (_, row) => ({
        ...told,
        ...Object.fromEntries(lists.map(([name, list]) => [name, list[row] ?? null])),
      })),
    };
  }
  const [first] = fields;
  if (fields.length < 2 || first === undefined || !isObject(first[1])) return undefined;
  const keys = Object.keys(first[1]);
  const same = fields.every(
    ([, value]) =>
      isObject(value) && Object.keys(value).length === keys.length && keys.every((key) => key in value),
  );
  if (!same || keys.length === 0 || !keys.every((key) => /^\d+$/.test(key))) return undefined;
  return {
    place: `${place} a column a key`.trim(),
    rows: keys.map((key) =>
      Object.fromEntries(fields.map(([name, value]) => [name, (value as JsonObject)[key] ?? null])),
    ),
  };
}

/** Objects under their ids, or lists of objects under what they have in common. */
function byId(document: JsonObject, place: string): HeldRows | undefined {
  const fields = Object.entries(document);
  if (fields.length === 0) return undefined;
  if (fields.every(([, value]) => isObject(value)))
    return {
      place: `${place} objects by id`.trim(),
      rows: fields.map(([id, value]) => ({
        ...("id" in (value as JsonObject) ? { key: id } : { id }),
        ...(value as JsonObject),
      })),
    };
  const lists = fields.filter(([, value]) => isList(value) && value.every(isObject));
  if (fields.length < 2 || lists.length < fields.length || !alike(lists.map(([, value]) => value)))
    return undefined;
  return {
    place: `${place} lists of objects`.trim(),
    rows: lists.flatMap(([key, value]) => (value as readonly JsonObject[]).map((row) => ({ key, ...row }))),
  };
}

/** True where the first objects of lists have at least half of their fields in common: what differs is no one table. */
function alike(lists: readonly (JsonValue | undefined)[]): boolean {
  const firsts = lists.flatMap((list) => (isList(list) && isObject(list[0]) ? [Object.keys(list[0])] : []));
  const [first] = firsts;
  if (first === undefined) return false;
  const shared = first.filter((key) => firsts.every((keys) => keys.includes(key)));
  return firsts.every((keys) => 2 * shared.length >= keys.length);
}

/** Rows with what stands beside them. */
function beside(held: HeldRows, document: JsonObject, own: string): HeldRows {
  const rest = Object.fromEntries(Object.entries(document).filter(([key]) => key !== own));
  const told = toldBeside(rest);
  return Object.keys(told).length === 0
    ? held
    : { ...held, rows: held.rows.map((row) => ({ ...told, ...row })) };
}

/** What stands beside rows, as their field `document`; nothing where there is nothing, or too much of it. */
function toldBeside(rest: JsonObject): JsonObject {
  if (Object.keys(rest).length === 0) return {};
  return JSON.stringify(rest).length <= LONGEST_REST ? { document: rest } : {};
}

/**
 * The rows among those held that formats know best, at least half of those looked at being of one format.
 * @param formats the formats that are asked; one alone where a file's format is known already
 */
export function bestRows(
  held: readonly HeldRows[],
  formats: readonly Format[],
  head: Omit<FileHead, "container" | "firstRecord">,
):
  | {
      readonly held: HeldRows;
      readonly format: Format;
      readonly detection: Detection;
      readonly head: FileHead;
    }
  | undefined {
  let best: ReturnType<typeof bestRows>;
  for (const one of held) {
    const sampled = one.rows.slice(0, SAMPLED);
    const found = new Map<Format, { count: number; detection: Detection; head: FileHead }>();
    for (const firstRecord of sampled)
      for (const format of formats) {
        if (format.wholeDocument === true || format.folderFiles !== undefined) continue;
        if (!format.containers.includes("jsonl") && !format.containers.includes("json")) continue;
        const own: FileHead = { ...head, container: "json", array: true, firstRecord };
        const detection = detected(format, own);
        if (detection === undefined) continue;
        const known = found.get(format);
        if (known === undefined) found.set(format, { count: 1, detection, head: own });
        else known.count++;
      }
    for (const [format, { count, detection, head: own }] of found)
      if (2 * count >= sampled.length && isBetter(detection.confidence, one, best))
        best = { held: one, format, detection, head: own };
  }
  return best;
}

/** Of rows that are known equally well, the more count. */
function isBetter(confidence: number, held: HeldRows, best: ReturnType<typeof bestRows>): boolean {
  if (best === undefined || confidence > best.detection.confidence) return true;
  return confidence === best.detection.confidence && held.rows.length > best.held.rows.length;
}

function detected(format: Format, head: FileHead): Detection | undefined {
  try {
    return format.detect(head);
  } catch {
    return undefined;
  }
}
