import { createReadStream } from "node:fs";
import { Readable, Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createInflateRaw } from "node:zlib";
import { Decompress } from "fzstd";
import { extract } from "tar-stream";
import { Failure } from "../../model/failure";
import { compressionOf, type Compression } from "./compressed";
import type { ZipArchive } from "./zipArchive";

/** Archives that hold files of any kind. */
export type ArchiveKind = "zip" | "tar";

/** A file in an archive. Its name is whatever the archive's writer says. */
export interface ArchiveEntry {
  readonly name: string;
  /** Bytes that the archive says it has. */
  readonly size: number;
  /** Its content, decompressed; must be read to its end before the next entry comes. Undefined where it cannot be read. */
  readonly content: Readable | undefined;
  /** Why it cannot be read. */
  readonly problem?: string;
}

/** Offset at which a tar header says that it is one. */
const USTAR = 257;

/** True for the beginning of a tar archive: by its mark, or by the checksum of the oldest kind. */
export function isTar(head: Uint8Array): boolean {
  if (head.length < 512 || head[0] === 0) return false;
  if (Buffer.from(head.subarray(USTAR, USTAR + 5)).toString("latin1") === "ustar") return true;
  const told = Number.parseInt(Buffer.from(head.subarray(148, 156)).toString("latin1").trim(), 8);
  let sum = 0;
  for (let index = 0; index < 512; index++)
    sum += index >= 148 && index < 156 ? 0x20 : (head[index] as number);
  return sum === told;
}

/** Calls `take` for each file of a ZIP archive, one after another. */
export async function zipEntries(
  path: string,
  archive: ZipArchive,
  take: (entry: ArchiveEntry) => Promise<void>,
): Promise<void> {
  for (const member of archive.members) {
    const { name, size } = member;
    if (member.encrypted) {
      await take({ name, size, content: undefined, problem: "is encrypted" });
      continue;
    }
    const unpack = member.method === 8 ? createInflateRaw() : member.method === 93 ? zstd() : undefined;
    if (unpack === undefined && member.method !== 0) {
      await take({ name, size, content: undefined, problem: `is compressed with method ${member.method}` });
      continue;
    }
    const place = archive.placeOf(name);
    const bytes =
      place === undefined || place.length === 0
        ? Readable.from([])
        : createReadStream(path, { start: place.offset, end: place.offset + place.length - 1 });
    await take({ name, size, content: chained(bytes, unpack) });
  }
}

/** Calls `take` for each file of a tar archive, plain or compressed. @throws what a damaged archive makes the libraries throw */
export async function tarEntries(
  path: string,
  head: Uint8Array,
  take: (entry: ArchiveEntry) => Promise<void>,
): Promise<void> {
  const reader = extract();
  const source = createReadStream(path, { highWaterMark: 256 * 1024 });
  const unpack = unpackerOf(compressionOf(head));
  const feeding = unpack === undefined ? pipeline(source, reader) : pipeline(source, unpack, reader);
  // Its error also ends the entries below.
  feeding.catch(() => undefined);
  for await (const entry of reader) {
    const { name, size = 0, type } = entry.header;
    // Links lead somewhere, devices are none of ours: only what is a file itself is taken.
    if (type === "file" || type === "contiguous-file" || type === null || type === undefined)
      await take({ name, size, content: Readable.from(entry) });
    entry.resume();
  }
  await feeding;
}

function unpackerOf(compression: Compression | undefined): Transform | undefined {
  if (compression === "gzip") return createGunzip();
  return compression === "zstd" ? zstd() : undefined;
}

/** The library's stream pieces, as a stream of Node.js. */
function zstd(): Transform {
  const pieces: Uint8Array[] = [];
  const stream = new Decompress((piece) => pieces.push(Uint8Array.from(piece)));
  const flush = (self: Transform, done: TransformCallback, push: () => void): void => {
    try {
      push();
      for (const piece of pieces.splice(0)) self.push(piece);
      done();
    } catch (error) {
      done(
        new Failure(
          "damaged-archive",
          error instanceof Error ? error.message : String(error),
          "Write it again.",
        ),
      );
    }
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      flush(this, done, () => stream.push(Uint8Array.from(chunk)));
    },
    flush(done) {
      flush(this, done, () => stream.push(new Uint8Array(0), true));
    },
  });
}

function chained(source: Readable, through: Transform | undefined): Readable {
  if (through === undefined) return source;
  source.on("error", (error) => through.destroy(error));
  through.on("close", () => source.destroy());
  return source.pipe(through);
}
