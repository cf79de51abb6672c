import { DuckDBInstance } from "@duckdb/node-api";
import { Decimal, Field, List, Struct, Table, tableToIPC, vectorFromArray } from "apache-arrow";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { arrowRows } from "../../../src/store/containers/arrowFile";
import { parquetBatches, parquetRows } from "../../../src/store/parquet";

const folder = mkdtempSync(join(tmpdir(), "lens-values-"));

/** A whole number as Arrow keeps decimals: 128 bits in two's complement, least word first. */
const words = (whole: bigint): Uint32Array =>
  Uint32Array.from({ length: 4 }, (_, at) =>
    Number((BigInt.asUintN(128, whole) >> BigInt(32 * at)) & 0xffffffffn),
  );

describe("values of tables", () => {
  it("are objects where Parquet has maps with keys of text or whole numbers, wherever they lie", async () => {
    const path = join(folder, "maps.parquet");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    await connection.run(`COPY (SELECT
      MAP {'format': 1.5, 'answer': NULL} AS scores,
      [MAP {1: 'a'}, MAP {}] AS list,
      {'inner': MAP {'x': MAP {'y': 9223372036854775807}}} AS nested,
      MAP {{'a': 1}: 2} AS odd,
      NULL::MAP(VARCHAR, INTEGER) AS none,
      [{'key': 'k', 'value': 1}] AS structures) TO '${path}' (FORMAT parquet)`);
    const expected = {
      scores: { format: 1.5, answer: null },
      list: [{ "1": "a" }, {}],
      nested: { inner: { x: { y: "9223372036854775807" } } },
      // No text stands for a structure: such a map stays a list.
      odd: [{ key: { a: 1 }, value: 2 }],
      none: null,
      structures: [{ key: "k", value: 1 }],
    };
    expect(await parquetRows(path, 0, 1)).toEqual([expected]);
    const batches = [];
    for await (const batch of parquetBatches(path)) batches.push(...batch);
    expect(batches).toEqual([expected]);
  });

  it("are numbers where Arrow has decimals, also inside of lists and structures", async () => {
    const path = join(folder, "decimals.arrow");
    const decimal = new Decimal(2, 20, 128);
    const amounts = [words(125n), words(-5n), null, words(10n ** 13n + 1n)];
    const table = new Table({
      price: vectorFromArray(amounts, decimal),
      prices: vectorFromArray(
        amounts.map((amount) => [amount, words(0n)]),
        new List(new Field("item", decimal, true)),
      ),
      box: vectorFromArray(
        amounts.map((amount) => ({ amount })),
        new Struct([new Field("amount", decimal, true)]),
      ),
    });
    writeFileSync(path, tableToIPC(table, "file"));
    const { count, read } = await arrowRows(path);
    const numbers = [1.25, -0.05, null, 100_000_000_000.01];
    expect(await read(0, count)).toEqual(
      numbers.map((number) => ({ price: number, prices: [number, 0], box: { amount: number } })),
    );
  });
});
