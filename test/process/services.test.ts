import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { IndexAnnotations } from "../../src/services/annotations";
import { ProcessDatasets } from "../../src/services/datasets";
import { createServices } from "../../src/services/openServices";
import type { Services } from "../../src/services/services";
import { CatalogueSignals } from "../../src/services/signals";

const distFolder = resolve("dist");
const source = resolve("test/process/fixtures/verl");
const disposables: { dispose(): void | Promise<void> }[] = [];

beforeAll(() => {
  if (!existsSync(join(distFolder, "store.js")))
    throw new Error("dist/store.js is missing: run `node esbuild.mjs` first.");
});

afterEach(async () => {
  for (const disposable of disposables.splice(0).reverse()) await disposable.dispose();
});

const folder = (name: string): string => mkdtempSync(join(tmpdir(), `lens-${name}-`));

function copyOfRun(): string {
  const run = join(folder("run"), "verl");
  cpSync(source, run, { recursive: true });
  return run;
}

function datasetsIn(storageFolder: string, options: { idleMs?: number } = {}): ProcessDatasets {
  const datasets = new ProcessDatasets({ storageFolder, distFolder, ...options });
  disposables.push(datasets);
  return datasets;
}

const until = async (condition: () => boolean | Promise<boolean>, ms = 40_000): Promise<void> => {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error("waited too long");
    await new Promise((done) => setTimeout(done, 25));
  }
};

describe("datasets over the data process", () => {
  it("starts no process before the first call", () => {
    expect(datasetsIn(folder("store")).pid).toBeUndefined();
  });

  it("watches again after the data process was killed, and loses nothing", async () => {
    const run = copyOfRun();
    const datasets = datasetsIn(folder("store"));
    await datasets.index([run], { watch: true });
    const killed = datasets.pid;
    expect(killed).toBeGreaterThan(0);
    const reading = datasets.list().catch(() => "rejected");
    process.kill(killed ?? -1, "SIGKILL");
    await reading;
    await until(() => datasets.pid !== undefined && datasets.pid !== killed);
    const line = readFileSync(join(run, "2.jsonl"), "utf8").split("\n")[0] ?? "";
    appendFileSync(join(run, "2.jsonl"), `${line}\n`);
    await until(async () => (await datasets.list())[0]?.trajectories === 14);
  });

  it("tells of rows that arrive", async () => {
    const run = copyOfRun();
    const datasets = datasetsIn(folder("store"));
    await datasets.index([run], { watch: true });
    const heard: number[] = [];
    disposables.push(
      datasets.onChange((change) => "dataset" in change && heard.push(change.dataset.trajectories)),
    );
    writeFileSync(join(run, "3.jsonl"), readFileSync(join(run, "1.jsonl")));
    await until(() => heard.includes(21), 20_000);
  });

  it("lets an idle process go unless it watches", async () => {
    const datasets = datasetsIn(folder("store"), { idleMs: 100 });
    await datasets.index([source], { watch: false });
    await until(() => datasets.pid === undefined);
    expect((await datasets.list())[0]?.trajectories).toBe(13);
  });

  it("builds a prefix tree over a group without parent links", async () => {
    const datasets = datasetsIn(folder("store"));
    await datasets.index([source], { watch: false });
    const [dataset] = await datasets.list();
    const { groups } = await datasets.groups(dataset?.id ?? "", 2, 0, 10);
    const group = groups.find(({ size }) => size === 4);
    const tree = await datasets.tree(group?.groupId ?? "");
    expect(tree.origin).toBe("prefix");
    expect(
      new Set(tree.nodes.map((node) => node.trajectoryId).filter((id) => id !== undefined)).size,
    ).toBeGreaterThan(1);
    const root = tree.nodes.find((node) => node.parent === -1);
    expect(root?.value).toBe((3 + 0.125) / 4);
    expect(root?.visits).toBe(4);
  });
});

describe("annotations", () => {
  const script = `def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n    return 1.0\n`;

  it("says for a reward function what the newest training step earned", async () => {
    const run = copyOfRun();
    const datasets = datasetsIn(folder("store"));
    const signals = new CatalogueSignals(datasets);
    const annotations = new IndexAnnotations(datasets, signals);
    await datasets.index([run], { watch: false });
    const note = await annotations.script(join(run, "..", "rewards.py"), script);
    expect(note?.functions.map(({ name, line, kind }) => ({ name, line, kind }))).toEqual([
      { name: "compute_score", line: 0, kind: "reward" },
    ]);
    expect(note?.datasets.map(({ path }) => path)).toEqual([run]);
    const dataset = await annotations.dataset(note?.datasets[0]?.id ?? "");
    expect(dataset).toMatchObject({
      trainingStep: 2,
      trajectories: 5,
      rewardMean: (3 + 0.125) / 4,
      rewardStd: 0.4375,
      // of the groups of two or more, one of one has contrast; the singleton does not count
      noContrastShare: 0,
      seriesOf: "training steps",
      series: [
        { label: "step 1", value: 0.296875 },
        { label: "step 2", value: 0.78125 },
      ],
      best: { reward: 1 },
      worst: { reward: 0.125 },
    });
    expect(await annotations.script("/elsewhere/rewards.py", "def main(): ...")).toBeUndefined();
    expect((await annotations.script("/elsewhere/far/away/rewards.py", script))?.datasets).toEqual([]);
  });

  it("says for a line its group, its advantage and its place", async () => {
    const datasets = datasetsIn(folder("store"));
    const annotations = new IndexAnnotations(datasets, new CatalogueSignals(datasets));
    await datasets.index([source], { watch: false });
    const [note] = await annotations.record(join(source, "1.jsonl"), 1);
    expect(note).toMatchObject({
      row: { reward: 0.25, row: 1 },
      group: { size: 4, rewardMean: 0.34375 },
      advantage: { convention: "verl · std n-1, eps 1e-6", request: { signalId: "grpo", presetId: "verl" } },
      rank: { place: 2, of: 4 },
    });
    expect(note?.group?.rewardStd).toBeCloseTo(0.449247055267663, 14);
    expect(note?.advantage?.value).toBeCloseTo(-0.2086820385769807, 14);
    // a reward that the file records as null has neither a place nor an advantage
    const [missing] = await annotations.record(join(source, "2.jsonl"), 4);
    expect(missing?.row.reward).toBeNull();
    expect(missing?.rank).toBeUndefined();
    expect(missing?.advantage).toBeUndefined();
    expect(await annotations.record(join(source, "2.jsonl"), 99)).toEqual([]);
  });
});

describe("services", () => {
  it("give the tracks of a verl row: its reward, then GRPO under verl's convention", async () => {
    const services: Services = createServices({ storageFolder: folder("store"), distFolder });
    disposables.push(services);
    await services.datasets.index([source], { watch: false });
    const row = await services.datasets.rowAt(join(source, "1.jsonl"), 2);
    const requests = await services.signals.defaults(row?.id ?? "");
    expect(requests.map(({ signalId }) => signalId)).toContain("grpo");
    const track = await services.signals.compute(row?.id ?? "", { signalId: "grpo", presetId: "verl" });
    if ("missing" in track.result) throw new Error(track.result.how);
    expect(track.result.values[0]).toBeCloseTo(1.4607742700388648, 14);
    expect(track.result.group?.rewards).toEqual([0.125, 0.25, 1, 0]);
    const explanation = await services.signals.explain(
      row?.id ?? "",
      { signalId: "grpo", presetId: "verl" },
      0,
    );
    expect(explanation?.lines[0]?.value).toBe(track.result.values[0]);
    await expect(services.signals.compute(row?.id ?? "", { signalId: "nobody" })).rejects.toThrow(
      'There is no signal "nobody".',
    );
  });
});
