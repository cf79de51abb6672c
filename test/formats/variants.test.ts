import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatById } from "../../src/formats/index";
import { difference, inScratch, reading, sourceOf, variantsOf } from "./variants";

const folder = "test/formats/fixtures";
const files = readdirSync(folder)
  .map((name) => join(folder, name))
  .filter((path) => statSync(path).isFile() && sourceOf(path) !== undefined);

describe("the same records written in other ways", () => {
  it("has fixtures to write", () => expect(files.length).toBeGreaterThan(80));

  it.each(files)("%s is read alike", async (path) => {
    const source = sourceOf(path);
    const expected = await reading(path);
    const format = expected.format === undefined ? undefined : formatById(expected.format);
    // A folder's trajectory is not told by one file.
    if (source === undefined || format === undefined || format.folderFiles !== undefined) return;
    const told = await inScratch(async (scratch) => {
      const differences: string[] = [];
      for (const variant of variantsOf(source, format)) {
        const one = await difference(variant, expected, scratch);
        if (one !== undefined) differences.push(one);
      }
      return differences;
    });
    expect(told).toEqual([]);
  });
});
