import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { PlainArray, PlainValue } from "../model/plain";
import type { Outcome, Step, TokenColumns } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import type { Detection, Format, FormatRecord, RecordContext } from "./format";
import { isObject, stemNumber, titleOf } from "./jsonFields";
import { promptLength, sharedAdvantage, stepsOfMask } from "./maskedTokens";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { fieldsOf, isArray, isPlainList, jsonOf, plainNumber } from "./plainFields";

type Fields = ReadonlyMap<string, PlainValue>;

/** A pickled training batch: padded tensors with a row a sequence, and lists with an entry a sequence. */
export interface TokenBatch {
  readonly tensors: Fields;
  /** Values of one row each, such as uid and raw_prompt. */
  readonly lists: Fields;
  /** What holds for the whole batch. */
  readonly meta: Fields;
}

export interface TokenBatchFormat extends Pick<Format, "id" | "title" | "source"> {
  /** The batch in a pickle; undefined when it is another kind of pickle. */
  batch(value: PlainValue): { readonly batch: TokenBatch; readonly detection: Detection } | undefined;
}

/** Names of the model for tensors with a number a token; others keep their own names. */
const SERIES_NAMES: Readonly<Record<string, string>> = {
  old_log_probs: "logprob",
  action_log_probs: "logprob",
  ref_log_prob: "ref_logprob",
  ref_log_probs: "ref_logprob",
  base_action_log_probs: "ref_logprob",
  rollout_log_probs: "rollout_logprob",
  rollout_logprobs: "rollout_logprob",
  entropys: "entropy",
  values: "value",
  value: "value",
  advantages: "advantage",
  returns: "return",
  token_level_rewards: "reward",
  rewards: "reward",
};
const IDS = ["input_ids", "sequences"] as const;
const MASKS = ["response_mask", "loss_mask", "action_mask"] as const;
const NOT_SERIES = new Set<string>([
  ...IDS,
  ...MASKS,
  "attention_mask",
  "position_ids",
  "responses",
  "prompts",
]);
/** Sums over a row's tokens that are its reward, the first that is there. */
const REWARDS = ["token_level_scores", "token_level_rewards", "rewards", "rm_scores"] as const;
const GROUPS = ["uid", "uids", "group_ids", "group_id"] as const;
const STEPS = ["global_steps", "global_step", "step"] as const;
const MESSAGES = ["messages_list", "messages", "raw_prompt"] as const;

/** A matrix of numbers with a row a sequence. */
function matrixOf(value: PlainValue | undefined): PlainArray | undefined {
  return isArray(value) && value.shape.length === 2 ? value : undefined;
}

function idsOf({ tensors }: TokenBatch): PlainArray | undefined {
  for (const name of IDS) {
    const ids = matrixOf(tensors.get(name));
    if (ids !== undefined) return ids;
  }
  return undefined;
}

/** True for a dict with ids and with masks or numbers of the same rows. */
export function isTokenBatch(tensors: Fields): boolean {
  const ids = idsOf({ tensors, lists: new Map(), meta: new Map() });
  return (
    ids !== undefined &&
    tensors.has("attention_mask") &&
    [...tensors].some(([name, value]) => name in SERIES_NAMES && matrixOf(value)?.shape[0] === ids.shape[0])
  );
}

function rowCount(batch: TokenBatch): number {
  const ids = idsOf(batch);
  if (ids !== undefined) return ids.shape[0] ?? 0;
  for (const value of batch.lists.values()) if (isPlainList(value)) return value.length;
  return 0;
}

/** One row of a matrix. */
function rowOf(matrix: PlainArray, row: number): Float32Array | Float64Array {
  const width = matrix.shape[1] ?? 0;
  return matrix.numbers().subarray(row * width, (row + 1) * width);
}

/**
 * Tokens of one row, without its padding. Narrower tensors are aligned with the end of the padded row, as all of these
 * trainers do with responses; ones that are a token shorter than the row leave out the first token.
 */
function tokensOf(batch: TokenBatch, row: number): TokenColumns | undefined {
  const idMatrix = idsOf(batch);
  if (idMatrix === undefined) return undefined;
  const ids = rowOf(idMatrix, row);
  const width = ids.length;
  const attention = matrixOf(batch.tensors.get("attention_mask"));
  const attended = attention?.shape[1] === width ? rowOf(attention, row) : undefined;
  const kept: number[] = [];
  for (let index = 0; index < width; index++)
    if (attended === undefined || attended[index] !== 0) kept.push(index);
  const aligned = (values: Float32Array | Float64Array): Float64Array => {
    const shift = width - values.length;
    return Float64Array.from(kept, (index) =>
      index >= shift ? (values[index - shift] as number) : Number.NaN,
    );
  };
  const maskMatrix = MASKS.map((name) => matrixOf(batch.tensors.get(name))).find((one) => one !== undefined);
  const responseWidth =
    matrixOf(batch.tensors.get("responses"))?.shape[1] ?? actionWidth(batch, idMatrix) ?? width;
  // Masks that are as wide as the row may hold ones over the prompt, too.
  const isResponse = (index: number): boolean => index >= width - responseWidth;
  const mask =
    maskMatrix === undefined
      ? responseWidth < width
        ? Uint8Array.from(kept, (index) => (isResponse(index) ? 1 : 0))
        : undefined
      : Uint8Array.from(aligned(rowOf(maskMatrix, row)), (value, at) =>
          value > 0 && isResponse(kept[at] as number) ? 1 : 0,
        );
  const series: Record<string, Float64Array> = {};
  for (const [name, value] of batch.tensors) {
    const matrix = matrixOf(value);
    if (NOT_SERIES.has(name) || matrix === undefined || matrix.shape[0] !== idMatrix.shape[0]) continue;
    if ((matrix.shape[1] ?? 0) > width || (matrix.shape[1] ?? 0) < 2) continue;
    series[SERIES_NAMES[name] ?? name] = aligned(rowOf(matrix, row));
  }
  return {
    count: kept.length,
    ids: Int32Array.from(kept, (index) => ids[index] as number),
    ...(mask === undefined ? {} : { mask }),
    series,
  };
}

/** Width of the tensor of log-probabilities: one number an action, or one fewer than tokens where the first has none. */
function actionWidth(batch: TokenBatch, ids: PlainArray): number | undefined {
  for (const name of ["old_log_probs", "action_log_probs"]) {
    const matrix = matrixOf(batch.tensors.get(name));
    if (matrix !== undefined && matrix.shape[0] === ids.shape[0]) return matrix.shape[1];
  }
  return undefined;
}

/** The reward of a row: the sum of its token rewards, over the tokens that were recorded. */
function outcomeOf(batch: TokenBatch, row: number): Outcome {
  const components: Record<string, number | null> = {};
  const count = rowCount(batch);
  for (const [name, value] of batch.lists) {
    const list = isPlainList(value) && value.length === count ? plainNumber(value[row]) : undefined;
    const array =
      isArray(value) && value.shape.length === 1 && value.shape[0] === count
        ? value.numbers()[row]
        : undefined;
    const number = list ?? array;
    if (number !== undefined && !(GROUPS as readonly string[]).includes(name)) components[name] = number;
  }
  for (const name of REWARDS) {
    const matrix = matrixOf(batch.tensors.get(name));
    if (matrix === undefined || matrix.shape[0] !== count) continue;
    let reward = 0;
    for (const value of rowOf(matrix, row)) reward += value;
    return { reward, rewardSource: `sum of ${name}`, components };
  }
  const reward = batch.tensors.get("reward");
  if (isArray(reward) && reward.shape.length === 1 && reward.shape[0] === count)
    return { reward: reward.numbers()[row] as number, rewardSource: "reward", components };
  return { components };
}

/** Full messages of a row; `jsonOf` would shorten long lists. */
function messagesOf(value: PlainValue | undefined): readonly JsonObject[] | undefined {
  if (!isPlainList(value)) return undefined;
  const list: JsonValue[] = value.map((item) => jsonOf(item));
  return list.length > 0 && list.every(isObject) ? messageList(list) : undefined;
}

function draftOf(batch: TokenBatch, row: number, context: RecordContext): TrajectoryDraft {
  const entry = (name: string): PlainValue | undefined => {
    const list = batch.lists.get(name) ?? batch.meta.get(name);
    return isPlainList(list) ? list[row] : isArray(list) ? list.numbers()[row] : undefined;
  };
  const tokens = tokensOf(batch, row);
  const messages = MESSAGES.map((name) => messagesOf(entry(name))).find((one) => one !== undefined);
  const group = GROUPS.map(entry).find((value) => value !== undefined && value !== null);
  const step = STEPS.map((name) => plainNumber(batch.meta.get(name))).find(
    (value) => typeof value === "number",
  );
  const named = /global_step_(\d+)/.exec(context.path)?.[1];
  const prompt = tokens === undefined ? 0 : promptLength(tokens);
  const asked = messages === undefined ? undefined : promptOfMessages(messages);
  const spoken = messages?.some((message) => message["role"] === "assistant") === true;
  const steps: Step[] =
    spoken && messages !== undefined
      ? messageSteps(messages)
      : tokens === undefined
        ? []
        : stepsOfMask(tokens);
  const first = steps[0];
  // The prompt is known as text even where the response is not.
  if (!spoken && asked !== undefined && first?.kind === "prompt") steps[0] = { ...first, observation: asked };
  const extra: Record<string, JsonValue> = {};
  for (const name of batch.lists.keys()) {
    const value = entry(name);
    if (value !== undefined) extra[name] = jsonOf(value);
  }
  return {
    ...(group === undefined
      ? tokens === undefined
        ? {}
        : {
            groupKey: tokens.ids?.subarray(0, prompt).join(",") ?? "",
            groupGuess: "rows of one batch whose prompt tokens are equal",
          }
      : { groupKey: String(jsonOf(group)) }),
    ...given("trainingStep", step ?? (named === undefined ? stemNumber(context.path) : Number(named))),
    title:
      asked === undefined
        ? tokens === undefined
          ? `row ${row}`
          : `${prompt} prompt tokens, ${tokens.count - prompt} more`
        : titleOf(asked),
    task: asked === undefined ? {} : { prompt: asked },
    steps,
    ...given("tokens", tokens),
    outcome: outcomeOf(batch, row),
    ...given("advantage", tokens === undefined ? undefined : sharedAdvantage(tokens)),
    extra,
    notes: spoken
      ? []
      : [
          {
            code: "no-text",
            message:
              "A training batch holds ids and numbers, no text of the response: its steps are the runs of the response mask.",
          },
        ],
  };
}

/** A format whose pickles are training batches; each row is a trajectory. */
export function tokenBatchFormat({ batch: batchOf, ...format }: TokenBatchFormat): Format {
  return draftedFormat({
    ...format,
    containers: ["pickle"],
    grouping: "key",
    nativeTree: false,
    recordsAdvantage: "token",
    detect: ({ plain }) => (plain === undefined ? undefined : batchOf(plain)?.detection),
    plainRecords(value) {
      const found = batchOf(value);
      if (found === undefined) return [];
      return Array.from({ length: rowCount(found.batch) }, (_, row) => [value, row]);
    },
    drafts(record: FormatRecord, context) {
      const [value, row] = record.kind === "plain" && isPlainList(record.value) ? record.value : [];
      const found = value === undefined ? undefined : batchOf(value);
      if (found === undefined || typeof row !== "number")
        throw new Failure("unfit-record", "The row belongs to no batch.", "Refresh the Trajectories view.");
      return [draftOf(found.batch, row, context)];
    },
  });
}

/** Fields of a dict or of an object's state; empty for anything else. */
export function fieldsOrNone(value: PlainValue | undefined): Fields {
  return fieldsOf(value) ?? new Map<string, PlainValue>();
}
