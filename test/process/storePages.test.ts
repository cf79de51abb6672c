import { appendFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { StoreClient } from "./storeClient";

const clients: StoreClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

const lines = (from: number, to: number): string =>
  Array.from(
    { length: to - from },
    (_, index) =>
      `${JSON.stringify({ input: "p", output: `a ${from + index}`, score: from + index, step: 1 })}\n`,
  ).join("");

/** Rewards of all rows of the one dataset, page by page. */
async function paged(client: StoreClient, size: number, descending = false): Promise<number[]> {
  const [dataset] = await client.call("datasets", {});
  const query = { datasetId: dataset?.id ?? "", descending };
  const rewards: number[] = [];
  for (let start = 0; ; start += size) {
    const { rows, total } = await client.call("rows", { query, start, end: start + size });
    rewards.push(...rows.map(({ reward }) => Number(reward)));
    if (start >= total) {
      expect(rows).toEqual([]);
      expect(rewards).toHaveLength(total);
      return rewards;
    }
  }
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

describe("pages of a dataset", () => {
  it("follow the files' order, also after files grew in turns and one was read anew", async () => {
    const data = mkdtempSync(join(tmpdir(), "lens-pages-"));
    const file = (name: string): string => join(data, `${name}.jsonl`);
    writeFileSync(file("10"), lines(200, 230));
    writeFileSync(file("2"), lines(100, 150));
    writeFileSync(file("1"), lines(0, 5));
    const client = await StoreClient.start();
    clients.push(client);
    const index = async (): Promise<void> =>
      void (await client.call("index", { paths: [data], watch: false }));
    const check = async (expected: readonly number[]): Promise<void> => {
      for (const size of [1, 7, 50, 1_000]) {
        expect(await paged(client, size)).toEqual(expected);
        expect(await paged(client, size, true)).toEqual([...expected].reverse());
      }
    };
    await index();
    await check([...range(0, 5), ...range(100, 150), ...range(200, 230)]);
    // Rows of the first file are now before and behind those of the others.
    appendFileSync(file("1"), lines(5, 9));
    await index();
    await check([...range(0, 9), ...range(100, 150), ...range(200, 230)]);
    writeFileSync(file("2"), lines(110, 125));
    await index();
    await check([...range(0, 9), ...range(110, 125), ...range(200, 230)]);
  }, 120_000);
});
