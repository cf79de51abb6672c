import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../../src/inference/onnxProto";

/** What the machine could do at best, measured with the library that runs the models, on as many threads. */
export interface MachineBounds {
  /** Bytes a second that a sum over a table larger than the caches reads. */
  readonly bandwidth: number;
  /** Floating-point operations a second of a product of two square float32 matrices. */
  readonly arithmetic: number;
}

const ROWS = 256;
/** 256 MiB of float32. */
const COLUMNS = 2 ** 18;
const SIDE = 1024;

/** Prepares both measurements; each call of `measure` runs them once more and keeps the best. */
export async function machineBounds(
  threads: number,
): Promise<{ measure(): Promise<void>; best(): MachineBounds; release(): Promise<void> }> {
  const open = (graph: Parameters<typeof encodeModel>[0]): Promise<InferenceSession> =>
    InferenceSession.create(encodeModel(graph), { intraOpNumThreads: threads, logSeverityLevel: 4 });
  const sum = await open({
    name: "sum",
    inputs: [{ name: "x", type: "float32", shape: [ROWS, COLUMNS] }],
    outputs: [{ name: "y", type: "float32", shape: [ROWS, 1] }],
    constants: [{ name: "axis", type: "int64", shape: [1], values: [1] }],
    nodes: [{ op: "ReduceSum", inputs: ["x", "axis"], outputs: ["y"], attributes: { keepdims: 1 } }],
  });
  const product = await open({
    name: "product",
    inputs: ["a", "b"].map((name) => ({ name, type: "float32", shape: [SIDE, SIDE] })),
    outputs: [{ name: "y", type: "float32", shape: [SIDE, SIDE] }],
    constants: [],
    nodes: [{ op: "MatMul", inputs: ["a", "b"], outputs: ["y"] }],
  });
  const table = new Tensor("float32", new Float32Array(ROWS * COLUMNS).fill(1), [ROWS, COLUMNS]);
  const square = new Tensor("float32", new Float32Array(SIDE * SIDE).fill(0.5), [SIDE, SIDE]);
  let [bandwidth, arithmetic] = [0, 0];
  const seconds = async (run: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await run();
    return (performance.now() - started) / 1000;
  };
  return {
    async measure() {
      bandwidth = Math.max(bandwidth, (4 * ROWS * COLUMNS) / (await seconds(() => sum.run({ x: table }))));
      arithmetic = Math.max(
        arithmetic,
        (2 * SIDE ** 3) / (await seconds(() => product.run({ a: square, b: square }))),
      );
    },
    best: () => ({ bandwidth, arithmetic }),
    async release() {
      await sum.release();
      await product.release();
    },
  };
}
