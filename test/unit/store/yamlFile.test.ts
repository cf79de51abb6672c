import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readYaml } from "../../../src/store/containers/yamlFile";
import { isCandidate } from "../../../src/store/walk";
import { readFile, readParts } from "../../formats/readFile";

const folder = mkdtempSync(join(tmpdir(), "yaml-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Two groups as PyYAML dumps them: keys sorted, the shared system prompt as a reference, a tuple with Python's tag. */
const ART = `- trajectories:
  - logs:
    - started
    messages_and_choices:
    - &id001
      content: 'Play 2048.

        Answer with a direction.'
      role: system
    - content: "board:\\n2 2"
      role: user
    - finish_reason: stop
      index: 0
      message:
        content: left
        role: assistant
    metadata: !!python/tuple
    - 1
    - 2
    metrics:
      max_value: 4
      win: false
    reward: 1.0e-05
  - logs: []
    messages_and_choices:
    - *id001
    - content: "board:\\n2 2"
      role: user
    - finish_reason: length
      index: 0
      message:
        content: up
        role: assistant
    metadata: {}
    metrics: {}
    reward: .nan
- trajectories:
  - logs: []
    messages_and_choices:
    - *id001
    - content: 'yes'
      role: user
    metadata: {}
    metrics: {}
    reward: 0
`;

describe("ART's oldest logs", () => {
  it("are groups of trajectories, with shared messages in their places", async () => {
    const path = write(".art/game/models/agent/trajectories/val/0007.yaml", ART);
    const { records, format, problems, notes } = await readFile(path);
    expect(format?.id).toBe("art");
    expect([problems, notes]).toEqual([[], []]);
    const all = records.flatMap((record) => readParts(record, format!));
    expect(all.map(({ outcome }) => outcome.reward)).toEqual([1e-5, NaN, 0]);
    expect(all[1]?.steps[0]?.observation).toBe("Play 2048.\nAnswer with a direction.");
    expect(all[1]?.outcome).toMatchObject({ stopReason: "length", truncated: true });
    expect(all[2]?.steps.at(-1)?.observation).toBe("yes");
    expect(all[0]).toMatchObject({
      trainingStep: 7,
      split: "val",
      extra: { metadata: [1, 2], logs: ["started"] },
    });
    const keys = records.flatMap(({ summaries }) => summaries.map(({ groupKey }) => groupKey));
    expect(new Set(keys).size).toBe(2);
  });

  it("that are cut off show their whole groups and say where they break", async () => {
    const path = write("8.yaml", ART.slice(0, ART.indexOf("content: 'yes'") + 12));
    const { records, notes } = await readFile(path);
    expect(records).toHaveLength(1);
    expect(notes[0]).toMatchObject({ code: "torn-document" });
    expect(notes[0]?.message).toMatch(/cut off at line \d+/);
  });

  it("are looked for in folders by their numbers; other YAML is configuration", () => {
    expect(["0007.yaml", "12.yml", "config.yaml", "docker-compose.yml"].map(isCandidate)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("YAML", () => {
  it("with references that multiply is refused", () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0
        ? `a0: &a0 [${"x, ".repeat(9)}x]`
        : `a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(", ")}]`,
    );
    expect(() => readYaml(write("bomb.yaml", levels.join("\n")))).toThrow(/multipl|alias|values/i);
  });

  it("that is nested without end, or no YAML, ends in one sentence", () => {
    expect(() => readYaml(write("deep.yaml", "[".repeat(5000)))).toThrow(/cannot be read as YAML|levels/);
    expect(() => readYaml(write("bad.yaml", "a: 'open\nb: ]"))).toThrow(/cannot be read as YAML/);
  });
});
