import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { Failure } from "../model/failure";

const run = promisify(execFile);
const PROGRAM_MS = 10_000;

/**
 * CUDA's provider for onnxruntime-node: the files that have to lie beside its binding (onnxruntime looks nowhere else),
 * and the NuGet package that holds them. The same facts as in onnxruntime-node's own install script, which the extension
 * does not carry; a test holds the two together.
 */
export const cudaPackage = {
  platform: "linux",
  arch: "x64",
  id: "Microsoft.ML.OnnxRuntime.Gpu.Linux",
  index: "https://api.nuget.org/v3/index.json",
  folder: "runtimes/linux-x64/native",
  files: ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"],
} as const;

/** Libraries of CUDA 12 and cuDNN 9 that the provider loads; the system's loader must find them. */
const cudaLibraries = [
  { file: "libcudart.so.12", of: "CUDA 12" },
  { file: "libcublas.so.12", of: "CUDA 12" },
  { file: "libcufft.so.11", of: "CUDA 12" },
  { file: "libcudnn.so.9", of: "cuDNN 9" },
] as const;

/** The first driver for Linux that runs programs of CUDA 12. */
const LEAST_DRIVER = "525.60.13";

/** The installed onnxruntime-node. */
export interface OnnxRuntimePlace {
  readonly version: string;
  /** Folder of its binding for this machine, where provider libraries must lie. */
  readonly folder: string;
}

/** What is on this machine of what CUDA needs. */
export interface CudaState {
  readonly runtime: OnnxRuntimePlace;
  /** Provider files that are not beside the binding. */
  readonly missing: readonly string[];
  /** Why CUDA cannot be had here at all. */
  readonly unsupported?: string;
  /** What nvidia-smi lists, one line a GPU: name and driver version. */
  readonly gpus: readonly { readonly name: string; readonly driver: string }[];
  /** Where the loader finds the driver's library. */
  readonly driverLibrary?: string;
  readonly libraries: readonly { readonly file: string; readonly of: string; readonly path?: string }[];
}

const packageSchema = v.object({ version: v.pipe(v.string(), v.minLength(1)) });

/**
 * Finds the onnxruntime-node that the inference process uses.
 * @param distFolder folder of the built child processes, which load it
 * @throws Failure `no-runtime`
 */
export function onnxRuntimePlace(distFolder: string): OnnxRuntimePlace {
  try {
    const file = createRequire(join(distFolder, "inference.js")).resolve("onnxruntime-node/package.json");
    const { version } = v.parse(packageSchema, JSON.parse(readFileSync(file, "utf8")));
    return { version, folder: join(dirname(file), "bin", "napi-v6", process.platform, process.arch) };
  } catch {
    throw new Failure(
      "no-runtime",
      `onnxruntime-node cannot be found from ${distFolder}.`,
      "Install the extension again.",
    );
  }
}

/** Paths that the system's loader would find libraries at: its cache, and LD_LIBRARY_PATH. */
async function loaderPaths(env: NodeJS.ProcessEnv): Promise<(file: string) => string | undefined> {
  const folders = (env["LD_LIBRARY_PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const { stdout } = await run("ldconfig", ["-p"], {
    env: { ...env, PATH: [env["PATH"], "/sbin", "/usr/sbin"].filter(Boolean).join(delimiter) },
    timeout: PROGRAM_MS,
    maxBuffer: 16 * 2 ** 20,
  }).catch(() => ({ stdout: "" }));
  const cached = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const [, file, path] = /^\s*(\S+) \(.*\) => (.+)$/.exec(line) ?? [];
    if (file !== undefined && path !== undefined && !cached.has(file)) cached.set(file, path);
  }
  return (file) =>
    folders.map((folder) => join(folder, file)).find((path) => existsSync(path)) ?? cached.get(file);
}

/** GPUs and drivers as nvidia-smi says; none where it is not there or fails. */
async function gpusOf(env: NodeJS.ProcessEnv): Promise<CudaState["gpus"]> {
  const { stdout } = await run("nvidia-smi", ["--query-gpu=name,driver_version", "--format=csv,noheader"], {
    env,
    timeout: PROGRAM_MS,
  }).catch(() => ({ stdout: "" }));
  return stdout.split("\n").flatMap((line) => {
    const [, name, driver] = /^(.+), ([\d.]+)\s*$/.exec(line.trim()) ?? [];
    return name === undefined || driver === undefined ? [] : [{ name, driver }];
  });
}

/**
 * Looks for what CUDA needs. Asks nvidia-smi and ldconfig; changes and fetches nothing.
 * @throws Failure `no-runtime`
 */
export async function detectCuda(
  distFolder: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<CudaState> {
  const runtime = onnxRuntimePlace(distFolder);
  if (process.platform !== cudaPackage.platform || process.arch !== cudaPackage.arch)
    return {
      runtime,
      missing: [],
      gpus: [],
      libraries: [],
      unsupported: `onnxruntime-node has a CUDA provider for Linux x64 only, not for ${process.platform} ${process.arch}.`,
    };
  const [gpus, find] = await Promise.all([gpusOf(env), loaderPaths(env)]);
  const driverLibrary = find("libcuda.so.1");
  return {
    runtime,
    missing: cudaPackage.files.filter((file) => !existsSync(join(runtime.folder, file))),
    gpus,
    ...(driverLibrary === undefined ? {} : { driverLibrary }),
    libraries: cudaLibraries.map(({ file, of }) => {
      const path = find(file);
      return { file, of, ...(path === undefined ? {} : { path }) };
    }),
  };
}

/** Compares versions such as 525.60.13 number by number. */
export function olderThan(version: string, least: string): boolean {
  const [own, other] = [version, least].map((text) => text.split(".").map(Number));
  for (const [i, number] of other!.entries()) {
    const mine = own![i] ?? 0;
    if (mine !== number) return mine < number;
  }
  return false;
}

/** What CUDA needs and what of it is here, line by line. */
export function explainCuda(state: CudaState): readonly string[] {
  if (state.unsupported !== undefined) return [state.unsupported];
  const { runtime, gpus, driverLibrary, libraries, missing } = state;
  const old = gpus.find((gpu) => olderThan(gpu.driver, LEAST_DRIVER));
  const absent = libraries.filter((library) => library.path === undefined);
  return [
    gpus.length > 0
      ? `GPU: ${gpus.map((gpu) => `${gpu.name}, driver ${gpu.driver}`).join("; ")}.`
      : `GPU: nvidia-smi lists none${driverLibrary === undefined ? ", and the driver's libcuda.so.1 is not found" : ""}; CUDA 12 needs an NVIDIA GPU with driver ${LEAST_DRIVER} or newer.`,
    ...(old === undefined
      ? []
      : [`The driver ${old.driver} is older than ${LEAST_DRIVER}, the first for CUDA 12: update it.`]),
    absent.length === 0
      ? "CUDA 12 and cuDNN 9: found."
      : `CUDA 12 and cuDNN 9: not found by the loader: ${absent.map((library) => `${library.file} (${library.of})`).join(", ")}. Install them from NVIDIA, or set LD_LIBRARY_PATH before the editor starts; they are not part of this download and have NVIDIA's own licences.`,
    missing.length === 0
      ? `Provider for onnxruntime ${runtime.version}: installed in ${runtime.folder}.`
      : `Provider for onnxruntime ${runtime.version}: ${missing.join(" and ")} not in ${runtime.folder}.`,
  ];
}

/** What to copy where, for machines without a network. */
export const offlineAdvice = ({ version, folder }: OnnxRuntimePlace): string =>
  `Get ${cudaPackage.id} ${version} from nuget.org on another machine (a .nupkg is a ZIP archive) and copy ${cudaPackage.files.join(" and ")} from its folder ${cudaPackage.folder} to ${folder}.`;

/** Libraries that a shared library needs and the loader does not find, as ldd says; undefined where there is no ldd. */
export async function missingLibraries(file: string): Promise<readonly string[] | undefined> {
  const answer = await run("ldd", [file], { timeout: PROGRAM_MS }).catch(() => undefined);
  return answer?.stdout.split("\n").flatMap((line) => /^\s*(\S+) => not found/.exec(line)?.[1] ?? []);
}
