import { pictureHeader } from "./pictureHeader";
import { decodePng } from "./pngPicture";
import { decodeWithWasm } from "./wasmCodecs";

/** A picture's red, green and blue, 8 bits each, row-major [height, width, 3]. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Unpacks a PNG, JPEG or WebP, told by its content. Pixels are those of Pillow's `convert("RGB")`.
 * @param name how messages call the picture
 * @throws Failure `unreadable-picture` in one sentence, with bounded memory, for whatever the bytes are
 */
export async function decodePicture(bytes: Uint8Array, name: string): Promise<Picture> {
  const { kind, width, height } = pictureHeader(bytes, name);
  return kind === "png" ? { width, height, data: decodePng(bytes, name) } : decodeWithWasm(kind, bytes, name);
}
