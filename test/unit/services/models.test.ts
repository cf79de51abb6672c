import { mkdirSync, mkdtempSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Trajectory } from "../../../src/model/trajectory";
import { modelHash, modelStamp, trajectoryHash } from "../../../src/services/contentHash";
import { modelName, searchModels } from "../../../src/services/modelSearch";
import { cacheKey } from "../../../src/services/scoreKeys";

const base: Trajectory = {
  id: "t",
  datasetId: "d",
  format: "verl",
  source: { path: "/f", row: 0, part: 0 },
  task: { prompt: "p" },
  steps: [
    { index: 0, role: "assistant", action: "ab" },
    { index: 1, role: "assistant", action: "c" },
  ],
  outcome: { reward: 1, components: {} },
  extra: {},
  notes: [],
};

describe("trajectoryHash", () => {
  it("depends on what a model reads and on nothing else", () => {
    expect(
      trajectoryHash({
        ...base,
        id: "other",
        datasetId: "e",
        source: { path: "/g", row: 7, part: 0 },
        outcome: { reward: 0, components: {} },
      }),
    ).toBe(trajectoryHash(base));
    const variants: Trajectory[] = [
      { ...base, task: { prompt: "q" } },
      { ...base, task: {} },
      {
        ...base,
        steps: [
          { index: 0, role: "assistant", action: "a" },
          { index: 1, role: "assistant", action: "bc" },
        ],
      },
      {
        ...base,
        steps: [
          { index: 0, role: "user", action: "ab" },
          { index: 1, role: "assistant", action: "c" },
        ],
      },
      { ...base, flatText: { prompt: "p", response: "abc" } },
      { ...base, tokens: { count: 1, ids: Int32Array.of(1), series: {} } },
      { ...base, tokens: { count: 1, ids: Int32Array.of(2), series: {} } },
      {
        ...base,
        columns: {
          steps: 1,
          columns: [{ name: "o", role: "observation", rows: 1, width: 1, data: Float32Array.of(0) }],
        },
      },
      {
        ...base,
        columns: {
          steps: 1,
          columns: [{ name: "o", role: "observation", rows: 1, width: 1, data: Float32Array.of(-0) }],
        },
      },
    ];
    expect(new Set([base, ...variants].map(trajectoryHash)).size).toBe(variants.length + 1);
  });

  it("makes keys that also depend on the model and the provider", () => {
    expect(
      new Set([cacheKey(base, "m", "cpu"), cacheKey(base, "m", "webgpu"), cacheKey(base, "n", "cpu")]).size,
    ).toBe(3);
  });
});

describe("searchModels", () => {
  const root = mkdtempSync(join(tmpdir(), "models-"));
  const write = (path: string, text = "x"): string => {
    const full = join(root, path);
    mkdirSync(join(full, ".."), { recursive: true });
    writeFileSync(full, text);
    return full;
  };
  write("prm/config.json", "{}");
  write("prm/onnx/model.onnx", "weights");
  write("prm/onnx/model_quantized.onnx", "w8");
  write("flat/config.json", "{}");
  write("flat/model.onnx", "1234");
  write("control/policy.onnx");
  write("control/value.onnx");
  write("settings/config.json", "{}");
  write("node_modules/junk/model.onnx");

  it("finds folders and files by what they hold", async () => {
    expect(await searchModels([root])).toEqual([
      { path: join(root, "control/policy.onnx"), layout: "onnx-file", bytes: 1 },
      { path: join(root, "control/value.onnx"), layout: "onnx-file", bytes: 1 },
      { path: join(root, "flat"), layout: "huggingface-folder", bytes: 4 },
      { path: join(root, "prm"), layout: "huggingface-folder", bytes: 9 },
    ]);
    expect(await searchModels([join(root, "control/value.onnx"), join(root, "nowhere")])).toHaveLength(1);
  });

  it("takes an encoder and its decoder as one model", async () => {
    const folder = mkdtempSync(join(tmpdir(), "halves-"));
    for (const name of ["encoder.onnx", "decoder.onnx", "value.onnx"])
      writeFileSync(join(folder, name), "12345");
    expect(await searchModels([folder])).toEqual([
      { path: folder, layout: "onnx-file", bytes: 10 },
      { path: join(folder, "value.onnx"), layout: "onnx-file", bytes: 5 },
    ]);
  });

  it("names a model after what tells it apart", () => {
    expect(
      ["/a/prm", "/a/value.onnx", "/a/prm/onnx/model.onnx", "/a/tiny/model.onnx"].map(modelName),
    ).toEqual(["prm", "value", "prm", "tiny"]);
  });

  it("hashes weights, configuration and names; a touched file only changes the stamp", async () => {
    const path = join(root, "prm");
    const [hash, stamp] = [await modelHash(path), await modelStamp(path)];
    utimesSync(join(path, "config.json"), new Date(0), new Date(0));
    expect(await modelStamp(path)).not.toBe(stamp);
    expect(await modelHash(path)).toBe(hash);
    write("prm/tokenizer.json", "{}");
    expect(await modelHash(path)).not.toBe(hash);
  });

  it("tells models apart whose weights stand beside their graphs, under whatever name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "weights-"));
    const file = join(folder, "policy.onnx");
    const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
    put("policy.onnx", "graph");
    const hashes = [await modelHash(file)];
    for (const name of ["policy.onnx.data", "policy.onnx_data", "config.json", "tokenizer.json"]) {
      put(name, "1");
      hashes.push(await modelHash(file));
      put(name, "2");
      hashes.push(await modelHash(file));
    }
    // A name that says nothing is known from the graph alone.
    put("w.bin", "1");
    expect(await modelHash(file)).toBe(hashes.at(-1));
    hashes.push(await modelHash(file, [join(folder, "w.bin")]));
    put("w.bin", "2");
    hashes.push(await modelHash(file, [join(folder, "w.bin")]));
    expect(new Set(hashes).size).toBe(hashes.length);
    put("other.onnx", "another model");
    put("other.onnx.data", "3");
    expect(await modelHash(file, [join(folder, "w.bin")])).toBe(hashes.at(-1));
  });

  it("finds, and tells apart, models whose files are links to a hub's blobs", async () => {
    const cache = mkdtempSync(join(tmpdir(), "hub-"));
    const snapshot = (name: string, weights: string): string => {
      const folder = join(cache, "snapshots", name);
      mkdirSync(join(folder, "onnx"), { recursive: true });
      mkdirSync(join(cache, "blobs"), { recursive: true });
      for (const [file, text] of [
        ["config.json", "{}"],
        ["onnx/model.onnx", weights],
      ] as const) {
        const blob = join(cache, "blobs", `${name}-${file.length}`);
        writeFileSync(blob, text);
        symlinkSync(blob, join(folder, file));
      }
      return folder;
    };
    const [one, two] = [snapshot("one", "first"), snapshot("two", "other")];
    expect((await searchModels([cache])).map(({ path, bytes }) => [path, bytes])).toEqual([
      [one, 5],
      [two, 5],
    ]);
    expect(await modelHash(one)).not.toBe(await modelHash(two));
    expect(await modelHash(snapshot("same", "first"))).toBe(await modelHash(one));
  });
});
