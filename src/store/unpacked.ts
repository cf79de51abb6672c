import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, sep } from "node:path";
import { Failure } from "../model/failure";
import type { Note } from "../model/trajectory";

/** The state of an archive when it was unpacked. */
export interface UnpackedArchive {
  /** Path of the archive. */
  readonly path: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Folder with its files. */
  readonly root: string;
  /** Bytes of its files together. */
  readonly unpackedBytes: number;
  /** False when nothing in it could be read, so that nothing was kept. */
  readonly useful: boolean;
  /** What was left out, in sentences. */
  readonly problems: readonly string[];
}

let folder = join(tmpdir(), "trajectory-lens-unpacked");
let known: Map<string, UnpackedArchive> | undefined;

/** Where archives are unpacked: a folder of the index, which may be deleted at any time. */
export function setUnpackFolder(path: string): void {
  folder = path;
  known = undefined;
}

/** Archives in one folder lie beside each other here too, so that `step_1.zip` and `step_2.zip` are steps of one run. */
const beside = (archive: string): string =>
  join(folder, createHash("sha256").update(dirname(archive)).digest("hex").slice(0, 16));

const ENDING = /\.(?:zip|tar|tgz|tar\.(?:gz|zst|zstd)|tzst)$/i;

/** Folder into which an archive is unpacked. */
export function unpackRoot(archive: string): string {
  const name = basename(archive);
  const stem = name.replace(ENDING, "");
  // A numbered archive stands for a numbered folder; of other archives the name shows where files come from.
  return join(beside(archive), /\d$/.test(stem) && !/\.\w+$/.test(stem) ? stem : name);
}

const recordPath = (root: string): string => `${root}.unpacked.json`;

/** What has been unpacked here, by the archive's path. */
function archives(): Map<string, UnpackedArchive> {
  if (known !== undefined) return known;
  const found = new Map<string, UnpackedArchive>();
  for (const name of existsSync(folder) ? readdirSync(folder) : [])
    for (const file of listed(join(folder, name)))
      if (file.endsWith(".unpacked.json"))
        try {
          const record = JSON.parse(readFileSync(join(folder, name, file), "utf8")) as UnpackedArchive;
          found.set(record.path, record);
        } catch {
          // It was being written, or is damaged: its archive is unpacked again.
        }
  known = found;
  return found;
}

function listed(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** What was unpacked of an archive, as it was then. */
export function unpackedArchive(archive: string): UnpackedArchive | undefined {
  const record = archives().get(archive);
  return record !== undefined && (existsSync(record.root) || !record.useful) ? record : undefined;
}

/** Archives that have been unpacked here. */
export const unpackedArchives = (): readonly UnpackedArchive[] => [...archives().values()];

/** Keeps what was unpacked into `part`: it takes the place of what was there. */
export function keepUnpacked(record: UnpackedArchive, part: string): void {
  rmSync(record.root, { recursive: true, force: true });
  if (record.useful) renameSync(part, record.root);
  writeFileSync(recordPath(record.root), JSON.stringify(record), { mode: 0o600 });
  archives().set(record.path, record);
}

/** Drops the files of an archive; that it holds nothing of use may be remembered. */
export function dropUnpacked(archive: string, remember?: UnpackedArchive): void {
  const record = archives().get(archive);
  const root = record?.root ?? unpackRoot(archive);
  rmSync(root, { recursive: true, force: true });
  if (remember !== undefined) {
    writeFileSync(recordPath(root), JSON.stringify(remember), { mode: 0o600 });
    archives().set(archive, remember);
    return;
  }
  rmSync(recordPath(root), { force: true });
  archives().delete(archive);
}

/** A new folder beside the root, to unpack into. @throws Failure when it cannot be made */
export function partFolder(root: string): string {
  const part = `${root}.${process.pid}.part`;
  try {
    rmSync(part, { recursive: true, force: true });
    mkdirSync(part, { recursive: true });
  } catch (error) {
    throw new Failure(
      "no-room",
      `There is no place to unpack into: ${error instanceof Error ? error.message : String(error)}.`,
      "Unpack the archive yourself and open the folder.",
    );
  }
  return part;
}

/** The archive that holds a file, where it is one of an archive's. Archives in archives give the outermost. */
export function archiveOf(path: string): string | undefined {
  if (!path.startsWith(folder + sep)) return undefined;
  const record = unpackedArchives().find(({ root }) => path === root || path.startsWith(root + sep));
  return record === undefined ? undefined : (archiveOf(record.path) ?? record.path);
}

/** How deep a file lies in archives: 0 for a file of the user's own. */
export function archiveDepth(path: string): number {
  if (!path.startsWith(folder + sep)) return 0;
  const record = unpackedArchives().find(({ root }) => path.startsWith(root + sep));
  return record === undefined ? 1 : 1 + archiveDepth(record.path);
}

/** A path as the user knows it: of a file in an archive the archive's own path, followed by the path inside. */
export function shownPath(path: string): string {
  if (!path.startsWith(folder + sep)) return path;
  const record = unpackedArchives().find(({ root }) => path === root || path.startsWith(root + sep));
  if (record !== undefined) return shownPath(record.path) + path.slice(record.root.length);
  // The folder around several archives.
  const around = unpackedArchives().find(({ root }) => dirname(root) === path);
  return around === undefined ? path : shownPath(dirname(around.path));
}

/**
 * Where a path that the user knows really lies: the file of an archive, or for an archive the folders with its files (more than
 * one for archives in archives). Empty for paths outside of archives.
 */
export function unpackedPlaces(shown: string): readonly string[] {
  const places = unpackedArchives().flatMap(({ path, root }) => {
    const own = shownPath(path);
    if (own === shown || own.startsWith(shown + sep)) return [root];
    return shown.startsWith(own + sep) ? [root + shown.slice(own.length)] : [];
  });
  return [...new Set(places)];
}

/** A text in which paths of unpacked files stand as the user knows them. */
export function shownText(text: string): string {
  if (!text.includes(folder)) return text;
  return unpackedArchives().reduce(
    // Of archives in archives, the inner one first: its own path begins with the outer one's root.
    (told, { root }) => told.replaceAll(root, shownPath(root)),
    text,
  );
}

/** A note as it is told. */
export function shownNote(note: Note): Note {
  const { message, where } = note;
  return {
    ...note,
    message: shownText(message),
    ...(where === undefined ? {} : { where: shownText(where) }),
  };
}
