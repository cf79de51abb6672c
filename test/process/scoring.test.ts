import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createServices } from "../../src/services/openServices";
import type { ScoringState, Services } from "../../src/services/services";

const distFolder = resolve("dist");
const rollouts = resolve("test/process/fixtures/verl");
const control = resolve("examples/workspace/control");
const open: Services[] = [];

beforeAll(() => {
  for (const name of ["store.js", "inference.js"]) {
    if (!existsSync(join(distFolder, name)))
      throw new Error(`dist/${name} is missing: run \`node esbuild.mjs\` first.`);
  }
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((services) => services.dispose()));
});

const folder = (name: string): string => mkdtempSync(join(tmpdir(), `lens-${name}-`));

function servicesIn(storageFolder: string, dist = distFolder): Services {
  const services = createServices({ storageFolder, distFolder: dist });
  open.push(services);
  return services;
}

/** The real data process beside an inference process that crashes. */
function distWithCrashes(): string {
  const dist = folder("dist");
  symlinkSync(join(distFolder, "store.js"), join(dist, "store.js"));
  copyFileSync(resolve("test/process/fixtures/crashingInference.cjs"), join(dist, "inference.js"));
  return dist;
}

describe("scoring on a machine whose drivers crash", () => {
  it("leaves out a provider whose probe takes the process down", async () => {
    const { scoring } = servicesIn(folder("store"), distWithCrashes());
    expect((await scoring.providers()).map(({ provider, available }) => [provider, available])).toEqual([
      ["webgpu", false],
      ["cuda", true],
      ["cpu", true],
    ]);
  });

  it("goes on with the next provider when a model takes one down, and answers the second call from the cache", async () => {
    const services = servicesIn(folder("store"), distWithCrashes());
    const model = join(folder("model"), "counter.onnx");
    writeFileSync(model, "weights");
    await services.datasets.index([rollouts], { watch: false });
    const { rows } = await services.datasets.rows({}, 0, 100);
    const ids = rows.map(({ id }) => id);
    const states: ScoringState[] = [];
    services.scoring.onStateChange((state) => states.push(state));

    const first = await services.scoring.score(ids, model, "auto");
    expect(first).toMatchObject({ provider: "cpu", trajectories: 13, cached: 0, failures: [] });
    expect(first.series).toHaveLength(13);
    expect(states.some((state) => state.phase === "crashed")).toBe(true);
    expect(states.at(-1)?.provider).toBe("cpu");

    const second = await services.scoring.score(ids, model, "cpu");
    expect(second).toMatchObject({ cached: 13, tokens: 0, seconds: 0 });
    const byId = (series: typeof first.series): Record<string, Float64Array> =>
      Object.fromEntries(series.map((entry) => [entry.trajectoryId, entry.values]));
    expect(byId(second.series)).toEqual(byId(first.series));
    expect((await services.datasets.scores(ids[0] ?? "")).map(({ name, unit }) => [name, unit])).toEqual([
      ["reward", "characters"],
    ]);

    // Other weights are another model.
    writeFileSync(model, "other weights");
    expect((await services.scoring.score(ids.slice(0, 1), model, "cpu")).cached).toBe(0);
  });

  it("does not change over by itself when a provider was asked for by name", async () => {
    const services = servicesIn(folder("store"), distWithCrashes());
    const model = join(folder("model"), "counter.onnx");
    writeFileSync(model, "weights");
    await services.datasets.index([rollouts], { watch: false });
    const { rows } = await services.datasets.rows({}, 0, 1);
    await expect(services.scoring.score([rows[0]?.id ?? ""], model, "cuda")).rejects.toThrow(
      "The inference process was ended by SIGABRT before it could answer.",
    );
    await expect(services.scoring.score([rows[0]?.id ?? ""], model, "webgpu")).rejects.toThrow(
      "The provider webgpu is not available here: its probe ended the process",
    );
  });
});

describe("a model that is trained further", () => {
  it("is loaded and asked anew, also where only the file of its weights changes, whatever its name", async () => {
    const services = servicesIn(folder("store"));
    const model = join(folder("model"), "policy");
    cpSync(resolve("test/fixtures/models/tiny-policy-external"), model, { recursive: true });
    const [graph, data] = [join(model, "onnx/model.onnx"), join(model, "onnx/trained-weights")];
    renameSync(join(model, "onnx/model.onnx_data"), data);
    const renamed = readFileSync(graph, "latin1").replaceAll("model.onnx_data", "trained-weights");
    writeFileSync(graph, renamed, "latin1");
    await services.datasets.index([rollouts], { watch: false });
    const { rows } = await services.datasets.rows({}, 0, 1);
    const score = async () => {
      const { cached, failures, series } = await services.scoring.score([rows[0]?.id ?? ""], model, "cpu");
      expect(failures).toEqual([]);
      const values = series.find(({ name }) => name === "logprob")!.values;
      return { cached, values: [...values].filter((value) => !Number.isNaN(value)) };
    };
    const before = await score();
    expect([before.cached, (await score()).cached]).toEqual([0, 1]);
    const weights = readFileSync(data);
    const floats = new Float32Array(new Uint8Array(weights).buffer).map((value) => value * 1.25);
    writeFileSync(data, Buffer.from(floats.buffer));
    const after = await score();
    expect(after.cached).toBe(0);
    expect(after.values.length).toBe(before.values.length);
    expect(after.values).not.toEqual(before.values);
    writeFileSync(data, weights);
    expect((await score()).values).toEqual(before.values);
  });
});

describe("scoring with the example's value model", () => {
  it("finds the models, scores an episode, and the scores become tracks and GAE's values", async () => {
    const services = servicesIn(folder("store"));
    const models = await services.scoring.findModels([join(control, "models")]);
    expect(models.map(({ name, kind, problem }) => [name, kind, problem])).toEqual([
      ["policy", "policy-gaussian", undefined],
      ["reward", "transition-reward", undefined],
      ["value", "value", undefined],
    ]);
    await services.datasets.index([join(control, "runs/pendulum-ppo/pendulum/ppo-late-v0")], {
      watch: false,
    });
    const { rows } = await services.datasets.rows({}, 0, 1);
    const id = rows[0]?.id ?? "";
    const report = await services.scoring.score([id], join(control, "models/value.onnx"), "cpu");
    const value = report.series.find(({ name }) => name === "value");
    expect(value?.values).toHaveLength(200);
    const requests = await services.signals.defaults(id);
    const track = await services.signals.compute(
      id,
      requests.find(
        ({ signalId, parameters }) => signalId === "model-score" && parameters?.["name"] === "value",
      ) ?? { signalId: "none" },
    );
    expect(track).toMatchObject({ title: "value", convention: "value on cpu" });
    if ("missing" in track.result) throw new Error(track.result.how);
    expect(track.result.values).toEqual(value?.values);
  });

  it("recomputes the trainer's own advantages to the last digit with the run's discount", async () => {
    const services = servicesIn(folder("store"));
    await services.datasets.index([join(control, "runs/pendulum-ppo/pendulum/ppo-late-v0")], {
      watch: false,
    });
    const { rows } = await services.datasets.rows({}, 0, 5);
    for (const { id } of rows) {
      const request = (await services.signals.defaults(id)).find(({ signalId }) => signalId === "gae");
      const { result } = await services.signals.compute(id, request ?? { signalId: "none" });
      if ("missing" in result) throw new Error(result.how);
      const trajectory = await services.datasets.trajectory(id);
      const recorded = trajectory.columns?.columns.find(({ name }) => name === "infos.advantage");
      expect([...result.values]).toEqual([...(recorded?.data ?? [])]);
    }
  });
});
