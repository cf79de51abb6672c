import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter(Boolean);
const sources = tracked.filter((file) => /^(src|webview)\/.*\.ts$/.test(file));

/** Levels of the layout; an import may only go to a strictly lower level or stay in its own folder. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "src/extension.ts": ["src/host", "src/services", "src/protocol", "src/model"],
  "src/cli.ts": [
    "src/cli",
    "src/services",
    "src/trainers",
    "src/formats",
    "src/signals",
    "src/protocol",
    "src/model",
  ],
  "src/cli": [
    "src/cli.ts",
    "src/services",
    "src/trainers",
    "src/formats",
    "src/signals",
    "src/protocol",
    "src/model",
  ],
  "src/host": [
    "src/services",
    "src/trainers",
    "src/store",
    "src/inference",
    "src/formats",
    "src/signals",
    "src/protocol",
    "src/model",
  ],
  "src/services": [
    "src/trainers",
    "src/store",
    "src/inference",
    "src/formats",
    "src/signals",
    "src/protocol",
    "src/model",
  ],
  "src/trainers": ["src/formats", "src/signals", "src/protocol", "src/model"],
  "src/store": ["src/formats", "src/signals", "src/protocol", "src/model"],
  "src/inference": ["src/formats", "src/signals", "src/protocol", "src/model"],
  "src/formats": ["src/protocol", "src/model"],
  "src/signals": ["src/protocol", "src/model"],
  "src/protocol": ["src/model"],
  "src/model": [],
  webview: ["src/protocol", "src/signals", "src/model"],
};

function folderOf(file: string): string {
  if (file.startsWith("webview/")) return "webview";
  const parts = file.split("/");
  return parts.length === 2 ? file : `${parts[0]}/${parts[1]}`;
}

function importsOf(file: string): readonly string[] {
  return ts
    .preProcessFile(readFileSync(resolve(root, file), "utf8"), true, true)
    .importedFiles.map((entry) => entry.fileName);
}

describe("the import graph", () => {
  it("has sources to look at", () => {
    expect(sources.length).toBeGreaterThan(10);
  });

  it.each(sources)("arrows of %s point down", (file) => {
    const from = folderOf(file);
    expect(Object.keys(allowed), `${file} lies outside the layout`).toContain(from);
    for (const specifier of importsOf(file)) {
      if (specifier === "vscode") {
        expect(file === "src/extension.ts" || file.startsWith("src/host/"), `${file} imports vscode`).toBe(
          true,
        );
        continue;
      }
      if (!specifier.startsWith(".")) continue;
      const target = relative(root, resolve(root, dirname(file), specifier)).replaceAll("\\", "/");
      const to = target.startsWith("webview/")
        ? "webview"
        : folderOf(target.split("/").length === 2 ? `${target}.ts` : target);
      if (to === from || specifier.endsWith(".json") || specifier.endsWith(".css")) continue;
      expect(allowed[from], `${file} -> ${specifier}`).toContain(to);
    }
  });

  it("keeps the DOM in webview", () => {
    const domGlobals =
      /\b(document|window)\.(createElement|querySelector|getElementById|addEventListener|body)\b/;
    const offenders = sources.filter(
      (file) => file.startsWith("src/") && domGlobals.test(readFileSync(resolve(root, file), "utf8")),
    );
    expect(offenders).toEqual([]);
  });
});

describe("names", () => {
  it("has no files named after nothing", () => {
    expect(
      tracked.filter((file) => /(^|\/)(utils?|helpers?|managers?|misc|common)\.[a-z]+$/i.test(file)),
    ).toEqual([]);
  });

  it("has no default exports in sources", () => {
    expect(
      sources.filter((file) => /^export default\b/m.test(readFileSync(resolve(root, file), "utf8"))),
    ).toEqual([]);
  });
});

describe("dependencies", () => {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(resolve(root, "package.json"), "utf8"),
  ) as Record<"dependencies" | "devDependencies", Record<string, string>>;
  const reasons = readFileSync(resolve(root, "docs/dependencies.md"), "utf8");

  it.each(
    [...Object.keys(dependencies), ...Object.keys(devDependencies)].filter(
      (name) => !name.startsWith("@types/"),
    ),
  )("docs/dependencies.md says why %s is there", (name) => {
    expect(reasons).toContain(`\`${name}\``);
  });
});

describe("the repository speaks of the project alone", () => {
  // Written in pieces so that this file does not match itself.
  const patterns = [
    ["registry", "npmjs"].join("."),
    ["files", ["python", "hosted"].join("")].join("."),
    ["pypi", "org"].join("."),
    ["deb", "debian"].join("."),
    ["", "work", "main"].join("/"),
    ["", "work", "shared"].join("/"),
    ["", "root", ""].join("/"),
    ["", "tmp", "team"].join("/"),
  ];
  const text = tracked.filter(
    (file) =>
      /\.(ts|mjs|js|cjs|json|md|py|css|html|txt|toml|yml|yaml|csv|jsonl|sh)$/.test(file) ||
      file === ".ci/run",
  );

  it.each(patterns)("nothing mentions %s", (pattern) => {
    const offenders = text.filter((file) => readFileSync(resolve(root, file), "utf8").includes(pattern));
    expect(offenders).toEqual([]);
  });
});
