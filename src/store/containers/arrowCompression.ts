/** Compressed buffers of Arrow files: each begins with its length when decompressed, and grows to no more. */
import { decompress as unzstd } from "fzstd";
import { Failure } from "../../model/failure";
import { unlz4 } from "./lz4Frame";

const LENGTH_PREFIX = 8;

/**
 * What apache-arrow calls with the bytes behind the length of a buffer. They are a view of its file, so that the length, by
 * which room is made for the content, stands before them.
 */
export function arrowDecoder(
  decode: (bytes: Uint8Array, length: number) => Uint8Array,
): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const length = Number(
      new DataView(bytes.buffer, bytes.byteOffset - LENGTH_PREFIX, LENGTH_PREFIX).getBigInt64(0, true),
    );
    const content = decode(bytes, length);
    if (content.length !== length) throw damaged();
    // Buffers become typed arrays, which may not begin at an odd byte.
    return content.byteOffset % 8 === 0 ? content : Uint8Array.from(content);
  };
}

/** @throws Failure when the frame grows to another length than the buffer says */
export function unzstdBuffer(bytes: Uint8Array, length: number): Uint8Array {
  const told = contentSize(bytes);
  if (told !== undefined && told !== length) throw damaged();
  try {
    // With room of this length, the library makes none by what the frame tells.
    return unzstd(bytes, new Uint8Array(length));
  } catch {
    throw damaged();
  }
}

/** @throws Failure when the frame grows to another length than the buffer says */
export function unlz4Buffer(bytes: Uint8Array, length: number): Uint8Array {
  return unlz4(bytes, length);
}

/** The content's length as the header of a Zstandard frame tells it; undefined where it does not. */
function contentSize(bytes: Uint8Array): number | undefined {
  const descriptor = bytes[4] ?? 0;
  const single = (descriptor & 0x20) !== 0;
  const size = descriptor >> 6 === 0 ? (single ? 1 : 0) : 1 << (descriptor >> 6);
  if (size === 0) return undefined;
  const at = (single ? 5 : 6) + ([0, 1, 2, 4][descriptor & 3] as number);
  if (at + size > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 1) return view.getUint8(at);
  if (size === 2) return view.getUint16(at, true) + 256;
  return size === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

function damaged(): Failure {
  return new Failure("damaged-arrow", "a compressed column is damaged", "The file is damaged.");
}
