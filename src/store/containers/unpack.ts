import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, rmSync, statfsSync, utimesSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { Failure } from "../../model/failure";
import {
  keepUnpacked,
  partFolder,
  unpackedArchive,
  unpackedArchives,
  unpackRoot,
  type UnpackedArchive,
} from "../unpacked";
import { isCandidate, isSkippedFolder } from "../walk";
import { tarEntries, zipEntries, type ArchiveEntry, type ArchiveKind } from "./archiveEntries";
import { FileBytes } from "./byteSource";
import { ZipArchive } from "./zipArchive";

/** What one archive may grow to, and all of them together. */
const LARGEST_ARCHIVE = 32 * 2 ** 30;
const LARGEST_TOGETHER = 64 * 2 ** 30;
/** An archive that nobody asked for by its path is unpacked up to this size. */
const LARGEST_UNASKED = 2 ** 30;
const MOST_FILES = 200_000;
/** Texts shrink to a hundredth at best: what grows more is a bomb, once it is large enough to matter. */
const LARGEST_GROWTH = 1100;
const GROWTH_ALLOWANCE = 2 ** 30;
/** This much of the disk stays free. */
const KEPT_FREE = 2 ** 30;
/** Free space is asked for each time that this much was written. */
const ROOM_STEP = 256 * 2 ** 20;
const LONGEST_NAME = 200;

/** Names that hold code, weights or libraries: nothing of a trajectory needs them. */
const NEVER_NEEDED =
  /\.(?:pyc?|pyi|ipynb|tsx?|jsx?|mjs|cjs|css|scss|map|so|dll|dylib|exe|o|a|c|cc|cpp|h|hpp|cu|rs|go|java|whl|jar|vsix|safetensors|onnx|bin|gguf|ttf|woff2?)$/i;
const DATA_LIKE =
  /\.(?:jsonl?|ndjson|parquet|hdf5?|h5|traj|arrow|npz|npy|mat|pkl|pickle|pth?|tfrecord\S*|eval|csv|tsv|db|sqlite3?|zip|tar|tgz|log|dw)(?:\.gz|\.zst)?$/i;

/**
 * Unpacks an archive into a folder of the index, unless it lies there already. Nothing leaves that folder, whatever the names
 * say; links and devices are left out; no file can be run. Limits hold for bytes that really come out, not for those that are
 * told.
 * @param asked true when a user named this very archive
 * @returns undefined when no name in it promises data
 * @throws Failure for bombs, archives that cannot be read, and where there is no room
 */
export async function unpack(
  path: string,
  stats: Stats,
  kind: ArchiveKind,
  asked: boolean,
  signal: AbortSignal | undefined,
): Promise<UnpackedArchive | undefined> {
  const before = unpackedArchive(path);
  if (before !== undefined && before.bytes === stats.size && before.mtimeMs === stats.mtimeMs) {
    // What was passed over may be asked for now.
    if (before.useful || !asked) return before;
  }
  const source = FileBytes.of(path);
  const zip = kind === "zip" ? await ZipArchive.open(path) : undefined;
  if (zip !== undefined) {
    if (!zip.names.some((name) => promisesData(name, asked))) return undefined;
    const told = zip.members.reduce((sum, member) => sum + (isWanted(member.name) ? member.size : 0), 0);
    checkSize(path, told, asked);
  } else if (!asked && stats.size > LARGEST_UNASKED) checkSize(path, stats.size, asked);
  const root = unpackRoot(path);
  const part = partFolder(root);
  const writer = new MemberWriter(path, part, stats, asked, signal);
  try {
    const problems: string[] = zip?.notes.map(({ message }) => message) ?? [];
    try {
      if (zip !== undefined) await zipEntries(path, zip, (entry) => writer.take(entry, zip));
      else await tarEntries(path, source.read(0, 512), (entry) => writer.take(entry));
    } catch (error) {
      // Limits and damage that belong to the archive as a whole; what is whole before a cut is kept.
      if (error instanceof Failure || writer.files === 0) throw named(path, error);
      problems.push(
        `${path} is cut off or damaged (${error instanceof Error ? error.message : String(error)}): the ${writer.files} files before are shown.`,
      );
    }
    if (!writer.promising) {
      rmSync(part, { recursive: true, force: true });
      return undefined;
    }
    const record: UnpackedArchive = {
      path,
      bytes: stats.size,
      mtimeMs: stats.mtimeMs,
      root,
      unpackedBytes: writer.bytes,
      useful: true,
      problems: [...problems, ...writer.problems()],
    };
    keepUnpacked(record, part);
    return record;
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw error;
  }
}

function named(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure(
    "unreadable-archive",
    `${path} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}.`,
    "It may be cut off or damaged; write it again.",
  );
}

function checkSize(path: string, bytes: number, asked: boolean): void {
  const gigabytes = (bytes / 2 ** 30).toFixed(1);
  if (!asked && bytes > LARGEST_UNASKED)
    throw new Failure(
      "large-archive",
      `${path} holds ${gigabytes} GB, more than is unpacked without being asked for.`,
      "Open it by its own path, or unpack it yourself.",
    );
  const others = unpackedArchives().reduce(
    (sum, one) => sum + (one.path === path ? 0 : one.unpackedBytes),
    0,
  );
  if (bytes > LARGEST_ARCHIVE || others + bytes > LARGEST_TOGETHER)
    throw new Failure(
      "large-archive",
      `${path} holds ${gigabytes} GB; archives are unpacked up to ${LARGEST_ARCHIVE / 2 ** 30} GB each and ${LARGEST_TOGETHER / 2 ** 30} GB together.`,
      "Unpack it yourself and open the folder.",
    );
}

const baseName = (name: string): string => name.split(/[/\\]/).at(-1) ?? name;

/** Whether a name makes it worth to unpack an archive; of one that was asked for, any that is not known to be something else. */
function promisesData(name: string, asked: boolean): boolean {
  const base = baseName(name);
  return isWanted(name) && isCandidate(base) && (asked || DATA_LIKE.test(base));
}

/** False for code, weights, and everything in folders that never hold rollouts. */
function isWanted(name: string): boolean {
  const parts = name.split(/[/\\]/);
  return !NEVER_NEEDED.test(name) && !parts.slice(0, -1).some(isSkippedFolder);
}

/** Where in a folder a member is written; undefined for names that lead out of it. */
export function memberPath(name: string): string | undefined {
  const parts = name
    .replace(/^[A-Za-z]:(?=[/\\])/, "")
    .split(/[/\\]/)
    .filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..") || name.includes("\0")) return undefined;
  return parts.map(safeName).join("/");
}

/** Names that some file system refuses are changed alike on all of them. */
function safeName(part: string): string {
  const plain = part.replace(/[<>:"|?*\u0001-\u001f]/g, "_").replace(/[. ]+$/, "_");
  const free = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(plain) ? `_${plain}` : plain;
  if (Buffer.byteLength(free) <= LONGEST_NAME) return free;
  const ending = /(?:\.\w{1,10}){1,2}$/.exec(free)?.[0] ?? "";
  const hash = createHash("sha256").update(part).digest("hex").slice(0, 8);
  return `${free.slice(0, 40)}~${hash}${ending}`;
}

/** Writes members into a folder and counts what is left out. */
class MemberWriter {
  files = 0;
  bytes = 0;
  promising = false;
  private roomCheckedAt = -Infinity;
  private readonly taken = new Set<string>();
  private readonly unreadable: string[] = [];
  private outside = 0;

  constructor(
    private readonly archive: string,
    private readonly folder: string,
    private readonly stats: Stats,
    private readonly asked: boolean,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async take(entry: ArchiveEntry, zip?: ZipArchive): Promise<void> {
    if (this.signal?.aborted === true)
      throw new Failure("cancelled", "Indexing was cancelled.", "Index again to go on where it stopped.");
    const { name, content } = entry;
    const relative = isWanted(name) ? memberPath(name) : "";
    if (relative === undefined) this.outside++;
    if (relative === undefined || relative === "" || content === undefined) {
      if (entry.problem !== undefined && relative !== "") this.unreadable.push(`${name} ${entry.problem}`);
      content?.resume();
      return;
    }
    if (++this.files > MOST_FILES)
      throw new Failure(
        "large-archive",
        `${this.archive} holds more than ${MOST_FILES.toLocaleString("en")} files.`,
        "Unpack it yourself and open the folder.",
      );
    const target = join(this.folder, this.free(relative));
    mkdirSync(dirname(target), { recursive: true });
    const checksum = zip?.checksumOf(name);
    let crc = 0;
    let written = 0;
    const count = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        try {
          written += chunk.length;
          if (written > entry.size) throw new Error("it is longer than the archive says");
          this.grow(chunk.length);
          if (checksum !== undefined) crc = crc32(chunk, crc);
          done(null, chunk);
        } catch (error) {
          done(error as Error);
        }
      },
    });
    try {
      await pipeline(content, count, createWriteStream(target, { mode: 0o600 }));
    } catch (error) {
      rmSync(target, { force: true });
      this.files--;
      if (error instanceof Failure || zip === undefined) throw error;
      // One damaged member of a ZIP says nothing of the others.
      this.unreadable.push(`${name} is damaged`);
      return;
    }
    if (checksum !== undefined && crc !== checksum)
      this.unreadable.push(`${name} is damaged (its checksum differs)`);
    // The time of the archive: a member of an archive that has changed is read again.
    utimesSync(target, this.stats.mtime, this.stats.mtime);
    if (written > 0 && promisesData(name, this.asked)) this.promising = true;
  }

  problems(): readonly string[] {
    const told = this.unreadable.slice(0, 20).map((problem) => `In ${this.archive}, ${problem}.`);
    if (this.unreadable.length > told.length)
      told.push(`In ${this.archive}, ${this.unreadable.length - told.length} more files cannot be read.`);
    if (this.outside > 0)
      told.push(
        `In ${this.archive}, the names of ${this.outside} files lead out of the archive: they are left out.`,
      );
    return told;
  }

  /** Two names that differ in case alone are one on some file systems; an exact repetition replaces what was there. */
  private free(relative: string): string {
    const exact = `exact ${relative}`;
    if (this.taken.has(exact)) return relative;
    let name = relative;
    for (let number = 2; this.taken.has(name.toLowerCase()); number++)
      name = relative.replace(/((?:\.\w+)*)$/, `~${number}$1`);
    this.taken.add(name.toLowerCase());
    this.taken.add(exact);
    return name;
  }

  private grow(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > GROWTH_ALLOWANCE && this.bytes > LARGEST_GROWTH * this.stats.size)
      throw new Failure(
        "zip-bomb",
        `${this.archive} grows from ${this.stats.size} to more than ${this.bytes} bytes: it is a decompression bomb.`,
        "It is not opened.",
      );
    checkSize(this.archive, this.bytes, this.asked);
    if (this.bytes - this.roomCheckedAt < ROOM_STEP) return;
    this.roomCheckedAt = this.bytes;
    const { bavail, bsize } = statfsSync(this.folder);
    if (bavail * bsize < KEPT_FREE)
      throw new Failure(
        "no-room",
        `There is no room to unpack ${this.archive}: less than 1 GB is free.`,
        "Make room, or unpack it elsewhere and open the folder.",
      );
  }
}
