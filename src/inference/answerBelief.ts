import { Failure } from "../model/failure";
import type { JsonValue } from "../model/json";
import type { ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { InferenceCalls } from "../protocol/inferenceCalls";
import { causalPass } from "./causalPass";
import { endsCall, prepareText, sentenceOf, tooLong } from "./preparedText";
import type { ModelHolder } from "./scoring";
import { chooseProvider, DEFAULT_BATCH_TOKENS, requireAnswerer } from "./scoring";
import { alignTokens } from "./stepMap";
import type { TextTokenizer } from "./tokenizing";

type Call = InferenceCalls["answerBelief"];

/** A suffix with the answer in it: text, and where the answer stands. */
export interface FilledTemplate {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const PLACE = /\{answer(?:\.([^{}]+))?\}/;

/**
 * Puts a ground truth into a template: `{answer}` for a text or number, `{answer.name}` for a field of an object.
 * @throws Failure `bad-template` or `no-answer`
 */
export function fillTemplate(template: string, groundTruth: JsonValue | undefined): FilledTemplate {
  const place = PLACE.exec(template);
  if (!place) {
    throw new Failure(
      "bad-template",
      "The template has no {answer}, so nothing would be asked.",
      "Write for example “\\nThe answer is {answer}”, or {answer.field} where the ground truth is an object.",
    );
  }
  let value: JsonValue | undefined = groundTruth;
  for (const key of place[1]?.split(".") ?? []) {
    value =
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? (value as Readonly<Record<string, JsonValue | undefined>>)[key]
        : undefined;
  }
  if (typeof value !== "string" && typeof value !== "number") {
    const what =
      groundTruth === undefined ? "no ground truth" : "a ground truth that is no text at that place";
    throw new Failure(
      "no-answer",
      `The trajectory has ${what}, so there is no answer to ask for.`,
      "Use {answer.field} for a field of the ground truth.",
    );
  }
  const answer = String(value);
  const text = template.slice(0, place.index) + answer + template.slice(place.index + place[0].length);
  return { text, start: place.index, end: place.index + answer.length };
}

/** One question: what stands before a turn, with the suffix behind it. */
interface Question {
  readonly step: number;
  readonly ids: readonly number[];
  readonly wanted: Uint8Array;
}

interface Item {
  readonly trajectory: Trajectory;
  readonly questions: readonly Question[];
  readonly method: string;
}

/**
 * The policy's belief in the right answer before each of its steps: the mean log-probability of the answer's tokens
 * when the answer is put straight behind what was said so far. Contexts of one trajectory (and of a group) share
 * their computation.
 */
export async function answerBelief(
  holder: ModelHolder,
  params: Call["params"],
  signal: AbortSignal,
  report: (progress: Call["progress"]) => void,
): Promise<Call["result"]> {
  const provider = await chooseProvider(holder, params);
  const { model, loadSeconds } = await holder.open(params.modelPath, provider, params.declaration);
  requireAnswerer(model);
  const started = performance.now();
  const tokenizer = await model.tokenizer();
  const total = params.trajectories.length;
  const failures: { trajectoryId: string; message: string }[] = [];
  const items: Item[] = [];
  for (const trajectory of params.trajectories) {
    try {
      const filled = fillTemplate(params.template, trajectory.task.groundTruth);
      const prepared = await prepareText(model, trajectory);
      const questions = prepared.spans
        .filter((span) => span.policy)
        .map((span) => {
          const count = prepared.tokens.findLastIndex((token) => token.end <= span.start) + 1;
          return questionOf(span.step, prepared.ids.slice(0, count), filled, tokenizer);
        });
      const longest = Math.max(0, ...questions.map((question) => question.ids.length));
      const message = questions.length === 0 ? "It has no step of the policy." : tooLong(model, longest);
      if (message === undefined) items.push({ trajectory, questions, method: prepared.method });
      else failures.push({ trajectoryId: trajectory.id, message });
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  }
  const questions = items.flatMap((item) => item.questions);
  const { statistics, computedTokens } = await causalPass(
    model,
    questions.map((question) => question.ids),
    questions.map((question) => question.wanted),
    {
      signal,
      maxBatchTokens: params.maxBatchTokens ?? DEFAULT_BATCH_TOKENS,
      sharePrefixes: true,
      onBatch: (done, all) =>
        report({
          done: Math.floor((total * done) / Math.max(all, 1)),
          total,
          provider,
          message: `${done.toLocaleString("en")} of ${all.toLocaleString("en")} tokens`,
        }),
    },
  );
  let at = 0;
  const series = items.map((item): ScoreSeries => {
    const values = new Float64Array(item.trajectory.steps.length).fill(NaN);
    for (const question of item.questions) {
      const logprobs = statistics[at++]!.logprob.filter((_, i) => question.wanted[i] === 1);
      values[question.step] = logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length;
    }
    return {
      trajectoryId: item.trajectory.id,
      name: "answer_logprob",
      level: "step",
      unit: "nats per token",
      values,
      modelPath: params.modelPath,
      modelKind: model.kind,
      provider,
      method: `mean over the answer's tokens in ${JSON.stringify(params.template)} put before each step, ${item.method}`,
    };
  });
  return {
    provider,
    modelPath: params.modelPath,
    modelKind: model.kind,
    trajectories: total,
    tokens: computedTokens,
    seconds: (performance.now() - started) / 1000,
    loadSeconds,
    cached: 0,
    series,
    failures,
  };
}

function questionOf(
  step: number,
  before: readonly number[],
  filled: FilledTemplate,
  tokenizer: TextTokenizer,
): Question {
  const suffix = tokenizer.encode(filled.text, false);
  const spans = alignTokens(suffix, filled.text, tokenizer);
  const wanted = new Uint8Array(before.length + suffix.length);
  spans.forEach(({ start, end }, i) => {
    // The first token of all has nothing before it that could predict it.
    if (start < filled.end && end > filled.start && before.length + i > 0) wanted[before.length + i] = 1;
  });
  return { step, ids: [...before, ...suffix], wanted };
}
