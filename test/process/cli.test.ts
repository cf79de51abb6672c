import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  cpSync,
  mkdirSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { pack } from "tar-stream";
import { beforeAll, describe, expect, it } from "vitest";
import { zipOf } from "../formats/fuzzInputs";

const program = resolve("dist/cli.js");
const rollouts = resolve("test/process/fixtures/verl");
const storage = mkdtempSync(join(tmpdir(), "lens-cli-"));

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Run> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, TRAJECTORY_LENS_STORAGE: storage },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("close", (code) => done({ code: code ?? -1, stdout, stderr }));
  });
}

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await run(...args, "--json");
  if (code !== 0) throw new Error(`exit ${code}: ${stdout} ${stderr}`);
  return JSON.parse(stdout) as T;
}

async function failure(...args: string[]): Promise<{ code: string; message: string; hint: string }> {
  const { code, stdout } = await run(...args, "--json");
  expect(code).toBe(1);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
  expect(Object.keys(error)).toEqual(["code", "message", "hint"]);
  expect(error.message).toMatch(/^[A-Z"/].*[.!]$/s);
  expect(error.message).not.toMatch(/\n\s+at /);
  return error;
}

interface IndexDocument {
  datasets: {
    id: string;
    path: string;
    format: string;
    trajectories: number;
    steps: number;
    groups: number;
    warnings: { code: string; message: string; where?: string }[];
  }[];
}
interface QueryDocument {
  columns: { name: string; type: string }[];
  rows: unknown[][];
}
interface SignalsDocument {
  convention: string;
  trajectories: {
    id: string;
    level?: string;
    unit?: string;
    values?: (number | string)[];
    missing?: string[];
    how?: string;
    explanation?: { text: string; lines: { name: string; value: number }[] };
  }[];
}

const snapshot = (folder: string): string[] =>
  readdirSync(folder).map(
    (name) => `${name} ${statSync(join(folder, name)).size} ${statSync(join(folder, name)).mtimeMs}`,
  );

beforeAll(() => {
  if (!existsSync(program)) throw new Error("dist/cli.js is missing: run `node esbuild.mjs` first.");
});

describe("catalogues", () => {
  it("lists formats", async () => {
    const { formats } = await json<{ formats: { id: string; title: string; source: string }[] }>("formats");
    expect(formats.map(({ id }) => id)).toContain("verl");
    for (const format of formats) expect(format.title && format.source).toBeTruthy();
  });

  it("lists signals with needs, presets and parameters", async () => {
    const { signals } = await json<{
      signals: {
        id: string;
        needs: string[];
        presets: { id: string }[];
        parameters: { name: string; default: unknown }[];
        source: string;
      }[];
    }>("signals");
    const grpo = signals.find(({ id }) => id === "grpo");
    expect(grpo?.needs).toContain("group");
    expect(grpo?.presets.map(({ id }) => id)).toEqual(expect.arrayContaining(["verl", "trl"]));
    expect(grpo?.parameters.map(({ name }) => name)).toEqual(expect.arrayContaining(["std", "epsilon"]));
  });
});

describe("a verl run", () => {
  it("is indexed, and nothing is written beside it", async () => {
    const before = snapshot(rollouts);
    const { datasets } = await json<IndexDocument>("index", rollouts);
    expect(datasets).toHaveLength(1);
    expect(datasets[0]).toMatchObject({
      path: rollouts,
      format: "verl",
      trajectories: 13,
      groups: 4,
      warnings: [],
    });
    expect(snapshot(rollouts)).toEqual(before);
  });

  it("answers SQL, with null apart from 0", async () => {
    const sql =
      "SELECT training_step, count(*) AS n, count(reward) AS rewards, avg(reward) AS mean FROM trajectories GROUP BY 1 ORDER BY 1";
    const { columns, rows } = await json<QueryDocument>("query", rollouts, "--sql", sql);
    expect(columns.map(({ name }) => name)).toEqual(["training_step", "n", "rewards", "mean"]);
    expect(rows).toEqual([
      [1, 8, 8, (0.125 + 0.25 + 1 + 0 + 4 * 0.25) / 8],
      [2, 5, 4, (3 + 0.125) / 4],
    ]);
  });

  it("searches the steps, by text and by expression", async () => {
    interface SearchDocument {
      hits: { row: number; trainingStep: number; stepIndex: number; snippet: { match: string } }[];
      matches: number;
      trajectories: number;
      searched: number;
      truncated: boolean;
    }
    const texts = [1, 2].flatMap((step) =>
      readFileSync(join(rollouts, `${step}.jsonl`), "utf8")
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line, row) => ({ step, row, output: (JSON.parse(line) as { output: string }).output })),
    );
    const wanted = texts.filter(({ output }) => /answer 24/.test(output));
    const found = await json<SearchDocument>("search", rollouts, "ANSWER 24");
    expect(found.hits.map(({ trainingStep, row }) => [trainingStep, row])).toEqual(
      wanted.map(({ step, row }) => [step, row]),
    );
    expect(found).toMatchObject({ matches: wanted.length, searched: texts.length, truncated: false });
    const sums = await json<SearchDocument>(
      "search",
      rollouts,
      "(\\d) [*] \\d = 24$",
      "--regex",
      "--training-step",
      "2",
    );
    expect(sums.matches).toBe(
      texts.filter(({ step, output }) => step === 2 && /\d [*] \d = 24$/m.test(output)).length,
    );
    const limited = await run("search", rollouts, "answer", "--limit", "2");
    expect(limited.stdout).toMatch(/step \d+ action: .*\[answer\]/);
    expect(limited.stdout).toContain("stopped at 2 hits");
    expect((await failure("search", rollouts, "(", "--regex")).code).toBe("bad-pattern");
  });

  it("shows a trajectory by row and by id", async () => {
    const file = join(rollouts, "1.jsonl");
    const raw = JSON.parse(readFileSync(file, "utf8").split("\n")[2] ?? "") as {
      input: string;
      output: string;
    };
    const shown = await json<{
      id: string;
      source: { row: number };
      outcome: { reward: number; components: object };
      flatText: object;
      trainingStep: number;
    }>("show", file, "--row", "2");
    expect(shown).toMatchObject({
      source: { row: 2 },
      trainingStep: 1,
      outcome: { reward: 1, components: { acc: 1, format: 1 } },
      flatText: { prompt: raw.input, response: raw.output },
    });
    expect(await json("show", file, "--id", shown.id)).toEqual(shown);
    const text = await run("show", file, "--row", "2");
    expect(text.stdout).toContain("4 * 6 = 24");
  });

  it("shows a record of an archive's only file, and of one that is named", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-zip-"));
    const content = readFileSync(join(rollouts, "1.jsonl"));
    const zip = join(folder, "one.zip");
    writeFileSync(zip, zipOf("1.jsonl", content, { size: content.length, crc: crc32(content) }));
    const tar = join(folder, "two.tar");
    const packed = pack();
    for (const name of ["1.jsonl", "2.jsonl"])
      packed.entry({ name: `run/${name}` }, readFileSync(join(rollouts, name)));
    packed.finalize();
    writeFileSync(tar, await buffer(packed));
    interface Shown {
      trainingStep: number;
      source: { row: number };
    }
    expect(await json<Shown>("show", zip, "--row", "2")).toMatchObject({ source: { row: 2 } });
    expect(await json<Shown>("show", join(tar, "run", "2.jsonl"), "--row", "1")).toMatchObject({
      trainingStep: 2,
      source: { row: 1 },
    });
    const { code, hint } = await failure("show", tar, "--row", "1");
    expect([code, hint]).toEqual(["several-files", expect.stringContaining(join(tar, "run", "1.jsonl"))]);
    expect((await failure("show", join(tar, "run", "9.jsonl"), "--row", "1")).code).toBe("unknown-row");
  });

  it("computes GRPO under verl's and TRL's convention, to the last digit, and explains it", async () => {
    const { rows } = await json<QueryDocument>(
      "query",
      rollouts,
      "--sql",
      "SELECT id FROM trajectories WHERE training_step = 1 ORDER BY row",
    );
    const ids = rows.map(([id]) => String(id));
    const verl = await json<SignalsDocument>("signals", rollouts, "--signal", "grpo", "--preset", "verl");
    expect(verl.convention).toBe("verl · std n-1, eps 1e-6");
    const values = (document: SignalsDocument): unknown[] =>
      ids.map((id) => document.trajectories.find((entry) => entry.id === id)?.values?.[0]);
    const expected = [
      -0.4869247566796216, -0.2086820385769807, 1.4607742700388648, -0.7651674747822625, 0, 0, 0, 0,
    ];
    for (const [index, value] of values(verl).entries())
      expect(value).toBeCloseTo(expected[index] ?? NaN, 14);

    const trl = await json<SignalsDocument>(
      "signals",
      rollouts,
      "--signal",
      "grpo",
      "--preset",
      "verl",
      "--param",
      "epsilon=1e-4",
      "--param",
      "std=population",
      "--id",
      ids[2] ?? "",
    );
    expect(trl.trajectories).toHaveLength(1);
    // population std = sqrt(3/4) of the sample one
    expect(trl.trajectories[0]?.values?.[0]).toBeCloseTo(
      (1 - 0.34375) / (Math.sqrt(0.1513671875) + 1e-4),
      12,
    );

    const explained = await json<SignalsDocument>(
      "signals",
      rollouts,
      "--signal",
      "grpo",
      "--preset",
      "verl",
      "--id",
      ids[2] ?? "",
      "--explain",
      "0",
    );
    const [entry] = explained.trajectories;
    expect(entry?.explanation?.lines[0]?.value).toBe(entry?.values?.[0]);
    expect(entry?.explanation?.text).toContain("0.34375");
  });

  it("says what is missing, and how to get it, instead of a number", async () => {
    const { trajectories } = await json<SignalsDocument>(
      "signals",
      rollouts,
      "--signal",
      "gae",
      "--limit",
      "2",
    );
    expect(trajectories).toHaveLength(2);
    for (const entry of trajectories) {
      expect(entry.values).toBeUndefined();
      expect(entry.missing?.length).toBeGreaterThan(0);
      expect(entry.how).toMatch(/\.$/);
    }
  });

  it("exports Parquet that DuckDB reads back", async () => {
    const to = join(mkdtempSync(join(tmpdir(), "lens-export-")), "rows.parquet");
    expect(await json("export", rollouts, "--to", to)).toEqual({ path: to, rows: 13 });
    expect(readFileSync(to).subarray(0, 4).toString()).toBe("PAR1");
  });

  it("prints tables for people", async () => {
    const { stdout, code } = await run("index", rollouts);
    expect(code).toBe(0);
    expect(stdout).toMatch(/trajectories/);
    expect(stdout).toMatch(/verl +13 +\d+ +4 +2/);
  });

  it("keeps numbers that JSON has no words for", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-nan-"));
    writeFileSync(
      join(folder, "1.jsonl"),
      [
        '{"input": "a", "output": "b", "score": NaN, "step": 1}',
        '{"input": "a", "output": "c", "score": -Infinity, "step": 1}',
        '{"input": "a", "output": "d", "step": 1, "score": null}',
      ].join("\n") + "\n",
    );
    const { rows } = await json<QueryDocument>(
      "query",
      folder,
      "--sql",
      "SELECT reward FROM trajectories ORDER BY row",
    );
    expect(rows).toEqual([["NaN"], ["-Infinity"], [null]]);
  });
});

describe("a mapping of columns", () => {
  const folder = mkdtempSync(join(tmpdir(), "lens-mapping-"));
  // Letters that mean something in globs stand for themselves in a path.
  const file = join(folder, "log [v2] {a}.jsonl");
  const mapping = join(folder, "mapping.json");
  writeFileSync(
    file,
    [1, 2].map((n) => JSON.stringify({ question: `Q${n}`, out: `A${n}`, points: n / 4 })).join("\n"),
  );

  it("needs no glob for one path, and names the key that is wrong", async () => {
    writeFileSync(
      mapping,
      JSON.stringify({ columns: { prompt: "question", response: "out", reward: "points" } }),
    );
    const { datasets } = await json<IndexDocument>("index", file, "--mapping", mapping);
    expect(datasets).toMatchObject([{ trajectories: 2, warnings: [] }]);
    const { rows } = await json<QueryDocument>(
      "query",
      file,
      "--sql",
      "SELECT reward FROM trajectories ORDER BY row",
    );
    expect(rows).toEqual([[0.25], [0.5]]);
    writeFileSync(mapping, JSON.stringify({ columns: { promt: "question" } }));
    const error = await failure("index", file, "--mapping", mapping);
    expect(error.code).toBe("bad-mapping");
    expect(`${error.message} ${error.hint}`).toMatch(/"promt" under "columns".*Did you mean "prompt"\?/s);
  });

  it("is for everything in a folder where it names no files", async () => {
    const runs = join(folder, "runs");
    mkdirSync(join(runs, "deep"), { recursive: true });
    cpSync(file, join(runs, "deep", "1.jsonl"));
    writeFileSync(mapping, JSON.stringify([{ columns: { prompt: "question", reward: "points" } }]));
    const { datasets } = await json<IndexDocument>("index", runs, "--mapping", mapping);
    expect(datasets.map(({ trajectories }) => trajectories)).toEqual([2]);
  });
});

describe("output", () => {
  it("is CSV on demand, with every digit, and with nothing where nothing is recorded", async () => {
    const sql =
      "SELECT training_step, reward, token_count, title FROM trajectories ORDER BY path, row LIMIT 2";
    const { code, stdout } = await run("query", rollouts, "--sql", sql, "--csv");
    expect(code).toBe(0);
    const [heading, ...lines] = stdout.trimEnd().split("\n");
    expect(heading).toBe("training_step,reward,token_count,title");
    expect(lines[0]).toMatch(/^1,0\.125,,/);
    const signals = await run("signals", rollouts, "--signal", "grpo", "--preset", "verl", "--csv");
    const first = signals.stdout.split("\n")[1]!.split(",");
    const { trajectories } = await json<SignalsDocument>(
      "signals",
      rollouts,
      "--signal",
      "grpo",
      "--preset",
      "verl",
    );
    const of = trajectories.find(({ id }) => id === first[0])!;
    expect(Number(first[3])).toBe(of.values![Number(first[2])]);
  });

  it("tells a recorded NaN from a number that is not there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-absent-"));
    const line = (score: string): string => `{"input": "a", "output": "b", "step": 1, "score": ${score}}`;
    writeFileSync(join(folder, "1.jsonl"), [line("NaN"), line("null"), line("0.5")].join("\n"));
    const { trajectories } = await json<SignalsDocument>("signals", folder, "--signal", "recorded-reward");
    expect(trajectories.map(({ values, missing }) => values ?? missing)).toEqual([["NaN"], [null], [0.5]]);
    const grpo = await json<SignalsDocument>("signals", folder, "--signal", "grpo", "--preset", "verl");
    expect(grpo.trajectories.map(({ values, missing }) => values ?? missing)).toEqual([
      ["NaN"],
      ["outcomeReward"],
      ["NaN"],
    ]);
  });

  it("says the version of the package", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    for (const option of ["--version", "-V"]) expect((await run(option)).stdout.trim()).toBe(version);
  });
});

describe("an interruption", () => {
  it("ends the command in order, with one word and the exit code that shells expect", async () => {
    const child = spawn(
      process.execPath,
      [program, "query", rollouts, "--sql", "SELECT count(*) FROM range(100000000) a, range(1000000) b"],
      { env: { ...process.env, TRAJECTORY_LENS_STORAGE: storage } },
    );
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    await new Promise((done) => setTimeout(done, 2_500));
    child.kill("SIGINT");
    const code = await new Promise((done) => child.on("close", done));
    expect(code).toBe(130);
    expect(stderr.trim()).toBe("error: Cancelled.");
  }, 20_000);
});

describe("the control example", () => {
  const run1 = resolve("examples/workspace/control/runs/pendulum-ppo/pendulum/ppo-late-v0");
  const control = resolve("examples/workspace/control");

  it("is indexed episode by episode, columns and all", async () => {
    const { datasets } = await json<IndexDocument>("index", run1);
    expect(
      datasets.map(({ format, trajectories, steps, groups }) => ({ format, trajectories, steps, groups })),
    ).toEqual([{ format: "minari", trajectories: 40, steps: 8000, groups: 0 }]);
    interface Shown {
      columns: {
        steps: number;
        columns: { name: string; role: string; rows: number; width: number; data: number[] }[];
      };
      outcome: { reward: number };
    }
    const { rows } = await json<QueryDocument>(
      "query",
      run1,
      "--sql",
      "SELECT id, reward FROM trajectories ORDER BY row LIMIT 1",
    );
    const shown = await json<Shown>("show", run1, "--id", String(rows[0]?.[0]));
    const column = (role: string) => shown.columns.columns.find((candidate) => candidate.role === role);
    expect(column("observation")).toMatchObject({ rows: 201, width: 3 });
    expect(column("observation")?.data).toHaveLength(603);
    expect(column("reward")?.data.reduce((sum, reward) => sum + reward, 0)).toBe(rows[0]?.[1]);
    expect(shown.outcome.reward).toBe(rows[0]?.[1]);
  });

  it("is scored by its value model; the second call needs no model, and SQL sees the scores", async () => {
    interface Scored {
      provider: string;
      modelKind: string;
      trajectories: number;
      cached: number;
      tokens: number;
      seconds: number;
      series: { trajectoryId: string; name: string; values: number[] }[];
    }
    const args = [
      "score",
      run1,
      "--model",
      join(control, "models/value.onnx"),
      "--provider",
      "cpu",
      "--limit",
      "2",
    ];
    const first = await json<Scored>(...args);
    expect(first).toMatchObject({ provider: "cpu", modelKind: "value", trajectories: 2, cached: 0 });
    expect(first.series.filter(({ name }) => name === "value").map(({ values }) => values.length)).toEqual([
      200, 200,
    ]);
    const second = await json<Scored>(...args);
    expect(second).toMatchObject({ cached: 2, seconds: 0 });
    const key = ({ trajectoryId, name }: { trajectoryId: string; name: string }): string =>
      `${trajectoryId} ${name}`;
    const sorted = ({ series }: Scored): unknown[] =>
      [...series].sort((a, b) => (key(a) < key(b) ? -1 : 1)).map(({ values }) => values);
    expect(sorted(second)).toEqual(sorted(first));
    const { rows } = await json<QueryDocument>(
      "query",
      run1,
      "--sql",
      "SELECT count(DISTINCT trajectory_id) FROM scores WHERE name = 'value'",
    );
    expect(rows).toEqual([[2]]);
  });

  it("says what does not fit between a model and a text", async () => {
    const error = await failure(
      "score",
      rollouts,
      "--model",
      join(control, "models/value.onnx"),
      "--provider",
      "cpu",
      "--limit",
      "1",
    );
    expect(error.code).toBe("nothing-scored");
    expect(error.message).toContain("columns");
  });
});

describe("the reasoning example", () => {
  const world = resolve("examples/workspace/reasoning");
  const step = readdirSync(join(world, "runs/grpo/rollouts"))
    .map((name) => Number(name.replace(".jsonl", "")))
    .sort((a, b) => a - b)
    .at(-1);
  const last = join(world, "runs/grpo/rollouts", `${step}.jsonl`);
  const rows = readFileSync(last, "utf8").trimEnd().split("\n").length;

  it("gives back the advantages that the trainer wrote into its token export", async () => {
    const recomputed = await json<SignalsDocument>("signals", last, "--signal", "grpo", "--preset", "verl");
    const exported = join(world, "runs/grpo/token_exports", `step_${step}`);
    const recorded = await json<SignalsDocument>("signals", exported, "--signal", "recorded-advantage");
    const sorted = ({ trajectories }: SignalsDocument): number[] =>
      trajectories.map(({ values }) => Number(values?.at(-1))).sort((a, b) => a - b);
    const [own, theirs] = [sorted(recomputed), sorted(recorded)];
    expect(own).toHaveLength(rows);
    expect(theirs).toHaveLength(rows);
    // The trainer works in float32.
    for (const [index, value] of own.entries()) expect(value).toBeCloseTo(theirs[index] ?? NaN, 5);
  });

  it("gives back the rewards when its own reward function is run again", async () => {
    const report = await json<{ equal: number; changed: number; failed: number; kind: string }>(
      "recompute",
      last,
      "--function",
      `${join(world, "rewards.py")}:compute_score`,
      "--python",
      "python3",
    );
    expect(report).toMatchObject({ kind: "text", equal: rows, changed: 0, failed: 0 });
  });

  it("is scored step by step by its process reward model", async () => {
    interface Scored {
      modelKind: string;
      series: { name: string; level: string; values: (number | string)[] }[];
    }
    const model = join(world, "models/prm");
    const report = await json<Scored>("score", last, "--model", model, "--provider", "cpu", "--limit", "3");
    expect(report.modelKind).toBe("process-reward");
    expect(report.series).toHaveLength(3);
    for (const { level, values } of report.series) {
      expect(level).toBe("step");
      const numbers = values.filter((value): value is number => typeof value === "number");
      expect(numbers.length).toBeGreaterThan(0);
      for (const value of numbers) expect(value > 0 && value < 1).toBe(true);
    }
  });
});

describe("bad input", () => {
  it("gives one sentence each", async () => {
    expect((await failure("index", "/nowhere/at/all")).code).toBe("unknown-path");
    if (process.platform === "linux") expect((await failure("index", "/dev/zero")).code).toBe("no-file");
    const folder = mkdtempSync(join(tmpdir(), "lens-bad-"));
    const notes = join(folder, "notes.jsonl");
    writeFileSync(notes, '{"hello": "world"}\n');
    expect((await failure("index", notes)).code).toBe("unknown-format");
    expect((await failure("show", notes, "--row", "0")).code).toBe("unknown-format");
    expect((await failure("show", rollouts, "--id", "nobody")).code).toBe("unknown-id");
    expect((await failure("show", rollouts, "--row", "0")).message).toContain("is a folder");
    expect((await failure("show", join(rollouts, "1.jsonl"), "--row", "999")).code).toBe("unknown-row");
    expect((await failure("show", join(rollouts, "1.jsonl"))).message).toContain("either --id or --row");
    expect((await failure("show", join(rollouts, "1.jsonl"), "--row", "two")).code).toBe("bad-arguments");
    expect((await failure("query", rollouts, "--sql", "SELEC 1")).message).toBeTruthy();
    expect((await failure("query", rollouts, "--sql", "DROP TABLE trajectories")).message).toBeTruthy();
    expect(
      (await failure("query", rollouts, "--sql", "SELECT * FROM read_csv('/etc/passwd')")).message,
    ).toBeTruthy();
    expect((await failure("query", rollouts)).message).toContain("--sql");
    expect((await failure("signals", rollouts, "--signal", "nonsense")).code).toBe("unknown-signal");
    expect((await failure("signals", rollouts, "--signal", "grpo", "--preset", "nobody")).code).toBe(
      "unknown-preset",
    );
    expect((await failure("signals", rollouts, "--signal", "grpo", "--param", "epsilon=soft")).code).toBe(
      "bad-parameter",
    );
    expect((await failure("signals", rollouts, "--signal", "grpo", "--param", "epsilon")).code).toBe(
      "bad-arguments",
    );
    expect((await failure("export", rollouts, "--to", join(folder, "x.csv"))).code).toBe("bad-arguments");
    expect((await failure("index", rollouts, "--storage", notes)).code).toBe("storage-unusable");
    expect((await failure("nonsense")).code).toBe("bad-arguments");
    expect((await failure("index")).code).toBe("bad-arguments");
  });

  it("shows the rest of a file with a broken line and a torn end, and says where", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-torn-"));
    mkdirSync(join(folder, "rollouts"));
    const lines = readFileSync(join(rollouts, "1.jsonl"), "utf8").trimEnd().split("\n");
    lines[3] = '{"input": "broken';
    writeFileSync(join(folder, "rollouts", "1.jsonl"), `${lines.join("\n")}\n{"input": "torn", "out`);
    const { datasets } = await json<IndexDocument>("index", folder);
    expect(datasets[0]?.trajectories).toBe(7);
    const said = datasets[0]?.warnings.map((note) => `${note.message} ${note.where ?? ""}`).join("\n") ?? "";
    expect(said).toMatch(/4/);
  });

  it("says what is wrong with a model", async () => {
    expect((await failure("score", rollouts, "--model", "/nowhere/model")).code).toBe("unknown-model");
    expect(
      (await failure("score", rollouts, "--model", "/nowhere/model", "--provider", "abacus")).message,
    ).toContain("abacus");
    const folder = mkdtempSync(join(tmpdir(), "lens-model-"));
    writeFileSync(join(folder, "broken.onnx"), "this is not a model");
    expect((await failure("score", rollouts, "--model", join(folder, "broken.onnx"))).message).toBeTruthy();
  });

  it("finds the same run again after it was copied elsewhere, and writes nothing there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-copy-"));
    cpSync(rollouts, join(folder, "verl"), { recursive: true });
    const { datasets } = await json<IndexDocument>("index", folder);
    expect(datasets[0]).toMatchObject({ path: join(folder, "verl"), trajectories: 13 });
    expect(readdirSync(join(folder, "verl"))).toEqual(["1.jsonl", "2.jsonl"]);
  });

  it("prints plain sentences without --json, and nothing on standard output", async () => {
    const { code, stdout, stderr } = await run("index", "/nowhere/at/all");
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toBe("error: There is no file or folder at /nowhere/at/all.\nCheck the path.\n");
  });

  it("teaches itself with --help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    for (const command of ["formats", "index", "show", "query", "signals", "score", "export"])
      expect(stdout).toContain(command);
    expect((await run("signals", "--help")).stdout).toContain("--explain <index>");
  });
});
