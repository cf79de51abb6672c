import { basename } from "node:path";
import { Failure } from "../../model/failure";
import type { PlainValue } from "../../model/plain";
import type { Note } from "../../model/trajectory";
import type { ByteSource } from "./byteSource";
import { FileBytes, MemoryBytes, weakly } from "./byteSource";
import { readMatlab } from "./matlabFile";
import { npyArray } from "./npyArray";
import type { ZipArchive } from "./zipArchive";

/** Name of the array of an npy file, which has none: the one that `np.savez` gives to an unnamed array. */
export const UNNAMED = "arr_0";

export interface ArraysContent {
  readonly value: ReadonlyMap<PlainValue, PlainValue>;
  readonly notes: readonly Note[];
}

/** One array of an npy file, as a map with the name `arr_0`. */
export function readNpyFile(path: string): ArraysContent {
  const { value, notes } = npyArray(FileBytes.of(path), basename(path));
  return { value: new Map([[UNNAMED, value]]), notes };
}

/** Arrays of an npz archive by their names without `.npy`. An array that cannot be read is left out with a note. */
export function readNpz(archive: ZipArchive, path: string): ArraysContent {
  const value = new Map<PlainValue, PlainValue>();
  const notes: Note[] = [...archive.notes];
  for (const { name } of archive.members) {
    if (!name.endsWith(".npy")) continue;
    try {
      const array = npyArray(memberBytes(archive, name), name);
      value.set(name.slice(0, -".npy".length), array.value);
      notes.push(...array.notes);
    } catch (error) {
      notes.push({
        code: "unreadable-array",
        message: `The array ${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        where: path,
      });
    }
  }
  const torn = archive.torn?.name.endsWith(".npy") === true ? archive.torn.name : undefined;
  if (torn !== undefined)
    try {
      // The rows that are whole are there: what is missing is missing numbers at the end.
      const array = npyArray(new MemoryBytes(archive.readTorn(LARGEST_MEMBER)), torn);
      value.set(torn.slice(0, -".npy".length), array.value);
      notes.push(...array.notes);
    } catch {
      // The archive's own note names it.
    }
  if (value.size === 0)
    throw new Failure("unreadable-npz", `${path} holds no array that can be read.`, "Write it again.");
  return { value, notes };
}

const LARGEST_MEMBER = 2 ** 31;

/** A stored member is read in place; a compressed one is decompressed when something of it is asked for. */
function memberBytes(archive: ZipArchive, name: string): ByteSource {
  const stored = archive.stored(name);
  if (stored !== undefined)
    return {
      size: stored.size,
      read: (offset, length) =>
        archive.bytesAt(stored.offset + offset, Math.max(0, Math.min(length, stored.size - offset))),
    };
  const head = weakly(() => archive.readHead(name));
  const content = weakly(() => archive.read(name, LARGEST_MEMBER));
  return {
    size: archive.sizeOf(name) ?? 0,
    read: (offset, length) =>
      (offset + length <= head().length ? head() : content()).subarray(offset, offset + length),
  };
}

/** Variables of a MATLAB file of version 5 to 7 by their names. */
export function readMatFile(path: string): ArraysContent {
  return readMatlab(FileBytes.of(path), path);
}
