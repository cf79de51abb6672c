import type { JsonObject, JsonValue } from "../../model/json";
import type { Step, Trajectory } from "../../model/trajectory";
import { STEP_TEXT_LIMIT, type StepWindowItem } from "../../protocol/webviewMessages";
import { cutText, wireBytes } from "./messageSize";

const fields = ["observation", "thought", "action"] as const;
/** Bytes of tool calls or of unknown fields that travel with a step. */
const SIDE_LIMIT_BYTES = 16 * 1024;

/**
 * One step as a view gets it: long texts cut (the view asks for the rest), other long things shortened with a remark.
 * @param mediaUri address under which a file of the dataset may be shown; undefined when it lies outside
 */
export function stepItem(step: Step, mediaUri: (path: string) => string | undefined): StepWindowItem {
  const cut = fields.filter((field) => (step[field]?.length ?? 0) > STEP_TEXT_LIMIT);
  const totals = Object.fromEntries(cut.map((field) => [field, step[field]?.length ?? 0]));
  const texts = Object.fromEntries(cut.map((field) => [field, cutText(step[field] ?? "", STEP_TEXT_LIMIT)]));
  const sides: { toolCalls?: NonNullable<Step["toolCalls"]>; extra?: JsonObject } = {};
  if (step.toolCalls && wireBytes(step.toolCalls) > SIDE_LIMIT_BYTES) {
    sides.toolCalls = step.toolCalls
      .slice(0, 50)
      .map((call) => ({ ...call, arguments: shortened(call.arguments, 200) }));
  }
  if (step.extra && wireBytes(step.extra) > SIDE_LIMIT_BYTES)
    sides.extra = shortened(step.extra, 200) as JsonObject;
  const mediaUris = step.media?.map((media) => mediaUri(media.path));
  return {
    step: { ...step, ...texts, ...sides },
    cut,
    ...(cut.length === 0 ? {} : { totals }),
    ...(mediaUris === undefined ? {} : { mediaUris }),
  };
}

/** A JSON value with long texts and lists cut; each cut says how much there was. */
export function shortened(value: JsonValue | undefined, limit: number, depth = 0): JsonValue {
  if (typeof value === "string")
    return value.length > limit ? `${cutText(value, limit)}… (${value.length} characters)` : value;
  if (typeof value !== "object" || value === null) return value ?? null;
  if (depth > 4) return "…";
  if (Array.isArray(value)) {
    const items = value.slice(0, 30).map((item: JsonValue) => shortened(item, limit, depth + 1));
    return value.length > 30 ? [...items, `… (${value.length} entries)`] : items;
  }
  const entries = Object.entries(value);
  const kept = entries
    .slice(0, 60)
    .map(([key, item]) => [cutText(key, 200), shortened(item, limit, depth + 1)] as const);
  return Object.fromEntries(entries.length > 60 ? [...kept, ["…", `${entries.length} fields`]] : kept);
}

/** Number of steps that a reader can move over: recorded steps, or the transitions of a numeric episode. */
export const stepCount = (trajectory: Trajectory): number =>
  Math.max(trajectory.steps.length, trajectory.columns?.steps ?? 0);
