import { inflateSync } from "node:zlib";
import { decode } from "fast-png";
import { badPicture } from "./pictureHeader";

/** Channels by PNG's colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Origin and spacing of Adam7's seven passes: x, y, dx, dy. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Bytes of unpacked rows at most, of which a few copies are held: 16 bits a channel take twice as many as 8. */
const MOST_BYTES = 200_000_000;

/** The chunks that pixels depend on. Profiles, texts and animation frames never reach the decoder. */
const KEPT = new Set(["IHDR", "PLTE", "IDAT", "IEND"]);

/**
 * Unpacks a PNG whose size `pictureHeader` accepted. The compressed pixels are first unpacked with the number of bytes
 * that the size says as a limit, so that neither a bomb nor a cut file reaches the decoder. Alpha is left out, 16 bits
 * become their upper 8.
 * @returns red, green and blue, row-major [height, width, 3]
 * @throws Failure `unreadable-picture`
 */
export function decodePng(bytes: Uint8Array, name: string): Uint8Array {
  const { clean, pixels } = withoutExtras(bytes, name);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, colour, interlaced] = [bytes[24]!, bytes[25]!, bytes[28]! === 1];
  const channels = CHANNELS[colour];
  if (channels === undefined) throw badPicture(name, `has the unknown PNG colour type ${colour}`);
  if (interlaced && depth < 8)
    throw badPicture(name, `is an interlaced PNG of ${depth} bits a channel, which cannot be unpacked`);
  const expected = rawBytes(width, height, depth * channels, interlaced);
  if (expected > MOST_BYTES)
    throw badPicture(
      name,
      `takes ${Math.round(expected / 1e6)} million bytes unpacked, more than ${MOST_BYTES / 1e6} million`,
    );
  checkPixels(pixels, expected, name);
  try {
    const { data, palette } = decode(clean, { checkCrc: true });
    return toRgb(data, { width, height, depth, channels }, palette, name);
  } catch (error) {
    if (error instanceof Error && error.name === "Failure") throw error;
    throw badPicture(name, `is a damaged PNG (${(error as Error).message})`);
  }
}

/** The file with the chunks of `KEPT` alone, and its compressed pixels. */
function withoutExtras(bytes: Uint8Array, name: string): { clean: Uint8Array; pixels: Buffer } {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const kept: Buffer[] = [file.subarray(0, 8)];
  const pixels: Buffer[] = [];
  let at = 8;
  for (;;) {
    if (at + 12 > file.length) throw badPicture(name, "is cut off");
    const length = file.readUInt32BE(at);
    const kind = file.toString("latin1", at + 4, at + 8);
    if (at + 12 + length > file.length) throw badPicture(name, "is cut off");
    if (KEPT.has(kind)) kept.push(file.subarray(at, at + 12 + length));
    if (kind === "IDAT") pixels.push(file.subarray(at + 8, at + 8 + length));
    if (kind === "IEND") break;
    at += 12 + length;
  }
  if (pixels.length === 0) throw badPicture(name, "holds no pixels");
  return { clean: Buffer.concat(kept), pixels: Buffer.concat(pixels) };
}

/** Bytes of the unpacked rows, each with its filter's byte. */
function rawBytes(width: number, height: number, bits: number, interlaced: boolean): number {
  const plane = (columns: number, rows: number): number =>
    columns === 0 || rows === 0 ? 0 : rows * (1 + Math.ceil((columns * bits) / 8));
  if (!interlaced) return plane(width, height);
  return ADAM7.reduce(
    (sum, [x, y, dx, dy]) => sum + plane(Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)),
    0,
  );
}

function checkPixels(pixels: Buffer, expected: number, name: string): void {
  let length: number;
  try {
    length = inflateSync(pixels, { maxOutputLength: expected }).length;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE")
      throw badPicture(
        name,
        `unpacks to more than the ${expected.toLocaleString("en")} bytes that its size says`,
      );
    throw badPicture(name, code === "Z_BUF_ERROR" ? "is cut off" : "has damaged pixels");
  }
  if (length < expected) throw badPicture(name, "is cut off");
}

function toRgb(
  data: ArrayLike<number>,
  { width, height, depth, channels }: { width: number; height: number; depth: number; channels: number },
  palette: readonly (readonly number[])[] | undefined,
  name: string,
): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  const rowBytes = Math.ceil((width * depth) / 8);
  const [most, shift] = [(1 << Math.min(depth, 8)) - 1, depth === 16 ? 8 : 0];
  for (let pixel = 0, to = 0; pixel < width * height; pixel++, to += 3) {
    let value: number;
    if (depth < 8) {
      // Several pixels share a byte, the first in its upper bits; each row begins a new byte.
      const bit = (pixel % width) * depth;
      const byte = data[Math.floor(pixel / width) * rowBytes + (bit >> 3)]!;
      value = (byte >> (8 - depth - (bit & 7))) & most;
    } else value = data[pixel * channels]! >> shift;
    if (palette) {
      const colour = palette[value];
      if (!colour) throw badPicture(name, `uses colour ${value} of a palette of ${palette.length}`);
      rgb[to] = colour[0]!;
      rgb[to + 1] = colour[1]!;
      rgb[to + 2] = colour[2]!;
    } else if (channels < 3) rgb.fill(depth < 8 ? Math.round((value * 255) / most) : value, to, to + 3);
    else {
      rgb[to] = value;
      rgb[to + 1] = data[pixel * channels + 1]! >> shift;
      rgb[to + 2] = data[pixel * channels + 2]! >> shift;
    }
  }
  return rgb;
}
