import * as v from "valibot";
import { Failure } from "../model/failure";
import { cudaPackage, offlineAdvice, type OnnxRuntimePlace } from "./cudaSetup";

/** The package as the feed describes it, before anything is downloaded. */
export interface CudaDownload {
  readonly version: string;
  readonly url: string;
  readonly bytes: number;
  /** SHA-512 of the package in base64, from the feed's catalogue. */
  readonly sha512: string;
}

const url = v.pipe(v.string(), v.url());
const indexSchema = v.object({
  resources: v.array(v.looseObject({ "@id": v.string(), "@type": v.string() })),
});
const leafSchema = v.looseObject({ catalogEntry: url, packageContent: url });
const entrySchema = v.looseObject({
  packageHash: v.pipe(v.string(), v.base64()),
  packageHashAlgorithm: v.literal("SHA512"),
  packageSize: v.pipe(v.number(), v.integer(), v.minValue(1)),
});

const ANSWER_MS = 30_000;

/**
 * The feed's address, if nobody on the way could change what it says: it names the checksum too.
 * @throws Failure `bad-feed`
 */
export function safeFeed(index: string): URL {
  const address = URL.canParse(index) ? new URL(index) : undefined;
  const here = address !== undefined && ["localhost", "127.0.0.1", "[::1]"].includes(address.hostname);
  if (address && (address.protocol === "https:" || (address.protocol === "http:" && here))) return address;
  throw new Failure(
    "bad-feed",
    `The feed “${index}” is no https address.`,
    "Correct the setting trajectoryLens.cuda.feed.",
  );
}

/** Why something failed, as the innermost error says it. */
export const failed = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error
    ? cause.message || (cause as { code?: string }).code || "no reason given"
    : String(cause);
};

/** What every step of the installation ends with when the user cancels it. */
export const cancelled = (): Failure =>
  new Failure("cancelled", "The installation was cancelled.", "Start it again when you want it.");

/** Answer of a feed. An address that is less safe than the feed's own is not followed. */
export async function ask(
  address: string,
  index: string,
  runtime: OnnxRuntimePlace,
  signal: AbortSignal,
): Promise<Response> {
  if (new URL(address).protocol !== new URL(index).protocol)
    throw new Failure(
      "bad-feed",
      `The feed ${index} names an address of another kind: ${address}.`,
      offlineAdvice(runtime),
    );
  let response: Response;
  try {
    response = await fetch(address, { signal });
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") throw cancelled();
    throw new Failure("offline", `${address} cannot be reached: ${failed(error)}.`, offlineAdvice(runtime));
  }
  if (new URL(response.url).protocol !== new URL(index).protocol)
    throw new Failure("bad-feed", `${address} leads to another kind of address.`, offlineAdvice(runtime));
  if (!response.ok || !response.body)
    throw new Failure("bad-feed", `${address} answered ${response.status}.`, offlineAdvice(runtime));
  return response;
}

/**
 * Asks the feed for the package of the installed runtime's version: where it is, its size and its checksum.
 * @throws Failure `offline`, `bad-feed` (also when the version is not there) or `cancelled`
 */
export async function findCudaPackage(
  runtime: OnnxRuntimePlace,
  options: { readonly index?: string; readonly signal?: AbortSignal } = {},
): Promise<CudaDownload> {
  const index = safeFeed(options.index ?? cudaPackage.index).href;
  const timeout = AbortSignal.timeout(ANSWER_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const read = async <T extends v.GenericSchema>(address: string, schema: T): Promise<v.InferOutput<T>> => {
    const response = await ask(address, index, runtime, signal);
    const parsed = v.safeParse(schema, await response.json().catch(() => undefined));
    if (parsed.success) return parsed.output;
    throw new Failure("bad-feed", `${address} does not answer as a NuGet feed does.`, offlineAdvice(runtime));
  };
  const { resources } = await read(index, indexSchema);
  const base = ["RegistrationsBaseUrl/3.6.0", "RegistrationsBaseUrl"]
    .map((type) => resources.find((resource) => resource["@type"] === type)?.["@id"])
    .find((address) => address !== undefined);
  if (base === undefined)
    throw new Failure("bad-feed", `${index} names no package metadata.`, offlineAdvice(runtime));
  const name = `${cudaPackage.id.toLowerCase()}/${runtime.version.toLowerCase()}`;
  const leaf = await read(`${base.replace(/\/+$/, "")}/${name}.json`, leafSchema);
  const entry = await read(leaf.catalogEntry, entrySchema);
  return {
    version: runtime.version,
    url: leaf.packageContent,
    bytes: entry.packageSize,
    sha512: entry.packageHash,
  };
}
