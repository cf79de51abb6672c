import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CheckReport } from "../../src/services/specificationsContract";
import type { CompareReport, DiagnoseReport } from "../../src/services/services";

const program = resolve("dist/cli.js");
const folder = mkdtempSync(join(tmpdir(), "lens-runs-"));
const at = (...parts: string[]): string => join(folder, ...parts);

interface Run {
  readonly code: number;
  readonly stdout: string;
}

function run(...args: string[]): Promise<Run> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [program, ...args, "--storage", at("storage")]);
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.resume();
    child.on("close", (code) => done({ code: code ?? -1, stdout }));
  });
}

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout } = await run(...args, "--json");
  if (code !== 0) throw new Error(stdout);
  return JSON.parse(stdout) as T;
}

async function failure(...args: string[]): Promise<string> {
  const { code, stdout } = await run(...args, "--json");
  expect(code).toBe(1);
  return (JSON.parse(stdout) as { error: { message: string } }).error.message;
}

/** Sample deviation over the whole batch and 1e-4: TRL with scale_rewards="batch". */
const batchScaled = (rewards: readonly (readonly number[])[]): number[][] => {
  const all = rewards.flat();
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  const std = Math.sqrt(all.reduce((sum, r) => sum + (r - mean) ** 2, 0) / (all.length - 1));
  return rewards.map((group) => {
    const own = group.reduce((a, b) => a + b, 0) / group.length;
    return group.map((reward) => Math.fround((reward - own) / (std + 1e-4)));
  });
};

beforeAll(() => {
  mkdirSync(at("verl"), { recursive: true });
  const texts = ["I add.\n3 + 4 = 7\nanswer 7", "answer 7"];
  const rows = [0, 1, 2, 3].map((i) => ({
    input: i < 2 ? "Make 7 from 3 4." : "Make 9 from 4 5.",
    output: texts[i % 2],
    gts: "7",
    score: i === 3 ? 1 : 0,
    step: 3,
    acc: i === 3 ? 1 : 0,
  }));
  writeFileSync(at("verl", "3.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  mkdirSync(at("trl"), { recursive: true });
  const rewards = [
    [0, 1, 1, 0.5],
    [0.25, 0, 1, 0],
    [1, 1, 1, 1],
  ];
  const advantages = batchScaled(rewards);
  const data = rewards.flatMap((group, g) =>
    group.map((reward, i) => [
      5,
      `Question ${g}?`,
      `Reply ${g} ${i}.`,
      reward,
      // One row was damaged on the way.
      g === 1 && i === 2 ? 0.5 : advantages[g]![i],
    ]),
  );
  writeFileSync(
    at("trl", "completions.table.json"),
    JSON.stringify({ columns: ["step", "prompt", "completion", "reward", "advantage"], data }),
  );
  mkdirSync(at("specs", ".vscode"), { recursive: true });
  writeFileSync(
    at("specs", ".vscode", "settings.json"),
    '{ // what is an answer\n "trajectoryLens.propositions": { "answers": "text ~ /answer/", }, }',
  );
  writeFileSync(at("specs", "good.ltlf"), "ends: F (answers & last)\nworked: !answers U sums\n");
  writeFileSync(at("specs", "bad.ltlf"), "F (answers\n");
  writeFileSync(
    at("specs", "once.rm"),
    "0\n[1]\n(0,0,'!answers',ConstantRewardFunction(0))\n(0,1,'answers',ConstantRewardFunction(2))\n",
  );
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("check", () => {
  it("gives a verdict per formula and trajectory, with the propositions of the nearest settings and the command line", async () => {
    const report = await json<CheckReport & { warnings: unknown[] }>(
      "check",
      at("specs", "good.ltlf"),
      at("verl"),
      "--proposition",
      "sums=text ~ /\\d \\+ \\d/",
    );
    expect(report.warnings).toEqual([]);
    expect(report.rules.map(({ name, holds, fails }) => [name, holds, fails])).toEqual([
      ["ends", 4, 0],
      ["worked", 2, 2],
    ]);
  });

  it("runs reward machines", async () => {
    const report = await json<CheckReport>("check", at("specs", "once.rm"), at("verl"));
    expect(report.trajectories.map(({ rules }) => [rules[0]!.verdict, rules[0]!.total])).toEqual(
      Array.from({ length: 4 }, () => ["holds", 2]),
    );
  });

  it("says where a specification is wrong, and what is unknown", async () => {
    expect(await failure("check", at("specs", "bad.ltlf"), at("verl"))).toBe(
      'The specification cannot be read at line 1, column 3: A ")" is missing.',
    );
    expect(
      await failure("check", at("specs", "good.ltlf"), at("verl"), "--proposition", "sums=textt ~ /x/"),
    ).toContain("Proposition sums: There is no field");
    const report = await json<CheckReport>("check", at("specs", "good.ltlf"), at("verl"));
    expect(report.warnings.map(({ code }) => code)).toEqual(["unknown-proposition"]);
    expect(report.rules[1]).toMatchObject({ name: "worked", holds: 0, unknown: 4 });
  });
});

describe("diagnose", () => {
  it("finds what is wrong with a run and names the rows", async () => {
    const { reports } = await json<{ reports: DiagnoseReport[] }>("diagnose", at("verl"));
    const [report] = reports;
    const dead = report!.findings.filter(({ diagnosticId }) => diagnosticId === "zero-variance");
    expect(dead.length).toBe(1);
    expect(dead[0]!.trajectoryIds.length).toBe(2);
    expect(dead[0]!.message).toContain("All 2 rewards of the group are 0");
    const lint = report!.diagnostics.find(({ id }) => id === "mask-lint");
    expect(Object.values(lint!.missing)).toEqual([4]);
  });

  it("takes parameters, and refuses diagnostics that do not exist", async () => {
    const { reports } = await json<{ reports: DiagnoseReport[] }>(
      "diagnose",
      at("verl"),
      "--only",
      "zero-variance",
      "--param",
      "zero-variance.nearTie=1",
    );
    expect(reports[0]!.diagnostics.map(({ id, findings }) => [id, findings])).toEqual([["zero-variance", 2]]);
    expect(await failure("diagnose", at("verl"), "--only", "luck")).toBe('There is no diagnostic "luck".');
  });
});

describe("compare", () => {
  it("finds a convention that divides by the deviation of the batch, and the row that does not fit", async () => {
    const { reports } = await json<{ reports: CompareReport[] }>("compare", at("trl"));
    const [report] = reports;
    expect(report!.recordedRows).toBe(12);
    expect(report!.best.map(({ signalId, presetId }) => `${signalId} ${presetId}`)).toContain(
      "grpo trl-batch",
    );
    expect(report!.best[0]).toMatchObject({ compared: 12, matching: 11 });
    expect(report!.best[0]!.misfits.map(({ recorded }) => recorded)).toEqual([0.5]);
    expect(report!.summary).toContain("91.7% of 12 rows within 1e-5");
  });

  it("says that nothing is recorded", async () => {
    const { reports } = await json<{ reports: CompareReport[] }>("compare", at("verl"));
    expect(reports[0]!.summary).toBe("No row records an advantage, so there is nothing to compare.");
  });
});
