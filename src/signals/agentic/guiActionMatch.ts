import type { JsonObject, JsonValue } from "../../model/json";

/** Sizes that the coordinates of the prediction and of the recording are relative to, in pixels. */
export interface ScreenSizes {
  readonly width: number;
  readonly height: number;
  /** Size of the image as the model saw it. */
  readonly resizedWidth: number;
  readonly resizedHeight: number;
}

export interface ActionMatch {
  readonly typeMatch: boolean;
  readonly extractMatch: boolean;
}

/** Boxes are enlarged by this factor about their centre. */
const boxEnlargement = 1.2;
/** Largest distance to the recorded point, in shares of the screen. */
const pointDistance = 0.04;

type Point = readonly [number, number];
type Box = readonly [number, number, number, number];

const miss: ActionMatch = { typeMatch: false, extractMatch: false };
const hit = (extractMatch: boolean): ActionMatch => ({ typeMatch: true, extractMatch });

function field(action: JsonObject, name: string): string {
  const value = action[name];
  if (typeof value !== "string") throw new Error(`The action has no text field "${name}".`);
  return value;
}

function point(value: JsonValue | undefined, width: number, height: number): Point {
  const [x, y] = Array.isArray(value) ? (value as readonly JsonValue[]) : [];
  if (typeof x !== "number" || typeof y !== "number")
    throw new Error("The action has no coordinate of two numbers.");
  return [x / width, y / height];
}

const isBox = (value: JsonValue | undefined): value is readonly [number, number, number, number] =>
  Array.isArray(value) && value.length >= 4 && value.slice(0, 4).every((entry) => typeof entry === "number");

function boxes(value: JsonValue | undefined): readonly Box[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every(isBox))
    throw new Error("candidate_bbox is not a list of boxes of four numbers.");
  return value as unknown as readonly Box[];
}

/** Text comparison: lower case, trimmed, one contained in the other (so an empty text fits anything), or equal. */
function textsFit(predicted: string, recorded: string, strict = false): boolean {
  const a = predicted.toLowerCase().trim();
  const b = recorded.toLowerCase().trim();
  return strict ? a === b : b.includes(a) || a.includes(b);
}

/** Direction of a movement by its larger component; no movement counts as up. */
function swipeDirection([x1, y1]: Point, [x2, y2]: Point): "left" | "right" | "up" | "down" {
  const dx = x2 - x1;
  const dy = y2 - y1;
  if (Math.abs(dx) > Math.abs(dy)) return dx > 0 ? "right" : "left";
  return dy > 0 ? "down" : "up";
}

function clickFits(click: Point, candidates: readonly Box[], target: Point): boolean {
  const inside = candidates.some(([x1, y1, x2, y2]) => {
    const halfWidth = ((x2 - x1) * boxEnlargement) / 2;
    const halfHeight = ((y2 - y1) * boxEnlargement) / 2;
    const [cx, cy] = [(x1 + x2) / 2, (y1 + y2) / 2];
    return (
      cx - halfWidth <= click[0] &&
      click[0] <= cx + halfWidth &&
      cy - halfHeight <= click[1] &&
      click[1] <= cy + halfHeight
    );
  });
  return inside || Math.hypot(target[0] - click[0], target[1] - click[1]) <= pointDistance;
}

/**
 * Compares a predicted GUI action with a recorded one.
 *
 * `training` is the rule of the reward (UI-S1 gui_utils/utils.py, check_response_match): a flat box of four numbers is
 * brought to screen shares, nested boxes stay in pixels and so never hit; recorded up and down are swapped for swipes.
 * `evaluation` is the rule of the benchmark (evaluation/qwenvl_utils.py, evaluate_android_control_action): nested boxes
 * are brought to screen shares, any swipe fits any swipe, `open` may be answered by a click on the icon.
 *
 * @throws Error with one sentence when an action lacks what its kind needs, where the authors' code raises
 */
export function matchGuiAction(
  predicted: JsonObject,
  recorded: JsonObject,
  sizes: ScreenSizes,
  rule: "training" | "evaluation",
  strictText = false,
): ActionMatch {
  const kind = field(recorded, "action");
  const mine = field(predicted, "action");
  const theirs = (name: string): Point => point(recorded[name], sizes.width, sizes.height);
  const own = (name: string): Point => point(predicted[name], sizes.resizedWidth, sizes.resizedHeight);
  switch (kind) {
    case "wait":
      return mine === kind ? hit(true) : miss;
    case "system_button":
      return mine === kind
        ? hit(
            field(recorded, "button").toLowerCase().trim() ===
              field(predicted, "button").toLowerCase().trim(),
          )
        : miss;
    case "type":
      return mine === "type"
        ? hit(textsFit(field(predicted, "text"), field(recorded, "text"), strictText))
        : miss;
    case "open": {
      if (mine === "open")
        return hit(textsFit(field(predicted, "text"), field(recorded, "text"), strictText));
      if (mine !== "click" || rule === "training") return miss;
      const [first, ...rest] = screenBoxes(recorded, sizes, rule);
      if (!first) return miss;
      return hit(
        clickFits(
          own("coordinate"),
          [first, ...rest],
          [(first[0] + first[2]) / 2, (first[1] + first[3]) / 2],
        ),
      );
    }
    case "swipe": {
      if (mine !== "swipe") return miss;
      if (rule === "evaluation") return hit(true);
      const told = recorded["direction"];
      const direction =
        typeof told === "string" ? told : swipeDirection(theirs("coordinate"), theirs("coordinate2"));
      const wanted = direction === "down" ? "up" : direction === "up" ? "down" : direction;
      return hit(swipeDirection(own("coordinate"), own("coordinate2")) === wanted);
    }
    case "click":
    case "long_press":
      if (mine !== kind) return miss;
      if (rule === "evaluation" && recorded["candidate_bbox"] === undefined)
        throw new Error("The recorded action has no candidate_bbox.");
      return hit(clickFits(own("coordinate"), screenBoxes(recorded, sizes, rule), theirs("coordinate")));
    default:
      break;
  }
  if (rule === "evaluation")
    throw new Error(`The evaluation rule does not know the recorded action "${kind}".`);
  if (kind === "terminate") return mine === kind ? hit(true) : miss;
  if (kind === "answer" || kind === "key")
    return mine === "type"
      ? hit(textsFit(field(predicted, "text"), field(recorded, "text"), strictText))
      : miss;
  return miss;
}

function screenBoxes(
  recorded: JsonObject,
  { width, height }: ScreenSizes,
  rule: "training" | "evaluation",
): readonly Box[] {
  const value = recorded["candidate_bbox"];
  const share = ([x1, y1, x2, y2]: Box): Box => [x1 / width, y1 / height, x2 / width, y2 / height];
  if (rule === "evaluation") return boxes(value).map(share);
  if (Array.isArray(value) && value.length === 4) {
    if (!isBox(value))
      throw new Error("A list of exactly four boxes is read as one box by the training rule, which fails.");
    return [share(value)];
  }
  // As released: any other list stays in pixels and is compared with screen shares.
  return boxes(value);
}

export interface GuiStepScore extends ActionMatch {
  /** 0.1 format + 0.9 action. */
  readonly score: number;
  readonly formatScore: number;
  /** 1 / number of steps where the action matches in full, else 0. */
  readonly stepReward: number;
}

/**
 * Step score of UI-S1 (reward_score/gui_traj.py): 0.1 for a thought, 0.9 times the action score (0 none parsed, 0.1 wrong
 * type, 0.5 type, 1 type and arguments), turned around for HARMFUL and set to 0.5 for NEUTRAL recordings. What cannot be
 * compared keeps the score reached so far, as in the released code.
 *
 * @param response the parsed answer: a thought, and an action when one was parsed
 */
export function guiStepScore(
  response: { readonly thought: string | null | undefined; readonly action: JsonObject | undefined },
  recorded: JsonObject,
  stepCount: number,
  sizes: ScreenSizes,
): GuiStepScore {
  const formatScore = typeof response.thought === "string" && response.thought.trim() !== "" ? 1 : 0;
  let actionScore = 0;
  let match = miss;
  let compared = true;
  if (response.action) {
    try {
      match = matchGuiAction(response.action, recorded, sizes, "training");
      actionScore = match.typeMatch ? (match.extractMatch ? 1 : 0.5) : 0.1;
    } catch {
      // The authors' code swallows the failure here and skips the annotation as well.
      compared = false;
    }
  }
  if (compared && recorded["annotation"] === "HARMFUL") actionScore = 1 - actionScore;
  if (compared && recorded["annotation"] === "NEUTRAL") actionScore = 0.5;
  return {
    ...match,
    formatScore,
    score: formatScore * 0.1 + actionScore * 0.9,
    stepReward: match.extractMatch ? 1 / stepCount : 0,
  };
}
