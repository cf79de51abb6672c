import { Failure } from "../model/failure";
import type { ScoreArray, ScoreSeries } from "../model/score";
import type { Trajectory } from "../model/trajectory";
import type { InferenceCalls, PolicyQuestion } from "../protocol/inferenceCalls";
import { causalPass } from "./causalPass";
import { fitText, sentenceOf, endsCall, contextPolicy } from "./preparedText";
import { chooseProvider, DEFAULT_BATCH_TOKENS, requireAnswerer, type ModelHolder } from "./scoring";
import type { TextTokenizer } from "./tokenizing";
import { messagesOf, textOf } from "./trajectoryText";

type Call = InferenceCalls["questions"];

/** One text whose end is asked about. */
interface Asked {
  readonly trajectory: number;
  readonly question: number;
  /** Row of the result: a step, or 0 for the whole trajectory. */
  readonly row: number;
  /** Follow-up, or -1 for a judgement. */
  readonly followUp: number;
  readonly ids: readonly number[];
  /** First token that belongs to the follow-up; for a judgement the number of tokens. */
  readonly from: number;
}

/** What stands before a question: the text as the model reads it, and how a further user turn is written. */
interface Context {
  readonly row: number;
  /** The context with `content` behind it, and where the content ends. */
  render(content: string): string;
  readonly templated: boolean;
}

/** The places of a trajectory at which a question is asked. */
function contextsOf(trajectory: Trajectory, at: PolicyQuestion["at"], tokenizer: TextTokenizer): Context[] {
  const whole = textOf(trajectory, tokenizer.chatTemplate);
  const template = tokenizer.chatTemplate;
  const steps = at === "trajectory" ? [undefined] : whole.spans.filter((span) => span.policy);
  return steps.map((span) => {
    const row = span?.step ?? 0;
    if (whole.templated && template) {
      const before =
        span === undefined
          ? trajectory
          : { ...trajectory, steps: trajectory.steps.filter((step) => step.index <= span.step) };
      const messages = messagesOf(before);
      return {
        row,
        templated: true,
        render: (content) => {
          const rendered = template([...messages, { role: "user", content }]);
          const end = rendered.lastIndexOf(content.trim());
          return end < 0 ? rendered : rendered.slice(0, end + content.trim().length);
        },
      };
    }
    const text = span === undefined ? whole.text : whole.text.slice(0, span.end);
    return { row, templated: false, render: (content) => text + content };
  });
}

function checkQuestions(questions: readonly PolicyQuestion[]): void {
  for (const { name, followUps, judgement } of questions) {
    if ((followUps === undefined || followUps.length === 0) === (judgement === undefined))
      throw new Failure(
        "bad-question",
        `The question “${name}” needs either follow-ups or two answers to judge by.`,
        "Give one of the two.",
      );
  }
}

/**
 * Asks a policy about what was said: how likely a user's follow-ups are (FLR: log-likelihood, satisfied minus
 * dissatisfied; the release's mean raw logit comes along as an array), or which of two tokens it would say first
 * (UI-Genie: p(yes) / (p(yes) + p(no))). Contexts that share a beginning share its computation.
 */
export async function askQuestions(
  holder: ModelHolder,
  params: Call["params"],
  signal: AbortSignal,
  report: (progress: Call["progress"]) => void,
): Promise<Call["result"]> {
  checkQuestions(params.questions);
  const provider = await chooseProvider(holder, params);
  const { model, loadSeconds } = await holder.open(params.modelPath, provider, params.declaration);
  requireAnswerer(model);
  const started = performance.now();
  const tokenizer = await model.tokenizer();
  const total = params.trajectories.length;
  const failures: { trajectoryId: string; message: string }[] = [];
  const asked: Asked[] = [];
  params.trajectories.forEach((trajectory, index) => {
    try {
      const own: Asked[] = [];
      params.questions.forEach((question, q) => {
        for (const context of contextsOf(trajectory, question.at, tokenizer)) {
          const encode = (content: string): readonly number[] => {
            const ids = tokenizer.encode(context.render(content), !context.templated);
            const fitted = fitText(model, tokenizer, ids, contextPolicy(model, undefined));
            if (typeof fitted === "string") throw new Failure("too-long", fitted, "Choose another policy.");
            return fitted.ids;
          };
          if (question.judgement) {
            const ids = encode(question.text);
            own.push({
              trajectory: index,
              question: q,
              row: context.row,
              followUp: -1,
              ids,
              from: ids.length,
            });
          }
          const bare = question.followUps ? encode(question.text) : [];
          question.followUps?.forEach((followUp, f) => {
            const ids = encode(question.text + followUp.text);
            let from = 0;
            while (from < bare.length && from < ids.length && bare[from] === ids[from]) from++;
            own.push({ trajectory: index, question: q, row: context.row, followUp: f, ids, from });
          });
        }
      });
      asked.push(...own);
    } catch (error) {
      if (endsCall(error)) throw error;
      failures.push({ trajectoryId: trajectory.id, message: sentenceOf(error) });
    }
  });
  const { statistics, computedTokens } = await causalPass(
    model,
    asked.map((one) => one.ids),
    asked.map((one) =>
      Uint8Array.from(one.ids, (_, i) => (one.followUp >= 0 && i >= one.from && i > 0 ? 1 : 0)),
    ),
    {
      signal,
      maxBatchTokens: params.maxBatchTokens ?? DEFAULT_BATCH_TOKENS,
      sharePrefixes: true,
      // A judgement is read behind the last token; the release of FLR reads at the follow-up's first token.
      capture: asked.map((one) => (one.followUp < 0 ? one.ids.length - 1 : one.from)),
      onBatch: (done, all) =>
        report({
          done: Math.floor((total * done) / Math.max(all, 1)),
          total,
          provider,
          message: `${done.toLocaleString("en")} of ${all.toLocaleString("en")} tokens`,
        }),
    },
  );
  const series: ScoreSeries[] = [];
  const arrays: ScoreArray[] = [];
  params.trajectories.forEach((trajectory, index) => {
    if (failures.some((failure) => failure.trajectoryId === trajectory.id)) return;
    params.questions.forEach((question, q) => {
      const level = question.at;
      const rows = level === "trajectory" ? 1 : trajectory.steps.length;
      const base = {
        trajectoryId: trajectory.id,
        level,
        modelPath: params.modelPath,
        modelKind: model.kind,
        provider,
      };
      const values = new Float64Array(rows).fill(NaN);
      const own = asked.flatMap((one, i) => (one.trajectory === index && one.question === q ? [i] : []));
      if (question.judgement) {
        const [yes, no] = question.judgement.map((text) => firstToken(text, tokenizer)) as [number, number];
        for (const i of own) {
          const row = statistics[i]!.captured!;
          values[asked[i]!.row] = 1 / (1 + Math.exp(row[no]! - row[yes]!));
        }
        series.push({
          ...base,
          name: question.name,
          unit: "probability",
          values,
          method: `p(${JSON.stringify(question.judgement[0])}) against p(${JSON.stringify(question.judgement[1])}) as the next token after ${JSON.stringify(question.text)}`,
        });
        return;
      }
      const followUps = question.followUps!;
      const empty = (): Float64Array => new Float64Array(rows * followUps.length).fill(NaN);
      const [sums, logits] = [empty(), empty()];
      for (const i of own) {
        const { row, followUp, ids, from } = asked[i]!;
        const place = row * followUps.length + followUp;
        const { logprob, captured } = statistics[i]!;
        sums[place] = logprob
          .subarray(from)
          .reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0);
        const tail = ids.slice(from);
        logits[place] = tail.reduce((sum, id) => sum + captured![id]!, 0) / tail.length;
      }
      for (let row = 0; row < rows; row++) {
        const mean = (sign: 1 | -1): number => {
          const chosen = followUps.flatMap((one, f) =>
            one.sign === sign ? [sums[row * followUps.length + f]!] : [],
          );
          return chosen.length === 0 ? 0 : chosen.reduce((sum, value) => sum + value, 0) / chosen.length;
        };
        values[row] = mean(1) - mean(-1);
      }
      const labels = Array.from({ length: rows }, () => followUps.map((one) => one.text)).flat();
      const table = (name: string, data: Float64Array, method: string): ScoreArray => ({
        ...base,
        name: `${question.name}:${name}`,
        rows,
        width: followUps.length,
        data,
        labels,
        method,
      });
      arrays.push(
        table("follow_up_logprob", sums, "log-likelihood of each follow-up, nats"),
        table(
          "follow_up_logit",
          logits,
          "mean raw logit of the follow-up's tokens, all read at its first token (FLR as released)",
        ),
      );
      series.push({
        ...base,
        name: question.name,
        unit: "nats",
        values,
        method: "mean log-likelihood of satisfied follow-ups minus that of dissatisfied ones",
      });
    });
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
    arrays,
    failures,
  };
}

function firstToken(text: string, tokenizer: TextTokenizer): number {
  const [id] = tokenizer.encode(text, false);
  if (id !== undefined) return id;
  throw new Failure("bad-question", "An answer to judge by is empty.", "Give a text for yes and one for no.");
}
