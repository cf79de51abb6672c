import { setTimeout as pause } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { Failure, failureData } from "../model/failure";
import { parseRequest, type RpcReply } from "../protocol/rpc";
import type { StoreCalls } from "../protocol/storeCalls";
import { exportParquet } from "./exportParquet";
import { isDamage, removeIndex } from "./indexDatabase";
import { parquetRows } from "./parquet";
import { columnsOf } from "./probe";
import { Store } from "./store";
import { serveSummariseJobs } from "./summariseWorker";
import { runUserSql } from "./userSql";

/** Entry of the data process, and of its worker threads, which parse. */

type Handlers = {
  readonly [K in keyof StoreCalls]: (
    params: StoreCalls[K]["params"],
    call: { readonly signal: AbortSignal; progress(progress: unknown): void },
  ) => Promise<StoreCalls[K]["result"]>;
};

let opened: Promise<Store> | undefined;

function store(): Promise<Store> {
  if (opened === undefined) throw new Failure("not-open", "The index is not open.", "Call open first.");
  return opened;
}

function send(reply: RpcReply): void {
  // The window may close between the check and the write: then nobody is left to be told.
  if (process.connected) process.send?.(reply, () => undefined);
}

const handlers: Handlers = {
  async open({ folder }) {
    opened ??= Store.open(folder, new URL(import.meta.url), (name, payload) =>
      send({ type: "event", name, payload }),
    );
    try {
      const { database } = await opened;
      return { indexPath: database.path, rebuilt: database.rebuilt };
    } catch (error) {
      opened = undefined;
      throw error;
    }
  },
  index: async ({ paths, watch, mappings }, { signal, progress }) =>
    (await store()).index(paths, watch, progress, signal, mappings),
  columns: ({ path }) => columnsOf(path),
  datasets: async () => (await store()).datasets(),
  dataset: async ({ id }) => (await store()).dataset(id),
  datasetOfFile: async ({ path }) => (await store()).datasetOfFile(path),
  rows: async ({ query, start, end }) => (await store()).queries.rows(query, start, end),
  row: async ({ id }) => (await store()).queries.row(id),
  rowAt: async ({ path, row, part }) => (await store()).queries.rowAt(path, row, part ?? 0),
  trajectory: async ({ id }) => (await store()).trajectories.trajectory(id),
  trajectories: async ({ ids }) => (await store()).trajectories.trajectories(ids),
  groups: async ({ datasetId, trainingStep, start, end }) =>
    (await store()).queries.groups(datasetId, trainingStep, start, end),
  group: async ({ groupId }) => (await store()).queries.group(groupId),
  trainingSteps: async ({ datasetId }) => (await store()).queries.trainingSteps(datasetId),
  tree: async ({ groupId }) => (await store()).trajectories.tree(groupId),
  query: async ({ sql, ...options }, { signal }) =>
    runUserSql((await store()).database, sql, { ...options, signal }),
  search: async (params, { signal, progress }) => (await store()).search(params, progress, signal),
  putScores: async ({ series, cacheKeys }) => ({
    stored: await (await store()).scores.put(series, cacheKeys),
  }),
  scores: async ({ trajectoryId }) => (await store()).scores.ofTrajectory(trajectoryId),
  cachedScores: async ({ cacheKeys }) => (await store()).scores.cached(cacheKeys),
  exportParquet: async ({ datasetIds, to }, { signal }) =>
    exportParquet((await store()).database, datasetIds, to, signal),
  parquetRows: ({ path, start, end }) => parquetRows(path, start, end),
  async close() {
    const open = opened;
    opened = undefined;
    await (await open)?.close();
    return null;
  },
};

const running = new Map<number, AbortController>();

async function answer(id: number, method: string, params: unknown): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const handler = Object.hasOwn(handlers, method)
      ? (handlers[method as keyof StoreCalls] as (params: unknown, call: unknown) => Promise<unknown>)
      : undefined;
    if (handler === undefined)
      throw new Failure(
        "unknown-call",
        `The data process knows no call "${method}".`,
        "Update the extension.",
      );
    const result = await handler(params, {
      signal: controller.signal,
      progress: (progress: unknown) => send({ type: "progress", id, progress }),
    });
    send({ type: "result", id, result });
  } catch (error) {
    if (isDamage(error)) await giveUpDamagedIndex(id, error);
    else {
      if (!(error instanceof Failure))
        send({
          type: "log",
          level: "error",
          message: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      send({ type: "failure", id, failure: failureData(error) });
    }
  } finally {
    running.delete(id);
  }
}

/** A damaged index holds nothing that the files do not: it is removed, and the next start builds it anew. */
async function giveUpDamagedIndex(id: number, error: unknown): Promise<void> {
  send({
    type: "log",
    level: "error",
    message: `The index is damaged and is rebuilt: ${error instanceof Error ? error.message : String(error)}`,
  });
  const open = await opened?.catch(() => undefined);
  if (open !== undefined) removeIndex(open.database.path);
  send({
    type: "failure",
    id,
    failure: {
      code: "index-damaged",
      message: "The index file was damaged and has been dropped.",
      hint: "Try again: it is built anew from the files.",
    },
  });
  setTimeout(() => process.exit(75), 100);
}

/** Resolves when no call is under way: closing the index would block this thread, its timers with it, until the last query ends. */
async function atRest(): Promise<void> {
  while (running.size > 0) await pause(20);
}

function serve(): void {
  // Ctrl-C on a terminal reaches every process there; the parent decides what becomes of the work and of this one.
  process.on("SIGINT", () => undefined);
  process.on("message", (message: unknown) => {
    const request = parseRequest(message);
    if (request.type === "cancel") running.get(request.id)?.abort();
    else void answer(request.id, request.method, request.params);
  });
  process.on("disconnect", () => {
    // An exit in good order joins DuckDB's threads, which a query without an end keeps busy for ever.
    const end = (): boolean => process.kill(process.pid, "SIGKILL");
    setTimeout(end, 5_000);
    for (const work of running.values()) work.abort();
    void atRest()
      .then(() => opened)
      .then((open) => open?.close())
      .catch(() => undefined)
      .finally(end);
  });
}

if (isMainThread) serve();
else serveSummariseJobs();
