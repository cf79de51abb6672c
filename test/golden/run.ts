// Holds the signals to numbers that the authors' own functions returned: `npm run test:golden [-- --json] [FILE...]`.
// GOLDEN_DIR names the folder of cases (default test/golden/cases).
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  AbsentFile,
  InputError,
  Inputs,
  type Adapter,
  type Golden,
  type GoldenCase,
  type Tolerance,
} from "./adapter";
import { differences } from "./compare";

interface FileReport {
  passed: number;
  failed: number;
  skipped: number;
  messages: string[];
}

type Document = { readonly [key: string]: Golden };

const words: Readonly<Record<string, number>> = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

function revive(value: Golden): Golden {
  if (typeof value === "string") return Object.hasOwn(words, value) ? words[value] : value;
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, revive(entry)]));
  return value;
}

/** Float32 frameworks: 1e-5; NumPy and Python floats: 1e-9. */
function defaultTolerance(file: Document): Tolerance {
  const told = `${file["runtime"] ?? ""} ${file["environment"] ?? ""}`;
  return /torch/u.test(told) ? { relative: 1e-5, absolute: 1e-6 } : { relative: 1e-9, absolute: 1e-12 };
}

function caseOf(raw: Document, file: Document, text: boolean): GoldenCase {
  const value = text ? raw : (revive(raw) as Document);
  const inputs = value["inputs"] ?? value["input"] ?? {};
  return {
    name: String(raw["name"] ?? ""),
    fn: String(raw["function"] ?? raw["fn"] ?? ""),
    inputs: new Inputs(
      typeof inputs === "object" && inputs !== null && !Array.isArray(inputs)
        ? (inputs as Document)
        : { value: inputs },
    ),
    expected: value["expected"],
    ...(typeof raw["variant"] === "string" ? { variant: raw["variant"] } : {}),
    ...(typeof raw["note"] === "string" ? { note: raw["note"] } : {}),
    raw: value,
    file,
  };
}

function raised(expected: Golden): string | undefined {
  if (typeof expected !== "object" || expected === null || Array.isArray(expected)) return undefined;
  const { raises } = expected as Document;
  return typeof raises === "string" ? raises : undefined;
}

/** What differs, nothing when all agrees, or the absent file that the case needs. */
function runCase(adapter: Adapter, golden: GoldenCase, file: Document): readonly string[] | AbsentFile {
  const error = raised(golden.expected);
  let got: unknown;
  try {
    got = adapter.run(golden);
  } catch (thrown) {
    if (thrown instanceof AbsentFile) return thrown;
    if (thrown instanceof InputError || !(thrown instanceof Error))
      return [`not mapped: ${thrown instanceof Error ? thrown.message : String(thrown)}`];
    // A refusal is a sentence; a fault of our own code is not one.
    const refused = !(
      thrown instanceof TypeError ||
      thrown instanceof RangeError ||
      thrown instanceof ReferenceError
    );
    return error !== undefined && refused ? [] : [`${thrown.name}: ${thrown.message}`];
  }
  if (error !== undefined) return [`no refusal where the authors' code raises ${error}`];
  const given = adapter.tolerance ?? defaultTolerance(file);
  return differences(
    got,
    golden.expected,
    typeof given === "function" ? (path) => given(golden, path) : given,
  );
}

async function adapterOf(stem: string): Promise<Adapter | undefined> {
  try {
    const module = (await import(`./adapters/${stem}.ts`)) as { adapter?: Adapter };
    return module.adapter;
  } catch (error) {
    if (
      error instanceof Error &&
      /not found in bundle|Module not found|Unknown variable/u.test(error.message)
    )
      return undefined;
    throw error;
  }
}

async function runFile(path: string, stem: string): Promise<FileReport> {
  const report: FileReport = { passed: 0, failed: 0, skipped: 0, messages: [] };
  let file: Document;
  try {
    file = JSON.parse(readFileSync(path, "utf8")) as Document;
  } catch (error) {
    return {
      ...report,
      failed: 1,
      messages: [`${stem}: not readable as JSON (${error instanceof Error ? error.message : String(error)})`],
    };
  }
  const cases = Array.isArray(file["cases"]) ? (file["cases"] as readonly Document[]) : [];
  const adapter = await adapterOf(stem);
  if (!adapter) return { ...report, skipped: cases.length, messages: ["no adapter for this file yet"] };
  for (const raw of cases) {
    const golden = caseOf(raw, file, adapter.text === true);
    const found = runCase(adapter, golden, file);
    if (found instanceof AbsentFile) {
      report.skipped++;
      report.messages.push(`${golden.name}: skipped, ${found.message}`);
    } else if (found.length === 0) report.passed++;
    else {
      report.failed++;
      report.messages.push(`${golden.name} [${golden.fn}]: ${found.join("; ")}`);
    }
  }
  return report;
}

const options = process.argv.slice(2);
const json = options.includes("--json");
const wanted = options
  .filter((option) => !option.startsWith("--"))
  .map((name) => name.replace(/\.json$/u, ""));
const folder = resolve(process.env["GOLDEN_DIR"] ?? "test/golden/cases");
if (!existsSync(folder)) {
  console.error(`GOLDEN_DIR ${folder} does not exist: name a folder of golden JSON files.`);
  process.exit(1);
}
const reports: Record<string, FileReport> = {};
for (const name of readdirSync(folder)
  .filter((entry) => entry.endsWith(".json"))
  .sort()) {
  const stem = name.replace(/\.json$/u, "");
  if (wanted.length > 0 && !wanted.includes(stem)) continue;
  const report = await runFile(join(folder, name), stem);
  reports[name] = report;
  if (!json) {
    const mark = report.failed > 0 ? "FAIL" : report.passed > 0 ? "ok  " : "skip";
    console.log(
      `${mark} ${name}: ${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`,
    );
    for (const message of report.failed > 0 ? report.messages : []) console.log(`       ${message}`);
  }
}
const total = Object.values(reports).reduce(
  (sum, report) => ({
    passed: sum.passed + report.passed,
    failed: sum.failed + report.failed,
    skipped: sum.skipped + report.skipped,
  }),
  { passed: 0, failed: 0, skipped: 0 },
);
if (json) console.log(JSON.stringify(reports, null, 1));
else
  console.log(
    `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped in ${Object.keys(reports).length} files`,
  );
process.exitCode = total.failed > 0 ? 1 : 0;
