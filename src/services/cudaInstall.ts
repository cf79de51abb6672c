import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { constants, copyFile, mkdir, open, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import * as v from "valibot";
import { Failure } from "../model/failure";
import { extractMembers } from "../store/containers/zipMembers";
import { ask, cancelled, failed, type CudaDownload } from "./cudaFeed";
import { cudaPackage, offlineAdvice, type OnnxRuntimePlace } from "./cudaSetup";
import type { Task } from "./services";

export interface CudaProgress {
  readonly done: number;
  readonly total: number;
  readonly message: string;
}

/** Errors of the file system in one sentence; anything else as it is. */
function writing(error: unknown, folder: string, runtime: OnnxRuntimePlace): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof Failure || code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new Failure("no-space", `There is no space left in ${folder}.`, "Free some, and start again.");
  return new Failure(
    "cannot-write",
    `${folder} cannot be written (${code}).`,
    `Ask who may write there. ${offlineAdvice(runtime)}`,
  );
}

async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes)
    throw new Failure(
      "no-space",
      `${folder} has ${mebibytes(bavail * bsize)} left, and ${mebibytes(bytes)} are needed.`,
      "Free some, and start again.",
    );
}

/** A size as the dialogs tell it, rounded up. */
export const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** Downloads the package to a file and checks its size and checksum; nothing is left behind when they do not fit. */
async function download(
  found: CudaDownload,
  file: string,
  runtime: OnnxRuntimePlace,
  index: string,
  task: Task<CudaProgress> | undefined,
): Promise<void> {
  const signal = task?.signal ?? new AbortController().signal;
  const response = await ask(found.url, index, runtime, signal);
  const hash = createHash("sha512");
  let done = 0;
  const handle = await open(file, "w");
  try {
    for await (const chunk of Readable.fromWeb(response.body as ReadableStream<Uint8Array>)) {
      const bytes = chunk as Uint8Array;
      done += bytes.byteLength;
      if (done > found.bytes) break;
      hash.update(bytes);
      await handle.write(bytes);
      task?.report?.({
        done,
        total: found.bytes,
        message: `${mebibytes(done)} of ${mebibytes(found.bytes)}`,
      });
    }
  } catch (error) {
    if (signal.aborted) throw cancelled();
    if ((error as NodeJS.ErrnoException).syscall === "write") throw error;
    throw new Failure(
      "cut-download",
      `The download of ${found.url} ended after ${done} of ${found.bytes} bytes: ${failed(error)}.`,
      `Start it again. ${offlineAdvice(runtime)}`,
    );
  } finally {
    await handle.close();
  }
  if (done !== found.bytes)
    throw new Failure(
      "cut-download",
      `${found.url} gave ${done > found.bytes ? "more than" : `${done} of`} ${found.bytes} bytes.`,
      "Start it again.",
    );
  const sha512 = hash.digest("base64");
  if (sha512 !== found.sha512)
    throw new Failure(
      "wrong-checksum",
      `The package from ${found.url} has the SHA-512 ${sha512}, and the feed says ${found.sha512}: it was thrown away.`,
      "Something between here and the feed changes files; try another network.",
    );
}

/** Takes the provider's files, and the licences that belong to them, out of the package. */
async function extract(file: string, folder: string): Promise<void> {
  const wrong = (why: string): Failure =>
    new Failure(
      "wrong-archive",
      `The package cannot be used: ${why}.`,
      "Its layout may have changed; report this with the version of the extension.",
    );
  const written = await extractMembers(file, folder, (name) => {
    const own =
      cudaPackage.files.find((one) => name === `${cudaPackage.folder}/${one}`) ?? LICENCES.exec(name)?.[0];
    return own === undefined ? undefined : { file: own, before: (bytes) => requireSpace(folder, bytes) };
  });
  if ("problem" in written) throw wrong(`it cannot be read as a ZIP archive (${written.problem})`);
  const missing = cudaPackage.files.filter((name) => !written.includes(name));
  if (missing.length > 0) throw wrong(`it holds no ${missing.join(" and no ")} in ${cudaPackage.folder}`);
}

const LICENCES = /^(LICENSE|ThirdPartyNotices)(\.txt)?$/;

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

const manifestSchema = v.record(v.string(), v.string());
const MANIFEST = "sha256.json";

/** Folder of the extension's own storage that keeps the files of one version, so that an update needs no download. */
export const keptFolder = (storage: string, runtime: OnnxRuntimePlace): string =>
  join(storage, "cuda", runtime.version);

/** Whether the storage holds the provider's files of this version as they were installed. */
export async function isKept(storage: string, runtime: OnnxRuntimePlace): Promise<boolean> {
  const folder = keptFolder(storage, runtime);
  try {
    const known = v.parse(manifestSchema, JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
    for (const name of cudaPackage.files)
      if (known[name] !== (await sha256(join(folder, name)))) return false;
    return true;
  } catch {
    return false;
  }
}

/**
 * Downloads the package into the extension's storage, checks it, and keeps the provider's files there. Only after the
 * user has agreed. What is there already of this version stays until the new files are whole.
 * @param index the feed; anything else than NuGet's is for tests and mirrors
 * @throws Failure in one sentence; nothing is left half done
 */
export async function fetchCuda(
  storage: string,
  runtime: OnnxRuntimePlace,
  found: CudaDownload,
  task?: Task<CudaProgress>,
  index: string = cudaPackage.index,
): Promise<void> {
  const folder = keptFolder(storage, runtime);
  // A name of its own: two windows may do this at once.
  const fresh = `${folder}.${process.pid}.partial`;
  try {
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { recursive: true });
    await requireSpace(fresh, found.bytes);
    const file = join(fresh, "package.nupkg");
    await download(found, file, runtime, index, task);
    await extract(file, fresh);
    await rm(file);
    const sums: Record<string, string> = {};
    for (const name of cudaPackage.files) sums[name] = await sha256(join(fresh, name));
    await writeFile(join(fresh, MANIFEST), JSON.stringify(sums));
    if (task?.signal?.aborted) throw cancelled();
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true }).catch(() => undefined);
    throw writing(error, storage, runtime);
  }
}

/**
 * Copies the kept files beside onnxruntime's binding. An update of the extension brings a new folder without them; this
 * is then done again from the storage.
 * @throws Failure `cannot-write` or `no-space`
 */
export async function placeCuda(storage: string, runtime: OnnxRuntimePlace): Promise<void> {
  const from = keptFolder(storage, runtime);
  for (const name of cudaPackage.files) {
    const target = join(runtime.folder, name);
    try {
      // Renamed at the end: a process that starts meanwhile never loads half a library.
      await copyFile(join(from, name), `${target}.partial`, constants.COPYFILE_FICLONE);
      await rename(`${target}.partial`, target);
    } catch (error) {
      await rm(`${target}.partial`, { force: true }).catch(() => undefined);
      throw writing(error, runtime.folder, runtime);
    }
  }
}
