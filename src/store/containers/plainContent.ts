import { Failure, failureData } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import { readMatFile, readNpyFile, readNpz } from "./arraysFile";
import { FileBytes, MemoryBytes } from "./byteSource";
import { compressionOf, inflated } from "./compressed";
import { LastContents } from "./lastContents";
import { isMatlab } from "./matlabFile";
import { isMessagePack, readMessagePack } from "./messagePackFile";
import { isNpy, npyArray } from "./npyArray";
import { isTorchArchive, readPickleBytes, readTorchArchive } from "./torchFile";
import { ZipArchive } from "./zipArchive";

/** A pickle larger than this is not read: it is read as a whole. */
const LARGEST_PICKLE = 2 ** 30;

export interface PlainContent {
  readonly value: PlainValue;
  readonly notes: readonly Note[];
}

const contents = new LastContents<PlainContent>(2);

/**
 * What a pickle, a torch file or a file of arrays holds. The last files stay in memory.
 * @throws Failure when it cannot be read
 */
export async function plainContent(path: string): Promise<PlainContent> {
  const { key, content } = contents.find(path);
  return content ?? contents.keep(key, await load(path));
}

async function load(path: string): Promise<PlainContent> {
  const source = FileBytes.of(path);
  const head = source.read(0, 128);
  const compression = compressionOf(head);
  if (compression !== undefined) {
    const { bytes, notes } = await inflated(path, compression);
    const content = isNpy(bytes)
      ? unnamed(bytes, path)
      : isMessagePack(bytes)
        ? await naming(path, "compressed MessagePack file", () => readMessagePack(bytes, path))
        : await naming(path, "compressed pickle", () => readPickleBytes(bytes, path));
    return { ...content, notes: [...notes, ...content.notes] };
  }
  if (head[0] === 0x50 && head[1] === 0x4b) {
    const archive = await ZipArchive.open(path);
    if (!isTorchArchive(archive)) return readNpz(archive, path);
    return naming(path, "torch file", () => readTorchArchive(archive));
  }
  if (isNpy(head)) return naming(path, "npy file", () => readNpyFile(path));
  if (isMatlab(head)) return naming(path, "MATLAB file", () => readMatFile(path));
  if (source.size > LARGEST_PICKLE)
    throw new Failure(
      "large-pickle",
      `${path} is a pickle of ${Math.round(source.size / 2 ** 20)} MB.`,
      `Pickles of up to ${LARGEST_PICKLE / 2 ** 20} MB are read.`,
    );
  if (isMessagePack(head))
    return naming(path, "MessagePack file", () => readMessagePack(source.read(0, source.size), path));
  return naming(path, "pickle", () => readPickleBytes(source.read(0, source.size), path));
}

/** What is wrong inside of a file says neither which file nor what kind it is. */
async function naming(
  path: string,
  kind: string,
  read: () => PlainContent | Promise<PlainContent>,
): Promise<PlainContent> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Failure && error.code === "large-pickle") throw error;
    const { code, message, hint } = failureData(error);
    throw new Failure(
      code,
      `${path} is a ${kind} that cannot be read: ${message.replace(/\.$/, "")}.`,
      hint === "" ? "It may be cut off or damaged; write it again." : hint,
    );
  }
}

function unnamed(bytes: Buffer, path: string): PlainContent {
  const { value, notes } = npyArray(new MemoryBytes(bytes), path);
  return { value: new Map([["arr_0", value]]), notes };
}
