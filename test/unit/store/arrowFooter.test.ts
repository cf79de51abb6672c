import { Int32, Table, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { arrowRows } from "../../../src/store/containers/arrowFile";
import { unlz4 } from "../../../src/store/containers/lz4Frame";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "arrow-footer-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** An Arrow file whose schema stands behind the first mark without its length, as polars leaves it there. */
function withoutSchemaLength(): Buffer {
  const table = new Table({
    step: vectorFromArray([1, 2, 3], new Int32()),
    text: vectorFromArray(["a", null, "漢字"], new Utf8()),
  });
  const stream = Buffer.from(tableToIPC(table, "stream"));
  const schema = stream.subarray(8, 8 + stream.readInt32LE(4));
  // This writer leaves the schema out there. What stands behind it moves, and the footer says so.
  const file = Buffer.from(tableToIPC(table, "file"));
  const block = Buffer.alloc(12);
  block.writeBigInt64LE(8n);
  block.writeInt32LE(8 + file.readInt32LE(12), 8);
  file.writeBigInt64LE(8n + BigInt(schema.length), file.lastIndexOf(block));
  return Buffer.concat([file.subarray(0, 8), schema, file.subarray(8)]);
}

describe("an Arrow file that is no stream between its marks", () => {
  it("is read by its footer", async () => {
    const path = join(folder, "footer.arrow");
    writeFileSync(path, withoutSchemaLength());
    const { count, read, notes } = await arrowRows(path);
    expect(notes).toEqual([]);
    expect(await read(0, count)).toEqual([
      { step: 1, text: "a" },
      { step: 2, text: null },
      { step: 3, text: "漢字" },
    ]);
  });

  it("is refused when a batch that the footer lists is damaged", async () => {
    const path = join(folder, "damaged.arrow");
    const bytes = withoutSchemaLength();
    const batch = bytes.indexOf("ffffffff", "hex");
    bytes.writeInt32LE(-5, batch + 4);
    writeFileSync(path, bytes);
    await expect(arrowRows(path)).rejects.toThrow("damaged or cut off");
  });
});

describe("LZ4 frames", () => {
  /** "abcabcabc": three letters as they are, and a match of six that begins three bytes back. */
  const block = Buffer.from([0x32, 0x61, 0x62, 0x63, 3, 0]);
  /** Behind its last match a block ends with letters. */
  const ending = Buffer.from([0x10, 0x64]);
  const frame = (flags: number, ...parts: readonly Buffer[]): Buffer =>
    Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, flags, 0x40, 0]), ...parts, Buffer.alloc(4)]);
  const sized = (bytes: Buffer, plain = false): Buffer => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE((plain ? 0x80000000 : 0) + bytes.length);
    return Buffer.concat([size, bytes]);
  };
  const compressed = Buffer.concat([block, ending]);
  const CHECKSUM = Buffer.from([1, 2, 3, 4]);

  it("have the checksum of a block behind it", () => {
    const bytes = frame(0x50, sized(compressed), CHECKSUM, sized(Buffer.from("xyz"), true), CHECKSUM);
    expect(Buffer.from(unlz4(bytes, 13)).toString()).toBe("abcabcabcdxyz");
  });

  it("need no checksums", () => {
    expect(Buffer.from(unlz4(frame(0x40, sized(compressed)), 10)).toString()).toBe("abcabcabcd");
  });

  it("are refused when they hold another length, or are no frames", () => {
    expect(() => unlz4(frame(0x40, sized(compressed)), 9)).toThrow("damaged");
    expect(() => unlz4(frame(0x40, sized(compressed)), 11)).toThrow("damaged");
    expect(() => unlz4(frame(0x40, sized(Buffer.from("xyz"), true)), 2)).toThrow("damaged");
    expect(() => unlz4(Buffer.alloc(32), 3)).toThrow("damaged");
  });
});
