import { dirname } from "node:path";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { Failure } from "../model/failure";
import type { Provider } from "../model/score";
import { BRANCH_BIAS, readBranchingModel } from "./branchingGraph";
import { firstLine, onnxRuntime, sharingOptions, type Runtime } from "./runtime";
import { specText, type TensorSpec } from "./tensors";

/** One loaded model. Only one may run at a time in a process: two WebGPU sessions at once crash it. */
export class ModelSession {
  private constructor(
    readonly path: string,
    readonly provider: Provider,
    readonly runtime: Runtime,
    private readonly session: InferenceSession,
    readonly inputs: readonly TensorSpec[],
    readonly outputs: readonly TensorSpec[],
    /** Threads of one run; undefined = the library's choice. */
    readonly threads: number | undefined,
    /** True when runs may say which tokens of a row see each other, with `BRANCH_BIAS`. */
    readonly branching: boolean,
  ) {}

  /**
   * Loads a model on one provider.
   * @param branching true to let rows hold several branches where the graph allows it; see `readBranchingModel`
   * @throws Failure `unreadable-model` or `provider-failed`
   */
  static async open(
    path: string,
    provider: Provider,
    threads?: number,
    branching = false,
  ): Promise<ModelSession> {
    const runtime = await onnxRuntime();
    const create = (source: string | Uint8Array): Promise<InferenceSession> => {
      const sharing = sharingOptions(threads);
      const settings = { executionProviders: [provider], logSeverityLevel: 4 as const, ...sharing };
      if (typeof source === "string") return runtime.InferenceSession.create(source, settings);
      const session = {
        ...(sharing.extra!["session"] as Record<string, unknown>),
        model_external_initializers_file_folder_path: dirname(path),
      };
      return runtime.InferenceSession.create(source, { ...settings, extra: { session } });
    };
    let session: InferenceSession | undefined;
    const changed = branching ? readBranchingModel(path) : undefined;
    // What the library does not take with the change, it may take without.
    if (changed) session = await create(changed).catch(() => undefined);
    const branches = session !== undefined;
    try {
      session ??= await create(path);
    } catch (error) {
      throw loadFailure(path, provider, error);
    }
    return new ModelSession(
      path,
      provider,
      runtime,
      session,
      specs(session.inputMetadata).filter((spec) => spec.name !== BRANCH_BIAS),
      specs(session.outputMetadata),
      threads,
      branches,
    );
  }

  input(name: string): TensorSpec | undefined {
    return this.inputs.find((spec) => spec.name === name);
  }

  output(name: string): TensorSpec | undefined {
    return this.outputs.find((spec) => spec.name === name);
  }

  /** Runs the model once; `fetches` names the outputs to bring back, others stay in the library. */
  async run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches: readonly string[],
  ): Promise<Readonly<Record<string, Tensor>>> {
    const all =
      this.branching && !feeds[BRANCH_BIAS] ? { ...feeds, [BRANCH_BIAS]: this.everythingSeen() } : feeds;
    try {
      return (await this.session.run(all, [...fetches])) as Readonly<Record<string, Tensor>>;
    } catch (error) {
      throw new Failure(
        "model-run-failed",
        `The model stopped: ${firstLine(error)}`,
        `It declares the inputs ${this.inputs.map(specText).join("; ")}.`,
      );
    }
  }

  /** No mask beside the model's own. */
  private everythingSeen(): Tensor {
    return new this.runtime.Tensor("float32", new Float32Array(1), [1, 1, 1, 1]);
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

const specs = (metadata: readonly InferenceSession.ValueMetadata[]): TensorSpec[] =>
  metadata.map((value) =>
    value.isTensor
      ? { name: value.name, type: value.type, shape: value.shape }
      : { name: value.name, type: "not a tensor", shape: [] },
  );

function loadFailure(path: string, provider: Provider, error: unknown): Failure {
  const message = firstLine(error);
  if (/protobuf|parse|invalid model|INVALID_GRAPH|INVALID_PROTOBUF|No graph/i.test(message)) {
    return new Failure(
      "unreadable-model",
      `${path} is not a readable ONNX model: ${message}`,
      "Export the model again, or fetch the whole file.",
    );
  }
  if (/not implemented|Could not find an implementation|Unsupported model IR|opset/i.test(message)) {
    return new Failure(
      "unsupported-model",
      `${path} needs an operator or version that this ONNX Runtime lacks: ${message}`,
      "Export with a lower opset (17 or 18).",
    );
  }
  return new Failure(
    "model-load-failed",
    `${path} could not be loaded on ${provider}: ${message}`,
    provider === "cpu" ? "Check the file." : "Try the provider cpu.",
  );
}
