import { Failure } from "../model/failure";
import type { PlainMap, PlainValue } from "../model/plain";
import type { Note, TokenColumns } from "../model/trajectory";
import { draftedFormat, given } from "./draft";
import type { RecordContext } from "./format";
import { stemNumber } from "./jsonFields";
import { promptLength, sharedAdvantage, stepsOfMask } from "./maskedTokens";
import { fieldsOf, isArray, isPlainList, jsonOf, plainNumber } from "./plainFields";
import { microBatchOf, trainingBatchOf, trainingSampleOf } from "./primeRlStructs";

type Fields = ReadonlyMap<string, PlainValue>;

/** Names of the model for numbers a token; others keep their own. */
const SERIES_NAMES: Readonly<Record<string, string>> = {
  advantages: "advantage",
  inference_logprobs: "logprob",
  logprobs: "logprob",
  completion_logprobs: "logprob",
  ref_logprobs: "ref_logprob",
  completion_temperatures: "temperature",
  temperatures: "temperature",
  rewards: "reward",
};
const IDS = ["input_ids", "token_ids", "prompt_ids", "completion_ids"] as const;
const MASKS = ["loss_mask", "mask", "prompt_mask", "completion_mask"] as const;
const NOT_SERIES = new Set<string>([...IDS, ...MASKS, "position_ids", "env_names"]);

/** A document as plain data: what every format record of this file is. */
const document = (
  ids: readonly PlainValue[],
  mask: readonly PlainValue[] | undefined,
  series: PlainMap,
  rest: Fields,
): PlainMap =>
  new Map<PlainValue, PlainValue>([
    ["ids", ids],
    ["mask", mask ?? null],
    ["series", series],
    ["rest", rest as PlainMap],
  ]);

/** Lists of a struct that have a number for each of its tokens. */
function seriesOf(fields: Fields, tokens: number): Map<string, readonly PlainValue[]> {
  const series = new Map<string, readonly PlainValue[]>();
  for (const [name, value] of fields)
    if (!NOT_SERIES.has(name) && isPlainList(value) && value.length === tokens && value.every(isNumeric))
      series.set(name, value);
  return series;
}

const isNumeric = (value: PlainValue): boolean => typeof value === "number" || value === null;

/**
 * The documents of a micro batch: one starts where position_ids returns to 0. Sequences are padded at the end with a document
 * of which no token is trained; a micro batch without any trained token fills up a rank and is kept.
 */
function documentsOf(fields: Fields): readonly PlainMap[] {
  const ids = fields.get("input_ids");
  const mask = fields.get("loss_mask");
  const positions = fields.get("position_ids");
  if (!isPlainList(ids) || !isPlainList(positions)) return [];
  const masks = isPlainList(mask) ? mask : undefined;
  const starts = positions.flatMap((position, index) => (index === 0 || position === 0 ? [index] : []));
  const ranges = starts.map((start, index) => ({ start, end: starts[index + 1] ?? ids.length }));
  const isTrained = ({ start, end }: { start: number; end: number }): boolean =>
    masks === undefined || masks.slice(start, end).includes(true);
  let last = ranges.length;
  if (ranges.some(isTrained)) while (!isTrained(ranges[last - 1] ?? { start: 0, end: 0 })) last--;
  const series = seriesOf(fields, ids.length);
  const envs = fields.get("env_names");
  return ranges.slice(0, last).map(({ start, end }) => {
    const rest = new Map([...fields].filter(([name]) => !NOT_SERIES.has(name) && !series.has(name)));
    const env = isPlainList(envs) ? envs.slice(start, end).find((name) => name !== "") : undefined;
    if (env !== undefined) rest.set("env_name", env);
    if (last > 1) rest.set("packed_documents", last);
    return document(
      ids.slice(start, end),
      masks?.slice(start, end),
      new Map([...series].map(([name, values]) => [name, values.slice(start, end)] as const)),
      rest,
    );
  });
}

/** A training sample: prompt and completion in one, numbers of the completion alone shifted behind the prompt. */
function sampleDocument(fields: Fields, batch: Fields): PlainMap {
  const list = (name: string): readonly PlainValue[] => {
    const value = fields.get(name);
    return isPlainList(value) ? value : [];
  };
  const prompt = list("prompt_ids").length;
  const split = fields.has("prompt_ids");
  const ids = split ? [...list("prompt_ids"), ...list("completion_ids")] : list("token_ids");
  const mask = split ? [...list("prompt_mask"), ...list("completion_mask")] : list("mask");
  const series = seriesOf(fields, ids.length);
  for (const name of ["completion_logprobs", "completion_temperatures"])
    if (fields.has(name)) series.set(name, [...new Array<null>(prompt).fill(null), ...list(name)]);
  const rest = new Map([...fields, ...batch].filter(([name]) => !NOT_SERIES.has(name) && !series.has(name)));
  return document(ids, mask, series as PlainMap, rest);
}

/** Micro batches of tensors, as they were saved with torch before the end of 2025: rows of one length. */
function tensorRows(value: PlainValue): readonly Fields[] {
  const fields = fieldsOf(value);
  const ids = fields?.get("input_ids");
  if (fields === undefined || !isArray(ids) || ids.shape.length !== 2) return [];
  const [rows = 0, width = 0] = ids.shape;
  return Array.from({ length: rows }, (_, row) => {
    const own = new Map<string, PlainValue>();
    for (const [name, item] of fields) {
      const columns =
        isArray(item) && item.shape.length === 2 && item.shape[0] === rows ? item.shape[1] : undefined;
      if (!isArray(item) || columns === undefined) {
        own.set(name, item);
        continue;
      }
      const numbers = item.numbers().subarray(row * columns, (row + 1) * columns);
      // Log-probabilities of the first versions leave out the first token, which nothing predicts.
      const shift = columns === width - 1 ? [null] : [];
      own.set(
        name === "logprobs" ? "inference_logprobs" : name,
        name === "loss_mask" ? Array.from(numbers, (flag) => flag !== 0) : [...shift, ...numbers],
      );
    }
    return own;
  });
}

function tensorBatch(value: PlainValue): boolean {
  const fields = fieldsOf(value);
  return (
    fields !== undefined &&
    ["input_ids", "position_ids", "advantages"].every((name) => {
      const item = fields.get(name);
      return isArray(item) && item.shape.length === 2;
    }) &&
    (fields.has("inference_logprobs") || fields.has("logprobs"))
  );
}

function tokensOf(fields: Fields): TokenColumns {
  const ids = fields.get("ids");
  const mask = fields.get("mask");
  if (!isPlainList(ids))
    throw new Failure("unfit-record", "The document has no token ids.", "The others are shown.");
  const series: Record<string, Float64Array> = {};
  for (const [name, values] of fieldsOf(fields.get("series")) ?? [])
    if (isPlainList(values))
      series[SERIES_NAMES[name] ?? name] = Float64Array.from(values, (value) =>
        typeof value === "number" ? value : Number.NaN,
      );
  return {
    count: ids.length,
    ids: Int32Array.from(ids, Number),
    ...(isPlainList(mask) ? { mask: Uint8Array.from(mask, (flag) => (flag === true ? 1 : 0)) } : {}),
    series,
  };
}

function trainingStepOf(rest: Fields, { path }: RecordContext): number | undefined {
  const step = plainNumber(rest.get("step"));
  if (typeof step === "number") return step;
  const folder = /(?:^|[/\\])step_(\d+)[/\\][^/\\]*$/.exec(path)?.[1];
  return folder === undefined ? (/rank_\d+\.\w+$/.test(path) ? undefined : stemNumber(path)) : Number(folder);
}

const NO_TEXT: Note = {
  code: "no-text",
  message:
    "A batch on its way to the trainer holds ids and numbers, no text: its steps are the runs of the loss mask.",
};

/** What prime-rl's orchestrator hands to its trainer through files: packed micro batches, or training samples. */
export const primeRlBatches = draftedFormat({
  id: "prime-rl-batches",
  title: "prime-rl training batches",
  source:
    "PrimeIntellect-ai/prime-rl, rollouts/step_{N}/rank_{r}.bin, rollouts.bin (MessagePack) and rank_{r}.pt",
  containers: ["pickle"],
  grouping: "key",
  nativeTree: false,
  recordsAdvantage: "token",

  detect({ plain }) {
    if (plain === undefined || !isPlainList(plain)) return undefined;
    if (trainingBatchOf(plain) !== undefined)
      return {
        confidence: 0.95,
        reason: "a list of training samples and its step, as prime-rl's structs lie in MessagePack",
      };
    const [first] = plain;
    if (microBatchOf(first) !== undefined)
      return {
        confidence: 0.95,
        reason: "micro batches of token ids, loss mask, advantages, log-probabilities and positions",
      };
    return first !== undefined && tensorBatch(first)
      ? {
          confidence: 0.95,
          reason: "micro batches with input_ids, position_ids, advantages and log-probabilities",
        }
      : undefined;
  },

  plainRecords(value) {
    const batch = trainingBatchOf(value);
    if (batch !== undefined)
      return batch.samples.map((sample) => {
        const fields = trainingSampleOf(sample);
        return fields === undefined ? null : sampleDocument(fields, batch.rest);
      });
    if (!isPlainList(value)) return [];
    return value.flatMap((one, index): readonly PlainValue[] => {
      const fields = microBatchOf(one);
      const rows = fields === undefined ? tensorRows(one) : [fields];
      if (rows.length === 0) return [null];
      return rows.flatMap((row) => documentsOf(new Map([...row, ["micro_batch", index]])));
    });
  },

  drafts(record, context) {
    const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
    if (fields === undefined)
      throw new Failure(
        "unfit-record",
        "The element is no micro batch and no training sample of a version of prime-rl that is known here.",
        "The others are shown.",
      );
    const tokens = tokensOf(fields);
    const rest = fieldsOf(fields.get("rest")) ?? new Map<string, PlainValue>();
    const prompt = promptLength(tokens);
    const env = rest.get("env_name");
    const name = typeof env === "string" ? env : undefined;
    const reward = plainNumber(rest.get("reward")) ?? sharedReward(tokens);
    const packed = plainNumber(rest.get("packed_documents"));
    const extra = new Map(
      [...rest].filter(([key]) => !["env_name", "reward", "advantage", "step"].includes(key)),
    );
    return [
      {
        groupKey: `${name ?? ""}:${tokens.ids?.subarray(0, prompt).join(",") ?? ""}`,
        groupGuess: "sequences of one training step whose prompt tokens are equal",
        title: `${name === undefined ? "" : `${name}: `}${prompt} prompt tokens, ${tokens.count - prompt} more`,
        task: name === undefined ? {} : { id: name },
        ...given("trainingStep", trainingStepOf(rest, context)),
        steps: stepsOfMask(tokens),
        tokens,
        outcome: {
          ...given("reward", reward),
          ...(reward === undefined ? {} : { rewardSource: "reward" }),
          components: {},
        },
        ...given("advantage", plainNumber(rest.get("advantage")) ?? sharedAdvantage(tokens)),
        extra: Object.fromEntries([...extra].map(([key, value]) => [key, jsonOf(value)])),
        notes: [
          NO_TEXT,
          ...(typeof packed === "number"
            ? [
                {
                  code: "packed-sequence",
                  message: `One of ${packed} documents that were packed into one sequence, split where position_ids returns to 0.`,
                },
              ]
            : []),
          ...(tokens.mask === undefined || tokens.mask.includes(1)
            ? []
            : [
                {
                  code: "untrained",
                  message:
                    "No token of this sequence is trained: prime-rl fills up ranks with such copies of others.",
                },
              ]),
        ],
      },
    ];
  },
});

/** The reward that all tokens of a document carry. */
function sharedReward(tokens: TokenColumns): number | undefined {
  const rewards = tokens.series["reward"];
  const first = rewards?.[0];
  return first !== undefined && rewards?.every((value) => value === first) === true ? first : undefined;
}
