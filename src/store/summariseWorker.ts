import { isMainThread, parentPort } from "node:worker_threads";
import { formatById } from "../formats/index";
import { Failure, failureData, type FailureData } from "../model/failure";
import {
  summariseDocument,
  summariseLines,
  type DocumentJob,
  type LinesJob,
  type LinesResult,
} from "./textRecords";
import { buffersOf } from "./summaryBlock";

export type SummariseJob = LinesJob | DocumentJob;

export interface JobMessage {
  readonly id: number;
  readonly job: SummariseJob;
}

export interface JobReply {
  readonly id: number;
  readonly result?: LinesResult;
  readonly failure?: FailureData;
}

/** Does one job in this thread. A pure function of the file's bytes. */
export function summarise(job: SummariseJob): LinesResult {
  const format = formatById(job.formatId);
  if (format === undefined)
    throw new Failure("unknown-format", `There is no format "${job.formatId}".`, "Index the file again.");
  return job.kind === "lines" ? summariseLines(job, format) : summariseDocument(job, format);
}

/** Serves jobs when this module runs as a worker thread. */
export function serveSummariseJobs(): void {
  if (isMainThread || parentPort === null) return;
  const port = parentPort;
  port.on("message", ({ id, job }: JobMessage) => {
    try {
      const result = summarise(job);
      port.postMessage({ id, result } satisfies JobReply, buffersOf(result.block));
    } catch (error) {
      port.postMessage({ id, failure: failureData(error) } satisfies JobReply);
    }
  });
}
