// What is inside the VSIX, seen in the folder that VS Code unpacked it into.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, inject, it } from "vitest";

const e2e = inject("e2e");

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
}

const files = filesBelow(e2e.installed);
const target = `${process.platform}-${process.arch}`;

/** Everything that may ship; the lists of single files are complete. */
const expected = [
  /^\.vsixmanifest$/,
  /^package\.json$/,
  /^(readme|changelog)\.md$/i,
  /^license(\.txt)?$/i,
  /^thirdpartynotices\.txt$/i,
  /^dist\/((extension|commands|signals|formats|specification|compare|zipMembers)\.cjs|(store|inference|cli|userSignals|userSignalHooks)\.js)$/,
  // Libraries of the data process, loaded when they are used.
  /^dist\/(duckdb|arrow|protobuf|re2|yaml|messagepack)\.cjs$/,
  /^dist\/webview\/(trajectory|dataset|tree)\.(js|css)$/,
  /^dist\/webview\/codicon[\w-]*\.ttf$/,
  /^media\/[\w/-]+\.(svg|png|md)$/,
  /^syntaxes\/[\w.-]+\.json$/,
  /^python\/\w+\.py$/,
  /^dist\/node_modules\/(onnxruntime-node|onnxruntime-common|@duckdb\/node-api|@duckdb\/node-bindings|detect-libc|h5wasm|@sqlite\.org\/sqlite-wasm)\//,
  new RegExp(`^dist/node_modules/@duckdb/node-bindings-${target}/`),
  // Decoders of pictures, the same for every platform.
  /^dist\/node_modules\/@jsquash\/(jpeg|webp)\/(package\.json|LICENSE|codec\/dec\/(mozjpeg|webp)_dec\.(js|wasm))$/,
];

describe("the VSIX", () => {
  it("holds what is named and nothing else", () => {
    expect(files.filter((file) => !expected.some((pattern) => pattern.test(file)))).toEqual([]);
    for (const needed of [
      "package.json",
      "dist/extension.cjs",
      "dist/signals.cjs",
      "dist/commands.cjs",
      "dist/formats.cjs",
      "dist/specification.cjs",
      "dist/compare.cjs",
      "dist/zipMembers.cjs",
      "dist/duckdb.cjs",
      "dist/arrow.cjs",
      "dist/protobuf.cjs",
      "dist/re2.cjs",
      "dist/yaml.cjs",
      "dist/messagepack.cjs",
      "dist/userSignals.js",
      "dist/userSignalHooks.js",
      "dist/store.js",
      "dist/inference.js",
      "dist/node_modules/@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm",
      "dist/node_modules/@jsquash/webp/codec/dec/webp_dec.wasm",
      "dist/cli.js",
      "dist/webview/trajectory.js",
      "dist/webview/dataset.js",
      "dist/webview/tree.js",
    ]) {
      expect(files).toContain(needed);
    }
  });

  it("holds no sources, tests, examples, type declarations or source maps", () => {
    const unwanted = files.filter(
      (file) =>
        /\.(ts|mts|cts|map|vsix|onnx|jsonl|parquet)$/.test(file) ||
        /(^|\/)(src|test|tests|examples)\//.test(file.replace(/^dist\/node_modules\//, "")),
    );
    expect(unwanted).toEqual([]);
  });

  it("is for one platform: native files of this one alone", () => {
    const native = files.filter((file) => /\.(node|so(\.\d+)*|dylib|dll)$/.test(file));
    expect(native.length).toBeGreaterThan(1);
    const onnxruntime = `dist/node_modules/onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/`;
    const duckdb = `dist/node_modules/@duckdb/node-bindings-${target}/`;
    expect(native.filter((file) => !file.startsWith(onnxruntime) && !file.startsWith(duckdb))).toEqual([]);
  });

  it("is under 60 MB, its main bundle under 300 KB", () => {
    expect(statSync(e2e.vsix).size).toBeLessThan(60 * 1024 * 1024);
    expect(statSync(join(e2e.installed, "dist/extension.cjs")).size).toBeLessThan(300 * 1024);
  });

  it("has no path of the machine that built it", () => {
    const text = files.filter(
      (file) =>
        /\.(c?js|css|json|md|txt|py|svg)$/.test(file) &&
        !file.startsWith("dist/node_modules/") &&
        file !== "package.json",
    );
    expect(text.length).toBeGreaterThan(8);
    expect(text.filter((file) => readFileSync(join(e2e.installed, file), "utf8").includes(e2e.root))).toEqual(
      [],
    );
    expect(
      text.filter((file) => readFileSync(join(e2e.installed, file), "utf8").includes("sourceMappingURL=")),
    ).toEqual([]);
  });

  it("has a manifest without development entries", () => {
    const manifest = JSON.parse(readFileSync(join(e2e.installed, "package.json"), "utf8"));
    expect(manifest.dependencies).toBeUndefined();
    expect(manifest.devDependencies).toBeUndefined();
    expect(manifest.scripts).toBeUndefined();
    for (const path of [manifest.main, manifest.icon, manifest.bin["trajectory-lens"]])
      expect(files).toContain(path.replace(/^\.\//, ""));
    expect(manifest.engines.vscode).toBe("^1.101.0");
    expect(manifest.extensionKind).toEqual(["workspace"]);
  });
});

describe("the children inside the VSIX", () => {
  const cli = (node, args) =>
    JSON.parse(
      execFileSync(
        node,
        [join(e2e.installed, "dist/cli.js"), ...args, "--json", "--storage", join(e2e.folder, "cli-storage")],
        { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], cwd: e2e.folder },
      ),
    );

  // VS Code's own Node.js and the one that runs the tests: two major versions on most machines.
  it.each(e2e.nodes.map((node) => [execFileSync(node, ["--version"], { encoding: "utf8" }).trim(), node]))(
    "the data process reads and sums on Node.js %s",
    (_version, node) => {
      const report = cli(node, ["index", join(e2e.workspace, "control/runs")]);
      const trajectories = report.datasets.reduce((total, dataset) => total + dataset.trajectories, 0);
      expect(trajectories).toBeGreaterThan(50);
    },
  );

  it.each(e2e.nodes.map((node) => [execFileSync(node, ["--version"], { encoding: "utf8" }).trim(), node]))(
    "the inference process scores on Node.js %s",
    (_version, node) => {
      const data = join(e2e.workspace, "control/runs");
      const { rows, columns } = cli(node, [
        "query",
        data,
        "--sql",
        "select id from trajectories order by id limit 1",
      ]);
      expect(columns.length).toBe(1);
      const id = Array.isArray(rows[0]) ? rows[0][0] : Object.values(rows[0])[0];
      const report = cli(node, [
        "score",
        data,
        "--model",
        join(e2e.workspace, "control/models/reward.onnx"),
        "--provider",
        "cpu",
        "--id",
        id,
      ]);
      expect(report.provider).toBe("cpu");
      expect(JSON.stringify(report)).toMatch(/-\d+\.\d{3}/);
    },
  );
});
