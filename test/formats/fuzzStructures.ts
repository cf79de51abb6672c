// Damage where random bytes hardly ever hit: the numbers that containers are built of, and whole blocks.
import { readFileSync } from "node:fs";
import { seeded, type FuzzInput } from "./fuzzInputs";

/** What a length, an offset or a count may be made into: nothing, a little, the bounds of the usual widths, and minus one. */
const NUMBERS = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000000, 0x7fffffff, 0x80000000, 0xffffffff];
const WIDTHS = [1, 2, 4, 8];

/** Writes a number where containers keep theirs: anywhere, at a multiple of its width, in either order of bytes. */
function withNumber(original: Buffer, random: (bound: number) => number): Buffer {
  const bytes = Buffer.from(original);
  const width = WIDTHS[random(WIDTHS.length)] as number;
  const value = NUMBERS[random(NUMBERS.length)] as number;
  if (bytes.length < width) return bytes;
  // Headers and directories lie at the ends.
  const places = Math.floor(bytes.length / width);
  const near = Math.min(places, Math.ceil(1024 / width));
  const place = [random(places), random(near), places - 1 - random(near)][random(3)] as number;
  const written = Buffer.alloc(8, value === 0xffffffff ? 0xff : 0);
  if (random(4) > 0) written.writeUInt32LE(value);
  else written.writeUInt32BE(value, Math.max(0, Math.min(width, 4) - 4));
  written.copy(bytes, place * width, 0, width);
  return bytes;
}

/** Blocks that were written twice, left out, exchanged, or overwritten with zeros, as disks and careless copies do it. */
function withBlocks(original: Buffer, random: (bound: number) => number): Buffer {
  const size = [16, 64, 512, 4096][random(4)] as number;
  const at = random(Math.max(1, original.length));
  const end = Math.min(original.length, at + size);
  const block = original.subarray(at, end);
  const before = original.subarray(0, at);
  const behind = original.subarray(end);
  switch (random(4)) {
    case 0:
      return Buffer.concat([before, block, block, behind]);
    case 1:
      return Buffer.concat([before, behind]);
    case 2:
      return Buffer.concat([before, behind.subarray(0, size), block, behind.subarray(size)]);
    default:
      return Buffer.concat([before, Buffer.alloc(block.length), behind]);
  }
}

/** One number or one block of a file made into another: what random bytes hardly ever hit. */
export function structuredInputs(source: string, each: number, seed: string): FuzzInput[] {
  const base = source.split(/[/\\]/).at(-1) ?? "file";
  const made = (kind: "numbers" | "blocks", index: number): FuzzInput => ({
    name: `${source} ${kind} ${seed}/${index}`,
    kind,
    source,
    fileName: base,
    bytes: (original) =>
      (kind === "numbers" ? withNumber : withBlocks)(original, seeded(`${kind} ${seed} ${source} ${index}`)),
  });
  return Array.from({ length: each }, (_, index) => [made("numbers", index), made("blocks", index)]).flat();
}

/** The beginning of each file with the end of another one called alike, as a copy onto the wrong name leaves it; and both in a row. */
export function splicedInputs(sources: readonly string[]): FuzzInput[] {
  const endingOf = (path: string): string => /\.[^./\\]*$/.exec(path)?.[0] ?? "";
  return sources.flatMap((source, index) => {
    const others = [...sources.slice(index + 1), ...sources.slice(0, index)];
    const other = others.find((path) => endingOf(path) === endingOf(source));
    if (other === undefined) return [];
    const made = (name: string, bytes: (original: Buffer, second: Buffer) => Buffer): FuzzInput => ({
      name: `${source} ${name} ${other}`,
      kind: "blocks",
      source,
      fileName: source.split(/[/\\]/).at(-1) ?? "file",
      bytes: (original) => bytes(original, readFileSync(other)),
    });
    const half = (bytes: Buffer): number => Math.floor(bytes.length / 2);
    return [
      made("spliced with", (first, second) =>
        Buffer.concat([first.subarray(0, half(first)), second.subarray(half(second))]),
      ),
      made("followed by", (first, second) => Buffer.concat([first, second])),
      made("overwritten by", (first, second) => Buffer.concat([second, first.subarray(second.length)])),
    ];
  });
}
