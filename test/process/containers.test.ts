import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { StoreClient } from "./storeClient";

const clients: StoreClient[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.stop()));
});

const pickles = "test/formats/fixtures/pickles";

/** A real data process with one folder indexed. */
async function indexed(fill: (folder: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "lens-containers-"));
  fill(folder);
  const client = await StoreClient.start();
  clients.push(client);
  const { datasets } = await client.call("index", { paths: [folder], watch: false });
  return { client, folder, datasets };
}

describe("files that are no plain JSON", () => {
  it("are indexed and read back through the index: a slime run with its training numbers", async () => {
    const { client, datasets } = await indexed((folder) =>
      cpSync(join(pickles, "slime"), folder, { recursive: true }),
    );
    expect(datasets.map(({ format, trajectories }) => `${format} ${trajectories}`).sort()).toEqual([
      "slime-rollout 3",
      // Ranks are named apart from whole dumps: two datasets.
      "slime-train 2",
      "slime-train 2",
    ]);
    const rollouts = datasets.find(({ format }) => format === "slime-rollout")!;
    const { rows } = await client.call("rows", { query: { datasetId: rollouts.id }, start: 0, end: 10 });
    expect(rows.map(({ trainingStep, reward, advantage }) => [trainingStep, reward, advantage])).toEqual([
      [12, 1, 0.75],
      [12, 0, -0.75],
      [13, 1, undefined],
    ]);
    const trajectory = await client.call("trajectory", { id: rows[0]!.id });
    expect(Array.from(trajectory.tokens!.series["ref_logprob"]!)).toEqual([
      NaN,
      NaN,
      NaN,
      -0.5,
      -0.3359375,
      -1,
      -3,
    ]);
  });

  it("are read through gzip, with the place of a broken line", async () => {
    const row = (index: number): string =>
      `${JSON.stringify({ input: "q", output: `a ${index}`, score: index, step: 1 })}\n`;
    const { client, folder, datasets } = await indexed((data) =>
      writeFileSync(join(data, "1.jsonl.gz"), gzipSync(`${row(0)}{"input": \n${row(2)}`)),
    );
    const [dataset] = datasets;
    expect([dataset?.format, dataset?.trajectories]).toEqual(["verl", 2]);
    expect(dataset?.warnings.map(({ where }) => where)).toEqual([`${join(folder, "1.jsonl.gz")}:2`]);
    const { rows } = await client.call("rows", { query: { datasetId: dataset!.id }, start: 0, end: 10 });
    const trajectory = await client.call("trajectory", { id: rows[1]!.id });
    expect(trajectory.outcome.reward).toBe(2);
  });

  it("are shown as far as they go when they are cut off", async () => {
    const { datasets } = await indexed((data) => {
      const bytes = readFileSync(join(pickles, "slime/rollout_data/12.pt"));
      mkdirSync(join(data, "whole"));
      copyFileSync(join(pickles, "android-world/Solved_0.pkl.gz"), join(data, "whole", "Solved_0.pkl.gz"));
      writeFileSync(join(data, "9.pt"), bytes.subarray(0, bytes.length - 200));
    });
    const cut = datasets.find(({ format }) => format === "slime-rollout");
    expect(cut?.trajectories).toBe(2);
    expect(cut?.warnings.map(({ code }) => code)).toEqual(["torn-archive"]);
    expect(datasets.find(({ format }) => format === "android-world")?.trajectories).toBe(1);
  });
});
