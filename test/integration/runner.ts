/** A tiny sequential test runner: the extension host gives tests one thread and one workbench, so they take turns. */
interface Case {
  readonly name: string;
  readonly run: () => Promise<string | void>;
}

const cases: Case[] = [];

/** Thrown by a test that cannot run here. */
export class Skipped extends Error {}

/**
 * Adds a test.
 * @param run may return a line with what it measured; that goes into the report
 */
export function test(name: string, run: () => Promise<string | void>): void {
  cases.push({ name, run });
}

export interface TestResult {
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  readonly ms: number;
  readonly message: string;
}

const TIMEOUT_MS = 120_000;

export async function runAll(report: (result: TestResult) => void): Promise<readonly TestResult[]> {
  const results: TestResult[] = [];
  const only = process.env["TRAJECTORY_LENS_ONLY"];
  const chosen = only === undefined ? cases : cases.filter(({ name }) => new RegExp(only, "i").test(name));
  for (const { name, run } of chosen) {
    const started = Date.now();
    let result: TestResult;
    try {
      const message = await Promise.race([run(), timeout(name)]);
      result = { name, state: "passed", ms: Date.now() - started, message: message ?? "" };
    } catch (error) {
      const skipped = error instanceof Skipped;
      const message =
        error instanceof Error ? (skipped ? error.message : (error.stack ?? error.message)) : String(error);
      result = { name, state: skipped ? "skipped" : "failed", ms: Date.now() - started, message };
    }
    results.push(result);
    report(result);
  }
  return results;
}

const timeout = (name: string): Promise<never> =>
  new Promise((_done, fail) =>
    setTimeout(() => fail(new Error(`"${name}" did not end within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS),
  );

/** Waits until `condition` gives something truthy. @throws Error naming what was waited for */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
