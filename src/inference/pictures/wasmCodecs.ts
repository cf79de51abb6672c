import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { badPicture } from "./pictureHeader";

/** A still picture as the codecs give it: red, green, blue and alpha of each pixel. */
interface Unpacked {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Called with exactly as many arguments as the library has: only JPEG's takes a second one. */
interface Codec {
  decode(bytes: Uint8Array, ...preserveOrientation: readonly boolean[]): Unpacked | null;
}

interface CodecOptions {
  readonly noInitialRun: true;
  print(text: string): void;
  printErr(text: string): void;
  instantiateWasm(
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance) => void,
  ): WebAssembly.Exports;
}

type CodecFactory = (options: CodecOptions) => Promise<Codec>;

/** Pixels from which a codec is thrown away after use: the memory of an instance grows and never shrinks. */
const LARGE_PIXELS = 4_000_000;

/** One codec of the jSquash packages: C libraries in WebAssembly, whose mistakes stay inside their own memory. */
class WasmCodec {
  private compiled: WebAssembly.Module | undefined;
  private instance: Codec | undefined;
  private said: string[] = [];

  constructor(
    private readonly wasmPath: string,
    private readonly load: () => Promise<CodecFactory>,
    private readonly further: readonly boolean[] = [],
  ) {}

  /**
   * @returns the picture, or what the library said in place of one
   */
  async decode(bytes: Uint8Array): Promise<Unpacked | string> {
    this.said = [];
    const codec = (this.instance ??= await this.instantiate());
    let picture: Unpacked | null = null;
    try {
      picture = codec.decode(bytes, ...this.further);
    } catch (error) {
      // What a library in the middle of its work leaves behind is not used again.
      this.instance = undefined;
      // An ExitStatus has said why before; anything else is a trap of WebAssembly.
      if (this.said.length === 0)
        this.said.push(error instanceof Error ? error.message : "unpacking stopped");
    }
    if (picture && picture.width * picture.height > LARGE_PIXELS) this.instance = undefined;
    const cut = this.said.find((line) => /premature end/i.test(line));
    if (cut !== undefined) return "is cut off";
    return picture ?? `cannot be unpacked${this.said.length === 0 ? "" : ` (${this.said.at(-1)})`}`;
  }

  private async instantiate(): Promise<Codec> {
    const compiled = (this.compiled ??= new WebAssembly.Module(
      readFileSync(createRequire(import.meta.url).resolve(this.wasmPath)),
    ));
    const factory = await this.load();
    return factory({
      noInitialRun: true,
      print: () => undefined,
      printErr: (text) => {
        if (this.said.length < 16) this.said.push(text);
      },
      instantiateWasm: (imports, done) => {
        const instance = new WebAssembly.Instance(compiled, imports);
        done(instance);
        return instance.exports;
      },
    });
  }
}

const codecs = {
  jpeg: new WasmCodec(
    "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm",
    async () => (await import("@jsquash/jpeg/codec/dec/mozjpeg_dec.js")).default as unknown as CodecFactory,
    [true],
  ),
  webp: new WasmCodec(
    "@jsquash/webp/codec/dec/webp_dec.wasm",
    async () => (await import("@jsquash/webp/codec/dec/webp_dec.js")).default as unknown as CodecFactory,
  ),
};

/**
 * Unpacks a JPEG (turned upright as its EXIF tag says) or WebP whose size `pictureHeader` accepted; alpha is left out.
 * @throws Failure `unreadable-picture`
 */
export async function decodeWithWasm(
  kind: "jpeg" | "webp",
  bytes: Uint8Array,
  name: string,
): Promise<{ readonly width: number; readonly height: number; readonly data: Uint8Array }> {
  const picture = await codecs[kind].decode(bytes);
  if (typeof picture === "string") throw badPicture(name, picture);
  const { width, height, data } = picture;
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[from + 1]!;
    rgb[to + 2] = data[from + 2]!;
  }
  return { width, height, data: rgb };
}
