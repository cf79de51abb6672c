import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import type { Provider } from "../model/score";
import type { ProviderStatus } from "../protocol/inferenceCalls";
import { encodeModel } from "./onnxProto";
import { firstLine, onnxRuntime } from "./runtime";

/** Providers worth asking for on a platform, best first. */
export function providersOf(platform: NodeJS.Platform): readonly Provider[] {
  if (platform === "win32") return ["dml", "cuda", "webgpu", "cpu"];
  if (platform === "darwin") return ["coreml", "webgpu", "cpu"];
  return ["cuda", "webgpu", "cpu"];
}

const providerTitle: Readonly<Record<Provider, string>> = {
  cuda: "CUDA",
  webgpu: "WebGPU",
  dml: "DirectML",
  coreml: "Core ML",
  cpu: "CPU",
  remote: "a server",
};

/** Weights of the probing model: small, and no row equal to another. */
const weights = [1, -2, 0.5, 3, -1, 4, 2, 0.25, -0.5, 1.5, -3, 2.5];

/** relu(x W) with x [rows, 4] and W [4, 3]: the two kinds of work that every network is made of. */
const probeModel = (): Uint8Array =>
  encodeModel({
    name: "probe",
    inputs: [{ name: "x", type: "float32", shape: ["rows", 4] }],
    outputs: [{ name: "y", type: "float32", shape: ["rows", 3] }],
    constants: [{ name: "w", type: "float32", shape: [4, 3], values: weights }],
    nodes: [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["xw"] },
      { op: "Relu", inputs: ["xw"], outputs: ["y"] },
    ],
  });

function probeAnswer(x: Float32Array): number[] {
  const answer: number[] = [];
  for (let row = 0; row < x.length / 4; row++) {
    for (let column = 0; column < 3; column++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += x[row * 4 + k]! * weights[k * 3 + column]!;
      answer.push(Math.max(sum, 0));
    }
  }
  return answer;
}

/** CUDA's provider is a library of its own that is not shipped; asking for it without makes the runtime print errors. */
function missingCudaLibrary(): string | undefined {
  const name =
    process.platform === "win32" ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";
  const folder = join(
    dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json")),
    "bin",
    "napi-v6",
    process.platform,
    process.arch,
  );
  return existsSync(join(folder, name))
    ? undefined
    : `CUDA: its provider library ${name} is not installed in ${folder} (command Set Up CUDA Provider).`;
}

/** Why a provider is not there, in words; the library's own message where it is a new one. */
function reason(provider: Provider, error: unknown): string {
  const message = firstLine(error);
  if (provider === "webgpu" && /adapter|vulkan|dawn/i.test(message))
    return "no GPU adapter: WebGPU needs a GPU with its Vulkan, Metal or Direct3D 12 driver";
  return message;
}

/**
 * Tries one provider alone with a tiny real session. Never throws: a provider that cannot be used says why.
 * A native crash ends the process; whoever called is told which provider was being probed beforehand.
 */
async function probeProvider(provider: Provider): Promise<ProviderStatus> {
  const runtime = await onnxRuntime();
  const built = runtime.listSupportedBackends().map((backend) => backend.name);
  if (!built.includes(provider)) {
    return {
      provider,
      available: false,
      detail: `${providerTitle[provider]} is not part of onnxruntime-node on ${process.platform} ${process.arch}.`,
    };
  }
  const missing = provider === "cuda" ? missingCudaLibrary() : undefined;
  if (missing !== undefined) return { provider, available: false, detail: missing };
  const started = performance.now();
  try {
    const session = await runtime.InferenceSession.create(probeModel(), {
      executionProviders: [provider],
      logSeverityLevel: 4,
    });
    try {
      const x = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i + 1));
      const { y } = await session.run({ x: new runtime.Tensor("float32", x, [2, 4]) });
      const expected = probeAnswer(x);
      const got = y!.data as Float32Array;
      if (expected.some((value, i) => !(Math.abs(value - got[i]!) < 1e-3))) {
        return {
          provider,
          available: false,
          detail: `${providerTitle[provider]} answers, but with wrong numbers.`,
        };
      }
    } finally {
      await session.release();
    }
  } catch (error) {
    return {
      provider,
      available: false,
      detail: `${providerTitle[provider]}: ${reason(provider, error)}.`.replace(/\.\.$/, "."),
    };
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  const what =
    provider === "cpu" ? ` on ${cpus()[0]?.model.trim() || process.arch}, ${cpus().length} threads` : "";
  return {
    provider,
    available: true,
    detail: `${providerTitle[provider]} works${what} (probed in ${seconds} s).`,
  };
}

/** Statuses learnt so far in this process: probing is done once. */
const known = new Map<Provider, ProviderStatus>();

export interface ProbeOptions {
  /** Providers not to touch, e.g. because probing them ended an earlier process. */
  readonly skip?: readonly Provider[];
  /** Told before each probe, so that a crash can be blamed on the right provider. */
  onProbe?(provider: Provider, done: number, total: number): void | Promise<void>;
}

/** Probes every provider of this platform, one after the other, in order of preference. */
export async function probeProviders(options: ProbeOptions = {}): Promise<readonly ProviderStatus[]> {
  const order = providersOf(process.platform);
  const statuses: ProviderStatus[] = [];
  for (const [index, provider] of order.entries()) {
    if (options.skip?.includes(provider)) {
      statuses.push({
        provider,
        available: false,
        detail: `${providerTitle[provider]} ended the process when it was tried, so it is left out.`,
      });
      continue;
    }
    await options.onProbe?.(provider, index, order.length);
    const status = known.get(provider) ?? (await probeProvider(provider));
    known.set(provider, status);
    statuses.push(status);
  }
  return statuses;
}

/** The best provider that works, CPU at the latest. `beforeProbe` is called before a session is opened to find out. */
export async function bestProvider(options: {
  readonly skip?: readonly Provider[];
  beforeProbe?(): Promise<void>;
}): Promise<Provider> {
  for (const provider of providersOf(process.platform)) {
    if (options.skip?.includes(provider)) continue;
    if (!known.has(provider)) {
      await options.beforeProbe?.();
      known.set(provider, await probeProvider(provider));
    }
    if (known.get(provider)!.available) return provider;
  }
  return "cpu";
}
