import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { PlainValue } from "../model/plain";
import type { Detection, FileHead, FormatRecord } from "./format";
import { isObject, stemNumber, without } from "./jsonFields";
import { fieldsOf, isPlainList, jsonOf, plainNumber } from "./plainFields";

type Fields = ReadonlyMap<string, PlainValue>;

/** A sample with what its file says of all of them. */
export interface Sample {
  readonly fields: Fields;
  readonly position: number;
  readonly file: Fields;
}

export function sampleOf(record: FormatRecord): Sample {
  const parts = record.kind === "plain" ? fieldsOf(record.value) : undefined;
  const fields = fieldsOf(parts?.get("sample"));
  const file = fieldsOf(parts?.get("file"));
  const position = plainNumber(parts?.get("position"));
  if (fields === undefined || file === undefined || typeof position !== "number")
    throw new Failure("unfit-record", "The sample is no dict.", "The other samples are shown.");
  return { fields, file, position };
}

/** One record a sample, with the file's own fields beside it. */
export function samplesOf(value: PlainValue): readonly PlainValue[] {
  const file = fieldsOf(value);
  const samples = file?.get("samples");
  if (file === undefined || !isPlainList(samples)) return [];
  const rest = new Map([...file].filter(([key]) => key !== "samples"));
  return samples.map(
    (sample, position) =>
      new Map<PlainValue, PlainValue>([
        ["sample", sample],
        ["position", position],
        ["file", rest],
      ]),
  );
}

function firstSample({ plain }: FileHead): Fields | undefined {
  const samples = fieldsOf(plain)?.get("samples");
  return isPlainList(samples) ? fieldsOf(samples[0]) : undefined;
}

export function detectSamples(
  head: FileHead,
  names: readonly string[],
  confidence: number,
): Detection | undefined {
  const sample = firstSample(head);
  if (sample === undefined || !names.every((name) => sample.has(name))) return undefined;
  return { confidence, reason: `samples with ${names.join(", ")}` };
}

/** The rollout's number: a field of the file, or its name (`12.pt`, `eval_3.pt`). */
export function trainingStepOf(file: Fields, path: string): number | undefined {
  const id = file.get("rollout_id");
  const number = typeof id === "string" ? Number(/(\d+)$/.exec(id)?.[1] ?? Number.NaN) : plainNumber(id);
  return typeof number === "number" && Number.isInteger(number) ? number : stemNumber(path);
}

export const stemOf = (path: string): string => /([^/\\]*?)\.\w+$/.exec(path)?.[1] ?? "";

/** Fields of a sample that the model has no place for. */
export function restOf(fields: Fields, mapped: ReadonlySet<string>): JsonObject {
  const json = jsonOf(new Map<PlainValue, PlainValue>(fields));
  return isObject(json) ? without(json, mapped) : {};
}
