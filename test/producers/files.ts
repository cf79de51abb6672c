import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TrajectorySummary } from "../../src/model/summary";
import type { Trajectory } from "../../src/model/trajectory";
import { arrowRows } from "../../src/store/containers/arrowFile";
import { plainContent } from "../../src/store/containers/plainContent";
import { sniff } from "../../src/store/containers/sniff";
import { parquetRowCount, parquetRows } from "../../src/store/parquet";
import { readFile, readParts } from "../formats/readFile";
import type { Checks } from "../real-model/checks";
import { difference, type Tally } from "./difference";
import { plainJson } from "./plainJson";
import { fieldOf, isPart } from "./trajectories";

type ExpectedTrajectory = Readonly<Record<string, unknown>>;

/** What a library says of a file that it wrote: its trajectories, the rows of a table, or the content of a pickle. */
interface ExpectedFile {
  readonly path: string;
  readonly format?: string;
  readonly trajectories?: readonly ExpectedTrajectory[];
  readonly rows?: readonly unknown[];
  readonly plain?: unknown;
}

interface Expected {
  readonly version: string;
  readonly files: readonly ExpectedFile[];
}

/** Compares every file that a producer names with what the readers make of it. */
export async function checkFiles(name: string, folder: string, checks: Checks): Promise<void> {
  const { version, files } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Expected;
  checks.check(`${name} ${version}`, files.length > 0, `${files.length} files written`);
  for (const file of files) {
    const what = `${name}: ${file.path}`;
    try {
      const path = join(folder, file.path);
      if (file.rows !== undefined) await checkRows(what, path, file.rows, checks);
      else if (file.plain !== undefined) await checkPlain(what, path, file.plain, checks);
      else await checkTrajectories(what, path, file, checks);
    } catch (error) {
      checks.check(what, false, error instanceof Error ? error.message : String(error));
    }
  }
}

function compare(what: string, own: unknown, expected: unknown, checks: Checks): void {
  const tally: Tally = { values: 0 };
  const found = difference(own, expected, tally);
  checks.check(what, found === undefined && tally.values > 0, found ?? `${tally.values} values equal`);
}

async function checkRows(
  what: string,
  path: string,
  expected: readonly unknown[],
  checks: Checks,
): Promise<void> {
  const sniffed = await sniff(path, readFileSync(path).subarray(0, 4096), () => undefined);
  sniffed?.close?.();
  const container = sniffed?.parts.container;
  if (container === "arrow") {
    const table = await arrowRows(path);
    compare(what, await table.read(0, table.count), expected, checks);
  } else if (container === "parquet")
    compare(what, await parquetRows(path, 0, await parquetRowCount(path)), expected, checks);
  else checks.check(what, false, `found to be ${container ?? "nothing known"}`);
}

async function checkPlain(what: string, path: string, expected: unknown, checks: Checks): Promise<void> {
  const { value, notes } = await plainContent(path);
  checks.check(
    `${what} is read whole`,
    notes.length === 0,
    notes.map(({ message }) => message).join(" ") || "no notes",
  );
  compare(what, plainJson(value), expected, checks);
}

async function checkTrajectories(
  what: string,
  path: string,
  file: ExpectedFile,
  checks: Checks,
): Promise<void> {
  const read: { readonly trajectory: Trajectory; readonly summary: TrajectorySummary }[] = [];
  // Read while the file is open: what an HDF5 group holds is loaded when it is asked for.
  const { format, why, problems, notes } = await readFile(path, (record, format) => {
    for (const [part, trajectory] of readParts(record, format).entries())
      read.push({ trajectory, summary: record.summaries[part]! });
  });
  checks.check(
    `${what} is ${file.format ?? ""}`,
    format !== undefined && format.id === file.format,
    `${format?.id ?? "unknown"}: ${why}`,
  );
  if (format === undefined) return;
  const expected = inOrderOf(
    read.map(({ summary }) => summary.ownId),
    file.trajectories ?? [],
  );
  const said = [...problems, ...notes].map(({ message }) => message);
  checks.check(
    `${what}: trajectories`,
    read.length === expected.length && read.length > 0 && problems.length === 0,
    `${read.length} of ${expected.length}${said.length > 0 ? `; ${said.join(" ")}` : ""}`,
  );
  for (const field of new Set(expected.flatMap((one) => Object.keys(one)))) {
    const tally: Tally = { values: 0 };
    let found: string | undefined;
    for (const [index, one] of expected.entries()) {
      const own = read[index];
      if (own === undefined || !(field in one)) continue;
      found = difference(
        fieldOf(field, own.trajectory, own.summary),
        one[field],
        tally,
        isPart(field),
        `[${index}]`,
      );
      if (found !== undefined) break;
    }
    checks.check(
      `${what}: ${field}`,
      found === undefined && tally.values > 0,
      found ?? `${tally.values} values equal`,
    );
  }
}

/** A library may sort what it reads: trajectories with ids of their own are paired by them, others by their order. */
function inOrderOf(
  ids: readonly (string | undefined)[],
  expected: readonly ExpectedTrajectory[],
): readonly ExpectedTrajectory[] {
  const byId = new Map(expected.map((one) => [one["ownId"], one]));
  const paired = ids.flatMap((id): ExpectedTrajectory[] => {
    const one = byId.get(id);
    return one === undefined ? [] : [one];
  });
  return byId.size === expected.length &&
    new Set(ids).size === ids.length &&
    paired.length === expected.length
    ? paired
    : expected;
}
