import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodePicture, type Picture } from "../../../src/inference/pictures/decodePicture";
import { mediaFile } from "../../../src/inference/pictures/mediaFile";
import { resizePicture, type Resampling } from "../../../src/inference/pictures/resample";
import { countFrames, evenFrames, ffmpegPath } from "../../../src/inference/pictures/videoFrames";
import { Failure } from "../../../src/model/failure";
import { randomStream } from "../../../src/inference/sampling";

const folder = "test/fixtures/pictures";
const reference = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8")) as {
  readonly pictures: readonly { name: string; width: number; height: number; sha256: string }[];
  readonly resized: readonly {
    from: readonly [number, number];
    to: readonly [number, number];
    filter: Resampling;
    sha256: string;
  }[];
};
const read = (name: string): Buffer => readFileSync(join(folder, name));
const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** The message of a failed decoding. */
const sentence = async (bytes: Uint8Array): Promise<string> =>
  decodePicture(bytes, "shot.png").then(
    ({ width, height }) => `decoded ${width} by ${height}`,
    (error: unknown) => (error instanceof Failure ? error.message : `not a failure: ${String(error)}`),
  );

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});
function chunk(kind: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(kind, "latin1"), body]);
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length);
  named.copy(out, 4);
  let crc = 0xffffffff;
  for (const byte of named) crc = crcTable[(crc ^ byte) & 255]! ^ (crc >>> 8);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, out.length - 4);
  return out;
}

interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth?: number;
  readonly colour?: number;
  readonly interlaced?: boolean;
  readonly palette?: Buffer;
  /** Rows with their filter's byte. */
  readonly raw: Buffer;
  readonly further?: readonly Buffer[];
}
function png({
  width,
  height,
  depth = 8,
  colour = 2,
  interlaced = false,
  palette,
  raw,
  further = [],
}: PngParts): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    ...further,
    ...(palette ? [chunk("PLTE", palette)] : []),
    chunk("IDAT", deflateSync(raw)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

describe("unpacking pictures", () => {
  it.each(reference.pictures)(
    "$name has Pillow's pixels",
    async ({ name, width, height, sha256: expected }) => {
      const picture = await decodePicture(read(name), name);
      expect([picture.width, picture.height]).toEqual([width, height]);
      expect(sha256(picture.data)).toBe(expected);
    },
  );

  it("goes by the content, whatever the file is called", async () => {
    const { width } = await decodePicture(read("lossy.webp"), "screenshot.png");
    expect(width).toBe(37);
  });

  it("reads 1, 2, 4, 8 and 16 bits, grey and by palette", async () => {
    const at = async (parts: PngParts): Promise<number[]> => [
      ...(await decodePicture(png(parts), "x.png")).data,
    ];
    const two = { width: 2, height: 1 };
    expect(await at({ ...two, depth: 1, colour: 0, raw: Buffer.from([0, 0b01000000]) })).toEqual([
      0, 0, 0, 255, 255, 255,
    ]);
    expect(await at({ ...two, depth: 2, colour: 0, raw: Buffer.from([0, 0b01110000]) })).toEqual([
      85, 85, 85, 255, 255, 255,
    ]);
    expect(await at({ ...two, depth: 4, colour: 0, raw: Buffer.from([0, 0x3f]) })).toEqual([
      51, 51, 51, 255, 255, 255,
    ]);
    expect(await at({ ...two, depth: 16, colour: 0, raw: Buffer.from([0, 0x12, 0xff, 0xfe, 0x01]) })).toEqual(
      [18, 18, 18, 254, 254, 254],
    );
    const palette = Buffer.from([9, 8, 7, 1, 2, 3]);
    expect(await at({ ...two, depth: 1, colour: 3, palette, raw: Buffer.from([0, 0b10000000]) })).toEqual([
      1, 2, 3, 9, 8, 7,
    ]);
    expect(await at({ ...two, colour: 4, raw: Buffer.from([0, 10, 0, 20, 255]) })).toEqual([
      10, 10, 10, 20, 20, 20,
    ]);
    expect(await at({ ...two, colour: 6, raw: Buffer.from([1, 1, 2, 3, 255, 1, 1, 1, 0]) })).toEqual([
      1, 2, 3, 2, 3, 4,
    ]);
  });

  it("reads an interlaced PNG", async () => {
    // Passes of a picture of 2 by 2: the first pixel, the one beside it, then the second row.
    const raw = Buffer.from([0, 1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 4, 4, 4]);
    const { data } = await decodePicture(png({ width: 2, height: 2, interlaced: true, raw }), "x.png");
    expect([...data]).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
    const bits = png({ width: 2, height: 2, depth: 1, colour: 0, interlaced: true, raw: Buffer.alloc(6) });
    expect(await sentence(bits)).toBe(
      "The picture shot.png is an interlaced PNG of 1 bits a channel, which cannot be unpacked.",
    );
  });
});

describe("hostile pictures give one sentence", () => {
  it.each([
    ["an empty file", Buffer.alloc(0), "is empty"],
    [
      "a web page",
      Buffer.from("<!DOCTYPE html><p>403"),
      "is a web page; pictures are read as PNG, JPEG or WebP",
    ],
    ["an SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), "is an SVG; pictures are read"],
    ["a GIF", read("other.gif"), "is a GIF; pictures are read"],
    ["an animation", read("animated.webp"), "is an animated WebP; only still pictures are read"],
    ["inks", read("cmyk.jpg"), "cannot be unpacked (Unsupported color conversion request)"],
    ["noise", Buffer.from("hello, this is no picture at all"), "is no picture that is known"],
  ])("%s", async (_what, bytes, expected) => {
    expect(await sentence(bytes)).toContain(`The picture shot.png ${expected}`);
  });

  it("refuses sizes before anything is unpacked", async () => {
    const raw = Buffer.alloc(10);
    expect(await sentence(png({ width: 60_000, height: 60_000, raw }))).toBe(
      "The picture shot.png says that it is 60000 by 60000 pixels, more than the 40 million that are unpacked.",
    );
    expect(await sentence(png({ width: 6_000, height: 6_000, depth: 16, colour: 6, raw }))).toContain(
      "takes 288 million bytes unpacked, more than 200 million",
    );
    expect(await sentence(png({ width: 0, height: 5, raw }))).toContain("says that it is 0 by 5 pixels");
    const jpeg = Buffer.from(read("quality80.jpg"));
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(65_000, frame + 5);
    jpeg.writeUInt16BE(65_000, frame + 7);
    expect(await sentence(jpeg)).toContain("says that it is 65000 by 65000 pixels");
    const webp = Buffer.from(read("lossless.webp"));
    webp.writeUInt32LE(0x0fffffff, webp.indexOf("VP8L") + 9);
    expect(await sentence(webp)).toContain("says that it is 16384 by 16384 pixels");
  });

  it("stops a bomb at the bytes that its size says", async () => {
    const before = process.memoryUsage().rss;
    const bomb = png({ width: 4, height: 4, raw: Buffer.alloc(64 * 2 ** 20) });
    expect(bomb.length).toBeLessThan(100_000);
    expect(await sentence(bomb)).toBe(
      "The picture shot.png unpacks to more than the 52 bytes that its size says.",
    );
    // The test's own 64 MiB may still be there; what must not come is another copy.
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
    const profile = chunk("iCCP", Buffer.concat([Buffer.from("a\0\0"), deflateSync(Buffer.alloc(2 ** 20))]));
    const raw = Buffer.from([0, 1, 2, 3]);
    expect(await sentence(png({ width: 1, height: 1, raw, further: [profile] }))).toBe("decoded 1 by 1");
  });

  it("refuses a JPEG that asks for passes without end", async () => {
    const scan = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    const jpeg = Buffer.concat([read("progressive.jpg"), ...Array.from({ length: 500 }, () => scan)]);
    expect(await sentence(jpeg)).toMatch(/asks for 5\d\d passes over its pixels/);
  });

  it("names damage in a palette and in filters", async () => {
    const raw = Buffer.from([0, 5]);
    expect(
      await sentence(png({ width: 1, height: 1, colour: 3, palette: Buffer.from([1, 2, 3]), raw })),
    ).toBe("The picture shot.png uses colour 5 of a palette of 1.");
    expect(await sentence(png({ width: 1, height: 1, raw: Buffer.from([9, 1, 2, 3]) }))).toContain(
      "is a damaged PNG",
    );
    expect(await sentence(png({ width: 1, height: 1, colour: 5, raw }))).toContain(
      "unknown PNG colour type 5",
    );
    expect(await sentence(png({ width: 1, height: 2, raw: Buffer.from([0, 1, 2, 3]) }))).toContain(
      "is cut off",
    );
  });

  it.each(["rgb.png", "quality80.jpg", "progressive.jpg", "lossy.webp", "lossless.webp"])(
    "%s cut off anywhere",
    async (name) => {
      const whole = read(name);
      const found = new Set<string>();
      for (let length = 0; length < whole.length; length += 7)
        found.add((await sentence(whole.subarray(0, length))).replace(/\(.*\)/, "()"));
      for (const message of found)
        expect(message).toMatch(/^The picture shot\.png (?:is|cannot|has|holds)\b/);
      expect(await sentence(whole)).toMatch(/^decoded/);
    },
  );

  it("gives a picture or a sentence for any damage, and the next picture is whole", async () => {
    const random = randomStream(7);
    const names = [
      "rgb.png",
      "progressive.jpg",
      "quality80.jpg",
      "lossy.webp",
      "lossless.webp",
      "palette.png",
    ];
    let failed = 0;
    for (let round = 0; round < 240; round++) {
      const bytes = Buffer.from(read(names[round % names.length]!));
      for (let flips = 0; flips < 3; flips++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const message = await sentence(bytes);
      expect(message).toMatch(/^(?:decoded|The picture)/);
      if (message.startsWith("The")) failed++;
    }
    expect(failed).toBeGreaterThan(60);
    for (const { name, sha256: expected } of reference.pictures)
      expect(sha256((await decodePicture(read(name), name)).data)).toBe(expected);
  });
});

describe("resizing", () => {
  it("gives Pillow's bytes for every filter, growing and shrinking", async () => {
    const sources: readonly Picture[] = await Promise.all(
      ["rgb.png", "alpha.png"].map((name) => decodePicture(read(name), name)),
    );
    expect(reference.resized.length).toBeGreaterThan(50);
    for (const { from, to, filter, sha256: expected } of reference.resized) {
      const source = sources.find(({ width, height }) => width === from[0] && height === from[1])!;
      expect([from, to, filter, sha256(resizePicture(source, to[0], to[1], filter).data)]).toEqual([
        from,
        to,
        filter,
        expected,
      ]);
    }
  });
});

describe("files of a dataset", () => {
  let place: string;
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), "media-"));
    mkdirSync(join(place, "set"));
    writeFileSync(join(place, "secret.png"), "x");
    writeFileSync(join(place, "set", "own.png"), "x");
    symlinkSync(join(place, "secret.png"), join(place, "set", "link.png"));
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it("are read inside its folder alone", () => {
    const set = join(place, "set");
    expect(mediaFile(set, "own.png")).toMatch(/own\.png$/);
    for (const path of [
      "../secret.png",
      "link.png",
      join(place, "secret.png"),
      "file:///etc/hostname",
      "none.png",
      ".",
    ])
      expect(mediaFile(set, path)).toBeUndefined();
  });

  it("ffmpeg is taken from absolute folders of the PATH alone", () => {
    const program = join(place, process.platform === "win32" ? "ffmpeg.exe" : "ffmpeg");
    writeFileSync(program, "", { mode: 0o755 });
    expect(ffmpegPath({ PATH: `/nowhere${delimiter}${place}` })).toBe(program);
    expect(() => ffmpegPath({ PATH: `.${delimiter}bin` })).toThrow(
      "Videos are read with ffmpeg, and there is no ffmpeg on the PATH.",
    );
    expect(() => ffmpegPath({})).toThrow(Failure);
  });

  it("a playlist under a video's name is not opened", async () => {
    const path = join(place, "set", "clip.mp4");
    writeFileSync(path, "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n");
    await expect(countFrames(path, "clip.mp4", {}, new AbortController().signal)).rejects.toThrow(
      "The video clip.mp4 is no MP4, MOV, WebM, MKV or AVI file.",
    );
  });
});

describe("frames taken evenly", () => {
  it("are the floor of NumPy's linspace", () => {
    expect(evenFrames(10, 4)).toEqual([0, 3, 6, 9]);
    expect(evenFrames(7, 3)).toEqual([0, 3, 6]);
    expect(evenFrames(8, 5)).toEqual([0, 1, 3, 5, 7]);
    expect(evenFrames(3, 9)).toEqual([0, 1, 2]);
    expect(evenFrames(5, 1)).toEqual([0]);
  });
});
