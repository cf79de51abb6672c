import * as h5wasm from "h5wasm/node";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Format } from "../../src/formats/format";
import { formatById } from "../../src/formats/index";
import { mappedFormat } from "../../src/formats/mapped";
import { mappingFormatId, mappingOfFormatId, type ColumnMapping } from "../../src/model/columnMapping";
import type { Failure } from "../../src/model/failure";
import { parseColumnMappings } from "../../src/services/columnMappings";
import type { Trajectory } from "../../src/model/trajectory";
import { openRecords } from "../../src/store/containers/recordSource";
import { mappingFor } from "../../src/store/mappingGlobs";
import { columnsOf, probe } from "../../src/store/probe";
import { readParts } from "./readFile";

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(mkdtempSync(join(tmpdir(), "lens-mapped-")), name);
  writeFileSync(path, content);
  return path;
};

/** Reads a file by a mapping the way the store does. */
async function read(path: string, mapping: Pick<ColumnMapping, "columns" | "rows">) {
  const format: Format = mappedFormat(mapping);
  const found = await probe(path, format);
  if (found.kind !== "readable") throw new Error(`not readable: ${found.kind}`);
  expect(found.format.id).toBe(format.id);
  const source = await openRecords(path, found.stored, format);
  const trajectories: Trajectory[] = [];
  const summaries = [];
  try {
    for (const [row, record] of (await source.read(0, source.count)).entries()) {
      if (record === undefined) continue;
      if (record instanceof Error) throw record;
      const member = source.member(row);
      const context = { path, relativePath: path, row, ...(member === undefined ? {} : { member }) };
      const read = { row, record, context, summaries: format.summarise(record, context) };
      summaries.push(...read.summaries);
      trajectories.push(...readParts(read, format));
    }
  } finally {
    source.close();
  }
  return { trajectories, summaries };
}

const lines = (...rows: readonly unknown[]): string =>
  `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`;

describe("mappings of columns", () => {
  it("read prompts and responses with nested rewards, groups and steps, and keep the rest", async () => {
    const path = file(
      "odd.jsonl",
      lines(
        { q: "2+2?", said: "4", eval: { score: 1, judge: "ok" }, uid: "a", it: 3, tag: "x", len: 1 },
        { q: "2+2?", said: "5", eval: { score: null }, uid: "a", it: 3, tag: "y" },
        { q: "2+2?", said: "6", eval: {}, uid: "a", it: 3 },
      ),
    );
    const { trajectories, summaries } = await read(path, {
      columns: { prompt: "q", response: "said", reward: "eval.score", group: "uid", step: "it" },
    });
    expect(summaries.map((one) => [one.reward, one.groupKey, one.trainingStep, one.components])).toEqual([
      [1, "a", 3, { len: 1 }],
      [null, "a", 3, {}],
      [undefined, "a", 3, {}],
    ]);
    expect(trajectories[0]).toMatchObject({
      task: { prompt: "2+2?" },
      flatText: { prompt: "2+2?", response: "4" },
      outcome: { rewardSource: "eval.score" },
      extra: { tag: "x", eval: { judge: "ok" } },
    });
  });

  it("read conversations and token arrays of one length; what is not aligned stays visible", async () => {
    const path = file(
      "odd.jsonl",
      lines({
        chat: [
          { role: "user", content: "hi" },
          { role: "assistant", content: "hello" },
        ],
        ids: [5, 6, 7],
        m: [0, 1, 1],
        adv: [0, 0.5, null],
        lp: [-0.5, -0.25],
      }),
    );
    const { trajectories } = await read(path, {
      columns: { messages: "chat", tokenIds: "ids", tokenMask: "m", advantage: "adv", logprob: "lp" },
    });
    const [one] = trajectories;
    expect(one?.steps.map((step) => step.role)).toEqual(["user", "assistant"]);
    expect(one?.tokens?.ids).toEqual(Int32Array.of(5, 6, 7));
    expect(one?.tokens?.mask).toEqual(Uint8Array.of(0, 1, 1));
    expect(one?.tokens?.series["advantage"]).toEqual(Float64Array.of(0, 0.5, Number.NaN));
    expect(one?.tokens?.series["logprob"]).toBeUndefined();
    expect(one?.extra).toEqual({ lp: [-0.5, -0.25] });
  });

  it("join rows that are steps into episodes, with numbers as columns and texts as text", async () => {
    const path = file(
      "log.jsonl",
      lines(
        { ep: 7, obs: [1, 2], act: "left", r: 0.5, end: false, note: "n" },
        { ep: 7, obs: [3, 4], act: "right", r: null, end: true },
        { ep: 8, obs: [5, 6], act: "left", r: 2, end: false },
      ),
    );
    const { trajectories } = await read(path, {
      columns: { episode: "ep", observation: "obs", action: "act", reward: "r", done: "end" },
    });
    expect(trajectories.map((one) => [one.task.id, one.steps.length, one.outcome.reward])).toEqual([
      ["7", 2, Number.NaN],
      ["8", 1, 2],
    ]);
    expect(
      trajectories[0]?.steps.map((step) => [step.action, step.reward, step.terminated, step.extra]),
    ).toEqual([
      ["left", 0.5, false, { note: "n" }],
      ["right", null, true, undefined],
    ]);
    expect(trajectories[0]?.columns?.columns.find((one) => one.name === "obs")).toMatchObject({
      role: "observation",
      rows: 2,
      width: 2,
    });
    expect(trajectories[0]?.outcome.stopReason).toBe("terminated");
  });

  it("join rows of a CSV by the episode column, and take a table without one as one episode", async () => {
    const path = file("log.csv", "ep,x,a,r\n1,0.5,1,1\n1,0.25,0,2\n2,0.125,1,\n");
    const { trajectories } = await read(path, {
      columns: { episode: "ep", observation: "x", action: "a", reward: "r" },
    });
    expect(trajectories.map((one) => [one.steps.length, one.outcome.reward])).toEqual([
      [2, 3],
      [1, Number.NaN],
    ]);
    const whole = await read(path, { columns: { observation: "x", action: "a" }, rows: "step" });
    expect(whole.trajectories.map((one) => one.steps.length)).toEqual([3]);
    expect(whole.trajectories[0]?.outcome.reward).toBeUndefined();
  });

  it("read lists by step inside one row", async () => {
    const path = file(
      "rollouts.json",
      JSON.stringify([{ o: [[1], [2], [3]], a: [0, 1], r: [1, 2], name: "x" }]),
    );
    const { trajectories } = await read(path, { columns: { observation: "o", action: "a", reward: "r" } });
    expect(trajectories[0]?.steps).toHaveLength(2);
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 3, rewardSource: "sum of rewards" });
    expect(trajectories[0]?.extra).toMatchObject({ name: "x" });
  });

  it("read HDF5 by datasets, in the file or in each of its groups, cut at the mapped ends", async () => {
    await h5wasm.ready;
    const path = file("odd.h5", "");
    const h5 = new h5wasm.File(path, "w");
    for (const name of ["run_2", "run_10"]) {
      const group = h5.create_group(name);
      group.create_dataset({ name: "torque", data: Float32Array.of(1, 2, 3), shape: [3, 1] });
      group.create_dataset({ name: "gain", data: Float64Array.of(0.5, 0.25, 4), shape: [3] });
      group.create_dataset({ name: "over", data: Uint8Array.of(0, 1, 0), shape: [3] });
    }
    h5.close();
    const { trajectories } = await read(path, {
      columns: { action: "torque", reward: "gain", done: "over" },
    });
    expect(trajectories.map((one) => [one.source.row, one.steps.length, one.outcome.reward])).toEqual([
      [0, 2, 0.75],
      [0, 1, 4],
      [1, 2, 0.75],
      [1, 1, 4],
    ]);
  });

  it("refuse a row that has none of the mapped columns, and files that have none are not claimed", async () => {
    const path = file("odd.jsonl", lines({ q: "a", said: "b" }, { other: 1 }));
    await expect(read(path, { columns: { prompt: "q", response: "said" } })).rejects.toThrow(
      "holds none of the mapped columns q, said",
    );
    const found = await probe(path, mappedFormat({ columns: { prompt: "x", response: "y" } }));
    expect(found.kind).toBe("unknown");
  });
});

describe("ids of mapped formats", () => {
  it("hold the whole mapping, so that a worker or a later session reads it again", () => {
    const mapping = { columns: { prompt: "a&b=c", response: "é.x" }, rows: "trajectory" } as const;
    const id = mappingFormatId(mapping);
    expect(mappingOfFormatId(id)).toEqual(mapping);
    expect(formatById(id)?.id).toBe(id);
    expect(formatById("mapped:")).toBeUndefined();
    expect(mappingOfFormatId("verl")).toBeUndefined();
  });
});

describe("settings", () => {
  it("are checked entry by entry, with the place named", () => {
    expect(parseColumnMappings([{ files: "*.jsonl", columns: { reward: "s" } }], "settings")).toHaveLength(1);
    expect(() => parseColumnMappings([{ files: "*.jsonl", columns: { rewrd: "s" } }], "settings")).toThrow(
      "The mapping in settings",
    );
    expect(() => parseColumnMappings([{ files: "a", columns: {} }], "m.json")).toThrow("at least one column");
    expect(() => parseColumnMappings("x", "m.json")).toThrow("m.json");
  });

  const said = (value: unknown): string => {
    try {
      parseColumnMappings(value, "m.json");
      return "usable";
    } catch (error) {
      const { message, hint } = error as Failure;
      return `${message} ${hint}`;
    }
  };
  const columns = { prompt: "question" };

  it.each([
    ["x", 'The mapping in m.json is "x", and has to be an object.'],
    [[{ files: "*", columns }, 3], "Mapping 2 in m.json is 3, and has to be an object."],
    [{ columns }, 'does not say which files it is for. Add "files" with a glob'],
    [{ files: ["a"], columns }, 'has a list as "files". Write a glob in quotes'],
    [{ files: "*" }, 'has no "columns". Say there which column is what, for example "columns": {"prompt"'],
    [{ files: "*", columns: ["question"] }, 'has a list as "columns".'],
    [
      { files: "*", columns: { rewrd: "s" } },
      '"rewrd" under "columns", which is no field that a column can be. Did you mean "reward"?',
    ],
    [
      { files: "*", columns: { question: "prompt" } },
      'The field comes first, the file\'s column second: write "prompt": "question".',
    ],
    [
      { files: "*", columns: { reward: 3 } },
      'has 3 as "reward" under "columns". Write the name of the file\'s column in quotes',
    ],
    [{ files: "*", columns, rows: "turn" }, 'has "turn" as "rows". Write "trajectory" where'],
    [
      { files: "*", column: columns },
      'the key "column", which a mapping does not have. Did you mean "columns"?',
    ],
    [
      { files: "*", prompt: "question" },
      'the key "prompt", which a mapping does not have. Write "prompt" under "columns"',
    ],
  ])("are refused in plain words that name the key and what to write: %j", (value, sentence) => {
    expect(said(value)).toContain(sentence);
  });

  it("need no files where the paths are given", () => {
    expect(
      parseColumnMappings([{ columns }, { files: "*.csv", columns }], "m.json", ["/a.jsonl", "/b/**"]),
    ).toEqual([
      { files: "/a.jsonl", columns },
      { files: "/b/**", columns },
      { files: "*.csv", columns },
    ]);
  });

  it("match globs against names and paths", () => {
    const mapping = (files: string): ColumnMapping => ({ files, columns: { reward: "r" } });
    const match = (glob: string, path: string): boolean => mappingFor([mapping(glob)], path) !== undefined;
    expect(match("*.jsonl", "/a/b/c.jsonl")).toBe(true);
    expect(match("b/*.jsonl", "/a/b/c.jsonl")).toBe(true);
    expect(match("a/*.jsonl", "/a/b/c.jsonl")).toBe(false);
    expect(match("/a/**/c.{json,jsonl}", "/a/b/x/c.jsonl")).toBe(true);
    expect(match("b\\*.jsonl", "C:\\a\\b\\c.jsonl")).toBe(true);
    expect(match("!x", "/a/y")).toBe(false);
  });
});

describe("proposals", () => {
  it("guess columns by name and kind, and are applied by nobody", async () => {
    const path = file("odd.jsonl", lines({ Question: "q", Model_Output: "a", score: 0.5, meta: { uid: 3 } }));
    const { proposal, columns } = await columnsOf(path);
    expect(columns).toContainEqual({ name: "meta.uid", kind: "number" });
    expect(proposal?.mapping).toEqual({
      columns: { prompt: "Question", response: "Model_Output", reward: "score", group: "meta.uid" },
    });
    expect((await probe(path)).kind).toBe("unknown");
  });

  it("tell rows that are steps, and do not guess from a name with another kind of value", async () => {
    const steps = await columnsOf(
      file("log.csv", "episode,obs,action,reward,done\n1,0.5,1,1,0\n1,0.5,1,1,1\n2,0.5,0,1,1\n2,1,1,1,1\n"),
    );
    expect(steps.proposal?.mapping).toMatchObject({
      rows: "step",
      columns: { episode: "episode", done: "done" },
    });
    expect(
      (await columnsOf(file("other.json", JSON.stringify({ name: "x", output: 3, messages: ["a"] }))))
        .proposal,
    ).toBe(undefined);
  });
});
