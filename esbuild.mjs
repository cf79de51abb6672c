// Builds everything into dist/. `node esbuild.mjs [--production] [--watch] [--tests] [--outdir=DIR] [--inputs=FILE]`
// --inputs writes the list of source files that went into the bundles, for the notices of third parties.
import { build, context } from "esbuild";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const production = process.argv.includes("--production");
const watch = process.argv.includes("--watch");
const tests = process.argv.includes("--tests");
const outdir = process.argv.find((argument) => argument.startsWith("--outdir="))?.slice("--outdir=".length) ?? "dist";

const common = {
  bundle: true,
  sourcemap: production ? false : "linked",
  minify: production,
  logLevel: "info",
  legalComments: "none",
  define: { "process.env.NODE_ENV": JSON.stringify(production ? "production" : "development") },
};

// Node programs are ESM; bundled CommonJS packages still call `require`, so give them one.
const nodeModule = {
  ...common,
  platform: "node",
  target: "node20",
  format: "esm",
  banner: {
    js: 'import { createRequire as createRequireForBundle } from "node:module"; const require = createRequireForBundle(import.meta.url);',
  },
  external: ["vscode", "onnxruntime-node", "@duckdb/node-api", "@duckdb/node-bindings", "h5wasm", "@jsquash/jpeg", "@jsquash/webp", "@sqlite.org/sqlite-wasm"],
};

// transformers.js asks for sharp at import time. Pictures are unpacked and resized in src/inference/pictures, which needs no
// native library, so the build holds a stand-in that is there to be imported and is never called. (The browser
// runtime that transformers.js also carries is inside its own file; the inference process hands it onnxruntime-node.)
const withoutSharp = {
  name: "transformers-without-sharp",
  setup(builder) {
    builder.onResolve({ filter: /^sharp$/ }, (args) => ({ path: args.path, namespace: "without-sharp" }));
    builder.onLoad({ filter: /.*/, namespace: "without-sharp" }, () => ({
      contents: 'export default function sharp() { throw new Error("This picture is to be prepared in a way that needs the library sharp."); }',
      loader: "js",
    }));
  },
};

// The catalogues are most of the extension's code and none of it is needed to activate. They are bundles of their own,
// loaded when something of them is first used. They hold declarations and pure functions, so that the classes of
// src/model that they carry along a second time are never compared across bundles.
const catalogues = {
  signals: "src/signals/index.ts",
  formats: "src/formats/index.ts",
  specification: "src/signals/specification/specification.ts",
  compare: "src/signals/compare/comparison.ts",
  zipMembers: "src/store/containers/zipMembers.ts",
};
// So are the commands, which the first one that is called loads. What they share with the extension's own bundle holds no state.
const commands = { commands: "src/host/commands/commandTable.ts" };
const lazy = { ...catalogues, ...commands };
const lazyCatalogues = {
  name: "lazy-catalogues",
  setup(builder) {
    builder.onResolve({ filter: /\/(?:signals\/index|formats\/index|specification\/specification|compare\/comparison|containers\/zipMembers|commands\/commandTable)$/ }, (args) => ({
      path: Object.keys(lazy).find((name) => lazy[name].endsWith(`${args.path.match(/[^/]+\/[^/]+$/)[0]}.ts`)),
      namespace: "catalogue",
    }));
    builder.onLoad({ filter: /.*/, namespace: "catalogue" }, ({ path }) => {
      const names = [...readFileSync(lazy[path], "utf8").matchAll(/^export (?:const|function|class) (\w+)/gm)].map((found) => found[1]);
      const getters = names.map((name) => `get ${name}() { return load().${name}; }`);
      return { contents: `let loaded; const load = () => (loaded ??= require("./${path}.cjs")); module.exports = { ${getters.join(", ")} };`, loader: "js" };
    });
  },
};

// What the data process needs for some files and queries alone. It starts in the time that a user waits for a known index, so
// these are bundles of their own as well, loaded when something of them is first used.
const libraries = { "apache-arrow": "arrow", "protobufjs/light.js": "protobuf", re2js: "re2", yaml: "yaml", "@msgpack/msgpack": "messagepack" };
const lazyLibraries = {
  name: "lazy-libraries",
  setup(builder) {
    builder.onResolve({ filter: new RegExp(`^(?:${Object.keys(libraries).join("|").replaceAll(".", "\\.")})$`) }, (args) =>
      args.kind === "entry-point" ? undefined : { path: args.path, namespace: "library" },
    );
    builder.onLoad({ filter: /.*/, namespace: "library" }, async ({ path }) => {
      const library = await import(path);
      const names = Object.keys({ ...library.default, ...library }).filter((name) => name !== "default");
      const getters = names.map((name) => `get ${name}() { return load().${name}; }`);
      return { contents: `let loaded; const load = () => (loaded ??= require("./${libraries[path]}.cjs")); module.exports = { ${getters.join(", ")} };`, loader: "js" };
    });
  },
};

const programs = [
  ...[{ extension: "src/extension.ts" }, commands].map((entryPoints) => ({
    ...common,
    platform: "node",
    target: "node22",
    format: "cjs",
    external: ["vscode", ...Object.keys(lazy).map((name) => `./${name}.cjs`)],
    entryPoints,
    plugins: [lazyCatalogues],
    outExtension: { ".js": ".cjs" },
    outdir,
  })),
  { ...common, platform: "node", target: "node22", format: "cjs", entryPoints: catalogues, outExtension: { ".js": ".cjs" }, outdir },
  {
    ...nodeModule,
    external: [...nodeModule.external, ...Object.values(libraries).map((name) => `./${name}.cjs`)],
    entryPoints: { store: "src/store/process.ts" },
    define: { ...common.define, DUCKDB_API: '"./duckdb.cjs"' },
    plugins: [lazyLibraries],
    outdir,
  },
  {
    ...common,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["@duckdb/node-bindings"],
    entryPoints: { duckdb: "@duckdb/node-api", ...Object.fromEntries(Object.entries(libraries).map(([name, file]) => [file, name])) },
    outExtension: { ".js": ".cjs" },
    outdir,
  },
  { ...nodeModule, entryPoints: { inference: "src/inference/process.ts" }, outdir, plugins: [withoutSharp] },
  {
    ...nodeModule,
    entryPoints: { userSignals: "src/services/userSignals/process.ts", userSignalHooks: "src/services/userSignals/moduleHooks.ts" },
    outdir,
  },
  // jsonc-parser's CommonJS form loads its parts by names that a bundler cannot see.
  { ...nodeModule, alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" }, entryPoints: { cli: "src/cli.ts" }, outdir },
  {
    ...common,
    platform: "browser",
    target: "chrome120",
    format: "iife",
    entryPoints: Object.fromEntries(
      ["trajectory", "dataset", "tree"]
        .map((app) => [`webview/${app}`, `webview/apps/${app}/main.ts`])
        .filter(([, file]) => existsSync(file)),
    ),
    loader: { ".ttf": "file", ".svg": "dataurl" },
    // Beside the style sheets, the one folder that a webview may read.
    assetNames: "webview/[name]",
    outdir,
  },
  ...(tests
    ? [
        {
          ...common,
          platform: "node",
          target: "node22",
          format: "cjs",
          external: ["vscode"],
          entryPoints: { "test/index": "test/integration/index.ts", "test/window": "test/integration/window/index.ts" },
          outExtension: { ".js": ".cjs" },
          outdir,
        },
      ]
    : []),
].filter((program) => Object.values(program.entryPoints).every((file) => !/^(?:src|test|webview)\//.test(file) || existsSync(file)) && Object.keys(program.entryPoints).length > 0);

if (watch) {
  for (const program of programs) await (await context(program)).watch();
} else {
  const results = await Promise.all(programs.map((program) => build({ ...program, metafile: true })));
  const list = process.argv.find((argument) => argument.startsWith("--inputs="))?.slice("--inputs=".length);
  if (list) writeFileSync(list, JSON.stringify([...new Set(results.flatMap((result) => Object.keys(result.metafile.inputs)))].sort()));
}
