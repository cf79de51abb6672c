import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Failure, failureData } from "../model/failure";
import type { ModelDeclaration } from "../model/modelDeclaration";
import type { ModelInfo, Provider } from "../model/score";
import { modelStamp } from "./contentHash";
import type { InferenceProcess } from "./inferenceProcess";
import { declaredName, ModelRegistry } from "./modelRegistry";
import { modelName, searchModels, type ModelCandidate } from "./modelSearch";
import type { RemoteScoring } from "./remote/remoteScoring";
import { sampleTrajectories } from "./sampleTrajectories";
import type { ModelTest } from "./services";

/** Models that are declared or found, looked at once and again when their files or declarations change. */
export class ModelLibrary {
  private readonly inspected = new Map<string, { stamp: string; info: ModelInfo }>();

  constructor(
    private readonly process: InferenceProcess,
    private readonly registry: ModelRegistry,
    private readonly remote: RemoteScoring,
  ) {}

  async find(roots: readonly string[]): Promise<readonly ModelInfo[]> {
    const models: ModelInfo[] = [];
    const declared = this.registry.all;
    const paths = declared.flatMap((entry) => (entry.path === undefined ? [] : [resolve(entry.path)]));
    const candidates = [
      ...paths.map((path): ModelCandidate => ({
        path,
        layout: path.endsWith(".onnx") ? "onnx-file" : "huggingface-folder",
        bytes: 0,
      })),
      ...(await searchModels(roots)).filter((candidate) => !paths.includes(candidate.path)),
    ];
    for (const { path, layout, bytes } of candidates) {
      const declaration = this.registry.find(path);
      try {
        models.push(await this.inspect(path, declaration));
      } catch (error) {
        models.push({
          path,
          name: declaration === undefined ? modelName(path) : declaredName(declaration),
          kind: "unknown",
          layout,
          bytes,
          problem: failureData(error).message,
          ...(declaration === undefined ? {} : { declaration }),
        });
      }
    }
    const servers = declared.filter((entry) => entry.path === undefined);
    return [...models, ...servers.map((entry) => ModelRegistry.serverInfo(entry))];
  }

  private async inspect(path: string, declaration: ModelDeclaration | undefined): Promise<ModelInfo> {
    const stamp = `${await modelStamp(path).catch(() => "absent")} ${JSON.stringify(declaration ?? {})}`;
    const known = this.inspected.get(path);
    if (known?.stamp === stamp) return known.info;
    const found = await this.process.call(
      "inspect",
      { path, ...(declaration === undefined ? {} : { declaration }) },
      { timeoutMs: 120_000 },
    );
    const info: ModelInfo = {
      ...found,
      ...(declaration === undefined ? {} : { declaration, name: declaredName(declaration) }),
    };
    this.inspected.set(path, { stamp, info });
    return info;
  }

  /** A local model by path or declared name, looked at. @throws Failure when there is none or it cannot be used */
  async usable(nameOrPath: string): Promise<ModelInfo> {
    const declaration = this.registry.find(nameOrPath);
    const path = resolve(declaration?.path ?? nameOrPath);
    if (!(await stat(path).catch(() => undefined))) {
      throw new Failure(
        "unknown-model",
        `There is no model at ${path}.`,
        "Give a model folder, an .onnx file, or the name of a declared model.",
      );
    }
    const model = await this.inspect(path, declaration);
    if (model.problem !== undefined) {
      const sentence = model.problem.includes(path)
        ? model.problem
        : `The model at ${path} cannot be used: ${model.problem}`;
      throw new Failure("bad-model", sentence, "Choose another model or export it again.");
    }
    return model;
  }

  async test(nameOrPath: string, provider: Provider | "auto"): Promise<ModelTest> {
    const declared = this.registry.find(nameOrPath);
    if (declared && declared.path === undefined) return this.remote.test(declared);
    const path = resolve(declared?.path ?? nameOrPath);
    let model: ModelInfo = {
      path,
      name: declared === undefined ? modelName(path) : declaredName(declared),
      kind: "unknown",
      layout: "onnx-file",
      bytes: 0,
    };
    try {
      model = await this.usable(nameOrPath);
      // The flow network over hidden states runs behind a policy; that it loads was seen when it was looked at.
      if (model.kind === "flow" && model.outputs?.some((spec) => /^(velocity|v_?t) /i.test(spec)))
        return { model, results: ["loads; runs with a policy (--flow)"] };
      const trajectories = sampleTrajectories(model);
      const report = await this.process.onProvider(model, provider, (chosen) =>
        this.process.call(
          "score",
          {
            modelPath: model.path,
            provider: chosen,
            trajectories,
            ...(declared === undefined ? {} : { declaration: declared }),
          },
          { timeoutMs: 300_000 },
        ),
      );
      const [failure] = report.failures;
      return {
        model,
        provider: report.provider,
        loadSeconds: report.loadSeconds,
        seconds: report.seconds,
        tokens: report.tokens,
        results: [
          ...new Set(report.series.map((series) => `${series.name} per ${series.level}`)),
          ...new Set((report.arrays ?? []).map((table) => `${table.name} [${table.rows}, ${table.width}]`)),
        ],
        ...(failure === undefined ? {} : { problem: failure.message }),
      };
    } catch (error) {
      return { model, results: [], problem: failureData(error).message };
    }
  }
}
