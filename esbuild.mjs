// Builds everything into dist/. `node esbuild.mjs [--production] [--watch] [--tests] [--outdir=DIR] [--inputs=FILE]`
// --inputs writes the list of source files that went into the bundles, for the notices of third parties.
import { build, context } from "esbuild";
import { existsSync, writeFileSync } from "node:fs";

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
  external: ["vscode", "onnxruntime-node", "@duckdb/node-api", "@duckdb/node-bindings", "h5wasm"],
};

// transformers.js reaches for an image library and the browser runtime at import time. Text models need neither,
// so neither is shipped: each resolves to a module that says so if it is ever used.
const textOnly = {
  name: "text-only-transformers",
  setup(builder) {
    builder.onResolve({ filter: /^(sharp|onnxruntime-web)(\/.*)?$/ }, (args) => ({
      path: args.path,
      namespace: "text-only",
    }));
    builder.onLoad({ filter: /.*/, namespace: "text-only" }, (args) => ({
      contents: `module.exports = new Proxy(function () {}, {
        get: (_, key) => (key === "__esModule" || key === "default" || typeof key === "symbol" ? undefined : undefined),
        apply: () => { throw new Error(${JSON.stringify(`${args.path} is not part of this build: image models are not supported yet.`)}); },
      });`,
      loader: "js",
    }));
  },
};

const programs = [
  {
    ...common,
    platform: "node",
    target: "node22",
    format: "cjs",
    external: ["vscode"],
    entryPoints: { extension: "src/extension.ts" },
    outExtension: { ".js": ".cjs" },
    outdir,
  },
  { ...nodeModule, entryPoints: { store: "src/store/process.ts" }, outdir },
  { ...nodeModule, entryPoints: { inference: "src/inference/process.ts" }, outdir, plugins: [textOnly] },
  { ...nodeModule, entryPoints: { cli: "src/cli.ts" }, outdir },
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
          entryPoints: { "test/index": "test/integration/index.ts" },
          outExtension: { ".js": ".cjs" },
          outdir,
        },
      ]
    : []),
].filter((program) => Object.values(program.entryPoints).every((file) => existsSync(file)) && Object.keys(program.entryPoints).length > 0);

if (watch) {
  for (const program of programs) await (await context(program)).watch();
} else {
  const results = await Promise.all(programs.map((program) => build({ ...program, metafile: true })));
  const list = process.argv.find((argument) => argument.startsWith("--inputs="))?.slice("--inputs=".length);
  if (list) writeFileSync(list, JSON.stringify([...new Set(results.flatMap((result) => Object.keys(result.metafile.inputs)))].sort()));
}
