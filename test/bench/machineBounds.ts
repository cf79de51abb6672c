import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel } from "../../src/inference/onnxProto";
import { sharingOptions } from "../../src/inference/runtime";

/** What the machine could do at best, measured with the library that runs the models, on as many threads. */
export interface MachineBounds {
  /** Bytes a second that a sum over a table larger than the caches reads. */
  readonly bandwidth: number;
  /** Floating-point operations of a product of two square float32 matrices, a second of the processor time of one core. */
  readonly arithmeticOfCore: number;
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
    InferenceSession.create(encodeModel(graph), { ...sharingOptions(threads), logSeverityLevel: 4 });
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
  let [bandwidth, arithmeticOfCore] = [0, 0];
  return {
    async measure() {
      const started = performance.now();
      await sum.run({ x: table });
      bandwidth = Math.max(bandwidth, (4 * ROWS * COLUMNS * 1000) / (performance.now() - started));
      const used = process.cpuUsage();
      await product.run({ a: square, b: square });
      const { user, system } = process.cpuUsage(used);
      arithmeticOfCore = Math.max(arithmeticOfCore, (2e6 * SIDE ** 3) / (user + system));
    },
    best: () => ({ bandwidth, arithmeticOfCore }),
    async release() {
      await sum.release();
      await product.release();
    },
  };
}
