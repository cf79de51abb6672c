import * as v from "valibot";
import { Failure } from "../../model/failure";
import type { ScoreSeries } from "../../model/score";

/** A tensor of a model's metadata; -1 stands for a free dimension. */
export const tensorInfo = v.looseObject({
  name: v.string(),
  datatype: v.string(),
  shape: v.array(v.number()),
});
/** Tensor contents: row-major, flat or nested as the shape is. */
const contentsSchema = v.pipe(
  v.array(v.unknown()),
  v.transform((data) => data.flat(Infinity)),
  v.array(v.number()),
);
export const inferSchema = v.looseObject({
  outputs: v.pipe(
    v.array(v.looseObject({ name: v.string(), shape: v.array(v.number()), data: contentsSchema })),
    v.minLength(1),
  ),
});

export type TensorInfo = v.InferOutput<typeof tensorInfo>;
/** An output tensor of a reply. */
export type Reply = v.InferOutput<typeof inferSchema>["outputs"][number];

/** What all series of one scoring share. */
export type Common = Pick<ScoreSeries, "trajectoryId" | "modelPath" | "modelKind" | "provider">;

/**
 * An input tensor as the protocol writes it: flat, row-major, truth values as `true` and `false`.
 * @throws Failure `bad-numbers` for NaN and infinities, which JSON does not have
 */
export function inputTensor(
  { name, datatype }: TensorInfo,
  shape: readonly number[],
  data: readonly number[],
): object {
  if (data.some((value) => !Number.isFinite(value)))
    throw new Failure(
      "bad-numbers",
      `What the input ${name} takes has NaN or infinite values, which cannot be sent as JSON.`,
      "Score this trajectory with the model's own file.",
    );
  return { name, datatype, shape, data: datatype === "BOOL" ? data.map((value) => value !== 0) : data };
}

/** An output that is not what such a model gives. */
export function shapeFailure(url: string, output: Reply, expected: string): Failure {
  return new Failure(
    "server-reply",
    `${url} gives ${output.name} of shape [${output.shape.join(", ")}]; expected ${expected}.`,
    "Declare the right kind for this model.",
  );
}
