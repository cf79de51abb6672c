import { readdirSync, readFileSync } from "node:fs";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { csvText } from "../../../src/cli/csv";
import { onCommandLine } from "../../../src/cli/hints";
import { jsonText, seriesNumbers, writeJson } from "../../../src/cli/json";
import { table } from "../../../src/cli/table";
import { numberText, oneLine, tableNumber, terminalText } from "../../../src/cli/text";

describe("jsonText", () => {
  it("keeps every number to the last digit, and NaN, infinities, null and absence apart", () => {
    const document = {
      a: 0.1 + 0.2,
      b: Float64Array.of(1 / 3, NaN, -Infinity, -0),
      c: Int32Array.of(-7),
      d: null,
      e: undefined,
      f: 5e-324,
      g: 12345678901234567890n,
    };
    const text = jsonText(document);
    expect(JSON.parse(text)).toEqual({
      a: 0.30000000000000004,
      b: [0.3333333333333333, "NaN", "-Infinity", -0],
      c: [-7],
      d: null,
      f: 5e-324,
      g: 12345678901234567000,
    });
    expect(text).toContain("-0]");
    expect(text).toContain("12345678901234567890");
  });

  it("shows float32 numbers as they are", () => {
    expect(JSON.parse(jsonText(Float32Array.of(0.1)))).toEqual([Math.fround(0.1)]);
  });

  it("round-trips awkward text and keys, without raw control characters", () => {
    const document = {
      'a"\n': "\u001b[31m\u009b1m\u007f\u2028 é 漢 \ud800",
      nested: [{ x: [] }, {}, [[1, "2"], []]],
    };
    const text = jsonText(document);
    expect(JSON.parse(text)).toEqual(document);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe("hints", () => {
  it.each([
    [
      "Add it to the setting trajectoryLens.models.",
      "Add it to trajectoryLens.models of the file given with --models-file.",
    ],
    [
      "Its file may have changed; refresh the Trajectories view.",
      "Its file may have changed; run the command again.",
    ],
    ["Refresh the Trajectories view to read it again.", "Run the command again."],
    [
      "Set the server's key with the command Set Server Key.",
      "Give the server's key in TRAJECTORY_LENS_SERVER_KEY.",
    ],
    ["Look at the Trajectory Lens log for details.", "Run it with --verbose to see the log."],
  ])("speak of the command line: %s", (hint, words) => {
    expect(onCommandLine({ code: "x", message: "M.", hint })).toEqual({
      code: "x",
      message: "M.",
      hint: words,
    });
  });

  it("are found for every hint that names a place of the editor", () => {
    const sources = ["services", "store", "inference", "signals"].flatMap((folder) =>
      readdirSync(`src/${folder}`, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => readFileSync(`src/${folder}/${file}`, "utf8")),
    );
    const hints = sources.flatMap((text) =>
      [...text.matchAll(/"([^"\n]*(?:Trajectories view|Trajectory Lens log|the command Set)[^"\n]*)"/gu)].map(
        ([, hint]) => hint!,
      ),
    );
    expect(hints.length).toBeGreaterThan(10);
    for (const hint of hints)
      expect(onCommandLine({ code: "x", message: "", hint }).hint).not.toMatch(
        /Trajectories view|Trajectory Lens log|the command Set/u,
      );
  });
});

describe("writeJson", () => {
  it("writes the same document as one string, in pieces", () => {
    const document = { rows: Array.from({ length: 60_000 }, (_, i) => ({ id: `row ${i}`, value: i / 7 })) };
    const pieces: string[] = [];
    writeJson(document, (piece) => pieces.push(piece));
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe(jsonText(document));
  });
});

describe("seriesNumbers", () => {
  it("is null where there is no number, and NaN where NaN is the number", () => {
    expect(seriesNumbers(Float64Array.of(NaN, 0, NaN, -Infinity), [2])).toEqual([null, 0, NaN, -Infinity]);
    expect(jsonText(seriesNumbers([NaN, 1, NaN], [0]))).toBe('["NaN", 1, null]');
  });
});

describe("csvText", () => {
  it("quotes what needs quotes, keeps every digit, and tells absent from NaN and 0", () => {
    const rows = [
      ['a "b", c', 1 / 3, undefined],
      ["two\nlines \u001b[2J", NaN, null],
      ["", 0, -Infinity],
    ] as const;
    expect(csvText({ headings: ["text", "x", "y"], rows })).toBe(
      'text,x,y\n"a ""b"", c",0.3333333333333333,\n"two\nlines \\x1b[2J",NaN,\n,0,-Infinity',
    );
  });
});

describe("tables on a terminal", () => {
  const headings = ["id", "reward", "path", "text"];
  const rows = [
    [
      "1230b021ef34:24",
      -1234.5678,
      "/data/runs/reasoning/grpo/rollouts/0040.jsonl",
      "An answer. ".repeat(20),
    ],
    ["1230b021ef34:25", 1, "/data/x.jsonl", "漢字".repeat(40)],
  ];

  it.each([120, 80, 62])("fit %i columns; ids and numbers stay whole, what is cut is marked", (width) => {
    const lines = table(headings, rows, width).split("\n");
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    expect(lines[2]).toContain("1230b021ef34:24");
    expect(lines[2]).toContain("-1234.57");
    expect(lines[2]!.endsWith("…")).toBe(true);
    // The end of a path names the file.
    expect(lines[2]).toContain("0.jsonl");
    expect(lines[3]!.trimEnd().endsWith("…")).toBe(true);
  });

  it("uses the whole width that there is", () => {
    const [, rule] = table(headings, rows, 100).split("\n");
    expect(rule).toHaveLength(100);
  });

  it("are whole where nothing limits them", () => {
    const whole = table(headings, rows);
    expect(whole).toContain("漢字".repeat(40));
    expect(whole).toContain("/data/runs/reasoning/grpo/rollouts/0040.jsonl");
    expect(whole).not.toContain("…");
  });

  it("name the columns that have no room; a single row is shown down the page", () => {
    const many = Array.from({ length: 40 }, (_, i) => `column_${i}`);
    const two = table(many, [many.map((_, i) => i), many.map((_, i) => -i)], 80).split("\n");
    for (const line of two.slice(0, 4)) expect(line.length).toBeLessThanOrEqual(80);
    expect(two.at(-1)).toMatch(
      /^\(\d+ more columns do not fit: column_\d+, .*column_39; --wide shows them\)$/u,
    );
    const one = table(many, [many.map((_, i) => i)], 80).split("\n");
    expect(one).toHaveLength(40);
    expect(one[39]).toBe("column_39  39");
  });

  it("keeps a table without rows, and a terminal that is too narrow, readable", () => {
    expect(table(["a", "b"], [], 80)).toBe("a  b\n-  -");
    expect(table(headings, rows, 5).split("\n")[2]).toBe("1230b021ef34:24");
  });
});

describe("text for people", () => {
  it("never lets a trajectory drive the terminal", () => {
    expect(terminalText("a\u001b]0;title\u0007b\r\nc\u202ed\te")).toBe("a\\x1b]0;title\\x07b\nc\\x202ed\te");
    expect(oneLine("a\n  b\u001b[2J")).toBe("a b\\x1b[2J");
  });

  it("shows six significant digits in tables, whole numbers as they are", () => {
    expect([1 / 3, -1234.56789, 1e-9 / 3, 123456789, 0.5, NaN, Infinity, null].map(tableNumber)).toEqual([
      "0.333333",
      "-1234.57",
      "3.33333e-10",
      "123456789",
      "0.5",
      "NaN",
      "Infinity",
      "null",
    ]);
    expect(table(["x"], [[2 / 3]])).toContain("0.666667");
  });

  it("keeps absent, null, NaN and zero apart", () => {
    expect([undefined, null, NaN, 0, -0, 1 / 3].map(numberText)).toEqual([
      "-",
      "null",
      "NaN",
      "0",
      "-0",
      "0.3333333333333333",
    ]);
  });

  it("aligns numbers to the right", () => {
    expect(
      table(
        ["name", "n"],
        [
          ["a", 1],
          ["bb", 20],
        ],
      ),
    ).toBe(["name   n", "----  --", "a      1", "bb    20"].join("\n"));
  });
});
