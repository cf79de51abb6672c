import type * as OnnxRuntime from "onnxruntime-node";
import { Failure } from "../model/failure";

export type Runtime = typeof OnnxRuntime;

let loaded: Promise<Runtime> | undefined;

/**
 * ONNX Runtime, loaded at first use. It is also handed to transformers.js through the symbol that library looks for,
 * so that a process holds one copy.
 * @throws Failure `no-runtime` where no native build exists for this platform
 */
export function onnxRuntime(): Promise<Runtime> {
  loaded ??= (async () => {
    process.env["ORT_DISABLE_TELEMETRY"] = "1";
    try {
      const module = (await import("onnxruntime-node")) as Runtime & { default?: Runtime };
      const runtime = module.InferenceSession ? module : (module.default ?? module);
      (globalThis as Record<symbol, unknown>)[Symbol.for("onnxruntime")] = runtime;
      return runtime;
    } catch (error) {
      throw new Failure(
        "no-runtime",
        `ONNX Runtime has no usable native library for ${process.platform} ${process.arch}: ${firstLine(error)}`,
        "Score on a platform that onnxruntime-node supports (Linux x64/arm64, Windows x64/arm64, macOS arm64).",
      );
    }
  })();
  return loaded;
}

/**
 * How every session shares the processor. A run's threads sleep instead of spinning between operators: an editor is never
 * alone on its machine, and a spinning thread of one session takes the core that the other one, or JavaScript, waits
 * for. Work is cut finely, so that a thread which the system suspended does not hold up the others.
 * @param threads threads of one run; undefined = the library's choice, the physical cores
 */
export const sharingOptions = (threads: number | undefined): OnnxRuntime.InferenceSession.SessionOptions => ({
  ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  extra: { session: { intra_op: { allow_spinning: "0" }, dynamic_block_base: "4" } },
});

/** First line of an error's message, shortened: native libraries put source positions and stacks behind it. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message
    .split("\n", 1)[0]!
    .replace(/^Error: /, "")
    .trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
