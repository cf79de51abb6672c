import { binary, call, symbol } from "../expression";
import { guiActions, screenParameters, screenSizes } from "../agentic/uis1Score";
import { derivedSignal } from "../series/derivedSignal";
import { decisionIndices, missing, onSteps, rowsOf, stepNumbers } from "../series/modelInputs";
import { flagOf, textOf } from "../series/parameters";
import { pointShare, stepMatch } from "./guiStepRules";

const uiGenie = "Xiao et al. 2025, UI-Genie; Euphoria16/UI-Genie";

export const uiGenieScore = derivedSignal({
  id: "ui-genie-score",
  title: "Reward of the action (UI-Genie-RM)",
  family: "reward",
  level: "step",
  unit: "probability",
  signed: false,
  needs: ["logprobs"],
  inputs: [
    {
      kind: "step",
      name: "ui_genie",
      meaning: "p(<|+|>) against <|-|> as a question to a language model gives it",
    },
    {
      kind: "array",
      name: "plus_minus",
      meaning: "[policy steps][2], numbers of the tokens <|+|> and <|-|>",
    },
  ],
  parameters: [
    {
      name: "input",
      description: "What the model gave for the two tokens: logits (or log-probabilities), or probabilities.",
      type: "choice",
      choices: ["logits", "probabilities"],
      default: "logits",
    },
  ],
  presets: [
    {
      id: "paper",
      title: "UI-Genie-RM, two tokens",
      values: {},
      source:
        "UI-Genie, paper (target token <|+|> or <|-|>); the score p(+) / (p(+) + p(-)) is an own choice",
      asDescribed: true,
    },
  ],
  source: `${uiGenie}, paper; the reward model's code is not released`,
  description:
    "Probability that a candidate action is right, from the two tokens that the reward model was trained on: p(+) over p(+) plus p(-). The authors do not say how they read the score; this reading is an own choice.",
  derive(context, parameters) {
    const matrix = context.inputs?.arrays?.["plus_minus"];
    const indices = decisionIndices(context.trajectory);
    const plus = stepNumbers(context, ["p_plus", "logit_plus"]);
    const minus = stepNumbers(context, ["p_minus", "logit_minus"]);
    const judged = stepNumbers(context, ["ui_genie", "p_correct"]);
    if (judged && indices.length > 0) {
      return {
        values: onSteps(
          context.trajectory,
          indices,
          indices.map((index) => judged[index]!),
        ),
        notes: ["How the score is read from the two tokens is an own choice; the authors do not say."],
        convention: "probability as the model's question gave it",
        lines: (index) => [
          {
            name: `p_${index}`,
            expression: symbol("p(+)", judged[index]!, "probability of <|+|> against <|-|>"),
            value: judged[index]!,
          },
        ],
      };
    }
    let pairs: readonly (readonly [number, number])[];
    if (matrix?.width === 2 && matrix.rows === indices.length)
      pairs = rowsOf(matrix).map((row) => [row[0]!, row[1]!] as const);
    else if (plus && minus) pairs = indices.map((index) => [plus[index]!, minus[index]!] as const);
    else
      return missing(
        "logprobs",
        "Needs the reward model's numbers for the tokens <|+|> and <|-|> after every action (plus_minus): choose it as a model.",
      );
    if (indices.length === 0) return missing("actions");
    const logits = textOf(parameters, "input") === "logits";
    const scores = pairs.map(([p, m]) => (logits ? 1 / (1 + Math.exp(-(p - m))) : p / (p + m)));
    const values = onSteps(context.trajectory, indices, scores);
    return {
      values,
      notes: ["How the score is read from the two tokens is an own choice; the authors do not say."],
      convention: logits ? "sigmoid of the difference" : "share of the plus token",
      lines(index) {
        const [p, m] = pairs[indices.indexOf(index)]!;
        const own = symbol("plus", p, "token <|+|>");
        const other = symbol("minus", m, "token <|-|>");
        return [
          {
            name: `p_${index}`,
            expression: logits
              ? call("sigmoid", binary("-", own, other))
              : binary("/", own, binary("+", own, other)),
            value: values[index]!,
          },
        ];
      },
    };
  },
});

export const uiGenieMatch = derivedSignal({
  id: "ui-genie-match",
  title: "Step rule (UI-Genie)",
  family: "reward",
  level: "step",
  unit: "flag",
  signed: false,
  needs: ["actions"],
  inputs: [
    {
      kind: "step",
      name: "action_content",
      meaning: "recorded action; the predicted one is predicted_action or the step itself",
    },
    { kind: "step", name: "width", meaning: "of the screenshot, pixels" },
    { kind: "step", name: "height", meaning: "of the screenshot, pixels" },
  ],
  parameters: [
    {
      name: "reverseSwipe",
      description: "Turn the recorded swipe direction around before comparing.",
      type: "boolean",
      default: false,
    },
    ...screenParameters,
  ],
  presets: [
    {
      id: "command-line",
      title: "UI-Genie, command-line default",
      values: { reverseSwipe: false },
      source: "Euphoria16/UI-Genie, src/ms-swift/eval_results_androidcontrol.py, compare_actions",
    },
    {
      id: "reversed",
      title: "UI-Genie, swipes reversed",
      values: { reverseSwipe: true },
      source: "Euphoria16/UI-Genie, eval_results_androidcontrol.py, compare_actions (reverse_swipe)",
    },
  ],
  source: `${uiGenie}, src/ms-swift/eval_results_androidcontrol.py, compare_actions`,
  description:
    "1 when the predicted action counts as the recorded one: a point within 0.14 of the screen's diagonal-like distance, texts that contain each other, the same direction or button. An empty text matches anything and a missing point is (0, 0), as released.",
  derive(context, parameters) {
    const { trajectory } = context;
    const indices = decisionIndices(trajectory);
    const reverse = flagOf(parameters, "reverseSwipe");
    const notes: string[] = [];
    const found = indices.map((index) => {
      const step = trajectory.steps[index];
      if (!step) return undefined;
      const { predicted, recorded, answered } = guiActions(step, trajectory);
      if (!recorded || !answered) return undefined;
      // Only points are measured on the screen; the other actions compare texts and directions.
      const sizes = screenSizes(step, trajectory, parameters);
      if (!sizes && /click|long_press/u.test(String(recorded["action"]).toLowerCase())) {
        notes.push(
          `Step ${index}: the screenshot has no size, so the point cannot be compared: set screenWidth and screenHeight.`,
        );
        return undefined;
      }
      try {
        return stepMatch(predicted ?? null, recorded, reverse, sizes?.width ?? NaN, sizes?.height ?? NaN);
      } catch (error) {
        notes.push(`Step ${index}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    });
    if (found.every((match) => match === undefined) && notes.length === 0)
      return missing(
        "actions",
        "Needs a recorded action (action_content) beside the predicted one (predicted_action, or the step itself) at the steps.",
      );
    const values = onSteps(
      trajectory,
      indices,
      found.map((match) => (match ? Number(match.correct) : NaN)),
    );
    const first = indices.find((index) => values[index] === 0);
    return {
      values,
      parts: {
        "type match": onSteps(
          trajectory,
          indices,
          found.map((match) => (match ? Number(match.typeEqual) : NaN)),
        ),
      },
      notes: [...notes, first === undefined ? "No wrong step." : `First wrong step: ${first}.`],
      convention: `points within ${pointShare} of width and height`,
      lines: (index) => [
        {
          name: `match_${index}`,
          expression: symbol("match", values[index]!, "1 = the rule counts the action as right", {
            trajectoryId: trajectory.id,
            stepIndex: index,
          }),
          value: values[index]!,
        },
      ],
    };
  },
});
