import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../model/failure";
import { forwardLines } from "./outputLines";

export interface ChildProgram {
  /** As a user reads it, with an article: "the data process". */
  readonly name: string;
  /** Absolute path of the program that is forked. */
  readonly entry: string;
  /** Program that runs it; default: this process's own. */
  readonly nodePath?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const EXIT_WAIT_MS = 3_000;

/**
 * Environment with which Node.js 22 and later keep a program's compiled code in a folder: compiling it each time would take a fifth of
 * the time in which a known index reopens. Older ones pass it over.
 */
export const compiledCodeIn = (storageFolder: string): Readonly<Record<string, string>> => ({
  NODE_COMPILE_CACHE: join(storageFolder, "compiled"),
});

/** @throws Failure `process-missing` */
export function checkProgram({ entry, name }: ChildProgram): void {
  if (existsSync(entry)) return;
  throw new Failure(
    "process-missing",
    `The program of ${name} is missing: ${entry}.`,
    "Build or install Trajectory Lens again.",
  );
}

/**
 * Forks the program with structured-clone messages; its output goes to `onLine`.
 * @param onGone called once or more when it has ended or could not be started, with how: "ended with exit code 3"
 */
export function forkProgram(
  program: ChildProgram,
  onLine: (line: string) => void,
  onGone: (how: string) => void,
): ChildProcess {
  const env: NodeJS.ProcessEnv = { ...process.env, ...program.env };
  // Options meant for this process (an inspector's port, a preloaded module) must not reach the child.
  delete env["NODE_OPTIONS"];
  // Inside Electron the same program is also the editor; this makes it plain Node.
  if (process.versions["electron"]) env["ELECTRON_RUN_AS_NODE"] = "1";
  const child = fork(program.entry, [], {
    serialization: "advanced",
    silent: true,
    execArgv: [],
    env,
    ...(program.nodePath === undefined ? {} : { execPath: program.nodePath }),
  });
  child.once("error", (error) => onGone(`could not be started (${error.message})`));
  child.once("exit", (code, signal) =>
    onGone(signal ? `was ended by ${signal}` : `ended with exit code ${code}`),
  );
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) forwardLines(stream, onLine);
  }
  return child;
}

/** Lets a child go by closing its channel, and kills it when it stays. Resolves when it is gone. */
export async function endProgram(child: ChildProcess): Promise<void> {
  const exited = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", () => resolve());
  });
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill("SIGKILL"), EXIT_WAIT_MS);
  await exited;
  clearTimeout(timer);
}
