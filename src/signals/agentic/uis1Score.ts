import { binary, number, symbol } from "../expression";
import type { JsonObject, JsonValue } from "../../model/json";
import type { Step, Trajectory } from "../../model/trajectory";
import { derivedSignal } from "../series/derivedSignal";
import { decisionIndices, missing, onSteps } from "../series/modelInputs";
import { optionalNumberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues } from "../signal";
import { guiStepScore, matchGuiAction, type GuiStepScore, type ScreenSizes } from "./guiActionMatch";

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An action that is written as an object, as JSON, or as the argument of a tool call; undefined when it is none. */
export function actionObject(value: JsonValue | undefined): JsonObject | undefined {
  if (isObject(value)) {
    const inner = value["arguments"];
    return isObject(inner) ? inner : value;
  }
  if (typeof value !== "string") return undefined;
  for (const text of [value, /\{[\s\S]*\}/u.exec(value)?.[0]]) {
    if (text === undefined) continue;
    try {
      const parsed = JSON.parse(text) as JsonValue;
      if (isObject(parsed)) return actionObject(parsed);
    } catch {
      // Not JSON: the next form is tried.
    }
  }
  return undefined;
}

const predictedNames = ["predicted_action", "pred_action", "prediction", "pred"] as const;
const recordedNames = ["action_content", "recorded_action", "check_options", "gt_action", "gt"] as const;

/**
 * Recorded and predicted action of a step, as far as the file has them. Fields of the whole record count for its only step.
 */
export function guiActions(
  step: Step,
  trajectory: Trajectory,
): {
  readonly predicted: JsonObject | undefined;
  readonly recorded: JsonObject | undefined;
  /** There is an answer of the policy, readable or not. */
  readonly answered: boolean;
} {
  const only = decisionIndices(trajectory).length === 1;
  const field = (names: readonly string[]): JsonObject | undefined =>
    names
      .map(
        (name) =>
          actionObject(step.extra?.[name]) ?? (only ? actionObject(trajectory.extra[name]) : undefined),
      )
      .find((action) => action !== undefined);
  const recorded = field(recordedNames);
  // A file of recordings shows the truth as the step itself: it is no prediction, and would always fit.
  const shown = !trajectory.notes.some(({ code }) => code === "recorded-actions");
  const box = recorded?.["bbox"];
  const named = predictedNames.some(
    (name) => step.extra?.[name] !== undefined || (only && trajectory.extra[name] !== undefined),
  );
  return {
    answered: named || (shown && (step.action !== undefined || step.toolCalls !== undefined)),
    predicted:
      field(predictedNames) ??
      (shown ? (actionObject(step.action) ?? actionObject(step.toolCalls?.[0]?.arguments)) : undefined),
    recorded:
      recorded && recorded["candidate_bbox"] === undefined && box !== undefined
        ? { ...recorded, candidate_bbox: box }
        : recorded,
  };
}

/**
 * Sizes of the screenshot and of the image as the model saw it; the same where only one is recorded. Two numbers under
 * image_wh or image_size stand for width and height.
 */
export function screenSizes(
  step: Step,
  trajectory: Trajectory,
  parameters: ParameterValues,
): ScreenSizes | undefined {
  const value = (name: string): JsonValue | undefined => step.extra?.[name] ?? trajectory.extra[name];
  const field = (name: string): number | undefined => {
    const found = value(name);
    return typeof found === "number" ? found : undefined;
  };
  const pair = ["image_wh", "image_size", "image_sizes"]
    .map((name) => value(name))
    .map(
      (found) =>
        (Array.isArray(found) && Array.isArray(found[0]) ? found[0] : found) as JsonValue | undefined,
    )
    .find(
      (found): found is readonly [number, number] =>
        Array.isArray(found) && found.length === 2 && found.every((entry) => typeof entry === "number"),
    );
  const frame = step.media?.find(({ kind, frame }) => kind === "image" && frame)?.frame;
  const given = (name: string): number | undefined => optionalNumberOf(parameters, name) ?? undefined;
  const width = field("width") ?? field("image_width") ?? pair?.[0] ?? frame?.width ?? given("screenWidth");
  const height =
    field("height") ?? field("image_height") ?? pair?.[1] ?? frame?.height ?? given("screenHeight");
  if (width === undefined || height === undefined) return undefined;
  return {
    width,
    height,
    resizedWidth: field("resized_width") ?? width,
    resizedHeight: field("resized_height") ?? height,
  };
}

/** Size of the screenshots, for files that record none. */
export const screenParameters: readonly Parameter[] = [
  {
    name: "screenWidth",
    description: "Width of the screenshots in pixels, for files that record none; empty = unknown.",
    type: "number",
    minimum: 1,
    default: null,
  },
  {
    name: "screenHeight",
    description: "Height of the screenshots in pixels, for files that record none; empty = unknown.",
    type: "number",
    minimum: 1,
    default: null,
  },
];

/** Whether the comparison measures points on the screen; the other actions compare texts, buttons and kinds. */
const pointed = (recorded: JsonObject, predicted: JsonObject | undefined): boolean =>
  ["click", "long_press", "swipe"].includes(String(recorded["action"])) ||
  (recorded["action"] === "open" && predicted?.["action"] === "click");
const unknownSizes: ScreenSizes = { width: NaN, height: NaN, resizedWidth: NaN, resizedHeight: NaN };

export const uis1Score = derivedSignal({
  id: "uis1-score",
  title: "GUI step score (UI-S1)",
  family: "agentic",
  level: "step",
  unit: "reward",
  signed: false,
  needs: ["actions"],
  inputs: [
    {
      kind: "step",
      name: "action_content",
      meaning: "recorded action with bbox; the predicted one is predicted_action or the step itself",
    },
    { kind: "step", name: "width", meaning: "of the screenshot, pixels" },
    { kind: "step", name: "height", meaning: "of the screenshot, pixels" },
    { kind: "step", name: "resized_width", meaning: "of the image as the model saw it" },
    { kind: "step", name: "resized_height", meaning: "of the image as the model saw it" },
  ],
  parameters: [
    {
      name: "rule",
      description: "How a prediction is compared with the recording: the training reward, or the evaluation.",
      type: "choice",
      choices: ["training", "evaluation"],
      default: "training",
    },
    ...screenParameters,
  ],
  presets: [
    {
      id: "training",
      title: "UI-S1, training reward",
      values: { rule: "training" },
      source: "X-PLUG/MobileAgent, UI-S1/verl/utils/reward_score/gui_traj.py, gui_action_match_compute_score",
    },
    {
      id: "evaluation",
      title: "UI-S1, evaluation",
      values: { rule: "evaluation" },
      source: "X-PLUG/MobileAgent, UI-S1/evaluation/qwenvl_utils.py, evaluate_android_control_action",
    },
  ],
  source: "Lu et al. 2025, UI-S1; X-PLUG/MobileAgent, UI-S1/verl/utils/reward_score/gui_traj.py",
  description:
    "0.1 for a thought plus 0.9 times how well the predicted action fits the recorded one: 0 no action, 0.1 wrong type, 0.5 right type, 1 right arguments. The evaluation rule gives 1 for a full match and compares some actions differently.",
  derive(context, parameters) {
    const { trajectory } = context;
    const indices = decisionIndices(trajectory);
    const training = textOf(parameters, "rule") === "training";
    const notes: string[] = [];
    const scores = indices.map((index): GuiStepScore | undefined => {
      const step = trajectory.steps[index];
      if (!step) return undefined;
      const { predicted, recorded, answered } = guiActions(step, trajectory);
      if (!recorded || !answered) return undefined;
      const known = screenSizes(step, trajectory, parameters);
      if (!known && pointed(recorded, predicted)) {
        notes.push(
          `Step ${index}: the screenshot has no size, so the point cannot be compared: set screenWidth and screenHeight.`,
        );
        return undefined;
      }
      const sizes = known ?? unknownSizes;
      if (training)
        return guiStepScore({ thought: step.thought, action: predicted }, recorded, indices.length, sizes);
      try {
        const match = predicted
          ? matchGuiAction(predicted, recorded, sizes, "evaluation")
          : { typeMatch: false, extractMatch: false };
        const score = Number(match.extractMatch);
        return { ...match, score, formatScore: 0, stepReward: score / indices.length };
      } catch (error) {
        notes.push(`Step ${index}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    });
    if (scores.every((score) => score === undefined) && notes.length === 0) {
      return missing(
        "actions",
        "Needs a recorded action (action_content) beside the predicted one (predicted_action, or the step itself) at the steps.",
      );
    }
    const series = (read: (score: GuiStepScore) => number): Float64Array =>
      onSteps(
        trajectory,
        indices,
        scores.map((score) => (score ? read(score) : NaN)),
      );
    const values = series(({ score }) => score);
    return {
      values,
      parts: {
        format: series(({ formatScore }) => formatScore),
        "type match": series(({ typeMatch }) => Number(typeMatch)),
        "full match": series(({ extractMatch }) => Number(extractMatch)),
        "step reward": series(({ stepReward }) => stepReward),
      },
      notes,
      convention: `${textOf(parameters, "rule")} rule`,
      lines(index) {
        const score = scores[indices.indexOf(index)]!;
        if (!training)
          return [
            {
              name: `s_${index}`,
              expression: symbol("match", score.score, "type and arguments fit"),
              value: score.score,
            },
          ];
        const action = (score.score - score.formatScore * 0.1) / 0.9;
        return [
          {
            name: `s_${index}`,
            expression: binary(
              "+",
              binary("*", number(0.1), symbol("format", score.formatScore, "1 = there is a thought")),
              binary(
                "*",
                number(0.9),
                symbol("action", action, "0 none, 0.1 wrong type, 0.5 type, 1 full match"),
              ),
            ),
            value: score.score,
          },
        ];
      },
    };
  },
});
