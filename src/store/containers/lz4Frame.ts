import { decompress, decompressBound } from "lz4js";
import { Failure } from "../../model/failure";

const LARGEST = 2 ** 30;

/** Content of an LZ4 frame, which is how Arrow compresses its buffers by default. @throws Failure when it is too large */
export function unlz4(bytes: Uint8Array): Uint8Array {
  const size = decompressBound(bytes);
  if (!(size <= LARGEST))
    throw new Failure("large-buffer", "A compressed buffer grows beyond 1 GB.", "The file is damaged.");
  return Uint8Array.from(decompress(bytes, size));
}
