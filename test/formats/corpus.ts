// `npm run test:corpus [-- --json]`: real files against what is known of them. Reads CORPUS_DIR (default ../shared/corpus,
// with the folders samples and corpus-synthetic beside it); skipped with a message when the folder is absent.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { formats } from "../../src/formats/index";
import { expectations, type Expectation } from "./corpusExpectations";
import { readFile, readParts } from "./readFile";

interface IndexEntry {
  readonly fmt: string;
  readonly file: string;
  readonly rows: number | null;
  readonly bad: number | null;
}

interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  messages: string[];
}

interface Task {
  readonly name: string;
  readonly path: string;
  readonly folder: string;
  readonly rows?: number;
}

const asJson = process.argv.includes("--json");
const defaultDir = resolve("../shared/corpus");
const corpus = resolve(process.env["CORPUS_DIR"] ?? defaultDir);
const outcomes: Record<string, Outcome> = {};

function tell(name: string, kind: "passed" | "failed" | "skipped", message: string): void {
  const outcome = (outcomes[name] ??= { passed: 0, failed: 0, skipped: 0, messages: [] });
  outcome[kind]++;
  outcome.messages.push(message);
  if (!asJson)
    console.log(`${kind === "passed" ? "ok  " : kind === "failed" ? "FAIL" : "skip"}  ${name}: ${message}`);
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/** Every file of the folders, with the rows that index.json gives for it. */
function tasks(): Task[] {
  const found: Task[] = [];
  const indexPath = join(corpus, "index.json");
  const entries = existsSync(indexPath) ? (JSON.parse(readFileSync(indexPath, "utf8")) as IndexEntry[]) : [];
  const rowsOf = new Map(
    entries
      // No rows and something bad: what counted them could not parse the file (JSON lines that are called .json).
      .filter(
        (entry) =>
          !entry.file.endsWith("/") && entry.rows !== null && !(entry.rows === 0 && (entry.bad ?? 0) > 0),
      )
      .map((entry) => [entry.file, entry.rows as number]),
  );
  const folders = [corpus];
  if (corpus === defaultDir)
    for (const name of ["samples", "corpus-synthetic"]) folders.push(join(dirname(corpus), name));
  for (const root of folders.filter((folder) => existsSync(folder))) {
    for (const path of files(root)) {
      if (path === indexPath || path.endsWith("README.md")) continue;
      const inside = relative(root, path).split(sep).join("/");
      const rows = root === corpus ? rowsOf.get(inside) : undefined;
      found.push({
        name: relative(dirname(corpus), path).split(sep).join("/"),
        path,
        folder: inside
          .split("/")
          .slice(0, root.endsWith("samples") ? 2 : 1)
          .join("/"),
        ...(rows === undefined ? {} : { rows }),
      });
    }
  }
  return found;
}

const generic = new Set(["chat", "chat-list"]);

async function check({ name, path, folder, rows }: Task): Promise<void> {
  const expectation: Expectation = expectations.find((one) => one.matches(name, folder)) ?? {
    matches: () => true,
    reader: undefined,
    why: folder,
  };
  let result;
  let full = 0;
  try {
    result = await readFile(path, (record, format) => {
      full += readParts(record, format).length;
      if (format.tree !== undefined)
        format.tree(record.record, { ...record.context, datasetId: "d" }, (part) => String(part));
    });
  } catch (error) {
    if (expectation.reader === undefined)
      tell(
        name,
        "skipped",
        `no reader for ${expectation.why} yet (${error instanceof Error ? error.message : String(error)})`,
      );
    else tell(name, "failed", `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  const { format, why, records, problems, partOf } = result;
  if (partOf !== undefined && expectation.reader !== null && expectation.reader !== undefined) {
    tell(name, "passed", `read as a part of the trajectory of ${relative(dirname(path), partOf)}`);
    return;
  }
  if (expectation.reader === undefined) {
    if (format !== undefined && !generic.has(format.id))
      tell(name, "failed", `claimed by ${format.id} (${why}), though it is ${expectation.why}`);
    else
      tell(
        name,
        "skipped",
        `no reader for ${expectation.why} yet${format === undefined ? "" : ` (shown as ${format.id})`}`,
      );
    return;
  }
  if (expectation.reader === null) {
    if (format === undefined) tell(name, "passed", `left alone: ${expectation.why}`);
    else tell(name, "failed", `claimed by ${format.id} (${why}), though it is ${expectation.why}`);
    return;
  }
  if (format === undefined || !expectation.reader.includes(format.id)) {
    tell(
      name,
      "failed",
      `expected ${expectation.reader.join(" or ")}, found ${format === undefined ? why : format.id}`,
    );
    return;
  }
  const expected = expectation.rows?.(name) ?? rows;
  const bad = expectation.badRows ?? 0;
  if (expected !== undefined && records.length + bad !== expected) {
    tell(
      name,
      "failed",
      `${format.id}: ${records.length} records, expected ${expected}${problems.length === 0 ? "" : `; first problem in record ${problems[0]?.row}: ${problems[0]?.message}`}`,
    );
    return;
  }
  if (expected === undefined && problems.length > bad) {
    tell(name, "failed", `${format.id}: record ${problems[0]?.row}: ${problems[0]?.message}`);
    return;
  }
  if (full === 0) {
    tell(name, "failed", `${format.id}: no trajectory in ${records.length} records`);
    return;
  }
  tell(
    name,
    "passed",
    `${format.id}, ${records.length} records, ${full} trajectories read in full${expectation.note === undefined ? "" : ` (${expectation.note})`}`,
  );
}

if (!existsSync(corpus)) {
  console.error(`The corpus folder ${corpus} is not there: skipped. Set CORPUS_DIR to check real files.`);
  if (asJson) process.stdout.write("{}\n");
} else {
  const known = new Set(formats.map((format) => format.id));
  for (const { reader } of expectations)
    for (const id of reader ?? [])
      if (!known.has(id))
        throw new Error(`The expectations name a format "${id}" that the catalogue does not have.`);
  for (const task of tasks()) await check(task);
  const total = Object.values(outcomes).reduce(
    (sum, one) => ({
      passed: sum.passed + one.passed,
      failed: sum.failed + one.failed,
      skipped: sum.skipped + one.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );
  if (asJson) process.stdout.write(`${JSON.stringify(outcomes, null, 2)}\n`);
  else console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}
