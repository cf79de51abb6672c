import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { stat } from "node:fs/promises";
import { Failure } from "../../model/failure";
import type { RayOptions, RayResult } from "../../services/rayContract";
import { interruption } from "../interruption";
import { counted, shownTask } from "../progress";
import { chosenRows, withIndex, type CommonOptions, type Output } from "../session";

export interface RayCommandOptions extends CommonOptions {
  readonly model: string;
  readonly job: string;
  readonly python: string;
  readonly address: string;
  readonly workers: number;
  readonly provider: string;
  readonly gpusPerWorker?: number;
  readonly limit?: number;
  readonly prepareOnly?: boolean;
  readonly collectOnly?: boolean;
}

const PROVIDERS = ["auto", "cpu", "cuda"] as const;

/** Scores a whole path as a Ray Data job and joins the results into the index. A job that was stopped goes on. */
export function rayCommand(path: string, options: RayCommandOptions): Promise<Output> {
  const provider = PROVIDERS.find((name) => name === options.provider);
  if (!provider) {
    throw new Failure(
      "bad-arguments",
      `A Ray job has no provider "${options.provider}".`,
      `Choose one of: ${PROVIDERS.join(", ")}.`,
    );
  }
  const job = resolve(options.job);
  return withIndex([path], options, async (opened) => {
    const { rayJobs } = opened.services;
    const told = shownTask(counted("trajectories"));
    if (!(await stat(join(job, "job.json")).catch(() => undefined))) {
      const rows = await chosenRows(opened, undefined, options.limit);
      await rayJobs.prepare(
        rows.map((row) => row.id),
        options.model,
        job,
        told,
      );
    }
    const rayOptions: RayOptions = {
      address: options.address,
      workers: options.workers,
      provider,
      ...(options.gpusPerWorker === undefined ? {} : { gpusPerWorker: options.gpusPerWorker }),
    };
    const command = await rayJobs.command(job, rayOptions);
    if (options.prepareOnly) {
      return {
        document: { job, command: [options.python, ...command] },
        text: () => `${job} is prepared. Run: ${[options.python, ...command].map(quoted).join(" ")}`,
      };
    }
    if (!options.collectOnly) await runJob(options.python, command, options);
    const result = await rayJobs.collect(job, told);
    return { document: { job, ...result }, text: () => summary(result) };
  });
}

function summary({ scored, trajectories, missing, numbers, failures }: RayResult): string {
  return [
    `${scored} of ${trajectories} trajectories scored, ${numbers} numbers joined into the index`,
    ...(missing > 0 ? [`${missing} have no result yet: run the same command again to compute them`] : []),
    ...failures.slice(0, 20).map((failure) => `${failure.trajectoryId}: ${failure.message}`),
    ...(failures.length > 20 ? [`... and ${failures.length - 20} more that could not be scored`] : []),
  ].join("\n");
}

/** Runs the job in the user's interpreter; what it says goes to standard error. @throws Failure with its last line */
function runJob(python: string, args: readonly string[], options: CommonOptions): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn(python, args, { stdio: ["ignore", "pipe", "pipe"], signal: interruption });
    let last = "";
    const hear = (chunk: Buffer): void => {
      const text = chunk.toString("utf8");
      last = text.trim().split("\n").at(-1) ?? last;
      if (options.verbose) process.stderr.write(text);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", (error) =>
      failed(
        error.name === "AbortError"
          ? new Failure(
              "cancelled",
              "The Ray job was cancelled.",
              "What it has finished is kept: run the same command again to go on.",
            )
          : new Failure(
              "no-python",
              `${python} could not be started: ${error.message}`,
              "Give an interpreter that has ray and onnxruntime with --python.",
            ),
      ),
    );
    child.on("close", (code) => {
      if (code === 0) done();
      else
        failed(
          new Failure(
            "job-failed",
            `The Ray job ended with exit code ${code}: ${last}`,
            "What it has finished is kept: run the same command again to go on.",
          ),
        );
    });
  });
}

const quoted = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
