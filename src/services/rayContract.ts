import type { ModelInfo } from "../model/score";
import type { Task } from "./services";

/** A prepared Ray Data job in its folder. */
export interface RayJob {
  readonly folder: string;
  readonly modelPath: string;
  readonly kind: ModelInfo["kind"];
  readonly trajectories: number;
  /** Trajectories that the model cannot read, each with one sentence. */
  readonly failures: readonly { readonly trajectoryId: string; readonly message: string }[];
}

export interface RayOptions {
  /** "local" (a cluster of its own, default), "auto", or "ray://host:port". */
  readonly address?: string;
  /** Actors with a model of their own each; default 2. */
  readonly workers?: number;
  readonly provider?: "auto" | "cpu" | "cuda";
  readonly gpusPerWorker?: number;
}

export interface RayResult {
  readonly trajectories: number;
  readonly scored: number;
  /** Trajectories without a result: the job ended early and can be started again. */
  readonly missing: number;
  readonly numbers: number;
  readonly failures: readonly { readonly trajectoryId: string; readonly message: string }[];
}

/** Scoring a whole dataset on a Ray cluster: rows are written to a job folder, a script scores them, the results join the index. */
export interface RayJobs {
  /** Writes the job's input; an older job in the folder is replaced. @throws Failure */
  prepare(
    trajectoryIds: readonly string[],
    modelPath: string,
    folder: string,
    task?: Task<{ done: number; total: number }>,
  ): Promise<RayJob>;
  /** Arguments for the Python interpreter that runs the job; starting it again goes on where it stopped. */
  command(folder: string, options: RayOptions): Promise<readonly string[]>;
  /** Takes the results that are there into the index. */
  collect(folder: string, task?: Task<{ done: number; total: number }>): Promise<RayResult>;
}
