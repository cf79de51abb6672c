import type { JsonObject, JsonValue } from "../model/json";
import type { MediaReference, PictureMark } from "../model/trajectory";
import { isList, isObject, recordedNumber, textOf } from "./jsonFields";

/** Actions on screens as their formats write them: what they say, and where on the picture they are. */

const POINTS = ["coordinate", "point_2d", "point", "position"] as const;
const ENDS = ["coordinate2", "end_coordinate", "to", "end_point"] as const;
const BOXES = ["candidate_bbox", "bbox", "bbox_2d", "box"] as const;

const numbersOf = (value: JsonValue | undefined): readonly number[] => {
  if (isObject(value)) return numbersOf([value["x"] ?? null, value["y"] ?? null]);
  if (!isList(value)) return [];
  const numbers = value.map(recordedNumber);
  return numbers.every((number): number is number => typeof number === "number") ? numbers : [];
};

const firstOf = (action: JsonObject, names: readonly string[]): JsonValue | undefined =>
  names.map((name) => action[name]).find((value) => value !== undefined && value !== null);

/** One line that says an action: its name and its other fields. */
export function actionText(action: JsonObject): string {
  const name =
    textOf(action["action"]) ?? textOf(action["action_type"]) ?? textOf(action["name"]) ?? "action";
  const rest = Object.entries(action)
    .filter(([key, value]) => !["action", "action_type", "name"].includes(key) && value !== undefined)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `${name}(${rest.join(", ")})`;
}

/** Where an action is on the picture, in the numbers of the file. */
export function marksOf(action: JsonObject, role: "action" | "truth"): readonly PictureMark[] {
  const label = textOf(action["action"]) ?? textOf(action["action_type"]) ?? textOf(action["function"]);
  const base = { role, ...(label === undefined ? {} : { label }) };
  const marks: PictureMark[] = [];
  const [x, y] = numbersOf(firstOf(action, POINTS));
  const [x1, y1] = numbersOf(firstOf(action, ENDS));
  if (x !== undefined && y !== undefined) {
    if (x1 !== undefined && y1 !== undefined) marks.push({ kind: "arrow", x0: x, y0: y, x1, y1, ...base });
    else marks.push({ kind: "point", x, y, ...base });
  }
  const boxes = firstOf(action, BOXES);
  for (const box of isList(boxes) && isList(boxes[0]) ? boxes : [boxes ?? null]) {
    const [left, top, right, bottom] = numbersOf(box);
    if (left !== undefined && top !== undefined && right !== undefined && bottom !== undefined)
      marks.push({ kind: "box", x0: left, y0: top, x1: right, y1: bottom, ...base });
  }
  return marks;
}

/** The arguments of a `<tool_call>` text, or of JSON text; undefined when there are none. */
export function actionInText(text: string | undefined): JsonObject | undefined {
  if (text === undefined) return undefined;
  const inside = /<tool_call>([\s\S]*?)<\/tool_call>/.exec(text)?.[1] ?? text;
  try {
    const parsed = JSON.parse(inside) as JsonValue;
    if (!isObject(parsed)) return undefined;
    return isObject(parsed["arguments"]) ? parsed["arguments"] : parsed;
  } catch {
    return undefined;
  }
}

/** A screenshot with marks, as a step's media. */
export function picture(
  path: string,
  marks: readonly PictureMark[],
  frame?: { readonly width: number; readonly height: number },
): MediaReference {
  return {
    kind: "image",
    path,
    ...(marks.length === 0 ? {} : { marks }),
    ...(frame === undefined ? {} : { frame }),
  };
}
