import { symbol } from "../expression";
import { layerRows, policyTokens } from "../agentic/latentStates";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import type { Missing } from "../series/episode";
import { arrayInput, groupMembers, memberContexts, missing, tokenNumbers } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import type { Parameter, SignalContext } from "../signal";
import { filterAnswers, firstDrop, goalValues, type ScoredAnswer } from "./goalState";

const source =
  "Nath et al. 2024, Learning Goal-Conditioned Representations for Language Reward Models; vaskarnathscale/goal-conditioned-rm, examples/eval_rm.py";

const thresholdParameter: Parameter = {
  name: "threshold",
  description: "Q-value below which a generation is dropped.",
  type: "number",
  default: 0,
};
const skippedParameter: Parameter = {
  name: "skipped",
  description: "First tokens of the response that are left out as noisy.",
  type: "integer",
  minimum: 0,
  default: 5,
};
const presets = [
  {
    id: "released",
    title: "Goal-conditioned RM, evaluation",
    values: {},
    source:
      "vaskarnathscale/goal-conditioned-rm, examples/metrics.py, get_accuracy (threshold 0, first 5 tokens dropped)",
  },
];

/** Q-value of every response token, on its position among the trajectory's tokens. */
function tokenValues(
  context: SignalContext,
): { readonly tokens: readonly number[]; readonly count: number; readonly values: Float64Array } | Missing {
  const recorded = tokenNumbers(context, ["cosine_sim", "q_value"]);
  if (recorded) {
    const tokens = policyTokens(context, recorded.length).filter((t) => !Number.isNaN(recorded[t]!));
    return { tokens, count: recorded.length, values: Float64Array.from(tokens, (t) => recorded[t]!) };
  }
  const listed = context.trajectory.extra["cosine_sim"];
  if (Array.isArray(listed) && listed.length > 0 && listed.every((value) => typeof value === "number")) {
    const values = Float64Array.from(listed);
    const count = context.trajectory.tokens?.count ?? values.length;
    const tokens = policyTokens(context, count).slice(-values.length);
    if (tokens.length === values.length) return { tokens, count, values };
  }
  const goal = arrayInput(
    context,
    "goal_state",
    "embeddings",
    "Needs the goal vector: the mean last hidden state of preferred responses (goal_state).",
  );
  const rows = layerRows(context, "last", policyTokens);
  if ("missing" in rows) return rows;
  if ("missing" in goal) return goal;
  return { tokens: rows.tokens, count: rows.count, values: goalValues(rows.layers[0]!.states, goal[0]!) };
}

export const goalValue = derivedSignal({
  id: "goal-q-value",
  title: "Token Q-value (goal-conditioned reward model)",
  family: "reward",
  level: "token",
  unit: "cosine",
  signed: true,
  needs: ["hiddenStates", "embeddings"],
  inputs: [
    { kind: "hiddenStates", name: "", meaning: "the reward model's last layer, a row per token" },
    { kind: "array", name: "goal_state", meaning: "[1][D], mean last hidden state of preferred responses" },
    { kind: "token", name: "cosine_sim", meaning: "recorded Q-values" },
  ],
  parameters: [thresholdParameter, skippedParameter],
  presets,
  source,
  description:
    "Cosine of the reward model's hidden state after each response token with the representation of preferred outcomes. Where it first falls below the threshold, filtering would stop the generation.",
  derive(context, parameters) {
    const found = tokenValues(context);
    if ("missing" in found) return found;
    if (found.tokens.length === 0) return missing("tokenMask", "The response has no tokens.");
    const values = new Float64Array(found.count).fill(NaN);
    found.tokens.forEach((t, k) => (values[t] = found.values[k]!));
    const threshold = numberOf(parameters, "threshold");
    const skipped = numberOf(parameters, "skipped");
    const notes: string[] = [];
    if (found.values.length <= skipped)
      notes.push(`${found.values.length} tokens are too few to filter: the first ${skipped} are left out.`);
    else {
      const { drop, tokens } = firstDrop(found.values, threshold, skipped);
      notes.push(
        drop === undefined
          ? "No token falls below the threshold."
          : `First below ${threshold} at token ${found.tokens[drop + skipped]!}: filtering saves ${tokens - drop} of ${tokens} tokens.`,
      );
    }
    return {
      values,
      notes,
      convention: `threshold ${threshold}, first ${skipped} tokens left out`,
      lines: (index) => [
        {
          name: `Q_${index}`,
          expression: symbol(
            "cos(h, goal)",
            values[index]!,
            "hidden state after this token against the goal",
            {
              trajectoryId: context.trajectory.id,
              tokenIndex: index,
            },
          ),
          value: values[index]!,
        },
      ],
    };
  },
});

function answerOf(context: SignalContext, skipped: number): ScoredAnswer | Missing {
  const { trajectory } = context;
  const found = tokenValues(context);
  if ("missing" in found) return found;
  if (found.values.length <= skipped)
    return missing(
      "tokenMask",
      `${trajectory.id} has ${found.values.length} tokens: too few, the first ${skipped} are left out.`,
    );
  const told = trajectory.extra["is_correct"] ?? trajectory.outcome.success;
  if (typeof told !== "boolean")
    return missing("outcomeReward", `Needs whether each answer is correct; ${trajectory.id} does not say.`);
  const answer = trajectory.extra["predicted_answer"];
  return {
    values: found.values,
    correct: told,
    answer: answer === undefined ? trajectory.id : String(answer),
  };
}

export const goalFilter = unexplainedSignal({
  id: "goal-filter",
  title: "Filtering by Q-value (goal-conditioned reward model)",
  family: "reward",
  level: "group",
  unit: "share",
  signed: false,
  needs: ["group", "hiddenStates", "outcomeReward"],
  inputs: [
    { kind: "trajectory", name: "cosine_sim", meaning: "recorded Q-values of the response, of every member" },
    { kind: "trajectory", name: "predicted_answer", meaning: "answer that votes" },
  ],
  parameters: [thresholdParameter],
  presets,
  source: `${source.replace("eval_rm.py", "metrics.py")}, get_accuracy`,
  description:
    "Share of correct answers among the group's generations whose Q-value never falls below the threshold; when every one would go, all stay. Beside it the share before filtering, and whether the right answers win the vote.",
  derive(context, parameters) {
    const members = memberContexts(context);
    if ("missing" in members) return members;
    const answers: ScoredAnswer[] = [];
    for (const member of members) {
      const answer = answerOf(member, 5);
      if ("missing" in answer) return answer;
      answers.push(answer);
    }
    const result = filterAnswers(answers, numberOf(parameters, "threshold"));
    return {
      values: Float64Array.of(result.shareAfter),
      parts: {
        "share before": Float64Array.of(result.shareBefore),
        filtered: Float64Array.of(result.filtered),
        "tokens saved": Float64Array.of(result.tokensSaved),
        "vote correct": Float64Array.of(Number(result.voteCorrect)),
      },
      group: groupMembers(context),
      notes: [
        `${result.filtered} of ${answers.length} generations are filtered; ${result.tokensSaved} of ${result.tokens} tokens saved.`,
      ],
      convention: `threshold ${numberOf(parameters, "threshold")}`,
    };
  },
});
