import { inflateRawSync } from "node:zlib";
import { decompress as unzstd } from "fzstd";
import type { ByteSource } from "./byteSource";
import type { ZipMember } from "./zipArchive";

const LOCAL_HEADER = Buffer.from([0x50, 0x4b, 0x03, 0x04]);
const DESCRIPTOR = Buffer.from([0x50, 0x4b, 0x07, 0x08]);
const WINDOW = 4 * 2 ** 20;
/** Members whose length is told only behind them are decompressed once to measure them, up to this size. */
const LARGEST_MEASURED = 256 * 2 ** 20;

/**
 * Finds the members of an archive without a directory by their own headers, in order. A member that is cut off with the
 * file is told apart: it has what is left. Where a header does not tell the length (bit 3), it ends before the next header or data descriptor.
 */
export function salvageMembers(source: ByteSource): Salvaged {
  const members = new Map<string, ZipMember>();
  let torn: ZipMember | undefined;
  let at = 0;
  while (at + 30 <= source.size) {
    const header = source.read(at, 30);
    if (header.length < 30 || header.readUInt32LE(0) !== 0x04034b50) {
      const next = find(source, LOCAL_HEADER, at + 1);
      if (next < 0) break;
      at = next;
      continue;
    }
    const flags = header.readUInt16LE(6);
    const method = header.readUInt16LE(8);
    const nameLength = header.readUInt16LE(26);
    const extraLength = header.readUInt16LE(28);
    const names = source.read(at + 30, nameLength + extraLength);
    if (names.length < nameLength + extraLength) break;
    const name = names.toString((flags & 0x800) === 0 ? "latin1" : "utf8", 0, nameLength);
    const start = at + 30 + nameLength + extraLength;
    const crc = header.readUInt32LE(14);
    let sizes = sizesOf(header, names.subarray(nameLength));
    if ((flags & 8) !== 0 && sizes.compressedSize === 0) {
      const measured = measure(source, start, method);
      if (measured === undefined) {
        const next = find(source, LOCAL_HEADER, start);
        if (next >= 0) {
          at = next;
          continue;
        }
      }
      sizes = measured ?? { compressedSize: Infinity, size: 0 };
    }
    const member = {
      name,
      method,
      ...sizes,
      crc32: (flags & 8) === 0 ? crc : undefined,
      headerOffset: at,
      encrypted: (flags & 1) !== 0,
    };
    if (start + sizes.compressedSize > source.size) {
      if (source.size > start) torn = { ...member, compressedSize: source.size - start, crc32: undefined };
      break;
    }
    if (!name.endsWith("/")) members.set(name, member);
    at = start + sizes.compressedSize;
  }
  return { members: [...members.values()], torn };
}

/** What is left of an archive without its directory. */
export interface Salvaged {
  readonly members: readonly ZipMember[];
  /** The last member, where the file ends in the middle of it. Its size is what its header says, or 0. */
  readonly torn: ZipMember | undefined;
}

interface Sizes {
  readonly compressedSize: number;
  readonly size: number;
}

/** Sizes of a local header, from its ZIP64 field where they do not fit. */
function sizesOf(header: Buffer, extra: Buffer): Sizes {
  let compressedSize = header.readUInt32LE(18);
  let size = header.readUInt32LE(22);
  if (compressedSize !== 0xffffffff && size !== 0xffffffff) return { compressedSize, size };
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1 || at + 20 > extra.length) continue;
    size = Number(extra.readBigUInt64LE(at + 4));
    compressedSize = Number(extra.readBigUInt64LE(at + 12));
    break;
  }
  return { compressedSize, size };
}

/** Length of a member that is followed by a data descriptor. */
function measure(source: ByteSource, start: number, method: number): Sizes | undefined {
  for (let from = start; ;) {
    const end = find(source, DESCRIPTOR, from);
    if (end < 0 || end - start > LARGEST_MEASURED) return undefined;
    const descriptor = source.read(end, 24);
    // The descriptor repeats the length, in 4 bytes or, for large members, in 8.
    const length = end - start;
    const short = descriptor.length >= 16 && descriptor.readUInt32LE(8) === length;
    const long = descriptor.length >= 24 && descriptor.readBigUInt64LE(8) === BigInt(length);
    if (short || long) {
      const size = short ? descriptor.readUInt32LE(12) : Number(descriptor.readBigUInt64LE(16));
      if (size <= LARGEST_MEASURED && opens(source.read(start, length), method, size))
        return { compressedSize: length, size };
    }
    from = end + 4;
  }
}

function opens(data: Buffer, method: number, size: number): boolean {
  try {
    if (method === 0) return data.length === size;
    if (method === 8) return inflateRawSync(data, { maxOutputLength: Math.max(1, size) }).length === size;
    if (method === 93) return unzstd(data, new Uint8Array(size)).length === size;
  } catch {
    return false;
  }
  return false;
}

/** First place of a signature at or after `from`; -1 when there is none. */
function find(source: ByteSource, signature: Buffer, from: number): number {
  for (let at = from; at < source.size; at += WINDOW - signature.length) {
    const found = source.read(at, WINDOW).indexOf(signature);
    if (found >= 0) return at + found;
  }
  return -1;
}
