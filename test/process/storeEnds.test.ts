import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { StoreClient } from "./storeClient";

it("the data process ends with its parent, also in the middle of a query that has no end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lens-ends-"));
  writeFileSync(join(folder, "1.jsonl"), '{"input": "p", "output": "a", "score": 1, "step": 1}\n');
  const client = await StoreClient.start();
  await client.call("index", { paths: [folder], watch: false });
  void client
    .call("query", { sql: "SELECT sum(a.range % 7 + b.range % 3) FROM range(10000000000) a, range(1000) b" })
    .catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const ended = await Promise.race([
    client.stop().then(() => true),
    new Promise<false>((resolve) => setTimeout(() => resolve(false), 12_000)),
  ]);
  if (!ended) await client.kill();
  expect(ended).toBe(true);
}, 60_000);
