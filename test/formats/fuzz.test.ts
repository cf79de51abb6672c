import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { setExpansionFolder } from "../../src/store/containers/compressed";
import { damagedInputs, hostileInputs } from "./fuzzInputs";
import { runFuzz, type FuzzOutcome } from "./fuzzRun";
import { structuredInputs } from "./fuzzStructures";

// A short run of `npm run test:fuzz`, in this process: every fixture, a few cuts and flips of each.
const fixtures = "test/formats/fixtures";
/** Inputs that take seconds or a gigabyte; `npm run test:fuzz` has them. */
const HEAVY = /40,000,000|10,000,000|gzip bomb|Zstandard bomb/;
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  setExpansionFolder(join(folder, "expanded"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const faultsOf = (outcomes: readonly FuzzOutcome[]): readonly string[] =>
  outcomes.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`));

describe("damaged files", () => {
  it("give what is whole and a word about the rest, and never an error of the reader", async () => {
    const sources = readdirSync(fixtures, { recursive: true, encoding: "utf8" })
      .map((name) => join(fixtures, name))
      .filter((path) => /\.\w+$/.test(path) && !/\.(?:py|md)$/.test(path))
      .sort();
    expect(sources.length).toBeGreaterThan(20);
    const outcomes: FuzzOutcome[] = [];
    for (const source of sources)
      for (const input of [
        ...damagedInputs(source, 4, 2, "short", false),
        ...structuredInputs(source, 1, "short"),
      ])
        outcomes.push(await runFuzz(input, folder));
    expect(faultsOf(outcomes)).toEqual([]);
    expect(outcomes.filter(({ result }) => result === "warned").length).toBeGreaterThan(10);
  }, 120_000);

  it("that mean harm are refused, and nothing of them runs", async () => {
    const outcomes: FuzzOutcome[] = [];
    for (const input of hostileInputs(false).filter(({ name }) => !HEAVY.test(name)))
      outcomes.push(await runFuzz(input, folder));
    expect(faultsOf(outcomes)).toEqual([]);
    expect(existsSync("pwned-1")).toBe(false);
    const trajectories = Object.fromEntries(outcomes.map(({ name, trajectories }) => [name, trajectories]));
    // Rows beside a hostile one are shown.
    expect(trajectories["JSON objects 100,000 deep"]).toBe(2);
    expect(trajectories["numbers beyond all bounds"]).toBe(2);
  }, 120_000);
});
