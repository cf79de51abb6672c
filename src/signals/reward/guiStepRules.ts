import type { JsonObject, JsonValue } from "../../model/json";
import { wordSetF1 } from "./judgeReply";

/** Rounds to the nearest whole number, halves to the even one, as Python does. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Size of an image as Qwen's vision models see it: [height, width], pixels. */
export type ImageSize = readonly [number, number];

/**
 * Size that Qwen's image processor gives an image (smart_resize): multiples of the factor, the number of pixels between
 * the limits, the proportions nearly kept.
 */
export function smartResize(
  height: number,
  width: number,
  maxPixels: number,
  minPixels = 3136,
  factor = 28,
): ImageSize {
  const size: ImageSize = [
    Math.max(factor, roundHalfEven(height / factor) * factor),
    Math.max(factor, roundHalfEven(width / factor) * factor),
  ];
  if (size[0] * size[1] > maxPixels) {
    const beta = Math.sqrt((height * width) / maxPixels);
    return [Math.floor(height / beta / factor) * factor, Math.floor(width / beta / factor) * factor];
  }
  if (size[0] * size[1] < minPixels) {
    const beta = Math.sqrt(minPixels / (height * width));
    return [Math.ceil((height * beta) / factor) * factor, Math.ceil((width * beta) / factor) * factor];
  }
  return size;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/**
 * Action of a reply (Euphoria16/UI-Genie, src/ms-swift/eval_results_androidcontrol.py, parse_action): the arguments of
 * the tool call, else the longest braces on one line taken as they are; null when neither is JSON.
 */
export function toolCallAction(reply: string): JsonValue | null {
  let text = reply.trim();
  const marked = text.split("<tool_call>\n")[1];
  if (marked !== undefined) text = marked.split("\n</tool_call>")[0]!;
  const call = parsed(text);
  if (isObject(call) && call["arguments"] !== undefined) return call["arguments"];
  const braces = /\{.*\}/u.exec(text)?.[0];
  return braces === undefined ? null : (parsed(braces) ?? null);
}

/** Direction by the larger component, the vertical one for equal ones and no movement going up; a point missing: right. */
export function movementDirection(start: JsonValue | undefined, end: JsonValue | undefined): string {
  if (!Array.isArray(start) || !Array.isArray(end) || start.length !== 2 || end.length !== 2) return "right";
  const dx = Number(end[0]) - Number(start[0]);
  const dy = Number(end[1]) - Number(start[1]);
  if (Math.abs(dx) > Math.abs(dy)) return dx > 0 ? "right" : "left";
  return dy > 0 ? "down" : "up";
}

/** Largest distance to the recorded point, in shares of the width and of the height. */
export const pointShare = 0.14;
/** Most pixels of UI-Genie's images. */
const uiGenieMaxPixels = 602112;

const opposite: readonly (readonly [string, string])[] = [
  ["up", "down"],
  ["down", "up"],
  ["left", "right"],
  ["right", "left"],
];

function textOf(action: JsonObject, name: string): string {
  const value = action[name] ?? "";
  if (typeof value !== "string") throw new Error(`Field "${name}" of the action is not a text.`);
  return value.trim().toLowerCase();
}

const contain = (a: string, b: string): boolean => a.includes(b) || b.includes(a);

function pointOf(action: JsonObject, name: string): readonly [number, number] | undefined {
  const value = action[name];
  if (value === undefined || value === null) return undefined;
  const [x, y] = Array.isArray(value) ? (value as readonly JsonValue[]) : [];
  if (typeof x !== "number" || typeof y !== "number")
    throw new Error(`Field "${name}" of the action is not a point.`);
  return [x, y];
}

/** Whether an action is correct, and whether its kind is. */
export interface StepMatch {
  readonly correct: boolean;
  readonly typeEqual: boolean;
}

/**
 * Step correctness of UI-Genie (eval_results_androidcontrol.py, compare_actions). Containment counts both ways, so an
 * empty text, button or direction matches anything; a predicted point that is missing is (0, 0).
 *
 * @param reverseSwipe the recorded direction is turned round
 * @throws Error for a recorded click without a point
 */
export function stepMatch(
  predicted: JsonObject | null,
  recorded: JsonObject | null,
  reverseSwipe: boolean,
  width: number,
  height: number,
): StepMatch {
  if (!predicted || !recorded || Object.keys(predicted).length === 0 || Object.keys(recorded).length === 0)
    return { correct: false, typeEqual: false };
  const kind = String(predicted["action"] ?? "").toLowerCase();
  if (kind !== String(recorded["action"] ?? "").toLowerCase()) return { correct: false, typeEqual: false };
  return { correct: actionCorrect(kind, predicted, recorded, reverseSwipe, width, height), typeEqual: true };
}

function actionCorrect(
  kind: string,
  predicted: JsonObject,
  recorded: JsonObject,
  reverseSwipe: boolean,
  width: number,
  height: number,
): boolean {
  if (kind.includes("click") || kind.includes("long_press")) {
    const target = pointOf(recorded, "coordinate");
    if (!target) throw new Error("The recorded action has no point.");
    const mine = pointOf(predicted, "coordinate") ?? [0, 0];
    const [seenHeight, seenWidth] = smartResize(height, width, uiGenieMaxPixels);
    const x = (value: number): number => Math.trunc((value / seenWidth) * width);
    const y = (value: number): number => Math.trunc((value / seenHeight) * height);
    return (
      Math.sqrt((x(mine[0]) - x(target[0])) ** 2 + (y(mine[1]) - y(target[1])) ** 2) <=
      Math.sqrt((width * pointShare) ** 2 + (height * pointShare) ** 2)
    );
  }
  switch (kind) {
    case "type": {
      const spaced = (action: JsonObject): string => textOf(action, "text").replace(/\s+/gu, " ");
      return contain(spaced(predicted), spaced(recorded));
    }
    case "swipe": {
      const start = predicted["coordinate"];
      const end = predicted["coordinate2"];
      const given = predicted["direction"];
      const mine =
        given !== undefined
          ? String(given)
          : Array.isArray(start)
            ? movementDirection(start, end)
            : String(end ?? "");
      const written = textOf(recorded, "direction") || textOf(recorded, "coordinate");
      const turned = reverseSwipe ? opposite.find(([from]) => written.includes(from))?.[1] : undefined;
      return contain(mine, turned ?? written);
    }
    case "open":
    case "terminate": {
      const field = kind === "open" ? "text" : "status";
      const [a, b] = [textOf(predicted, field), textOf(recorded, field)];
      return contain(a, b) || wordSetF1(a, b) > 0.5;
    }
    case "system_button":
      return contain(textOf(predicted, "button"), textOf(recorded, "button"));
    default:
      return kind === "wait";
  }
}
