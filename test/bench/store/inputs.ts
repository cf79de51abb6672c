import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/** A deterministic stream of numbers in [0, 1): a multiplicative congruential generator over 2^31 - 1. */
export class Numbers {
  constructor(private state = 42) {}

  next(): number {
    this.state = (this.state * 48_271) % 2_147_483_647;
    return this.state / 2_147_483_647;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}

const WORDS =
  "the of to we first then so find compute value number total price each per hour equals therefore because which tickets apples remaining multiply divide subtract add both sides square root equation solve answer check result step let suppose given assume integer ratio percent sum difference product half double twice minutes meters speed distance time cost profit".split(
    " ",
  );

/** @param accents whether letters beyond ASCII occur: in about one of nine rows of public verl dumps they do */
function sentence(numbers: Numbers, words: number, accents = false): string {
  let text = "";
  for (let index = 0; index < words; index++) {
    const roll = numbers.next();
    if (roll < 0.05) text += ` ${numbers.below(1000)}`;
    else if (roll < 0.06) text += accents ? " é" : " e";
    else if (roll < 0.07) text += ' "x"';
    else if (roll < 0.08) text += " \\frac{1}{2}";
    else text += ` ${WORDS[numbers.below(WORDS.length)] ?? ""}`;
  }
  return `${text.slice(1)}.`;
}

/** One row as verl v0.6 dumps it: about 2.4 kB, groups of eight, reasoning in paragraphs. */
function verlRow(numbers: Numbers, index: number, prompt: string): string {
  const accents = numbers.next() < 0.11;
  const paragraphs = Array.from({ length: 4 + numbers.below(6) }, () =>
    sentence(numbers, 20 + numbers.below(60), accents),
  );
  const right = numbers.next() < 0.4;
  return JSON.stringify({
    input: prompt,
    output: `<think>\n${paragraphs.join("\n\n")}\n</think>\nThe answer is ${numbers.below(1000)}.`,
    gts: String(numbers.below(1000)),
    score: right ? 1 : numbers.next() < 0.02 ? null : 0,
    step: Math.floor(index / 1024),
    acc: right,
    format_reward: numbers.next() < 0.9 ? 1 : 0,
    length_penalty: -numbers.next(),
    request_id: `req-${index}`,
  });
}

/** Writes parts until a file has its size, in chunks, so that nothing large is held. @returns how many */
function writeLines(
  path: string,
  wanted: { readonly bytes?: number; readonly rows?: number },
  line: (index: number) => string,
): number {
  const file = openSync(path, "w");
  let bytes = 0;
  let rows = 0;
  let held = "";
  while (bytes < (wanted.bytes ?? Infinity) && rows < (wanted.rows ?? Infinity)) {
    held += `${line(rows++)}\n`;
    if (held.length > 4 * 2 ** 20) {
      bytes += writeSync(file, held);
      held = "";
    }
  }
  writeSync(file, held);
  closeSync(file);
  return rows;
}

export interface Input {
  readonly name: string;
  readonly path: string;
  /** Shell pattern that DuckDB reads. */
  readonly pattern: string;
  readonly kind: "json" | "parquet";
  readonly bytes: number;
  readonly rows: number;
}

/** Lines of a verl run. */
export function verlLines(numbers: Numbers, from = 0): (index: number) => string {
  let prompt = "";
  return (index) => {
    const row = from + index;
    if (index % 8 === 0)
      prompt = `system\nYou are a helpful assistant.\nuser\n${sentence(numbers, 40)} (problem ${row})\nassistant\n`;
    return verlRow(numbers, row, prompt);
  };
}

/** A batch of one sample as NeMo-RL logs it: token ids, masks and log-probabilities, about 1 MB a line. */
function nemoLine(numbers: Numbers, index: number): string {
  const length = 16_000;
  const list = (value: (position: number) => number): number[][] => [
    Array.from({ length }, (_, position) => value(position)),
  ];
  return JSON.stringify({
    content: [`${sentence(numbers, 40)} (problem ${Math.floor(index / 4)})`, sentence(numbers, 3000)],
    rewards: [numbers.below(2)],
    input_lengths: [length],
    token_ids: list(() => numbers.below(151_000)),
    token_loss_mask: list((position) => (position < 200 ? 0 : 1)),
    advantages: list(() => Number((numbers.next() - 0.5).toFixed(6))),
    generation_logprobs: list(() => -numbers.next()),
    prev_logprobs: list(() => -numbers.next()),
    sample_loss_mask: [1],
    idx: index,
  });
}

/**
 * Makes the inputs of the benchmark under a folder, unless they are there. A scale of 1 is 1 GB of verl rows, 200 MB of
 * NeMo-RL lines, 1,000,000 short rows, 100,000 small files and 2 GB of Parquet.
 */
export async function makeInputs(folder: string, scale: number): Promise<Input[]> {
  mkdirSync(folder, { recursive: true });
  const inputs: Input[] = [];
  const lines = (
    name: string,
    title: string,
    wanted: { bytes?: number; rows?: number },
    line: (index: number) => string,
  ): void => {
    const path = join(folder, `${name}.jsonl`);
    const count = `${path}.rows`;
    if (!existsSync(count)) writeFileSync(count, String(writeLines(path, wanted, line)));
    const rows = Number(readFileSync(count, "utf8"));
    inputs.push({ name: title, path, pattern: path, kind: "json", bytes: statSync(path).size, rows });
  };
  lines("verl-run", "verl rows", { bytes: scale * 2 ** 30 }, verlLines(new Numbers(1)));
  const nemo = new Numbers(2);
  lines("nemo-run", "NeMo-RL lines of 1 MB", { bytes: scale * 200 * 2 ** 20 }, (index) =>
    nemoLine(nemo, index),
  );
  lines("short-run", "short rows", { rows: Math.round(scale * 1_000_000) }, (index) =>
    JSON.stringify({ input: `p ${index >> 3}`, output: `a ${index}`, score: index & 1, step: index >> 10 }),
  );

  const small = join(folder, "small-run");
  const files = Math.round(scale * 100_000);
  if (!existsSync(join(folder, "small-run.done"))) {
    rmSync(small, { recursive: true, force: true });
    mkdirSync(small);
    const make = verlLines(new Numbers(4));
    for (let file = 0; file < files; file++)
      writeFileSync(join(small, `${file}.jsonl`), `${make(2 * file)}\n${make(2 * file + 1)}\n`);
    writeFileSync(join(folder, "small-run.done"), "");
  }
  inputs.push({
    name: "small files of 2 rows",
    path: small,
    pattern: `${small}/*.jsonl`,
    kind: "json",
    bytes: 0,
    rows: 2 * files,
  });

  const parquet = join(folder, "trl-run", "completions_00001.parquet");
  const rows = Math.round(scale * 1_000_000);
  if (!existsSync(parquet)) {
    mkdirSync(join(folder, "trl-run"), { recursive: true });
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    const text = (column: number, pieces: number): string =>
      `concat_ws(' ', ${Array.from({ length: pieces }, (_, piece) => `md5(concat(i, '-', ${column}, '-', ${piece}))${piece % 7 === 6 ? " || chr(10) || chr(10)" : ""}`).join(", ")})`;
    await connection.run(
      `COPY (SELECT CAST(i // 4096 AS INTEGER) AS step, concat('problem ', i // 8, ' ', md5(concat(i // 8))) AS prompt, ${text(2, 60)} AS completion,
         CAST(i % 3 AS DOUBLE) AS accuracy_reward, CASE WHEN i % 50 = 0 THEN 'nan'::DOUBLE ELSE CAST(i % 2 AS DOUBLE) END AS format_reward,
         CAST((i % 7) - 3 AS DOUBLE) AS advantage FROM range(${rows}) t(i))
       TO '${parquet.replaceAll("'", "''")}' (FORMAT parquet, ROW_GROUP_SIZE 10240, COMPRESSION snappy)`,
    );
    connection.closeSync();
  }
  inputs.push({
    name: "Parquet in row groups",
    path: parquet,
    pattern: parquet,
    kind: "parquet",
    bytes: statSync(parquet).size,
    rows,
  });
  return inputs;
}
