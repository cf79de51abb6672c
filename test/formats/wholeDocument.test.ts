import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { draftedFormat } from "../../src/formats/draft";
import { parseDocument } from "../../src/formats/jsonText";
import { readFile, readParts } from "./readFile";

describe("files whose lines belong together", () => {
  it("are one record, also while the last line is being written", async () => {
    const text = readFileSync("test/formats/fixtures/verl-agent.jsonl", "utf8").trimEnd();
    const path = join(mkdtempSync(join(tmpdir(), "lens-lines-")), "7.jsonl");
    writeFileSync(path, text.slice(0, -40));
    const { format, records, problems } = await readFile(path);
    expect([format?.id, records.length, problems]).toEqual(["verl-agent", 1, []]);
    // The torn row, an episode of its own, is not there yet.
    expect(readParts(records[0]!, format!).map((one) => one.extra["rows"])).toEqual([
      [2, 4, 0],
      [3, 1],
    ]);
  });

  it("name the lines that are not JSON, and are told from a document that is broken", () => {
    expect(parseDocument('{"a":1}\n\nnot json\r\n{"a":2}\n{"a"')).toEqual({
      value: [{ a: 1 }, { a: 2 }],
      broken: [3, 5],
    });
    expect(parseDocument('{\n"a": [1,\n2]}')).toEqual({ value: { a: [1, 2] }, broken: [] });
    expect(() => parseDocument('{\n"a": [1,\n2]')).toThrow(SyntaxError);
    expect(() => parseDocument("")).toThrow(SyntaxError);
  });
});

describe("a record of many trajectories", () => {
  it("is drafted once for all of them, and anew for another record or place", () => {
    let drafted = 0;
    const format = draftedFormat({
      id: "many",
      title: "Many",
      source: "this test",
      containers: ["json"],
      grouping: "none",
      nativeTree: false,
      detect: () => undefined,
      drafts: (_record, context) => {
        drafted++;
        return [0, 1].map((part) => ({
          title: "",
          task: { id: `${context.row}.${part}` },
          steps: [],
          outcome: { components: {} },
          extra: {},
          notes: [],
        }));
      },
    });
    const read = (value: object, row: number, part: number): string | undefined =>
      format.read(
        { kind: "value", value: value as { a: number } },
        { id: "i", datasetId: "d", source: { path: "p", row, part } },
        { path: "p", relativePath: "p", row },
      ).task.id;
    const record = { a: 1 };
    expect([read(record, 0, 0), read(record, 0, 1), drafted]).toEqual(["0.0", "0.1", 1]);
    expect([read({ a: 1 }, 0, 1), drafted]).toEqual(["0.1", 2]);
    expect([read(record, 5, 1), drafted]).toEqual(["5.1", 3]);
    expect(() => read(record, 5, 2)).toThrow("2 trajectories");
  });
});
