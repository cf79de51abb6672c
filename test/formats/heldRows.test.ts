import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { pythonLiteral } from "../../src/store/containers/pythonLiteral";
import { scratchConnection } from "../../src/store/parquet";
import { readFile, readParts } from "./readFile";

const folder = mkdtempSync(join(tmpdir(), "lens-rows-"));

async function read(name: string, content: string | Uint8Array) {
  const path = join(folder, name);
  writeFileSync(path, content);
  return readAt(path);
}

async function readAt(path: string) {
  const { format, records, problems, notes, why } = await readFile(path);
  return {
    format: format?.id,
    why,
    problems: problems.length,
    notes: notes.map(({ code }) => code),
    trajectories: records.flatMap((record) => readParts(record, format!)),
  };
}

const rollouts = [
  { input: "2+2?", output: "4", gts: "4", score: 1, step: 3, acc: true },
  { input: "2+2?", output: 'It is\n"5"', gts: "4", score: 0, step: 3, acc: false },
];
const scores = (read: Awaited<ReturnType<typeof readAt>>): unknown =>
  read.trajectories.map(({ outcome, trainingStep, task }) => [
    outcome.reward,
    outcome.success,
    trainingStep,
    task.groundTruth,
  ]);
const expected = [
  [1, true, 3, "4"],
  [0, false, 3, "4"],
];

describe("rows inside a document", () => {
  const layouts: Readonly<Record<string, unknown>> = {
    "under a key": { model: "m", results: rollouts, count: 2 },
    "under a key of an object": { run: { samples: rollouts, seed: 1 } },
    "by id": { a: rollouts[0], b: rollouts[1] },
    "lists by what they share": { first: [rollouts[0]], second: [rollouts[1]] },
    "lists as columns": Object.fromEntries(
      Object.keys(rollouts[0]!).map((key) => [key, rollouts.map((row) => row[key as "input"])]),
    ),
    "columns by row, as pandas writes": Object.fromEntries(
      Object.keys(rollouts[0]!).map((key) => [
        key,
        { "0": rollouts[0]![key as "input"], "1": rollouts[1]![key as "input"] },
      ]),
    ),
    "a page of the dataset viewer": {
      rows: rollouts.map((row, index) => ({ row_idx: index, row, truncated_cells: [] })),
    },
    groups: [[rollouts[0]], [rollouts[1]]],
  };
  for (const [name, document] of Object.entries(layouts))
    for (const indent of [0, 2])
      it(`are found: ${name}, indent ${indent}`, async () => {
        const found = await read(
          `${name.replaceAll(" ", "-")}-${indent}.json`,
          JSON.stringify(document, null, indent),
        );
        expect([found.format, found.problems]).toEqual(["verl", 0]);
        expect(scores(found)).toEqual(expected);
      });

  it("keep what stands beside them", async () => {
    const found = await read("beside.json", JSON.stringify({ model: "m", results: rollouts }));
    expect(found.trajectories[0]?.extra).toMatchObject({ document: { model: "m" } });
    expect(found.why).toContain("2 rows: results");
  });

  it("are found in documents that follow each other, and in compressed ones", async () => {
    const text = rollouts.map((row) => JSON.stringify(row, null, 2)).join("\n");
    expect(scores(await read("following.json", text))).toEqual(expected);
    expect(scores(await read("following-comma.json", text.replace("}\n{", "},\n{")))).toEqual(expected);
    const torn = await read("torn.json", text.slice(0, -30));
    expect([scores(torn), torn.notes]).toEqual([[expected[0]], ["torn-document"]]);
    expect(scores(await read("results.json.gz", gzipSync(JSON.stringify({ results: rollouts }))))).toEqual(
      expected,
    );
  });

  it("are found in lines that are lists of them", async () => {
    const messages = [
      { role: "user", content: "2+2?" },
      { role: "assistant", content: "4" },
    ];
    const group = [
      { messages, reward: 1, step: 2 },
      { messages, reward: 0, step: 2 },
    ];
    const found = await read("groups.jsonl", `${JSON.stringify(group)}\n${JSON.stringify(group)}\n`);
    expect([found.format, found.problems]).toEqual(["chat", 0]);
    expect(found.trajectories.map(({ outcome, trainingStep }) => [outcome.reward, trainingStep])).toEqual([
      [1, 2],
      [0, 2],
      [1, 2],
      [0, 2],
    ]);
  });

  it("are found in pickled lists of dicts, and in DataFrames as pandas 2 and 3 pickle them", async () => {
    for (const name of ["rows", "pandas2", "pandas3"]) {
      const found = await readAt(join("test/formats/fixtures/frames", `${name}.pkl`));
      expect([name, found.format, found.problems]).toEqual([name, "verl", 0]);
      expect(
        found.trajectories.map(({ outcome, trainingStep, task, flatText, extra }) => [
          outcome.reward,
          outcome.success,
          trainingStep,
          task.groundTruth,
          flatText?.response,
          extra["tokens"],
          extra["info"],
        ]),
      ).toEqual([
        [1, true, 4, "4", "4", [1, 2], { source: "é" }],
        [0, false, 4, null, "It is 5", [3], { source: "b" }],
      ]);
    }
  });

  it("leave documents alone that hold no rows of a format", async () => {
    for (const [index, document] of [
      { name: "package", dependencies: { a: "1", b: "2" } },
      {
        tasks: [
          { id: 1, title: "x" },
          { id: 2, title: "y" },
        ],
      },
      { a: [1, 2], b: [3, 4] },
      { rows: [rollouts[0], { other: 1 }, { other: 2 }, { other: 3 }] },
    ].entries())
      expect((await read(`none-${index}.json`, JSON.stringify(document))).format).toBeUndefined();
  });
});

describe("tables of text", () => {
  const csv = (cells: readonly unknown[][], separator = ","): string =>
    cells
      .map((row) =>
        row
          .map((cell) =>
            /[",;\t\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell),
          )
          .join(separator),
      )
      .join("\n") + "\n";
  const header = Object.keys(rollouts[0]!);

  for (const separator of [",", "\t", ";"])
    it(`keep words that look like numbers, and pandas' index: ${JSON.stringify(separator)}`, async () => {
      const plain = await read(
        "plain.csv",
        csv([header, ...rollouts.map((row) => Object.values(row))], separator),
      );
      expect([plain.format, scores(plain)]).toEqual(["verl", expected]);
      const indexed = await read(
        "indexed.csv",
        csv([["", ...header], ...rollouts.map((row, index) => [index, ...Object.values(row)])], separator),
      );
      expect([indexed.format, scores(indexed)]).toEqual(["verl", expected]);
      expect(indexed.trajectories[1]?.outcome.components).toEqual({ acc: 0 });
      expect(indexed.trajectories[1]?.extra).toMatchObject({ index: 1 });
    });

  it("have a header though all their cells are words", async () => {
    const found = await read(
      "pairs.csv",
      csv([
        ["", "prompt", "chosen", "rejected"],
        [0, "Q", "A", "B"],
        [1, "Q2", "A2", "B2"],
      ]),
    );
    expect([found.format, found.trajectories.map(({ task }) => task.prompt)]).toEqual([
      "preference-pairs",
      ["Q", "Q", "Q2", "Q2"],
    ]);
  });

  it("are known without their name, with separators and line ends in quotes", async () => {
    const text = csv([
      header,
      ...rollouts.map((row) => Object.values({ ...row, output: `${row.output}, "so"\n` })),
    ]);
    const found = await read("rollouts.log", text);
    expect([found.format, found.trajectories.length]).toEqual(["verl", 2]);
  });

  it("leave tables of numbers their numbers", async () => {
    const found = await read(
      "numbers.csv",
      csv([
        ["input", "output"],
        [0.5, 1],
        [0.25, 2],
      ]),
    );
    expect(found.format).toBeUndefined();
  });

  const messages = [
    { role: "user", content: "It's 5 o'clock, \"sure\"?" },
    { role: "assistant", content: "No.\n" },
  ];
  const python = `[{'role': 'user', 'content': 'It\\'s 5 o\\'clock, "sure"?'}, {'role': 'assistant', 'content': 'No.\\n'}]`;
  const numpy = python.replace("}, {", "}\n {");

  for (const [name, cell] of Object.entries({
    JSON: JSON.stringify(messages),
    python,
    numpy,
    array: `array(${python}, dtype=object)`,
  }))
    it(`unpack cells that hold lists: ${name}`, async () => {
      const found = await read(
        `cells-${name}.csv`,
        csv([
          ["messages", "reward"],
          [cell, 0.5],
          [cell, 0.25],
        ]),
      );
      expect([found.format, found.problems]).toEqual(["chat", 0]);
      expect(found.trajectories.map(({ outcome }) => outcome.reward)).toEqual([0.5, 0.25]);
      expect(found.trajectories[0]?.steps.map(({ observation, action }) => observation ?? action)).toEqual(
        messages.map(({ content }) => content),
      );
    });

  it("unpack token ids, and steps that a format knows by their column's name", async () => {
    const ids = await read(
      "ids.csv",
      csv([
        ["prompt_tokens", "response_tokens", "reward", "advantage"],
        ["[1, 2]", "[3]", 1, 0.5],
      ]),
    );
    expect([ids.format, ids.trajectories[0]?.tokens?.count]).toEqual(["open-instruct", 3]);
    const path = join(folder, "steps.parquet");
    const connection = await scratchConnection();
    await connection.run(
      `COPY (SELECT 'p' AS problem, '["a", "b"]' AS steps, 1 AS label, false AS final_answer_correct) TO '${path}' (FORMAT parquet)`,
    );
    connection.closeSync();
    const steps = await readAt(path);
    expect([steps.format, steps.trajectories[0]?.steps.map(({ reward }) => reward)]).toEqual([
      "processbench",
      [undefined, 1, 0],
    ]);
  });
});

describe("Python's literals", () => {
  it("are read as data, with NumPy's arrays and numbers", () => {
    expect(pythonLiteral("{'a': (1, -2.5e3), \"b\": None, 'c': [True, False]}")).toEqual({
      a: [1, -2500],
      b: null,
      c: [true, false],
    });
    expect(pythonLiteral("[1 2\n 3]")).toEqual([1, 2, 3]);
    expect(pythonLiteral("[np.float64(0.5), array([1, 2], dtype=int32), nan, -inf]")).toEqual([
      0.5,
      [1, 2],
      NaN,
      -Infinity,
    ]);
    expect(pythonLiteral("['\\u00e9\\x41\\\\n', 'tab\\t']")).toEqual(["éA\\n", "tab\t"]);
  });

  it("are nothing else", () => {
    for (const text of [
      "[1, ..., 9]",
      "[open('x')]",
      "{'a' 1}",
      "[1",
      "['a]",
      "[Timestamp('2026')]",
      "[foo]",
      `${"[".repeat(300)}`,
    ])
      expect(pythonLiteral(text)).toBeUndefined();
  });
});
