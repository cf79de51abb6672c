import { Failure } from "../../model/failure";

export type PictureKind = "png" | "jpeg" | "webp";

/** What the first bytes of a picture say, before anything is unpacked. */
export interface PictureHeader {
  readonly kind: PictureKind;
  readonly width: number;
  readonly height: number;
}

/** Pixels of a picture at most: a screen of 8K has 33 million. Unpacking takes up to 16 bytes for each. */
export const MOST_PIXELS = 40_000_000;

/** Passes over the whole picture that a progressive JPEG may ask for; encoders write about ten. */
const MOST_SCANS = 200;

/** The failure of one picture, in one sentence. */
export const badPicture = (name: string, why: string): Failure =>
  new Failure("unreadable-picture", `The picture ${name} ${why}.`, "Save it again as PNG, JPEG or WebP.");

const ascii = (bytes: Uint8Array, start: number, length: number): string =>
  Buffer.from(
    bytes.buffer,
    bytes.byteOffset + start,
    Math.max(0, Math.min(length, bytes.length - start)),
  ).toString("latin1");

/** Kinds of files that are met in place of a picture, by their first bytes. */
const others: readonly (readonly [RegExp, string])[] = [
  [/^GIF8/, "a GIF"],
  [/^BM/, "a BMP"],
  [/^(?:II\*\0|MM\0\*)/, "a TIFF"],
  [/^.{4}ftyp(?:avif|avis)/s, "an AVIF"],
  [/^.{4}ftyp(?:heic|heix|mif1)/s, "a HEIF"],
  [/^.{4}ftyp/s, "an MP4 video"],
  [/^\s*<(?:svg|\?xml)/i, "an SVG"],
  [/^\s*<(?:!doctype|html)/i, "a web page"],
];

/**
 * Kind and size of a picture. The content decides, whatever the file is called.
 * @param name how messages call the picture
 * @throws Failure `unreadable-picture` for other kinds of files, broken headers and sizes above `MOST_PIXELS`
 */
export function pictureHeader(bytes: Uint8Array, name: string): PictureHeader {
  if (bytes.length === 0) throw badPicture(name, "is empty");
  const start = ascii(bytes, 0, 64);
  const header = start.startsWith("\x89PNG\r\n\x1a\n")
    ? pngHeader(bytes, name)
    : start.startsWith("\xff\xd8")
      ? jpegHeader(bytes, name)
      : /^RIFF.{4}WEBP/s.test(start)
        ? webpHeader(bytes, name)
        : undefined;
  if (!header) {
    const other = others.find(([pattern]) => pattern.test(start))?.[1] ?? "no picture that is known";
    throw badPicture(name, `is ${other}; pictures are read as PNG, JPEG or WebP`);
  }
  const { width, height } = header;
  if (width === 0 || height === 0) throw badPicture(name, `says that it is ${width} by ${height} pixels`);
  if (width * height > MOST_PIXELS)
    throw badPicture(
      name,
      `says that it is ${width} by ${height} pixels, more than the ${MOST_PIXELS / 1e6} million that are unpacked`,
    );
  return header;
}

function pngHeader(bytes: Uint8Array, name: string): PictureHeader {
  if (bytes.length < 33 || ascii(bytes, 12, 4) !== "IHDR") throw badPicture(name, "is cut off in its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { kind: "png", width: view.getUint32(16), height: view.getUint32(20) };
}

/** Markers that carry a frame's size: SOF0 to SOF15 without DHT, JPG and DAC. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

function jpegHeader(bytes: Uint8Array, name: string): PictureHeader {
  const scans = countMarkers(bytes, 0xda);
  if (scans > MOST_SCANS) throw badPicture(name, `asks for ${scans} passes over its pixels`);
  let at = 2;
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) throw badPicture(name, "is damaged before its first scan");
    const marker = bytes[at + 1]!;
    if (marker === 0xff) at++;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (isFrame(marker))
      return {
        kind: "jpeg",
        height: (bytes[at + 5]! << 8) | bytes[at + 6]!,
        width: (bytes[at + 7]! << 8) | bytes[at + 8]!,
      };
    else {
      const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      if (length < 2) throw badPicture(name, "is damaged before its first scan");
      at += 2 + length;
    }
  }
  throw badPicture(name, "is cut off in its header");
}

function countMarkers(bytes: Uint8Array, marker: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const wanted = Buffer.from([0xff, marker]);
  let [count, at] = [0, buffer.indexOf(wanted)];
  while (at >= 0) {
    count++;
    at = buffer.indexOf(wanted, at + 2);
  }
  return count;
}

/** The largest size that any header of the container names; animations are told apart. */
function webpHeader(bytes: Uint8Array, name: string): PictureHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = Math.min(bytes.length, 8 + view.getUint32(4, true));
  let [width, height, at] = [0, 0, 12];
  while (at + 8 <= end) {
    const [kind, size, body] = [ascii(bytes, at, 4), view.getUint32(at + 4, true), at + 8];
    const has = (length: number): boolean => body + length <= bytes.length;
    if (kind === "VP8X" && has(10)) {
      if ((bytes[body]! & 2) !== 0)
        throw badPicture(name, "is an animated WebP; only still pictures are read");
      width = Math.max(width, 1 + (view.getUint32(body + 3, true) >>> 8));
      height = Math.max(height, 1 + (view.getUint32(body + 6, true) >>> 8));
    } else if (kind === "VP8 " && has(10)) {
      width = Math.max(width, view.getUint16(body + 6, true) & 0x3fff);
      height = Math.max(height, view.getUint16(body + 8, true) & 0x3fff);
    } else if (kind === "VP8L" && has(5)) {
      const packed = view.getUint32(body + 1, true);
      width = Math.max(width, 1 + (packed & 0x3fff));
      height = Math.max(height, 1 + ((packed >>> 14) & 0x3fff));
    }
    at = body + size + (size & 1);
  }
  if (width === 0) throw badPicture(name, "is cut off in its header");
  return { kind: "webp", width, height };
}
