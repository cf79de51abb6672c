import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Pattern {
  readonly regexp: string;
  readonly file?: number;
  readonly line?: number;
  readonly message?: number;
}

const { contributes } = JSON.parse(readFileSync("package.json", "utf8")) as {
  contributes: {
    problemPatterns: { name: string; patterns: Pattern[] }[];
    problemMatchers: { pattern: string }[];
  };
};

/** What VS Code does: the patterns must match consecutive lines. */
function matches(
  lines: readonly string[],
  patterns: readonly Pattern[],
): { file: string; line: string; message: string }[] {
  const found = [];
  for (let at = 0; at + patterns.length <= lines.length; at++) {
    const groups = patterns.map((pattern, offset) =>
      new RegExp(pattern.regexp).exec(lines[at + offset] ?? ""),
    );
    if (groups.some((group) => group === null)) continue;
    const value = (key: "file" | "line" | "message"): string =>
      patterns
        .map((pattern, index) => (pattern[key] === undefined ? undefined : groups[index]?.[pattern[key]]))
        .find((text) => text !== undefined) ?? "";
    found.push({ file: value("file"), line: value("line"), message: value("message") });
  }
  return found;
}

const python = spawnSync("python3", ["--version"]).status === 0;

it.skipIf(!python)("finds the line that raised in tracebacks of a real Python", () => {
  const programs = {
    plain: ["def reward(x):", "    raise ValueError('no reward for ' + x)", "reward('a')"],
    marked: ["scores = {'a': 1}", "total = scores['a'] + scores['b']"],
    nested: ["import json", "json.loads('{')"],
  };
  for (const [name, lines] of Object.entries(programs)) {
    const program = `import sys\nsource = ${JSON.stringify(lines.join("\n"))}\nimport tempfile, os, runpy\npath = os.path.join(tempfile.mkdtemp(), ${JSON.stringify(`${name}.py`)})\nopen(path, "w").write(source)\nimport subprocess\nresult = subprocess.run([sys.executable, path], capture_output=True, text=True)\nprint(result.stderr)`;
    const printed = spawnSync("python3", ["-c", program], { encoding: "utf8" }).stdout.split("\n");
    const found = contributes.problemPatterns.flatMap((entry) => matches(printed, entry.patterns));
    expect(found.length, printed.join("\n")).toBe(1);
    expect(found[0]?.file).toMatch(/\.py$/);
    expect(Number(found[0]?.line)).toBeGreaterThan(0);
    expect(found[0]?.message).toMatch(/Error/);
  }
});

it("names patterns that exist", () => {
  for (const { pattern } of contributes.problemMatchers) {
    expect(contributes.problemPatterns.map((entry) => `$${entry.name}`)).toContain(pattern);
  }
});
