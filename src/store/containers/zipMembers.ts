import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import yauzl from "yauzl";

/** A member of an archive that is to be written to a file. */
export interface WantedMember {
  /** Name of the file that it becomes. */
  readonly file: string;
  /** Called with the size that the archive states, before anything is written; may refuse by throwing. */
  before?(bytes: number): Promise<void>;
}

/** Why an archive cannot be read: told apart from errors of the file system, which have a `syscall`. */
export type ArchiveProblem = { readonly problem: string };

/**
 * Streams members of a ZIP archive into a folder, whatever their size. A member that grows beyond the size that the
 * archive states ends with an error.
 * @param wanted says what a member becomes; undefined leaves it out
 * @returns names of the files written, or what is wrong with the archive
 * @throws what the file system and `before` throw
 */
export function extractMembers(
  archive: string,
  folder: string,
  wanted: (name: string) => WantedMember | undefined,
): Promise<readonly string[] | ArchiveProblem> {
  return extract(archive, folder, wanted);
}

async function extract(
  path: string,
  folder: string,
  wanted: (name: string) => WantedMember | undefined,
): Promise<readonly string[] | ArchiveProblem> {
  const written: string[] = [];
  let archive: yauzl.ZipFile | undefined;
  let refused: unknown;
  try {
    archive = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
    for await (const entry of archive.eachEntry()) {
      const member = wanted(entry.fileName);
      if (!member) continue;
      await member.before?.(entry.uncompressedSize).catch((error: unknown) => {
        refused = error;
        throw error;
      });
      await pipeline(
        await archive.openReadStreamPromise(entry),
        createWriteStream(join(folder, member.file)),
      );
      written.push(member.file);
    }
  } catch (error) {
    if (error === refused || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    return { problem: error instanceof Error ? error.message : String(error) };
  } finally {
    archive?.close();
  }
  return written;
}
