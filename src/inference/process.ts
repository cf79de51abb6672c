/**
 * The inference process: forked with `serialization: "advanced"`, answers the calls of `InferenceCalls` one at a
 * time, and ends when its parent goes. `run()` of ONNX Runtime blocks the thread, so a cancellation is seen between
 * two runs; the supervisor kills what takes longer.
 *
 * Environment: `TRAJECTORY_LENS_THREADS` = threads of one run (default: ONNX Runtime's choice, the physical cores).
 */
import { Failure, failureData } from "../model/failure";
import type { InferenceCalls } from "../protocol/inferenceCalls";
import { parseRequest, type RpcReply } from "../protocol/rpc";
import { answerBelief } from "./answerBelief";
import { generate, stateValues } from "./forking";
import { inspectModel } from "./loadedModel";
import { lookAhead } from "./lookAhead";
import { prepareForServer } from "./preparedText";
import { portableRows } from "./portableRows";
import { probeProviders } from "./providers";
import { askQuestions } from "./questions";
import { ModelHolder, scoreTrajectories } from "./scoring";

type Method = keyof InferenceCalls;
type ProgressOf<M extends Method> = InferenceCalls[M] extends { progress: infer P } ? P : never;

/** Everything that a call is given. `report` resolves when the message has left the process. */
interface Call<M extends Method> {
  readonly params: InferenceCalls[M]["params"];
  readonly signal: AbortSignal;
  report(progress: ProgressOf<M>): Promise<void>;
}

type Handlers = { readonly [M in Method]: (call: Call<M>) => Promise<InferenceCalls[M]["result"]> };

const threads = Number(process.env["TRAJECTORY_LENS_THREADS"]) || undefined;
const holder = new ModelHolder(threads);

const handlers: Handlers = {
  async providers({ params, report }) {
    await holder.release();
    return probeProviders({ ...params, onProbe: (probing) => report({ probing }) });
  },
  async inspect({ params }) {
    // Looking at a model loads it for a moment, and a process never has two sessions at once.
    await holder.release();
    return inspectModel(params.path, params.declaration);
  },
  score: ({ params, signal, report }) =>
    scoreTrajectories(holder, params, signal, (progress) => void report(progress)),
  generate: ({ params, signal, report }) =>
    generate(holder, params, signal, (progress) => void report(progress)),
  stateValues: ({ params, signal, report }) =>
    stateValues(holder, params, signal, (progress) => void report(progress)),
  answerBelief: ({ params, signal, report }) =>
    answerBelief(holder, params, signal, (progress) => void report(progress)),
  lookAhead: ({ params, signal, report }) =>
    lookAhead(holder, params, signal, (progress) => void report(progress)),
  questions: ({ params, signal, report }) =>
    askQuestions(holder, params, signal, (progress) => void report(progress)),
  prepare: ({ params }) => prepareForServer(params),
  portableRows: async ({ params }) =>
    portableRows((await holder.open(params.modelPath, "cpu")).model, params.trajectories),
  async unload() {
    await holder.release();
    return null;
  },
};

/** Sends a reply and waits until it is written; a parent that is gone ends this process through `disconnect`. */
function send(reply: RpcReply): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) resolve();
    else process.send!(reply, undefined, undefined, () => resolve());
  });
}

const running = new Map<number, AbortController>();
let queue: Promise<void> = Promise.resolve();

async function answer(id: number, method: string, params: unknown, signal: AbortSignal): Promise<void> {
  try {
    if (!Object.hasOwn(handlers, method))
      throw new Failure(
        "unknown-call",
        `The inference process has no call “${method}”.`,
        "Update Trajectory Lens.",
      );
    if (signal.aborted)
      throw new Failure(
        "cancelled",
        "The call was cancelled before it began.",
        "Start it again when you want it.",
      );
    const handler = handlers[method as Method] as (call: Call<Method>) => Promise<unknown>;
    const result = await handler({
      params: params as never,
      signal,
      report: (progress) => send({ type: "progress", id, progress }),
    });
    await send({ type: "result", id, result });
  } catch (error) {
    if (!(error instanceof Failure))
      await send({
        type: "log",
        level: "error",
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    await send({ type: "failure", id, failure: failureData(error) });
  } finally {
    running.delete(id);
  }
}

process.on("message", (message) => {
  const request = parseRequest(message);
  if (request.type === "cancel") {
    running.get(request.id)?.abort();
    return;
  }
  const controller = new AbortController();
  running.set(request.id, controller);
  queue = queue.then(() => answer(request.id, request.method, request.params, controller.signal));
});

// Ctrl-C on a terminal reaches every process there; the parent decides what becomes of the work and of this one.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit(0));

if (!process.send) {
  process.stderr.write("This program is started by Trajectory Lens and does nothing on its own.\n");
  process.exit(1);
}
