import { Failure } from "../model/failure";
import type { InferenceCalls, StateValue } from "../protocol/inferenceCalls";
import { tokensBefore } from "./forkPoint";
import { continueText } from "./generation";
import { graderOf, wilsonInterval } from "./graders";
import type { LoadedModel } from "./loadedModel";
import { prepareText, type PreparedText } from "./preparedText";
import { chooseProvider, type ModelHolder } from "./scoring";

type Generate = InferenceCalls["generate"];
type StateValues = InferenceCalls["stateValues"];

const MOST_CONTINUATIONS = 256;

function checkOptions({ count, temperature, topP, maxNewTokens }: Generate["params"]["options"]): void {
  const wrong = (what: string): never => {
    throw new Failure("bad-parameter", what, "Correct the number.");
  };
  if (!Number.isInteger(count) || count < 1 || count > MOST_CONTINUATIONS)
    wrong(`Continuations must be 1 to ${MOST_CONTINUATIONS}, not ${count}.`);
  if (!(temperature >= 0)) wrong(`The temperature must be 0 or more, not ${temperature}.`);
  if (!(topP > 0 && topP <= 1)) wrong(`Top-p must be above 0 and at most 1, not ${topP}.`);
  if (!Number.isInteger(maxNewTokens) || maxNewTokens < 1)
    wrong(`New tokens must be 1 or more, not ${maxNewTokens}.`);
}

/** The language model that continues, and the trajectory as it reads it. @throws Failure `model-does-not-fit` */
export async function openForGeneration(
  holder: ModelHolder,
  params: Pick<Generate["params"], "modelPath" | "provider" | "skip" | "trajectory" | "declaration">,
): Promise<{ model: LoadedModel; loadSeconds: number; prepared: PreparedText }> {
  const provider = await chooseProvider(holder, params);
  const { model, loadSeconds } = await holder.open(params.modelPath, provider, params.declaration);
  if (model.kind !== "policy-lm") {
    throw new Failure(
      "model-does-not-fit",
      `${model.files.name} is of kind ${model.kind}; only a language model continues text.`,
      "Choose a policy.",
    );
  }
  return { model, loadSeconds, prepared: await prepareText(model, params.trajectory) };
}

/** Continues a trajectory from one place. @throws Failure in one sentence, or `cancelled` */
export async function generate(
  holder: ModelHolder,
  params: Generate["params"],
  signal: AbortSignal,
  report: (progress: Generate["progress"]) => void,
): Promise<Generate["result"]> {
  checkOptions(params.options);
  const { model, loadSeconds, prepared } = await openForGeneration(holder, params);
  const { provider } = model.session;
  const started = performance.now();
  const before = tokensBefore(prepared, params.point);
  const total = params.options.count;
  const { continuations, tokens } = await continueText(
    model,
    await model.tokenizer(),
    before,
    params.options,
    {
      signal,
      onToken: (texts, done) => report({ done, total, provider, texts }),
    },
  );
  return {
    provider,
    modelPath: params.modelPath,
    continuations,
    prefix: prepared.text.slice(0, prepared.tokens[before.length - 1]!.end),
    prefixTokens: before.length,
    tokens,
    seconds: (performance.now() - started) / 1000,
    loadSeconds,
  };
}

/** Monte-Carlo values of the states behind several steps. The whole text, step included, is what the grader reads. */
export async function stateValues(
  holder: ModelHolder,
  params: StateValues["params"],
  signal: AbortSignal,
  report: (progress: StateValues["progress"]) => void,
): Promise<StateValues["result"]> {
  const succeeded = params.grader && graderOf(params.grader);
  checkOptions(params.options);
  const { model, loadSeconds, prepared } = await openForGeneration(holder, params);
  const { provider } = model.session;
  const tokenizer = await model.tokenizer();
  const started = performance.now();
  const total = params.afterSteps.length;
  const responseStart = prepared.spans.find((span) => span.policy)?.start ?? prepared.text.length;
  const values: StateValue[] = [];
  let tokens = 0;
  for (const [index, afterStep] of params.afterSteps.entries()) {
    const before = tokensBefore(prepared, { afterStep });
    // Another seed for every state, or the same luck would repeat along the trajectory.
    const options = { ...params.options, seed: params.options.seed + 7919 * index };
    const { continuations, tokens: used } = await continueText(model, tokenizer, before, options, {
      signal,
      onToken: (texts) => report({ done: index, total, provider, texts }),
    });
    tokens += used;
    const said = prepared.text.slice(responseStart, prepared.tokens[before.length - 1]!.end);
    const usable = continuations.filter((continuation) => continuation.stopReason !== "nan");
    const texts = usable.map((continuation) => said + continuation.text);
    if (!succeeded) {
      values.push({ afterStep, trials: usable.length, value: NaN, interval: [NaN, NaN], texts });
    } else {
      const successes = texts.filter(succeeded).length;
      values.push({
        afterStep,
        successes,
        trials: usable.length,
        value: successes / usable.length,
        interval: wilsonInterval(successes, usable.length),
        method: "Wilson score",
      });
    }
    report({ done: index + 1, total, provider, values: [...values] });
  }
  return {
    provider,
    modelPath: params.modelPath,
    values,
    tokens,
    seconds: (performance.now() - started) / 1000,
    loadSeconds,
  };
}
