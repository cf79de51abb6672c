import { fixture } from "./inferenceClient";

/** What is read of a request: tensors, and the names of the outputs that are wanted. */
export interface InferRequest {
  readonly inputs?: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: readonly number[];
  }[];
  readonly outputs?: readonly { readonly name: string }[];
}

/** KServe v2 over onnxruntime: metadata and inference of the fixtures. */
export async function kserve(url: string, body: InferRequest): Promise<unknown> {
  const match = /^\/v2\/models\/([\w-]+)(\/infer)?$/.exec(url);
  if (!match) return undefined;
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const path = match[1] === "prm" ? `${fixture("tiny-prm")}/onnx/model.onnx` : fixture(`${match[1]}.onnx`);
  const session = await InferenceSession.create(path, { executionProviders: ["cpu"] });
  try {
    const info = (list: typeof session.inputMetadata) =>
      list.map((one) => ({
        name: one.name,
        datatype: one.isTensor && one.type === "int64" ? "INT64" : "FP32",
        shape: one.isTensor ? one.shape.map((size) => (typeof size === "number" ? size : -1)) : [],
      }));
    if (!match[2])
      return {
        name: match[1],
        versions: ["1"],
        platform: "onnx_onnxv1",
        inputs: info(session.inputMetadata),
        outputs: info(session.outputMetadata),
      };
    const feeds = Object.fromEntries(
      body.inputs!.map((input) => [
        input.name,
        session.inputMetadata.some((one) => one.name === input.name && one.isTensor && one.type === "int64")
          ? new Tensor("int64", BigInt64Array.from(input.data, BigInt), input.shape)
          : new Tensor("float32", Float32Array.from(input.data), input.shape),
      ]),
    );
    const outputs = await session.run(feeds, body.outputs?.map((one) => one.name) ?? session.outputNames);
    return {
      model_name: match[1],
      model_version: "1",
      outputs: Object.entries(outputs).map(([name, tensor]) => ({
        name,
        datatype: "FP32",
        shape: tensor.dims,
        // The protocol leaves it to the server whether the rows are nested.
        data: match[1] === "prm" ? [[...(tensor.data as Float32Array)]] : [...(tensor.data as Float32Array)],
      })),
    };
  } finally {
    await session.release();
  }
}
