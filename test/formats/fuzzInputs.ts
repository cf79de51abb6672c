import { createHash } from "node:crypto";
import { deflateRawSync, gzipSync } from "node:zlib";

/** A damaged or hostile file: its name and how its bytes are made from the original's. */
export interface FuzzInput {
  readonly name: string;
  readonly kind: "truncation" | "flips" | "numbers" | "blocks" | "extension" | "hostile";
  /** File that it is made from; undefined for inputs made from nothing. */
  readonly source?: string;
  readonly fileName: string;
  readonly bytes: (original: Buffer) => Buffer;
  /** Bytes that are appended to the file this many times, for inputs too large to hold. */
  readonly repeat?: { readonly piece: Buffer; readonly times: number };
}

/** Whole numbers below a bound, the same for the same seed. */
export function seeded(seed: string): (bound: number) => number {
  let state = createHash("sha256").update(seed).digest().readUInt32LE(0);
  return (bound) => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

const EXTENSIONS = [
  ".json",
  ".jsonl",
  ".pkl",
  ".pt",
  ".npz",
  ".csv",
  ".parquet",
  ".hdf5",
  ".txt",
  ".yaml",
  ".db",
  ".eval",
  "",
];

/** Truncations at every 1/`parts`, `flips` files with random bytes changed, and wrong extensions. */
export function damagedInputs(
  source: string,
  parts: number,
  flips: number,
  seed: string,
  extensions: boolean,
): FuzzInput[] {
  const base = source.split(/[/\\]/).at(-1) ?? "file";
  const inputs: FuzzInput[] = [];
  for (let part = 0; part < parts; part++)
    inputs.push({
      name: `${source} cut at ${part}/${parts}`,
      kind: "truncation",
      source,
      fileName: base,
      bytes: (original) => original.subarray(0, Math.floor((original.length * part) / parts)),
    });
  for (let index = 0; index < flips; index++)
    inputs.push({
      name: `${source} flipped ${seed}/${index}`,
      kind: "flips",
      source,
      fileName: base,
      bytes(original) {
        const random = seeded(`${seed} ${source} ${index}`);
        const bytes = Buffer.from(original);
        for (let flip = 0; flip <= index % 16; flip++)
          if (bytes.length > 0) bytes[random(bytes.length)] = random(256);
        return bytes;
      },
    });
  // Events of a conversation are told by their names, not their content.
  if (extensions && !/^event-\d+/.test(base))
    for (const extension of EXTENSIONS)
      inputs.push({
        name: `${source} as *${extension}`,
        kind: "extension",
        source,
        fileName: `renamed${extension}`,
        bytes: (original) => original,
      });
  return inputs;
}

const DEEP = 100_000;
const hostile = (name: string, fileName: string, make: () => Buffer): FuzzInput => ({
  name,
  kind: "hostile",
  fileName,
  bytes: make,
});

const text = (value: string): Buffer => Buffer.from(value, "latin1");
const stop = Buffer.from(".");
const proto = Buffer.from([0x80, 4]);

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** A list of `width` references to the list before it, `depth` times: few bytes for width^depth values. */
function laughs(width: number, depth: number): Buffer {
  const pieces = [proto, text("]\x94")];
  for (let level = 0; level < depth; level++) {
    const reference = Buffer.from([0x68, level]);
    pieces.push(text("]\x94("), ...Array.from({ length: width }, () => reference), text("e"));
  }
  return Buffer.concat([...pieces, stop]);
}

/** Frames of Zstandard whose blocks each repeat one byte 128 KB long. */
function zstdBomb(blocks: number): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]);
  const block = (last: boolean): Buffer => {
    const value = ((128 * 1024) << 3) | (1 << 1) | (last ? 1 : 0);
    return Buffer.from([value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, 0x20]);
  };
  return Buffer.concat([header, ...Array.from({ length: blocks - 1 }, () => block(false)), block(true)]);
}

/** An archive of one member, with the sizes that its headers tell. */
export function zipOf(
  name: string,
  content: Buffer,
  told: { readonly size: number; readonly crc?: number },
): Buffer {
  const data = deflateRawSync(content);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(20, 4);
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(told.crc ?? 0, 14);
  local.writeUInt32LE(data.length, 18);
  local.writeUInt32LE(told.size, 22);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  local.copy(central, 6, 4, 30);
  const directory = Buffer.concat([central, text(name)]);
  const before = Buffer.concat([local, text(name), data]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(before.length, 16);
  return Buffer.concat([before, directory, end]);
}

/** Nesting, bombs, huge lengths and calls: what a file may try that nobody writes by accident. */
export function hostileInputs(large: boolean): FuzzInput[] {
  const bytes8 = Buffer.concat([proto, Buffer.from([0x8e]), uint64(2n ** 62n), text("abc")]);
  const zeros = gzipSync(Buffer.alloc(64 * 2 ** 20));
  const row = '{"input": "q", "output": "a", "score": 1.0, "step": 1}\n';
  const inputs = [
    hostile("JSON lists 100,000 deep", "deep.json", () => text("[".repeat(DEEP) + "]".repeat(DEEP))),
    hostile("JSON lists 100,000 deep, open", "deep-open.json", () => text("[".repeat(DEEP))),
    hostile("JSON objects 100,000 deep", "deep.jsonl", () =>
      text(`${row}${'{"a":'.repeat(DEEP)}1${"}".repeat(DEEP)}\n${row}`),
    ),
    hostile("deep extra field", "1.jsonl", () =>
      text(`${row}${row.slice(0, -2)}, "x": ${"[".repeat(DEEP)}${"]".repeat(DEEP)}}\n${row}`),
    ),
    hostile("pickled lists 100,000 deep", "deep.pkl", () =>
      Buffer.concat([proto, text("]".repeat(DEEP)), text("a".repeat(DEEP - 1)), stop]),
    ),
    hostile("pickled tuples 100,000 deep", "tuples.pkl", () =>
      Buffer.concat([proto, text(")"), text("\x85".repeat(DEEP)), stop]),
    ),
    hostile("marks 1,000,000", "marks.pkl", () => Buffer.concat([proto, text("(".repeat(1_000_000)), stop])),
    hostile("lists 40,000,000", "lists.pkl", () =>
      Buffer.concat([proto, text("(" + "]".repeat(40_000_000) + "l"), stop]),
    ),
    hostile("dicts 10,000,000", "dicts.pkl", () =>
      Buffer.concat([proto, text("(" + "}".repeat(10_000_000) + "l"), stop]),
    ),
    hostile("billion laughs", "laughs.pkl", () => laughs(10, 40)),
    hostile("a list in itself", "cycle.pkl", () => Buffer.concat([proto, text("]\x94h\0a"), stop])),
    hostile("bytes of 2^62", "bytes.pkl", () => bytes8),
    hostile("an integer of 2^31 bytes", "long.pkl", () =>
      Buffer.concat([proto, Buffer.from([0x8b, 0xff, 0xff, 0xff, 0x7f]), text("abc")]),
    ),
    hostile("a memo index of 2^32", "memo.pkl", () =>
      Buffer.concat([proto, text("]r\xff\xff\xff\xff"), text("j\xff\xff\xff\xff"), stop]),
    ),
    hostile("os.system", "system.pkl", () =>
      Buffer.concat([proto, text("cos\nsystem\n(X\x0d\0\0\0touch pwned-1tR"), stop]),
    ),
    hostile("eval by protocol 0", "eval.pkl", () => text("c__builtin__\neval\n(S'1+1'\ntR.")),
    hostile("an array of 2^60 elements", "array.pkl", () =>
      Buffer.concat([
        proto,
        text("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR(K\x01"),
        Buffer.from([0x8a, 8]),
        uint64(2n ** 60n),
        text("\x85cnumpy\ndtype\n(X\x02\0\0\0f8K\0K\x01tR\x89C\x04abcdtb"),
        stop,
      ]),
    ),
    hostile("an object array of 2^20 x 2^20 x 0", "objects.pkl", () =>
      Buffer.concat([
        proto,
        text("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR(K\x01"),
        text("J\0\0\x10\0J\0\0\x10\0K\0\x87cnumpy\ndtype\n(X\x01\0\0\0OK\0K\x01tR\x89]tb"),
        stop,
      ]),
    ),
    hostile("npy with a huge shape", "huge.npy", () => {
      const header =
        "{'descr': '<U1', 'fortran_order': False, 'shape': (1048576, 1048576, 0), }".padEnd(117, " ") + "\n";
      return Buffer.concat([text("\x93NUMPY\x01\0"), Buffer.from([header.length, 0]), text(header)]);
    }),
    hostile("npy with a header of brackets", "brackets.npy", () => {
      const header = "(".repeat(60_000);
      return Buffer.concat([
        text("\x93NUMPY\x01\0"),
        Buffer.from([header.length & 0xff, header.length >> 8]),
        text(header),
      ]);
    }),
    hostile("a gzip bomb", "bomb.pkl.gz", () =>
      Buffer.concat([gzipSync(Buffer.from([0x80, 4])), ...Array.from({ length: 32 }, () => zeros)]),
    ),
    hostile("a gzip bomb of JSON lines", "bomb.jsonl.gz", () =>
      Buffer.concat([gzipSync(Buffer.from(row)), ...Array.from({ length: 32 }, () => zeros)]),
    ),
    hostile("a Zstandard bomb", "bomb.pkl.zst", () => zstdBomb(20_000)),
    hostile("a ZIP member larger than it says", "bomb.eval", () =>
      zipOf("samples/1_epoch_1.json", Buffer.alloc(2 ** 26, 0x20), { size: 100 }),
    ),
    hostile("a ZIP member that says 4 GB", "says.eval", () =>
      zipOf("header.json", Buffer.from("{}"), { size: 0xfffffff0 }),
    ),
    hostile("YAML references that multiply", "0001.yaml", () =>
      text(
        Array.from({ length: 12 }, (_, level) =>
          level === 0 ? "a0: &a0 [x, x, x]" : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(9)}x]`,
        ).join("\n"),
      ),
    ),
    hostile("YAML lists 100,000 deep", "0002.yaml", () => text("[".repeat(DEEP))),
    hostile("SQLite with nothing but a header", "header.db", () =>
      Buffer.concat([text("SQLite format 3\0"), Buffer.alloc(4080)]),
    ),
    hostile("SQLite that names 2^32 pages", "pages.db", () =>
      Buffer.concat([
        text("SQLite format 3\0\x02\0\x01\x01\0@  \0\0\0\x01\xff\xff\xff\xff"),
        Buffer.alloc(1024, 0xff),
      ]),
    ),
    hostile("a tar member of 8 GB", "huge.tar", () => {
      const header = Buffer.alloc(1024);
      header.write("1.jsonl", 0, "latin1");
      header.write("77777777777\0", 124, "latin1");
      header.write("ustar\x0000", 257, "latin1");
      return header;
    }),
    hostile("a conflict", "conflict.jsonl", () =>
      text(`${row}<<<<<<< HEAD\n${row}=======\n${row}>>>>>>> other\n`),
    ),
    hostile("nothing but NUL", "nul.jsonl", () => Buffer.alloc(2 ** 20)),
    hostile("nothing but line ends", "lines.jsonl", () => text("\n".repeat(1_000_000))),
    hostile("half a surrogate", "surrogate.jsonl", () =>
      text(`{"input": "\\ud83d", "output": "\\udc00", "score": 1, "step": 1}\n`),
    ),
    hostile("numbers beyond all bounds", "numbers.jsonl", () =>
      text(`{"input": "q", "output": "a", "score": 1e999, "step": 1e300}\n${row}`),
    ),
    hostile("a thousand columns of commas", "commas.csv", () => text(`${",".repeat(1000)}\n`.repeat(1000))),
    hostile("an open quote", "quote.csv", () => text(`a,b\n"1,2\n${"3,4\n".repeat(10_000)}`)),
    hostile("a TFRecord of a huge length", "huge.tfrecord", () =>
      Buffer.concat([uint64(2n ** 63n), Buffer.alloc(100)]),
    ),
    hostile("an Arrow message of a huge length", "huge.arrow", () =>
      Buffer.concat([text("\xff\xff\xff\xff\xf8\xff\xff\x7f\x10\0\0\0"), Buffer.alloc(100)]),
    ),
    hostile("a MATLAB file of garbage", "garbage.mat", () =>
      Buffer.concat([text("MATLAB 5.0 MAT-file".padEnd(124, " ")), text("\0\x01IM"), Buffer.alloc(256, 14)]),
    ),
  ];
  if (large)
    inputs.push({
      ...hostile("one line of 1 GB", "line.jsonl", () => text(`${row}{"input": "`)),
      repeat: { piece: Buffer.alloc(2 ** 24, 0x78), times: 64 },
    });
  return inputs;
}
