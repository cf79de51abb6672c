import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatById } from "../../../src/formats/index";
import { setExpansionFolder } from "../../../src/store/containers/compressed";
import { LooseJson } from "../../../src/store/containers/looseJson";
import { summariseLines } from "../../../src/store/textLines";
import { readTextRecord } from "../../../src/store/textRecord";
import { readFile } from "../../formats/readFile";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "text-forms-"));
  setExpansionFolder(join(folder, "expanded"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const rows = [0, 1, 2].map((index) => ({
  input: `café ${index} // no comment, 漢字`,
  output: `say "hi", {x: [1,]} 😀`,
  score: index / 2,
  step: 1,
}));
const lines = rows.map((row) => JSON.stringify(row));
const text = `${lines.join("\n")}\n`;
const bigEndian = (value: string): Buffer => Buffer.from(value, "utf16le").swap16();

/** Values of the records of a file, what is said of it, and the records that were refused. */
async function read(name: string, content: Buffer | string) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const { format, records, notes, problems } = await readFile(path);
  return {
    format: format?.id,
    values: records.map(({ record }) => (record.kind === "value" ? record.value : undefined)),
    numbers: records.map(({ row }) => row),
    notes: notes.map(({ code }) => code),
    problems: problems.map(({ row }) => row),
  };
}

describe("a text in another form", () => {
  it.each([
    ["UTF-16 with a mark, least byte first", Buffer.from(`\ufeff${text}`, "utf16le")],
    ["UTF-16 with a mark, most byte first", bigEndian(`\ufeff${text}`)],
    ["UTF-16 without a mark", Buffer.from(text, "utf16le")],
    ["UTF-16 with CR LF", Buffer.from(`\ufeff${text.replaceAll("\n", "\r\n")}`, "utf16le")],
    ["UTF-16 that holds a list", Buffer.from(`\ufeff${JSON.stringify(rows, null, 1)}`, "utf16le")],
  ])("is read like UTF-8: %s", async (_name, content) => {
    const found = await read("run.jsonl", content);
    expect(found).toMatchObject({ format: "verl", values: rows, notes: [], problems: [] });
  });

  it.each([
    ["line ends of CR alone", lines.join("\r")],
    ["no line ends", lines.join("")],
    ["no line ends between some", `${lines[0]}${lines[1]}\n${lines[2]}\n`],
    ["comments", `// the run\n${lines[0]} // first\n# a remark\n${lines[1]} /* { */\n/* ] */\n${lines[2]}\n`],
    ["commas behind the last value", `${lines.map((line) => `${line.slice(0, -1)},}`).join("\n")}\n`],
  ])("is read as JSON lines, and said to be none: %s", async (_name, content) => {
    const found = await read("run.jsonl", content);
    expect(found).toMatchObject({ format: "verl", values: rows, notes: ["loose-text"], problems: [] });
  });

  it("is read as a document with comments and commas", async () => {
    const content = `/* run */\n[\n${lines.join(", // next\n")},\n]\n`;
    const found = await read("run.json", content);
    expect(found).toMatchObject({ format: "verl", values: rows, notes: ["loose-text"] });
  });

  it("is read as what Python prints, with its numbers", async () => {
    const found = await read(
      "run.jsonl",
      `{'input': "it's", 'output': 'a\\nb', 'score': 1.0, 'step': 1, 'done': True, 'gts': None}\n{'input': 'q', 'output': 'b', 'score': nan, 'step': 1}\n`,
    );
    expect(found.format).toBe("verl");
    expect(found.notes).toEqual(["loose-text"]);
    expect(found.values).toEqual([
      { input: "it's", output: "a\nb", score: 1, step: 1, done: true, gts: null },
      { input: "q", output: "b", score: Number.NaN, step: 1 },
    ]);
  });

  it("loses no record beside a damaged one", async () => {
    const found = await read("run.jsonl", `// the run\n${lines[0]}\n{"input": "open [ {\n${lines[2]}\n`);
    expect(found.values).toEqual([rows[0], rows[2]]);
    expect(found.problems).toEqual([2]);
    expect(found.numbers).toEqual([1, 3]);
  });

  it("is left alone when it is plain", async () => {
    expect((await read("run.jsonl", text)).notes).toEqual([]);
    expect((await read("run.jsonl", `${lines[0]}\n${lines[1]},\n`)).values[0]).toEqual(rows[0]);
  });
});

describe("a gzip file", () => {
  const members = Buffer.concat(lines.map((line) => gzipSync(`${line}\n`)));

  it("may consist of several members", async () => {
    expect(await read("run.jsonl.gz", members)).toMatchObject({ values: rows, notes: [], problems: [] });
    expect((await read("run.jsonl.gz", Buffer.concat([members, Buffer.alloc(64)]))).notes).toEqual([]);
  });

  it("is said to be cut off, with the records before the cut", async () => {
    const long = gzipSync(
      `${lines.join("\n")}\n${Array.from({ length: 4000 }, () => Math.random()).join("\n")}`,
    );
    const found = await read("run.jsonl.gz", long.subarray(0, long.length - 4000));
    expect(found.values.slice(0, 3)).toEqual(rows);
    expect(found.notes).toEqual(["torn-compression"]);
    expect((await read("run.jsonl.gz", members.subarray(0, members.length - 20))).notes).toEqual([
      "torn-compression",
    ]);
  });

  it("of which nothing is left is named", async () => {
    await expect(read("run.jsonl.gz", members.subarray(0, 11))).rejects.toThrow("cut off");
  });
});

describe("a table whose cells hold line ends", () => {
  it("is told by its quotes, whatever it is called", async () => {
    const content = [
      "prompt,response,reward",
      '"one,\ntwo","say ""hi"",\n\nthen go",1',
      'three,"four\n",0',
      '"five","six, seven",0.5\n',
    ].join("\n");
    const found = await read("run.txt", content);
    expect(found.values).toMatchObject([
      { prompt: "one,\ntwo", response: 'say "hi",\n\nthen go', reward: 1 },
      { prompt: "three", response: "four\n", reward: 0 },
      { prompt: "five", response: "six, seven", reward: 0.5 },
    ]);
  });
});

describe("a line of JSON lines", () => {
  /** What the index makes of a file: rows with their places, and notes. */
  function indexed(content: Buffer) {
    const path = join(folder, "lines.jsonl");
    writeFileSync(path, content);
    const job = { kind: "lines", path, relativePath: "lines.jsonl", formatId: "verl" } as const;
    const whole = { start: 0, end: content.length, limit: content.length, atLineStart: true, summed: false };
    const { block } = summariseLines({ ...job, ...whole }, formatById("verl")!);
    return {
      notes: block.notes.map(({ row, code }) => [row, code]),
      values: Array.from({ length: block.count }, (_, index) =>
        readTextRecord(path, block.byteOffset[index]!, block.byteLength[index]!),
      ),
    };
  }

  it("keeps its place behind NUL bytes, and is named when it is nothing else", () => {
    const nul = Buffer.alloc(300);
    const found = indexed(
      Buffer.concat([
        Buffer.from(`${lines[0]}\n`),
        nul,
        Buffer.from(`${lines[1]}\n`),
        nul,
        Buffer.from("\n"),
      ]),
    );
    expect(found).toEqual({ values: [rows[0], rows[1]], notes: [[2, "nul-bytes"]] });
  });

  it("is read as Latin-1 where it is, keeps half letters visible, and this is noted once", () => {
    const latin = Buffer.from(
      `{"input": "caf\u00e9", "output": "na\u00efve", "score": 1, "step": 1}\n`,
      "latin1",
    );
    const cut = Buffer.concat([
      Buffer.from('{"input": "'),
      Buffer.from("😀").subarray(0, 3),
      Buffer.from(`", "output": "b", "score": 1, "step": 1}\n`),
    ]);
    const found = indexed(Buffer.concat([Buffer.from(`${lines[0]}\n`), latin, latin, cut]));
    expect(found.notes).toEqual([[1, "not-utf-8"]]);
    expect(found.values).toMatchObject([
      rows[0]!,
      { input: "café", output: "naïve" },
      { input: "café" },
      { input: "\ufffd" },
    ]);
  });
});

describe("loose JSON", () => {
  it("is the same however its bytes are cut", () => {
    const content = Buffer.from(`// a\n${lines[0]}/* x */${lines[1]},\n{"a": [1, 2,], "b": "\\"//"}`);
    const whole = new LooseJson(true);
    const expected = Buffer.concat([whole.push(content), whole.end()]).toString();
    expect(
      expected
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([rows[0], rows[1], { a: [1, 2], b: '"//' }]);
    const single = new LooseJson(true);
    const pieces = [...content].map((byte) => single.push(Buffer.from([byte])));
    expect(Buffer.concat([...pieces, single.end()]).toString()).toBe(expected);
  });
});
