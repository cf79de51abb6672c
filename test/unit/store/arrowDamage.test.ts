import {
  Bool,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  List,
  Struct,
  Table,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Failure } from "../../../src/model/failure";
import { arrowRows } from "../../../src/store/containers/arrowFile";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "arrow-damage-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A table with a column of each kind of layout: numbers, bits, texts, lists, structures, a dictionary, nothing but nulls. */
function table(): Table {
  return new Table({
    step: vectorFromArray([1, 2, null, 4], new Int32()),
    done: vectorFromArray([true, false, null, true], new Bool()),
    text: vectorFromArray(["a", null, "three", ""], new Utf8()),
    list: vectorFromArray([[1, 2], [], null, [3]], new List(new Field("item", new Int32(), true))),
    pair: vectorFromArray(
      [
        [1, 2],
        [3, 4],
        [5, 6],
        [7, 8],
      ],
      new FixedSizeList(2, new Field("item", new Float32(), true)),
    ),
    part: vectorFromArray(
      [{ x: 1 }, { x: 2 }, { x: 3 }, { x: 4 }],
      new Struct([new Field("x", new Int32(), true)]),
    ),
    word: vectorFromArray(["a", "b", "a", null]),
  });
}

/** Rows of a damaged file that were read; undefined when it was refused in a sentence. Anything else is thrown. */
async function rowsOf(bytes: Uint8Array): Promise<number | undefined> {
  const path = join(folder, "damaged.arrow");
  writeFileSync(path, bytes);
  try {
    const { count, read } = await arrowRows(path);
    return (await read(0, count)).length;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

describe("Arrow files with impossible numbers", () => {
  it.each([
    ["file", [0, 0x1f, 0x7fffffff]],
    ["stream", [0x7fffffff]],
  ] as const)(
    "are read as far as they hold, or refused: every 4 bytes of a %s",
    async (kind, values) => {
      const whole = Buffer.from(tableToIPC(table(), kind));
      expect(await rowsOf(whole)).toBe(4);
      for (const value of values) {
        for (let at = 0; at + 4 <= whole.length; at += 4) {
          const bytes = Buffer.from(whole);
          bytes.writeUInt32LE(value, at);
          expect((await rowsOf(bytes)) ?? 0).toBeLessThanOrEqual(4);
        }
      }
    },
    60_000,
  );

  it("show their rows where the footer alone is damaged, and say so", async () => {
    const end = Buffer.alloc(10, "\0\0\0\0ARROW1", "latin1");
    end.writeInt32LE(128);
    const bytes = Buffer.concat([
      Buffer.from("ARROW1\0\0", "latin1"),
      tableToIPC(table(), "stream"),
      Buffer.alloc(128, 0xee),
      end,
    ]);
    const path = join(folder, "footer.arrow");
    writeFileSync(path, bytes);
    const { count, notes, read } = await arrowRows(path);
    expect(count).toBe(4);
    expect((await read(0, 4)).map(({ text }) => text)).toEqual(["a", null, "three", ""]);
    expect(notes.map(({ code }) => code)).toEqual(["torn-arrow"]);
    expect(notes[0]?.message).toContain("table of contents");
  });

  it("show columns without a name by their place", async () => {
    const path = join(folder, "unnamed.arrow");
    const numbers = (values: number[]) => vectorFromArray(values, new Int32());
    const bytes = Buffer.from(tableToIPC(new Table({ zz: numbers([1, 2]), score: numbers([3, 4]) }), "file"));
    // The library writes no empty name: each of this one is made so, its length and its letters.
    const name = Buffer.from("\x02\0\0\0zz", "latin1");
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name)) bytes.fill(0, at, at + name.length);
    writeFileSync(path, bytes);
    const { columns, count, read } = await arrowRows(path);
    expect(columns.map(({ name }) => name)).toEqual(["column 0", "score"]);
    expect(await read(0, count)).toEqual([
      { "column 0": 1, score: 3 },
      { "column 0": 2, score: 4 },
    ]);
  });
});
