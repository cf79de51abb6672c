import * as v from "valibot";
import {
  WINDOW_LIMIT,
  type FromDatasetView,
  type FromTrajectoryView,
  type FromTreeView,
} from "../../protocol/webviewMessages";

/**
 * Checks of what webviews send. A webview draws text that models wrote, so nothing that comes out of it is believed
 * before it has passed here.
 */
const index = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const id = v.pipe(v.number(), v.safeInteger());
const text = (limit: number) => v.pipe(v.string(), v.maxLength(limit));
const shortText = text(4096);
const key = text(512);
const offset = v.picklist([1, -1]);
const field = v.picklist(["observation", "thought", "action"]);

/** A half-open window of at most WINDOW_LIMIT entries; a wider one is cut, since views may ask for more than fits. */
const window = { start: index, end: index };

const sort = v.picklist(["row", "reward", "steps", "tokens", "length", "advantage", "trainingStep"]);
const rowQuery = v.strictObject({
  datasetId: v.optional(key),
  trainingStep: v.optional(v.number()),
  trainingStepFrom: v.optional(v.number()),
  trainingStepTo: v.optional(v.number()),
  groupId: v.optional(key),
  text: v.optional(shortText),
  success: v.optional(v.boolean()),
  truncated: v.optional(v.boolean()),
  noContrast: v.optional(v.boolean()),
  sort: v.optional(sort),
  descending: v.optional(v.boolean()),
});

const copy = v.object({ type: v.literal("copy"), text: text(16 * 1024 * 1024) });
const ready = v.object({ type: v.literal("ready") });

const trajectorySchema = v.variant("type", [
  ready,
  v.object({ type: v.literal("steps"), ...window }),
  v.object({ type: v.literal("text"), id, stepIndex: index, field, start: index }),
  v.object({ type: v.literal("tokens"), id, ...window }),
  v.object({ type: v.literal("alternatives"), id, key: shortText, ...window }),
  v.object({ type: v.literal("column"), name: key }),
  v.object({ type: v.literal("preset"), key, presetId: key }),
  v.object({ type: v.literal("addTrack") }),
  v.object({ type: v.literal("removeTrack"), key }),
  v.object({ type: v.literal("explain"), id, key, index }),
  v.object({ type: v.literal("score") }),
  v.object({ type: v.literal("fork"), stepIndex: index, tokenIndex: v.optional(index) }),
  v.object({ type: v.literal("value") }),
  v.object({ type: v.literal("cancelScore") }),
  v.object({ type: v.literal("chooseModel") }),
  v.object({ type: v.literal("openCode"), path: shortText, line: index }),
  v.object({ type: v.literal("openSource") }),
  v.object({ type: v.literal("openTree") }),
  v.object({ type: v.literal("openGroup") }),
  v.object({ type: v.literal("compare") }),
  v.object({ type: v.literal("open"), trajectoryId: key }),
  v.object({ type: v.literal("sibling"), offset }),
  v.object({ type: v.literal("next"), offset }),
  v.object({ type: v.literal("cursor"), stepIndex: index }),
  copy,
]);

const datasetSchema = v.variant("type", [
  ready,
  v.object({ type: v.literal("rows"), id, query: rowQuery, ...window }),
  v.object({ type: v.literal("groups"), id, trainingStep: v.optional(v.number()), ...window }),
  v.object({ type: v.literal("group"), groupId: key }),
  v.object({ type: v.literal("open"), trajectoryId: key, beside: v.boolean() }),
  v.object({ type: v.literal("openTree"), groupId: key }),
  v.object({ type: v.literal("score"), trajectoryIds: v.pipe(v.array(key), v.maxLength(WINDOW_LIMIT)) }),
  v.object({ type: v.literal("mapColumns") }),
  v.object({ type: v.literal("openNote"), where: shortText }),
  v.object({ type: v.literal("search") }),
  v.object({ type: v.literal("openAsText") }),
  copy,
]);

const treeSchema = v.variant("type", [
  ready,
  v.object({ type: v.literal("nodes"), ...window }),
  v.object({ type: v.literal("open"), trajectoryId: key, stepIndex: v.optional(index) }),
  v.object({ type: v.literal("cursor"), trajectoryId: key, stepIndex: index }),
  v.object({ type: v.literal("fork"), trajectoryId: key, stepIndex: index }),
  copy,
]);

type Parser<T> = (message: unknown) => T | undefined;

const parser =
  <T>(schema: v.GenericSchema): Parser<T> =>
  (message) => {
    const result = v.safeParse(schema, message);
    return result.success ? (result.output as T) : undefined;
  };

/** Each gives undefined for what is no message of its view. */
export const parseFromTrajectoryView = parser<FromTrajectoryView>(trajectorySchema);
export const parseFromDatasetView = parser<FromDatasetView>(datasetSchema);
export const parseFromTreeView = parser<FromTreeView>(treeSchema);

/** Start and end of a window inside `total` entries, at most `limit` long. */
export function clampWindow(
  start: number,
  end: number,
  total: number,
  limit: number = WINDOW_LIMIT,
): { start: number; end: number } {
  const first = Math.min(Math.max(0, start), total);
  return { start: first, end: Math.max(first, Math.min(end, total, first + limit)) };
}
