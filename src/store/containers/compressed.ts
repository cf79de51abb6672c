import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
  type ReadStream,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip } from "node:zlib";
import { Decompress } from "fzstd";
import { Failure } from "../../model/failure";
import type { Note } from "../../model/trajectory";
import { FileBytes } from "./byteSource";
import { FORM_REMARKS, restating, textFormOf, type TextForm } from "./textForms";

export type Compression = "gzip" | "zstd";
/** How a text lies in its file when it is not there as it is read. */
export type StoredForm = Compression | TextForm;

/** What one compressed pickle may grow to in memory. */
const LARGEST_IN_MEMORY = 1.5 * 2 ** 30;
/** What one compressed text may grow to on disk, and what all of them may take together. */
const LARGEST_COPY = 8 * 2 ** 30;
const LARGEST_CACHE = 16 * 2 ** 30;

const ZSTD_PIECE = 1024;
/** Texts shrink to a hundredth at best: what grows more is a bomb, once it is large enough to matter. */
const LARGEST_GROWTH = 500;
const GROWTH_ALLOWANCE = 256 * 2 ** 20;

/** The compression that the first bytes of a file tell; undefined for none. */
export function compressionOf(bytes: Uint8Array): Compression | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 0x08) return "gzip";
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) return "zstd";
  return undefined;
}

const FORM_BYTES = 64 * 1024;

/** How the text of a file lies in it; undefined for plain text, and for what is no text. */
export function storedForm(path: string): StoredForm | undefined {
  const source = FileBytes.of(path);
  const head = source.read(0, FORM_BYTES);
  return compressionOf(head) ?? textFormOf(head, head.length === source.size);
}

const isCompression = (form: StoredForm): form is Compression => form === "gzip" || form === "zstd";

/**
 * Decompresses a file piece by piece, or brings its text into plain form. A file that is cut off or damaged gives what comes before.
 * @param sink takes a piece; false stops
 * @returns why it stopped early, if it did so by itself
 */
async function inflate(
  path: string,
  compression: StoredForm,
  sink: (piece: Uint8Array) => boolean,
): Promise<string | undefined> {
  const input = createReadStream(path, { highWaterMark: 256 * 1024 });
  if (!isCompression(compression)) {
    const plain = restating(compression);
    for await (const piece of input) if (!sink(plain.push(piece as Buffer))) return undefined;
    sink(plain.end());
    return undefined;
  }
  if (compression === "zstd") {
    let going = true;
    const stream = new Decompress((piece) => {
      if (going) going = sink(piece);
    });
    try {
      for await (const piece of input) {
        // A few bytes may stand for any number: what follows a stop is not even decompressed.
        for (let at = 0; going && at < (piece as Buffer).length; at += ZSTD_PIECE)
          stream.push((piece as Buffer).subarray(at, at + ZSTD_PIECE));
        if (!going) break;
      }
      if (going) stream.push(new Uint8Array(0), true);
    } catch (error) {
      // What the sink refuses is no damage.
      if (error instanceof Failure) throw error;
      return error instanceof RangeError
        ? "its header is damaged"
        : error instanceof Error
          ? error.message
          : String(error);
    } finally {
      input.destroy();
    }
    return undefined;
  }
  let length = 0;
  const reason = await gunzipped(input, (piece) => {
    length += piece.length;
    return sink(piece);
  });
  return reason === "" ? cutOff(path, length) : reason;
}

/** @returns "" at the end of the file, why it stopped otherwise, undefined when the sink wants no more */
function gunzipped(input: ReadStream, sink: (piece: Uint8Array) => boolean): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    // Without it, the last pieces of a file that is cut off would be lost.
    const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 256 * 1024 });
    let done = false;
    const finish = (reason?: string): void => {
      if (done) return;
      done = true;
      input.destroy();
      gunzip.destroy();
      resolve(reason);
    };
    input.on("error", reject);
    gunzip.on("data", (piece: Buffer) => {
      if (done) return;
      try {
        if (!sink(piece)) finish();
      } catch (error) {
        done = true;
        input.destroy();
        gunzip.destroy();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    gunzip.on("end", () => finish(""));
    gunzip.on("error", (error) => finish(error.message));
    input.pipe(gunzip);
  });
}

/** The end of a gzip file that does not tell the length of what came out: cut off, or one of several members. */
async function cutOff(path: string, length: number): Promise<string | undefined> {
  const source = FileBytes.of(path);
  const tail = source.read(source.size - 4, 4);
  if (tail.length === 4 && tail.readUInt32LE(0) === length % 2 ** 32) return undefined;
  try {
    // Nothing is kept: what is asked for is whether the last member ends.
    await pipeline(
      createReadStream(path),
      createGunzip(),
      new Writable({ write: (_piece, _encoding, done) => done() }),
    );
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The first bytes of a compressed file's content, at most `limit`. */
export async function inflatedHead(path: string, compression: StoredForm, limit: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let held = 0;
  await inflate(path, compression, (piece) => {
    pieces.push(Uint8Array.from(piece));
    held += piece.length;
    return held < limit;
  });
  return Buffer.concat(pieces).subarray(0, limit);
}

/** The whole content of a compressed file. @throws Failure when it grows beyond what fits in memory */
export async function inflated(
  path: string,
  compression: StoredForm,
): Promise<{ readonly bytes: Buffer; readonly notes: readonly Note[] }> {
  const pieces: Uint8Array[] = [];
  let held = 0;
  const reason = await inflate(path, compression, (piece) => {
    held += piece.length;
    if (held > LARGEST_IN_MEMORY)
      throw new Failure(
        "decompression-bomb",
        `${path} grows beyond ${LARGEST_IN_MEMORY / 2 ** 20} MB when it is decompressed.`,
        "Decompress it yourself if it is sound.",
      );
    pieces.push(Uint8Array.from(piece));
    return true;
  });
  return {
    bytes: Buffer.concat(pieces),
    notes: [...formNotes(path, compression), ...(reason === undefined ? [] : [damaged(path, reason)])],
  };
}

function damaged(path: string, reason: string): Note {
  return {
    code: "torn-compression",
    message: `${basename(path)} cannot be decompressed to its end (${reason}): what comes before is shown.`,
    where: path,
  };
}

/** That a file is not in the form that its readers expect, in a sentence. */
function formNotes(path: string, form: StoredForm): readonly Note[] {
  const remark = isCompression(form) ? undefined : FORM_REMARKS[form];
  if (remark === undefined) return [];
  const message = `${basename(path)} ${remark}: it is read as if it were, and other programs may refuse it.`;
  return [{ code: "loose-text", message, where: path }];
}

let folder = join(tmpdir(), "trajectory-lens-expanded");

/** Where decompressed copies are kept: a folder of the index, which may be deleted at any time. */
export function setExpansionFolder(path: string): void {
  folder = path;
}

const running = new Map<string, Promise<{ readonly path: string; readonly notes: readonly Note[] }>>();

/**
 * A decompressed copy of a compressed text, made once for each state of the file.
 * @throws Failure when it grows beyond what a copy may take
 */
export function expandedCopy(
  path: string,
  compression: StoredForm,
): Promise<{ readonly path: string; readonly notes: readonly Note[] }> {
  const stats = statSync(path);
  const name = createHash("sha256")
    .update(`${path}\n${stats.size}\n${stats.mtimeMs}\n${stats.ino}`)
    .digest("hex")
    .slice(0, 32);
  const copy = join(folder, name);
  const known = running.get(copy);
  if (known !== undefined) return known;
  const work = expand(path, compression, copy).finally(() => running.delete(copy));
  running.set(copy, work);
  return work;
}

async function expand(
  path: string,
  compression: StoredForm,
  copy: string,
): Promise<{ readonly path: string; readonly notes: readonly Note[] }> {
  if (existsSync(copy)) {
    // Its time of use decides what is dropped first.
    utimesSync(copy, new Date(), new Date());
    return { path: copy, notes: formNotes(path, compression) };
  }
  mkdirSync(folder, { recursive: true });
  makeRoom();
  // Two windows may do this at the same time; the one that ends last wins, with the same content.
  const part = `${copy}.${process.pid}.part`;
  const file = openSync(part, "w", 0o600);
  const compressedSize = statSync(path).size;
  let held = 0;
  let reason: string | undefined;
  try {
    reason = await inflate(path, compression, (piece) => {
      held += piece.length;
      if (held > LARGEST_COPY || (held > GROWTH_ALLOWANCE && held > LARGEST_GROWTH * compressedSize))
        throw new Failure(
          "decompression-bomb",
          `${path} grows from ${compressedSize} to more than ${held} bytes when it is decompressed.`,
          "Decompress it yourself if it is sound.",
        );
      for (let written = 0; written < piece.length;)
        written += writeSync(file, piece, written, piece.length - written);
      return true;
    });
  } catch (error) {
    closeSync(file);
    rmSync(part, { force: true });
    throw error;
  }
  closeSync(file);
  renameSync(part, copy);
  return {
    path: copy,
    notes: [...formNotes(path, compression), ...(reason === undefined ? [] : [damaged(path, reason)])],
  };
}

/** Drops the copies that were used least recently until the rest fits. */
function makeRoom(): void {
  const copies = readdirSync(folder).flatMap((name) => {
    try {
      const { size, mtimeMs } = statSync(join(folder, name));
      return [{ name, size, mtimeMs }];
    } catch {
      return [];
    }
  });
  let total = copies.reduce((sum, copy) => sum + copy.size, 0);
  for (const copy of copies.sort((left, right) => left.mtimeMs - right.mtimeMs)) {
    if (total <= LARGEST_CACHE - LARGEST_COPY) break;
    rmSync(join(folder, copy.name), { force: true });
    total -= copy.size;
  }
}
