import type { JsonObject, JsonValue } from "../../model/json";
import { movementDirection, pointShare, smartResize } from "./guiStepRules";
import { wordSetF1 } from "./judgeReply";

/** Corners of a box: left, top, right, bottom, pixels. */
export type Corners = readonly [number, number, number, number];

/** Least overlap of boxes that count as the same. */
const boxOverlap = 0.5;
/** Weights of the format, blink and link part in the released run. */
export const blinkLinkWeights = [0.1, 0.3, 0.6] as const;

/** Intersection over union of two boxes; 0 when they have no area together. */
export function overlap(a: Corners, b: Corners): number {
  const area = (box: Corners): number => (box[2] - box[0]) * (box[3] - box[1]);
  const shared =
    Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) *
    Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const union = area(a) + area(b) - shared;
  return union === 0 ? 0 : shared / union;
}

/** Whether no two boxes overlap by the threshold or more, so that suppression, largest first, keeps them all. */
function allDistinct(boxes: readonly Corners[], threshold: number): boolean {
  const area = (box: Corners): number => (box[2] - box[0]) * (box[3] - box[1]);
  let left = [...boxes].sort((a, b) => area(b) - area(a));
  let kept = 0;
  while (left.length > 0) {
    const [first, ...rest] = left;
    kept++;
    left = rest.filter((box) => overlap(first!, box) < threshold);
  }
  return kept === boxes.length;
}

/** JSON in the fence of a block; undefined when it is not there or not JSON. */
function fenced(reply: string, block: "blink" | "link", fence: string): JsonValue | undefined {
  const start = `<${block}>\`\`\`${fence}\n`;
  const end = `\n\`\`\`</${block}>`;
  const from = reply.indexOf(start);
  const to = from < 0 ? -1 : reply.indexOf(end, from + start.length);
  if (to < 0) return undefined;
  try {
    return JSON.parse(reply.slice(from + start.length, to).trim()) as JsonValue;
  } catch {
    return undefined;
  }
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCorners = (value: JsonValue | undefined): boolean =>
  Array.isArray(value) && value.length >= 4 && value.every((entry) => typeof entry === "number");

/**
 * Format reward (xiaomi-research/btl-ui, recipe/btl-ui/reward_fn.py, GUIAgentFormatReward). As released the link block
 * must be fenced as "js·on" with a middle dot; `json` is what was meant.
 */
export function formatReward(reply: string, fence: "js·on" | "json"): number {
  if (!/^<blink>[\s\S]*?<\/blink>\s*<think>[\s\S]*?<\/think>\s*<link>[\s\S]*?<\/link>/u.test(reply)) return 0;
  const link = fenced(reply, "link", fence);
  if (fenced(reply, "blink", "json") === undefined || !Array.isArray(link) || link.length !== 1) return 0;
  const [step] = link as readonly JsonValue[];
  const has = (name: string): boolean => isObject(step) && step[name] !== undefined;
  return (has("Plan") && has("Action")) || has("point_2d") ? 1 : 0;
}

/** Proposed boxes of the blink block; undefined when one cannot be read. */
function proposedBoxes(reply: string): readonly Corners[] | undefined {
  const blink = fenced(reply, "blink", "json");
  if (!Array.isArray(blink)) return undefined;
  const boxes = (blink as readonly JsonValue[]).map((entry) =>
    isObject(entry) && isCorners(entry["bbox_2d"]) ? (entry["bbox_2d"] as unknown as Corners) : undefined,
  );
  return boxes.includes(undefined) ? undefined : (boxes as readonly Corners[]);
}

/** Blink reward (GUIAgentBlinkReward): proposed boxes all distinct and one of them on the true box; 1 without a box. */
export function blinkReward(reply: string, truth: Corners | undefined): number {
  if (!truth) return 1;
  const own = proposedBoxes(reply);
  return own && allDistinct(own, boxOverlap) && own.some((box) => overlap(box, truth) > boxOverlap) ? 1 : 0;
}

/**
 * Blink reward as in the paper (Hungarian matching): with the single true box of the data the best match is the proposed
 * box that overlaps it most.
 */
export function matchedBlinkReward(reply: string, truth: Corners | undefined): number {
  if (!truth) return 1;
  return proposedBoxes(reply)?.some((box) => overlap(box, truth) > boxOverlap) === true ? 1 : 0;
}

/** Whether the F1 of the words of two texts reaches a half. */
export function textsAgree(predicted: string, truth: string, threshold = 0.5): boolean {
  return wordSetF1(predicted, truth) >= threshold;
}

/** Direction of a swipe; no movement is refused. */
export function swipeTowards(start: readonly number[], end: readonly number[]): string {
  if (start[0] === end[0] && start[1] === end[1]) throw new Error("There is no movement, so no direction.");
  return movementDirection(start, end);
}

type Point = readonly [number, number];
const isPoint = (value: JsonValue | undefined): value is [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((entry) => typeof entry === "number");
const inside = ([x, y]: Point, [x1, y1, x2, y2]: Corners): boolean => x1 < x && x < x2 && y1 < y && y < y2;

/** Equality of JSON values; keys in any order. */
function equal(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((entry: JsonValue, i) => equal(entry, b[i] as JsonValue));
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => equal(a[key], b[key]));
  }
  return a === b;
}

/**
 * Link reward (GUIAgentAccuracyReward): a grounded point strictly inside the box, or the recorded action met. Whatever
 * cannot be read gives 0.
 *
 * @param solution JSON text; @param size [width, height] of the image, pixels
 */
export function linkReward(
  reply: string,
  solution: string,
  box: Corners | undefined,
  size: readonly [number, number],
  maxPixels: number,
): number {
  const link = fenced(reply, "link", "json");
  let truth: JsonValue | undefined;
  try {
    truth = (JSON.parse(solution) as readonly JsonValue[])[0];
  } catch {
    return 0;
  }
  const step = Array.isArray(link) ? (link as readonly JsonValue[])[0] : undefined;
  if (!isObject(step)) return 0;
  const point = step["point_2d"];
  if (point !== undefined) return box && isPoint(point) && inside(point, box) ? 1 : 0;
  const mine = step["Action"];
  const theirs = isObject(truth) ? truth["Action"] : undefined;
  if (!isObject(mine) || !isObject(theirs) || mine["function"] === undefined) return 0;
  if (mine["function"] !== theirs["function"]) return 0;
  switch (mine["function"]) {
    case "Tap":
    case "LongPress": {
      const [own, target] = [mine["point_2d"], theirs["point_2d"]];
      if (!box || !isPoint(own) || !isPoint(target) || !inside(own, box)) return 0;
      const [height, width] = smartResize(size[1], size[0], maxPixels);
      const distance = Math.sqrt(
        (target[0] / width - own[0] / width) ** 2 + (target[1] / height - own[1] / height) ** 2,
      );
      return distance < pointShare ? 1 : 0;
    }
    case "Swipe":
      return mine["direction"] !== undefined && equal(mine["direction"], theirs["direction"]) ? 1 : 0;
    case "Type": {
      const [own, target] = [mine["text"], theirs["text"]];
      return typeof own === "string" && typeof target === "string" && textsAgree(own, target) ? 1 : 0;
    }
    case "Home":
    case "Back":
      return equal(mine, theirs) ? 1 : 0;
    default:
      return 0;
  }
}
