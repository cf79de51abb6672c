import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Format, FormatRecord } from "../../../src/formats/format";
import type { PlainArray, PlainValue } from "../../../src/model/plain";
import { maskedCrc32c } from "../../../src/store/containers/crc32c";
import { setExpansionFolder } from "../../../src/store/containers/compressed";
import { openRecords, type StoredContainer } from "../../../src/store/containers/recordSource";
import { ZipArchive } from "../../../src/store/containers/zipArchive";
import { zipOf } from "../../formats/fuzzInputs";

const made = "test/unit/store/containers";
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "containers-"));
  setExpansionFolder(join(folder, "expanded"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A format that takes every record as it is. */
const anything: Format = {
  id: "anything",
  title: "Anything",
  source: "this test",
  containers: [],
  grouping: "none",
  nativeTree: false,
  detect: () => undefined,
  archiveMembers: (names) => names,
  summarise: () => [],
  read: () => {
    throw new Error("not asked for");
  },
};

async function values(path: string, container: StoredContainer, format = anything) {
  const source = await openRecords(path, container, format);
  try {
    const records = await source.read(0, source.count);
    return {
      notes: source.notes,
      members: records.map((_, row) => source.member(row)),
      values: records.map(
        (record) => (record as FormatRecord & { value?: unknown } & Error)?.value ?? record,
      ),
    };
  } finally {
    source.close();
  }
}

describe("archives", () => {
  const content = [{ a: 1 }, { b: Array.from({ length: 500 }, (_, index) => index) }];

  it("give their members, deflated and in Zstandard", async () => {
    const read = await values(join(made, "whole.zip"), "zip");
    expect([read.values, read.members, read.notes]).toEqual([content, ["one.json", "two.json"], []]);
  });

  it("are read by their members' headers where the directory is missing, and say so", async () => {
    const read = await values(join(made, "crashed.zip"), "zip");
    expect(read.values).toEqual(content);
    expect(read.notes.map(({ code }) => code)).toEqual(["torn-archive"]);
  });

  it("keep whole members of an archive that is cut off", async () => {
    const bytes = readFileSync(join(made, "crashed.zip"));
    const path = join(folder, "cut.zip");
    writeFileSync(path, bytes.subarray(0, bytes.length - 5));
    expect((await values(path, "zip")).values).toEqual([content[0]]);
  });

  it("refuse members that are damaged, too large or not what they say", async () => {
    const path = join(folder, "wrong.zip");
    writeFileSync(path, zipOf("a.json", Buffer.from('{"a": 1}'), { size: 8, crc: 1 }));
    const archive = await ZipArchive.open(path);
    expect(() => archive.read("a.json", 100)).toThrow("checksum");
    expect(() => archive.read("a.json", 4)).toThrow("MB");
    writeFileSync(path, zipOf("a.json", Buffer.alloc(2 ** 20, 0x20), { size: 10 }));
    const shrunk = await ZipArchive.open(path);
    expect(() => shrunk.read("a.json", 100)).toThrow("decompressed");
    writeFileSync(path, zipOf("a.json", Buffer.from("{}"), { size: 0xfffffff0 }));
    await expect(ZipArchive.open(path)).rejects.toThrow("bomb");
  });
});

describe("tables", () => {
  it.each(["uncompressed.arrow", "lz4.arrow", "zstd.arrow", "stream.arrow"])(
    "of Arrow keep null, NaN and large integers apart (%s)",
    async (name) => {
      const read = await values(join(made, name), "arrow");
      expect(read.values).toEqual([
        {
          n: 1,
          text: "x",
          list: [1, 2],
          part: { k: 1 },
          nan: 1.5,
          when: "1970-01-01T00:00:00.000Z",
          word: "p",
          box: [1, 2],
        },
        {
          n: 2,
          text: null,
          list: [],
          part: { k: null },
          nan: NaN,
          when: "1970-01-01T00:00:00.001Z",
          word: "q",
          box: [3, 4],
        },
        {
          n: "9007199254740993",
          text: "z",
          list: null,
          part: null,
          nan: null,
          when: null,
          word: "p",
          box: [5, 6],
        },
      ]);
    },
  );

  it("of a stream that is cut off give the batches before the cut", async () => {
    const bytes = readFileSync(join(made, "stream.arrow"));
    const path = join(folder, "cut.arrow");
    writeFileSync(path, bytes.subarray(0, bytes.length - 300));
    const read = await values(path, "arrow");
    expect(read.values.length).toBe(2);
    expect(read.notes.map(({ code }) => code)).toEqual(["torn-arrow"]);
  });

  it("of text pass over remarks, and name lines that do not fit", async () => {
    const path = join(folder, "table.csv");
    writeFileSync(
      path,
      '#{"t": 1}\nr,l,t\n1.5,10,x\n2.5,oops,y\n3.5,30,z\n4.5,40,w\n5.5,50,v,too,many\nnan,60,\n',
    );
    const read = await values(path, "csv");
    expect(read.values).toEqual([
      { r: 1.5, l: "10", t: "x" },
      { r: 2.5, l: "oops", t: "y" },
      { r: 3.5, l: "30", t: "z" },
      { r: 4.5, l: "40", t: "w" },
      { r: NaN, l: "60", t: null },
    ]);
    expect(read.notes.map(({ where }) => where)).toEqual([`${path}:7`]);
  });

  it("give runs of rows where the format says which columns make an episode", async () => {
    const path = join(folder, "episodes.csv");
    writeFileSync(path, "car,x\n1,0\n1,1\n2,0\n1,5\n");
    const read = await values(path, "csv", { ...anything, episodeColumns: ["car", "lane"] });
    expect(read.values.map((rows) => (rows as unknown[]).length)).toEqual([2, 1, 1]);
  });
});

describe("arrays", () => {
  it("of MATLAB are row-major, texts are strings, structures are maps", async () => {
    const [only] = (await values(join(made, "variables.mat"), "arrays")).values;
    const map = only as ReadonlyMap<string, PlainValue>;
    const numbers = (value: PlainValue | undefined): number[] => [...(value as PlainArray).numbers()];
    expect([(map.get("x") as PlainArray).shape, numbers(map.get("x"))]).toEqual([
      [2, 3],
      [0, 1, 2, 3, 4, 5],
    ]);
    expect(numbers(map.get("cube"))).toEqual(Array.from({ length: 24 }, (_, index) => index));
    expect(numbers(map.get("i"))).toEqual([1, -2]);
    expect((map.get("flag") as PlainArray).type).toBe("bool");
    expect([map.get("name"), map.get("names")]).toEqual(["hello", ["ab", "cdef"]]);
    const inner = (map.get("s") as ReadonlyMap<string, PlainValue>).get("b");
    expect(numbers((inner as ReadonlyMap<string, PlainValue>).get("c"))).toEqual([1, 2, 3]);
  });
});

describe("compressed text", () => {
  it("is read through several frames of Zstandard, and from a copy that is kept", async () => {
    for (let time = 0; time < 2; time++) {
      const read = await values(join(made, "frames.jsonl.zst"), "compressed-jsonl");
      expect(read.values.length).toBe(50);
      expect(read.values[49]).toEqual({ input: "question 49", output: "a", score: 1, step: 3 });
    }
  });

  it("gives the lines before the end of a file that is cut off", async () => {
    const bytes = readFileSync(join(made, "frames.jsonl.zst"));
    const path = join(folder, "cut.jsonl.zst");
    writeFileSync(path, bytes.subarray(0, bytes.length - 20));
    const read = await values(path, "compressed-jsonl");
    expect(read.values.length).toBeGreaterThan(5);
    expect(read.notes.map(({ code }) => code)).toEqual(["torn-compression"]);
  });
});

describe("TFRecord", () => {
  /** A record of one tf.train.Example with a float list, an int64 list and a bytes list. */
  const example = (): Buffer => {
    const field = (number: number, data: Buffer): Buffer =>
      Buffer.concat([Buffer.from([(number << 3) | 2, data.length]), data]);
    const feature = (name: string, kind: number, list: Buffer): Buffer =>
      field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, field(kind, list))]));
    const floats = Buffer.alloc(8);
    floats.writeFloatLE(0.5, 0);
    floats.writeFloatLE(-2, 4);
    return field(
      1,
      Buffer.concat([
        feature("f", 2, field(1, floats)),
        feature("i", 3, field(1, Buffer.from([1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]))),
        feature("b", 1, field(1, Buffer.from("word"))),
      ]),
    );
  };
  const framed = (data: Buffer): Buffer => {
    const head = Buffer.alloc(12);
    head.writeBigUInt64LE(BigInt(data.length), 0);
    head.writeUInt32LE(maskedCrc32c(head.subarray(0, 8)), 8);
    const tail = Buffer.alloc(4);
    tail.writeUInt32LE(maskedCrc32c(data), 0);
    return Buffer.concat([head, data, tail]);
  };

  it("has the checksum of CRC-32C", () => {
    // The check value of the polynomial, masked as TFRecord does.
    const crc = 0xe3069283;
    expect(maskedCrc32c(Buffer.from("123456789"))).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  });

  it("gives features, leaves damaged records out, and stops where the file is cut", async () => {
    const damaged = framed(example());
    damaged[20] = (damaged[20] as number) ^ 1;
    const path = join(folder, "x.tfrecord");
    writeFileSync(
      path,
      Buffer.concat([framed(example()), damaged, framed(example()), framed(example()).subarray(0, 30)]),
    );
    const read = await values(path, "tfrecord");
    expect(read.values.length).toBe(3);
    const [first, second] = read.values as [ReadonlyMap<string, PlainValue>, Error];
    expect([...(first.get("f") as PlainArray).numbers()]).toEqual([0.5, -2]);
    expect([...(first.get("i") as PlainArray).integers()]).toEqual([1n, -1n]);
    expect(Buffer.from((first.get("b") as Uint8Array[])[0]!).toString()).toBe("word");
    expect(second.message).toContain("checksum");
    expect(read.notes.map(({ code }) => code)).toEqual(["torn-records"]);
  });
});
