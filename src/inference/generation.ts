import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { Continuation, GenerationOptions } from "../protocol/inferenceCalls";
import { breathe } from "./breathe";
import type { LoadedModel } from "./loadedModel";
import { logitsOutput } from "./logits";
import { contextLength } from "./modelConfig";
import { drawToken, randomStream } from "./sampling";
import { asFloats } from "./tensors";
import { canReusePrefix, pastInputs, pastOfRow, presentName, textFeeds, type PastState } from "./textBatch";
import type { TextTokenizer } from "./tokenizing";

/** One continuation while it grows. */
interface Branch {
  readonly ids: number[];
  readonly logprobs: number[];
  readonly random: () => number;
  text: string;
  stopReason: Continuation["stopReason"] | undefined;
}

export interface GenerationTask {
  readonly signal: AbortSignal;
  /** Told after each token: text so far per continuation. */
  onToken(texts: readonly string[], done: number): void;
}

/** Ids that end a text: from generation_config.json, else config.json. */
export function endIds(model: LoadedModel): ReadonlySet<number> {
  const folder = model.files.folder;
  const path = folder === undefined ? undefined : join(folder, "generation_config.json");
  let ids: unknown = model.files.config?.eos_token_id;
  if (path !== undefined && existsSync(path)) {
    try {
      ids = (JSON.parse(readFileSync(path, "utf8")) as { eos_token_id?: unknown }).eos_token_id ?? ids;
    } catch {
      throw new Failure("bad-model-config", `${path} is not valid JSON.`, "Export the model folder again.");
    }
  }
  return new Set((Array.isArray(ids) ? ids : [ids]).filter((id): id is number => typeof id === "number"));
}

/**
 * New tokens that there is room for.
 * @throws Failure `too-long` when the context is already full
 */
export function roomFor(model: LoadedModel, before: readonly number[], maxNewTokens: number): number {
  const context = contextLength(model.files.config);
  const room = Math.min(maxNewTokens, context === undefined ? Infinity : context - before.length);
  if (room >= 1) return room;
  throw new Failure(
    "too-long",
    `The text before the fork has ${before.length} tokens, and ${model.files.name} was made for ${context}.`,
    "Fork at an earlier step.",
  );
}

/**
 * Continues one text several times. The text before the fork is computed once; afterwards every run adds one token to
 * each unfinished continuation. Draws depend on the seed and the continuation's number alone.
 * @param before token ids before the fork, at least one
 * @throws Failure `too-long` when the context is already full
 */
export async function continueText(
  model: LoadedModel,
  tokenizer: TextTokenizer,
  before: readonly number[],
  options: GenerationOptions,
  task: GenerationTask,
): Promise<{ continuations: readonly Continuation[]; tokens: number }> {
  const room = roomFor(model, before, options.maxNewTokens);
  const ends = endIds(model);
  const branches: Branch[] = Array.from({ length: options.count }, (_, i) => ({
    ids: [],
    logprobs: [],
    random: randomStream(options.seed * 1_000_003 + i),
    text: "",
    stopReason: undefined,
  }));
  const engine = new Engine(model, before);
  let rows: readonly (Float32Array | Float64Array)[] = branches.map(() => new Float32Array());
  let alive = branches;
  let tokens = before.length;
  for (let step = 0; step < room && alive.length > 0; step++) {
    await breathe(task.signal);
    rows = step === 0 ? await engine.open(alive.length) : await engine.next(alive);
    if (step > 0) tokens += alive.length;
    alive.forEach((branch, r) => extend(branch, rows[r]!, options, ends, tokenizer));
    task.onToken(
      branches.map((branch) => branch.text),
      branches.filter((branch) => branch.stopReason !== undefined).length,
    );
    const kept = alive.flatMap((branch, r) => (branch.stopReason === undefined ? [r] : []));
    if (kept.length < alive.length) engine.keep(kept);
    alive = kept.map((r) => alive[r]!);
  }
  return {
    tokens,
    continuations: branches.map(({ ids, logprobs, text, stopReason }) => ({
      text,
      ids: Int32Array.from(ids),
      logprobs: Float64Array.from(logprobs),
      stopReason: stopReason ?? (room < options.maxNewTokens ? "context" : "length"),
    })),
  };
}

/** Adds one token to a continuation and sees whether it ends there. */
function extend(
  branch: Branch,
  logits: ArrayLike<number>,
  options: GenerationOptions,
  ends: ReadonlySet<number>,
  tokenizer: TextTokenizer,
): void {
  const draw = drawToken(logits, options, branch.random);
  if (!draw) {
    branch.stopReason = "nan";
    return;
  }
  branch.ids.push(draw.token);
  branch.logprobs.push(draw.logprob);
  if (ends.has(draw.token)) {
    branch.stopReason = "end";
    return;
  }
  branch.text = tokenizer.decode(branch.ids);
  const stop = options.stop
    .map((text) => ({ text, at: branch.text.indexOf(text) }))
    .filter(({ at, text }) => at >= 0 && text !== "")
    .sort((a, b) => a.at - b.at)[0];
  if (!stop) return;
  // What stands behind the stop text was not asked for; the stop text itself is kept.
  branch.text = branch.text.slice(0, stop.at + stop.text.length);
  branch.stopReason = "stop";
}

/** Runs the model over a prefix and then token by token, with its cache where it has one. */
export class Engine {
  private readonly logits: string;
  private readonly cached: boolean;
  /** The grown cache as the last run returned it: fed back without a copy. */
  private past: Readonly<Record<string, Tensor>> | undefined;
  private length = 0;
  /** Rows of `past` that are still wanted; undefined = all. */
  private rows: readonly number[] | undefined;

  constructor(
    private readonly model: LoadedModel,
    private readonly before: readonly number[],
  ) {
    this.logits = logitsOutput(model).name;
    this.cached = canReusePrefix(model);
  }

  private get fetches(): string[] {
    return [
      this.logits,
      ...(this.cached ? pastInputs(this.model).map((spec) => presentName(spec.name)) : []),
    ];
  }

  /** Runs the prefix once; the same last distribution for every continuation. */
  async open(count: number): Promise<(Float32Array | Float64Array)[]> {
    const outputs = await this.model.session.run(
      textFeeds(this.model, [this.before], this.before.length),
      this.fetches,
    );
    const row = lastRow(outputs[this.logits]!, 0);
    this.length = this.before.length;
    this.past = outputs;
    this.rows = Array.from({ length: count }, () => 0);
    return Array.from({ length: count }, () => row);
  }

  keep(rows: readonly number[]): void {
    this.rows = this.rows === undefined ? rows : rows.map((row) => this.rows![row]!);
  }

  /** Runs the newest token of each continuation. */
  async next(
    branches: readonly { readonly ids: readonly number[] }[],
  ): Promise<(Float32Array | Float64Array)[]> {
    const { model } = this;
    let outputs: Readonly<Record<string, Tensor>>;
    if (this.cached) {
      const newest = branches.map((branch) => [branch.ids.at(-1)!]);
      outputs = await model.session.run(
        this.rows === undefined
          ? this.feedsFromTensors(newest)
          : textFeeds(model, newest, 1, this.pasts(this.rows)),
        this.fetches,
      );
      this.past = outputs;
      this.rows = undefined;
      this.length++;
    } else {
      const whole = branches.map((branch) => [...this.before, ...branch.ids]);
      outputs = await model.session.run(textFeeds(model, whole, whole[0]!.length), this.fetches);
    }
    return branches.map((_, r) => lastRow(outputs[this.logits]!, r));
  }

  private pasts(rows: readonly number[]): readonly PastState[] {
    const cut = new Map<number, PastState>();
    return rows.map((row) => {
      if (!cut.has(row)) cut.set(row, pastOfRow(this.model, this.past!, row, [[0, this.length]]));
      return cut.get(row)!;
    });
  }

  private feedsFromTensors(newest: readonly (readonly number[])[]): Record<string, Tensor> {
    const tensors = Object.fromEntries(
      pastInputs(this.model).map((spec) => [spec.name, this.past![presentName(spec.name)]!]),
    );
    return textFeeds(this.model, newest, 1, { length: this.length, tensors });
  }
}

/** Logits after the last token of one row. */
function lastRow(logits: Tensor, row: number): Float32Array | Float64Array {
  const [, width, vocabulary] = logits.dims as [number, number, number];
  const start = (row * width + width - 1) * vocabulary;
  return asFloats(logits).subarray(start, start + vocabulary);
}
