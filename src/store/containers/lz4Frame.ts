import { decompressBlock } from "lz4js";
import { Failure } from "../../model/failure";

const LARGEST = 2 ** 30;
const LARGEST_BLOCK = 4 * 2 ** 20;
const FRAME_MARK = 0x184d2204;
/** Mark, flags, size of blocks and checksum; some have the content's length between the last two. */
const FRAME_HEADER = 7;

/**
 * Content of an LZ4 frame, which is how Arrow compresses its buffers by default. The library knows the blocks; of frames it
 * takes the checksum of a block to stand before the block, and reads on behind the end of one that says that it is longer.
 * @param length of the content, as what surrounds the frame tells it
 * @throws Failure when it is too large or the frame holds another length
 */
export function unlz4(bytes: Uint8Array, length: number): Uint8Array {
  if (!(length >= 0 && length <= LARGEST))
    throw new Failure("large-buffer", "A compressed buffer grows beyond 1 GB.", "The file is damaged.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = bytes[4] ?? 0;
  if (bytes.length < FRAME_HEADER || view.getUint32(0, true) !== FRAME_MARK || flags >> 6 !== 1)
    throw damaged();
  const checksum = (flags & 0x10) === 0 ? 0 : 4;
  const content = new Uint8Array(length);
  let written = 0;
  let at = FRAME_HEADER + ((flags & 0x08) === 0 ? 0 : 8);
  for (;;) {
    if (at + 4 > bytes.length) throw damaged();
    const word = view.getUint32(at, true);
    const size = word & 0x7fffffff;
    if (size === 0) break;
    at += 4;
    if (size > LARGEST_BLOCK || at + size + checksum > bytes.length) throw damaged();
    // The highest bit marks a block that is kept as it is. Blocks may refer to what the ones before them hold.
    if (size === word) written = decompressBlock(bytes, content, at, size, written);
    else if (written + size <= length) {
      content.set(bytes.subarray(at, at + size), written);
      written += size;
    } else throw damaged();
    // Content that is longer than its room is cut there, but counted.
    if (written > length) throw damaged();
    at += size + checksum;
  }
  if (written !== length) throw damaged();
  return content;
}

function damaged(): Failure {
  return new Failure("damaged-lz4", "a compressed column is damaged", "The file is damaged.");
}
