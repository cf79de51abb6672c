import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { csvTable } from "../../src/store/containers/csvFile";
import { StoreClient } from "./storeClient";

/** Tables of different widths and lengths, none of which is of a known format. */
function tables(count: number): { readonly folder: string; readonly paths: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "lens-tables-"));
  const paths = Array.from({ length: count }, (_, index) => {
    const path = join(folder, `${index}.csv`);
    const columns = 2 + (index % 4);
    const line = (row: number): string =>
      Array.from({ length: columns }, (_column, column) => `0x${(row * 7 + column).toString(16)}`).join(",");
    const head = Array.from({ length: columns }, (_column, column) => `c${column}`).join(",");
    writeFileSync(
      path,
      `${[head, ...Array.from({ length: 900 + index }, (_row, row) => line(row))].join("\n")}\n`,
    );
    return path;
  });
  return { folder, paths };
}

describe("many tables of text at once", () => {
  it("are each read to their end, whatever is opened meanwhile", async () => {
    const { paths } = tables(24);
    const read = async (path: string): Promise<number> => {
      const table = await csvTable(path);
      let rows = 0;
      for (let start = 0; start < table.count; start += 200)
        rows += (await table.read(start, start + 200)).length;
      return rows;
    };
    expect(await Promise.all(paths.map(read))).toEqual(paths.map((_, index) => 900 + index));
  });

  it("do not end the data process", async () => {
    const { folder } = tables(40);
    const client = await StoreClient.start();
    for (let round = 0; round < 3; round++) {
      const { datasets } = await client.call("index", { paths: [folder], watch: false });
      expect(datasets).toEqual([]);
      for (let index = 0; index < 40; index++)
        writeFileSync(join(folder, `${index}.csv`), `a,b\n${round},${index}\n`.repeat(50 + round));
    }
    expect(client.child.exitCode).toBeNull();
    await client.stop();
  });
});
