import type { PlainValue } from "../model/plain";
import { isMap, isPlainList } from "./plainFields";

/**
 * Structs of prime-rl's transport, which are written as arrays: their fields have places and no names, and each version of
 * prime-rl had places of its own. The version is told by what stands where.
 */

type Kind = (value: PlainValue, tokens: number) => boolean;

const isNumber = (value: PlainValue | undefined): boolean => typeof value === "number";
const isFlag = (value: PlainValue | undefined): boolean => typeof value === "boolean";
const listOf =
  (item: (value: PlainValue) => boolean): Kind =>
  (value) =>
    isPlainList(value) && value.every(item);
const aToken =
  (kind: Kind): Kind =>
  (value, tokens) =>
    isPlainList(value) && value.length === tokens && kind(value, tokens);

const numbers = listOf(isNumber);
const flags = listOf(isFlag);
const texts = listOf((value) => typeof value === "string");
const matrix = listOf((value) => numbers(value, 0));

/** Kinds of fields; those in capitals have an entry a token of the whole sequence. */
const KINDS = {
  I: aToken(numbers),
  B: aToken(flags),
  T: aToken(texts),
  ints: numbers,
  flags,
  /** Lengths of the sequences that were packed: they add up to all tokens. */
  lengths: (value, tokens) =>
    isPlainList(value) &&
    numbers(value, tokens) &&
    value.reduce<number>((sum, length) => sum + Number(length), 0) === tokens,
  matrix,
  cube: listOf((value) => matrix(value, 0)),
  bytes: (value) => value instanceof Uint8Array,
  encoded: (value) =>
    isPlainList(value) && value.length === 3 && value.some((part) => part instanceof Uint8Array),
  map: (value) => isMap(value),
  number: (value) => isNumber(value),
  flag: (value) => isFlag(value),
  text: (value) => typeof value === "string",
} satisfies Record<string, Kind>;

type Field = readonly [name: string, kind: keyof typeof KINDS, optional: boolean];

/** Fields from `name:kind`, with `?` where a struct may hold null or end before. */
const fields = (text: string): readonly Field[] =>
  text
    .trim()
    .split(/\s+/)
    .map((field) => {
      const [name = "", kind = ""] = field.replace("?", "").split(":");
      return [name, kind as keyof typeof KINDS, field.endsWith("?")];
    });

const PACKED = "input_ids:I loss_mask:B advantages:I inference_logprobs:I position_ids:I";
const WEIGHTS = "rl_weights:I? ce_weights:I? ref_kl_weights:I?";
const KWARGS = "mm_kwargs:map? mm_token_type_ids:ints?";
const PIXELS = "pixel_values:bytes? pixel_values_shape:ints? image_grid_thw:matrix?";

/** Micro batches as the trainer gets them, newest first. */
const MICRO_BATCHES = [
  `${PACKED} sequence_lengths:lengths temperatures:I env_names:T seq_lens:lengths ref_logprobs:I? routed_experts:encoded? ${KWARGS} ${WEIGHTS}`,
  `${PACKED} sequence_lengths:lengths temperatures:I env_names:T seq_lens:lengths ref_logprobs:I? lora_num_tokens:ints? routed_experts:encoded? ${KWARGS} ${WEIGHTS} run_id:text? run_step:number?`,
  `${PACKED} sequence_lengths:lengths temperatures:I env_names:T ref_logprobs:I? lora_num_tokens:ints? routed_experts:encoded? ${KWARGS} ${WEIGHTS} run_id:text? run_step:number?`,
  `${PACKED} sequence_lengths:lengths temperatures:I env_names:T teacher_logprobs:I? lora_num_tokens:ints? routed_experts:encoded? ${KWARGS} training_mode:text? rewards:I? run_id:text? run_step:number?`,
  `${PACKED} temperatures:I env_names:T sequence_lengths:lengths teacher_logprobs:I? lora_num_tokens:ints? routed_experts:encoded? ${KWARGS} training_mode:text? rewards:I? run_id:text? run_step:number?`,
  `${PACKED} temperatures:I env_names:T teacher_logprobs:I? lora_num_tokens:ints? routed_experts:encoded? ${KWARGS} training_mode:text? rewards:I? run_id:text? run_step:number?`,
  `${PACKED} temperatures:I env_names:T teacher_logprobs:I? lora_num_tokens:ints? routed_experts:cube? ${KWARGS} training_mode:text? rewards:I?`,
  `${PACKED} temperatures:I env_names:T teacher_logprobs:I? lora_num_tokens:ints? routed_experts:cube? ${PIXELS} mm_token_type_ids:ints? training_mode:text?`,
  `${PACKED} temperatures:I env_names:T teacher_logprobs:I? lora_num_tokens:ints? routed_experts:cube? ${PIXELS} mm_token_type_ids:ints? sft_loss:flag?`,
  `${PACKED} temperatures:I teacher_logprobs:I? lora_num_tokens:ints? routed_experts:cube? ${PIXELS} mm_token_type_ids:ints? sft_loss:flag?`,
  `${PACKED} temperatures:I teacher_logprobs:I? lora_num_tokens:ints? routed_experts:cube? pixel_values:matrix? image_grid_thw:matrix?`,
  `${PACKED} temperatures:I teacher_logprobs:I? lora_num_tokens:ints? pixel_values:matrix? image_grid_thw:matrix?`,
  `${PACKED} temperature:number teacher_logprobs:I? lora_num_tokens:ints?`,
  `${PACKED} lora_num_tokens:ints? temperature:number?`,
  `${PACKED} temperature:number?`,
].map(fields);

const TURN = "token_ids:I mask:B logprobs:I temperatures:I env_name:text";
/** The lengths of prompt and completion differ, so that theirs are looked at by themselves. */
const SPLIT =
  "prompt_ids:ints prompt_mask:flags completion_ids:ints completion_mask:flags completion_logprobs:ints";

/** Training samples as the orchestrator sends them, newest first. */
const SAMPLES = [
  `${TURN} ref_logprobs:I? ${KWARGS.replace(" ", " routed_experts:encoded? ")} ${WEIGHTS} advantages:I?`,
  `${TURN} teacher_logprobs:I? advantage:number? reward:number? ${KWARGS.replace(" ", " routed_experts:encoded? ")} training_mode:text?`,
  `${SPLIT} completion_temperatures:ints env_name:text teacher_logprobs:ints? advantage:number? reward:number? ${KWARGS.replace(" ", " routed_experts:encoded? ")} training_mode:text?`,
  `${SPLIT} completion_temperatures:ints env_name:text teacher_logprobs:ints? advantage:number? reward:number? ${KWARGS.replace(" ", " routed_experts:cube? ")} training_mode:text?`,
  `${SPLIT} completion_temperatures:ints env_name:text teacher_logprobs:ints? advantage:number? reward:number? ${PIXELS} routed_experts:cube? mm_token_type_ids:ints? training_mode:text?`,
  `${SPLIT} completion_temperatures:ints env_name:text teacher_logprobs:ints? advantage:number? reward:number? ${PIXELS} routed_experts:cube? mm_token_type_ids:ints? sft_loss:flag?`,
  `${SPLIT} completion_temperatures:ints teacher_logprobs:ints? advantage:number? reward:number? ${PIXELS} routed_experts:cube? mm_token_type_ids:ints? sft_loss:flag?`,
  `${SPLIT} completion_temperatures:ints teacher_logprobs:ints? advantage:number? reward:number? pixel_values:matrix? image_grid_thw:matrix? routed_experts:cube?`,
  `${SPLIT} teacher_logprobs:ints? advantage:number? reward:number?`,
  `${SPLIT} advantage:number?`,
].map(fields);

/** The values under the names of the first version that they fit. */
function named(
  value: PlainValue | undefined,
  versions: readonly (readonly Field[])[],
): ReadonlyMap<string, PlainValue> | undefined {
  if (!isPlainList(value) || !isPlainList(value[0])) return undefined;
  const tokens = value[0].length;
  const fits = (own: readonly Field[]): boolean =>
    own.every(([, kind, optional], place) => {
      const item = value[place];
      return item === undefined || item === null ? optional : KINDS[kind](item, tokens);
    });
  // msgspec writes fields that hold their default as well, so that the length tells most versions; shorter ones may be other writers'.
  const version =
    versions.find((own) => value.length === own.length && fits(own)) ??
    versions.find((own) => value.length < own.length && fits(own));
  if (version === undefined) return undefined;
  return new Map(value.map((item, place) => [version[place]?.[0] ?? "", item]));
}

/** A micro batch by its fields' names; undefined for anything else. */
export const microBatchOf = (value: PlainValue | undefined): ReadonlyMap<string, PlainValue> | undefined =>
  named(value, MICRO_BATCHES);

/** A training sample by its fields' names; undefined for anything else. Prompt and completion must fit their masks. */
export function trainingSampleOf(value: PlainValue | undefined): ReadonlyMap<string, PlainValue> | undefined {
  const sample = named(value, SAMPLES);
  const length = (name: string): number | undefined => {
    const list = sample?.get(name);
    return isPlainList(list) ? list.length : undefined;
  };
  if (sample?.has("token_ids") === true) return sample;
  const fits =
    length("prompt_ids") === length("prompt_mask") &&
    length("completion_ids") === length("completion_mask") &&
    length("completion_ids") === length("completion_logprobs");
  return fits ? sample : undefined;
}

/** A batch that the orchestrator sent: its samples and its step; undefined for anything else. */
export function trainingBatchOf(
  value: PlainValue,
): { readonly samples: readonly PlainValue[]; readonly rest: ReadonlyMap<string, PlainValue> } | undefined {
  if (!isPlainList(value) || !isPlainList(value[0]) || value.length > 4) return undefined;
  const [samples, ...numbers] = value;
  if (samples.length === 0 || trainingSampleOf(samples[0]) === undefined) return undefined;
  // The oldest batches have the temperature before the step; it has a fraction or a step behind it.
  const old = trainingSampleOf(samples[0])?.has("prompt_ids") === true && !hasTemperatures(samples[0]);
  const names = old ? ["temperature", "step", "run_idx"] : ["step", "run_idx"];
  return {
    samples,
    rest: new Map(
      names.flatMap((name, place) => (numbers[place] === undefined ? [] : [[name, numbers[place]] as const])),
    ),
  };
}

const hasTemperatures = (sample: PlainValue | undefined): boolean =>
  trainingSampleOf(sample)?.has("completion_temperatures") === true;
