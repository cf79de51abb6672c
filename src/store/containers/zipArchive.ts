import { constants, crc32, inflateRawSync } from "node:zlib";
import { decompress as unzstd } from "fzstd";
import yauzl from "yauzl";
import { Failure } from "../../model/failure";
import type { Note } from "../../model/trajectory";
import type { ByteSource } from "./byteSource";
import { FileBytes, MemoryBytes } from "./byteSource";
import { salvageMembers } from "./zipSalvage";

/** Where a member of an archive lies. */
export interface ZipMember {
  readonly name: string;
  /** Compression method of the ZIP specification: 0 stored, 8 deflate, 93 zstd. */
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly crc32: number | undefined;
  readonly headerOffset: number;
  readonly encrypted: boolean;
}

/** An archive whose members together grow beyond this many times the archive is a bomb. */
const LARGEST_GROWTH = 1100;
const GROWTH_ALLOWANCE = 2 ** 30;
const MOST_MEMBERS = 1_000_000;
/** Compressed bytes of which a head is made; at most a thousand times as many come out. */
const HEAD_BYTES = 16 * 1024;

/** An open ZIP archive: its members are read one by one, when they are asked for. */
export class ZipArchive {
  private readonly byName: ReadonlyMap<string, ZipMember>;

  private constructor(
    private readonly source: ByteSource,
    readonly members: readonly ZipMember[],
    readonly notes: readonly Note[],
    /** The member in whose middle the file ends; it is none of the `members`. */
    readonly torn: ZipMember | undefined,
  ) {
    this.byName = new Map(members.map((member) => [member.name, member]));
  }

  /**
   * Opens an archive. Where its directory at the end is missing (the writer crashed, or the file is cut off), the members
   * are found by their own headers, as far as they are whole.
   * @throws Failure when it is no archive, and for decompression bombs
   */
  static async open(path: string): Promise<ZipArchive> {
    return ZipArchive.over(FileBytes.of(path), path);
  }

  static async fromBytes(bytes: Buffer, name: string): Promise<ZipArchive> {
    return ZipArchive.over(new MemoryBytes(bytes), name);
  }

  private static async over(source: ByteSource, name: string): Promise<ZipArchive> {
    let members: readonly ZipMember[];
    let torn: ZipMember | undefined;
    const notes: Note[] = [];
    try {
      members = await directory(source);
    } catch (error) {
      if (error instanceof Failure) throw error;
      ({ members, torn } = salvageMembers(source));
      const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
      const missing = /end of central directory/i.test(reason)
        ? "has no directory at its end"
        : `has a damaged directory (${reason})`;
      if (members.length === 0 && torn === undefined)
        throw new Failure(
          "unreadable-zip",
          `${name} is a ZIP archive (as npz and torch files are too) that ${missing} and holds no whole member: it is cut off.`,
          "Write it again.",
        );
      const found = `${members.length} whole ${members.length === 1 ? "member was" : "members were"} found by their own headers`;
      notes.push({
        code: "torn-archive",
        message: `The archive ${missing}: its writer crashed or still runs, or it is cut off. ${found}${torn === undefined ? "" : `; ${torn.name} is cut off`}.`,
        where: name,
      });
    }
    const grown = members.reduce((sum, member) => sum + member.size, 0);
    if (grown > source.size * LARGEST_GROWTH + GROWTH_ALLOWANCE)
      throw new Failure(
        "zip-bomb",
        `${name} would grow from ${source.size} bytes to ${grown}: it is a decompression bomb.`,
        "It is not opened.",
      );
    return new ZipArchive(source, members, notes, torn);
  }

  get names(): readonly string[] {
    return this.members.map((member) => member.name);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  sizeOf(name: string): number | undefined {
    return this.byName.get(name)?.size;
  }

  /**
   * Content of a member, decompressed and checked.
   * @param limit most bytes that it may have
   * @throws Failure when it is missing, damaged, too large, encrypted or of an unknown method
   */
  read(name: string, limit: number): Buffer {
    const member = this.byName.get(name);
    if (member === undefined)
      throw new Failure(
        "missing-member",
        `The archive has no member ${name}.`,
        "Refresh the Trajectories view.",
      );
    if (member.encrypted)
      throw new Failure("encrypted-member", `${name} is encrypted.`, "Decrypt the archive first.");
    if (member.size > limit)
      throw new Failure(
        "large-member",
        `${name} has ${Math.round(member.size / 2 ** 20)} MB.`,
        `Members of up to ${Math.round(limit / 2 ** 20)} MB are read.`,
      );
    const data = this.source.read(dataOffset(this.source, member), member.compressedSize);
    if (data.length < member.compressedSize)
      throw new Failure("torn-member", `${name} is cut off.`, "Write the archive again.");
    const content = decompressed(member, data);
    if (content.length !== member.size || (member.crc32 !== undefined && crc32(content) !== member.crc32))
      throw new Failure("damaged-member", `${name} is damaged: its checksum differs.`, "Write it again.");
    return content;
  }

  /** What is left of the member in whose middle the file ends, decompressed as far as it goes; empty without such a member. */
  readTorn(limit: number): Buffer {
    const { torn } = this;
    if (torn === undefined || torn.encrypted) return Buffer.alloc(0);
    const data = this.source.read(dataOffset(this.source, torn), Math.min(torn.compressedSize, limit));
    if (torn.method === 0) return data;
    if (torn.method !== 8) return Buffer.alloc(0);
    try {
      return inflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: limit });
    } catch {
      return Buffer.alloc(0);
    }
  }

  /** The beginning of a deflated member, unchecked; empty for other methods. */
  readHead(name: string): Buffer {
    const member = this.byName.get(name);
    if (member === undefined || member.method !== 8 || member.encrypted) return Buffer.alloc(0);
    const data = this.source.read(
      dataOffset(this.source, member),
      Math.min(member.compressedSize, HEAD_BYTES),
    );
    try {
      return inflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH });
    } catch {
      return Buffer.alloc(0);
    }
  }

  /** Bytes of a member that is stored without compression, read piece by piece; undefined for compressed ones. */
  stored(name: string): { readonly offset: number; readonly size: number } | undefined {
    const member = this.byName.get(name);
    if (member === undefined || member.method !== 0 || member.encrypted) return undefined;
    return { offset: dataOffset(this.source, member), size: member.compressedSize };
  }

  /** Where the compressed bytes of a member lie. @throws Failure for a damaged header */
  placeOf(name: string): { readonly offset: number; readonly length: number } | undefined {
    const member = this.byName.get(name);
    if (member === undefined) return undefined;
    return { offset: dataOffset(this.source, member), length: member.compressedSize };
  }

  checksumOf(name: string): number | undefined {
    return this.byName.get(name)?.crc32;
  }

  bytesAt(offset: number, length: number): Buffer {
    return this.source.read(offset, length);
  }
}

function decompressed(member: ZipMember, data: Buffer): Buffer {
  try {
    if (member.method === 0) return data;
    if (member.method === 8) return inflateRawSync(data, { maxOutputLength: Math.max(1, member.size) });
    if (member.method === 93) {
      // With the size given, nothing beyond it is written.
      const content = unzstd(data, new Uint8Array(member.size));
      return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    }
  } catch (error) {
    throw new Failure(
      "damaged-member",
      `${member.name} cannot be decompressed: ${error instanceof Error ? error.message : String(error)}.`,
      "Write the archive again.",
    );
  }
  throw new Failure(
    "unknown-method",
    `${member.name} is compressed with method ${member.method}, which is not known here.`,
    "Deflate and Zstandard are read.",
  );
}

/** The member's own header tells how long its name and extra fields are. */
function dataOffset(source: ByteSource, member: ZipMember): number {
  const header = source.read(member.headerOffset, 30);
  if (header.length < 30 || header.readUInt32LE(0) !== 0x04034b50)
    throw new Failure("damaged-member", `${member.name} has no header.`, "Write the archive again.");
  return member.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

/** Bytes read ahead: the directory is asked for entry by entry. */
const READ_AHEAD = 1024 * 1024;

/** Gives the library what it asks for; places that a damaged archive makes up are errors, not exceptions. */
class SourceReader extends yauzl.RandomAccessReader {
  private window: Buffer = Buffer.alloc(0);
  private start = 0;

  constructor(private readonly source: ByteSource) {
    super();
  }

  override _readStreamForRange(): never {
    throw new Error("members are not read through the library");
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    // Each answer in a turn of its own, so that any number of entries needs no more stack than one.
    queueMicrotask(() => {
      if (!Number.isSafeInteger(position) || position < 0 || position + length > this.source.size)
        return callback(new Error("a part of the directory lies outside the file"));
      if (position < this.start || position + length > this.start + this.window.length) {
        this.window = this.source.read(position, Math.max(length, READ_AHEAD));
        this.start = position;
      }
      this.window.copy(buffer, offset, position - this.start, position - this.start + length);
      callback(null);
    });
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}

/** Members by the central directory. Names are never used as paths, so that any name will do. */
async function directory(source: ByteSource): Promise<readonly ZipMember[]> {
  const options = { decodeStrings: false, lazyEntries: true, validateEntrySizes: false } as const;
  const archive = await new Promise<yauzl.ZipFile>((resolve, reject) => {
    yauzl.fromRandomAccessReader(new SourceReader(source), source.size, options, (error, file) => {
      if (error === null) resolve(file);
      else reject(error);
    });
  });
  return new Promise((resolve, reject) => {
    const members: ZipMember[] = [];
    archive.on("error", reject);
    archive.on("end", () => resolve(members));
    archive.on("entry", (entry: yauzl.Entry) => {
      if (members.length >= MOST_MEMBERS) {
        archive.close();
        reject(new Failure("large-archive", "The archive has more than a million members.", "Split it."));
        return;
      }
      const raw = (entry as unknown as { fileName: Buffer }).fileName;
      // Bit 11: UTF-8; other names are ASCII in practice.
      const name = raw.toString((entry.generalPurposeBitFlag & 0x800) === 0 ? "latin1" : "utf8");
      if (!name.endsWith("/"))
        members.push({
          name,
          method: entry.compressionMethod,
          compressedSize: entry.compressedSize,
          size: entry.uncompressedSize,
          crc32: entry.crc32,
          headerOffset: entry.relativeOffsetOfLocalHeader,
          encrypted: (entry.generalPurposeBitFlag & 1) !== 0,
        });
      archive.readEntry();
    });
    archive.readEntry();
  });
}
