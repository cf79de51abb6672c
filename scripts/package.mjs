// Builds the VSIX for one target: `npm run package [-- --target linux-x64] [--out FILE]`.
// Native packages are copied into dist/node_modules for that target alone, so that the child processes find them.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createVSIX } from "@vscode/vsce";

const root = resolve(import.meta.dirname, "..");
process.chdir(root);

const LIMIT_MB = 60;
const MAIN_BUNDLE_LIMIT_KB = 300;

/** VSIX target -> folder names that the native packages use. Targets not listed have no onnxruntime binary. */
const targets = {
  "linux-x64": { ort: "linux/x64", duckdb: "linux-x64" },
  "linux-arm64": { ort: "linux/arm64", duckdb: "linux-arm64" },
  "darwin-arm64": { ort: "darwin/arm64", duckdb: "darwin-arm64" },
  "win32-x64": { ort: "win32/x64", duckdb: "win32-x64" },
  "win32-arm64": { ort: "win32/arm64", duckdb: "win32-arm64" },
};

const { values } = parseArgs({ options: { target: { type: "string" }, out: { type: "string" } } });
const target = values.target ?? `${process.platform}-${process.arch}`;
const folders = targets[target];
if (!folders) {
  console.error(
    `No VSIX for ${target}: onnxruntime-node has no binary for it. Use one of ${Object.keys(targets).join(", ")}.`,
  );
  process.exit(1);
}
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const out = values.out ?? `trajectory-lens-${target}-${version}.vsix`;

// Everything is staged outside dist/, so that packaging never disturbs a checkout that is in use.
const stage = resolve(".cache", `package-${target}`);
rmSync(stage, { recursive: true, force: true });
mkdirSync(join(stage, "dist"), { recursive: true });
for (const name of ["README.md", "CHANGELOG.md", "LICENSE", ".vscodeignore", "media", "syntaxes", "python"]) {
  if (existsSync(name)) cpSync(name, join(stage, name), { recursive: true });
}
const manifest = JSON.parse(readFileSync("package.json", "utf8"));
for (const key of ["scripts", "dependencies", "devDependencies", "allowScripts", "overrides", "private"])
  delete manifest[key];
writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
const inputs = join(stage, "inputs.json");
execFileSync(
  process.execPath,
  ["esbuild.mjs", "--production", `--outdir=${join(stage, "dist")}`, `--inputs=${inputs}`],
  { stdio: "inherit" },
);

/** Copies `files` (relative to the package) of one installed package into dist/node_modules. */
function ship(name, files) {
  const from = join("node_modules", name);
  if (!existsSync(from)) {
    console.error(
      `${name} is not installed: it serves ${target} and npm installs it on that platform only. Package there, or run: npm install --no-save --force ${name}`,
    );
    process.exit(1);
  }
  for (const file of ["package.json", ...files]) {
    if (!existsSync(join(from, file))) continue;
    cpSync(join(from, file), join(stage, "dist/node_modules", name, file), {
      recursive: true,
      filter: (path) => !/\.(map|d\.ts|d\.mts|d\.cts|md|lib)$/.test(path),
    });
  }
}

ship("onnxruntime-node", ["LICENSE", "dist", `bin/napi-v6/${folders.ort}`]);
ship("onnxruntime-common", ["LICENSE", "dist/cjs"]);
ship("@duckdb/node-bindings", ["LICENSE", "duckdb.js"]);
ship(
  `@duckdb/node-bindings-${folders.duckdb}`,
  readdirSync(join("node_modules/@duckdb", `node-bindings-${folders.duckdb}`)),
);
ship("detect-libc", ["LICENSE", "lib"]);
ship("h5wasm", ["LICENSE.txt", "dist/node"]);
ship("@sqlite.org/sqlite-wasm", ["dist/node.mjs", "dist/sqlite3.wasm"]);

// The decoders alone: WebAssembly, the same for every target.
ship("@jsquash/jpeg", ["LICENSE", "codec/dec"]);
ship("@jsquash/webp", ["LICENSE", "codec/dec"]);

writeFileSync(join(stage, "ThirdPartyNotices.txt"), notices());

/** Names, versions and licence texts of every package that is bundled or shipped beside the bundles. */
function notices() {
  const bundled = JSON.parse(readFileSync(inputs, "utf8")).flatMap(
    (file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? [],
  );
  const shipped = readdirSync(join(stage, "dist/node_modules"), { recursive: true })
    .filter((file) => basename(file) === "package.json")
    .map((file) => join("node_modules", dirname(file)));
  const sections = [];
  for (const folder of [...new Set([...bundled, ...shipped])].sort()) {
    const file = join(folder, "package.json");
    if (!existsSync(file)) continue;
    const { name, version, license } = JSON.parse(readFileSync(file, "utf8"));
    if (!name || !version) continue;
    // Packages around a C library carry that library's licence in a folder of their own.
    const texts = [
      ...readdirSync(folder),
      ...(existsSync(join(folder, "codec"))
        ? readdirSync(join(folder, "codec")).map((entry) => `codec/${entry}`)
        : []),
    ].filter((entry) => /^(?:codec\/)?(licen[cs]e|copying|notice|thirdpartynotices)/i.test(entry));
    const text = texts.map((entry) => readFileSync(join(folder, entry), "utf8").trim()).join("\n\n");
    sections.push(
      `${name} ${version} (${license ?? "see below"})\n\n${text || "The package comes without a licence text."}`,
    );
  }
  return `Trajectory Lens contains the following packages.\n\n${sections.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

const mainKb = statSync(join(stage, "dist/extension.cjs")).size / 1024;
if (mainKb > MAIN_BUNDLE_LIMIT_KB) {
  console.error(`The main bundle is ${mainKb.toFixed(0)} KB, over the budget of ${MAIN_BUNDLE_LIMIT_KB} KB.`);
  process.exit(1);
}

await createVSIX({
  cwd: stage,
  packagePath: resolve(out),
  target,
  dependencies: false,
  allowMissingRepository: true,
  skipLicense: false,
});

const megabytes = statSync(out).size / 1024 / 1024;
console.log(`${out}: ${megabytes.toFixed(1)} MB, main bundle ${mainKb.toFixed(0)} KB`);
if (megabytes > LIMIT_MB) {
  console.error(`The VSIX is over ${LIMIT_MB} MB.`);
  process.exit(1);
}
