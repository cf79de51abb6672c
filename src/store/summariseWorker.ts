import { isMainThread, parentPort } from "node:worker_threads";
import { formatById } from "../formats/index";
import { Failure, failureData, type FailureData } from "../model/failure";
import { summariseDocument, type DocumentJob } from "./textDocument";
import { summariseLines, type LinesJob, type LinesResult } from "./textLines";
import { searchRecords, type SearchJob, type SearchResult } from "./searchRecords";
import { buffersOf } from "./summaryBlock";

export type SummariseJob = LinesJob | DocumentJob;

/** What worker threads do. */
export type WorkerJob = SummariseJob | SearchJob;
export type ResultOf<J extends WorkerJob> = J extends SearchJob ? SearchResult : LinesResult;

export interface JobMessage {
  readonly id: number;
  readonly job: WorkerJob;
}

export interface JobReply {
  readonly id: number;
  readonly result?: LinesResult | SearchResult;
  readonly failure?: FailureData;
}

/** Does one job in this thread. A pure function of the file's bytes. */
export function summarise(job: SummariseJob): LinesResult {
  const format = formatById(job.formatId);
  if (format === undefined)
    throw new Failure("unknown-format", `There is no format "${job.formatId}".`, "Index the file again.");
  return job.kind === "lines" ? summariseLines(job, format) : summariseDocument(job, format);
}

/** Does any job in this thread. */
export function doJob<J extends WorkerJob>(job: J): ResultOf<J> {
  return (job.kind === "search" ? searchRecords(job) : summarise(job)) as ResultOf<J>;
}

/** Serves jobs when this module runs as a worker thread. */
export function serveSummariseJobs(): void {
  if (isMainThread || parentPort === null) return;
  const port = parentPort;
  port.on("message", ({ id, job }: JobMessage) => {
    try {
      const result = doJob(job);
      port.postMessage({ id, result } satisfies JobReply, "block" in result ? buffersOf(result.block) : []);
    } catch (error) {
      port.postMessage({ id, failure: failureData(error) } satisfies JobReply);
    }
  });
}
