/**
 * The process of user-defined signals: forked with `serialization: "advanced"`, imports files of the workspace and runs
 * their `compute`. It ends with its parent; the supervisor kills what takes too long.
 */
import { statSync } from "node:fs";
import { register } from "node:module";
import { basename } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Failure, failureData } from "../../model/failure";
import { parseRequest, type RpcReply } from "../../protocol/rpc";
import type { UserSignalCalls, UserSignalDeclaration } from "../../protocol/userSignalCalls";
import type { SignalResult } from "../../signals/signal";
import { declarationOf, resultOf } from "./declaration";

interface LoadedSignal {
  readonly declaration: UserSignalDeclaration;
  compute(context: unknown, parameters: unknown): unknown;
}

const files = new Map<string, { readonly version: number; readonly signals: readonly LoadedSignal[] }>();

/** One sentence with the line of the user's file at which it happened. */
function failed(path: string, what: string, error: unknown): Failure {
  const message =
    error instanceof Error
      ? `${error.name === "Error" ? "" : `${error.name}: `}${error.message}`
      : String(error);
  const line = error instanceof Error ? lineIn(path, error) : undefined;
  const where = line === undefined ? basename(path) : `${basename(path)}, line ${line}`;
  const text = message.split("\n")[0]!.replace(/[.\s]+$/u, "");
  return new Failure(
    "user-signal",
    `${what} (${where}): ${text}.`,
    "Mend the file; it is read again when it changes.",
  );
}

function lineIn(path: string, error: Error): number | undefined {
  for (const line of (error.stack ?? "").split("\n")) {
    const found = /(file:[^\s)]+?)(?:\?[^:)]*)?:(\d+)(?::\d+)?\)?$/u.exec(line);
    if (!found) continue;
    try {
      if (fileURLToPath(found[1]!) === path) return Number(found[2]);
    } catch {
      // Not an address of a file.
    }
  }
  return undefined;
}

async function signalsOf(path: string): Promise<readonly LoadedSignal[]> {
  const version = statSync(path).mtimeMs;
  const known = files.get(path);
  if (known?.version === version) return known.signals;
  let exported: Record<string, unknown>;
  try {
    exported = (await import(`${pathToFileURL(path).href}?version=${version}`)) as Record<string, unknown>;
  } catch (error) {
    throw failed(path, "The file cannot be imported", error);
  }
  const candidates = Object.values(exported).flatMap((value): unknown[] =>
    Array.isArray(value) ? value : [value],
  );
  const signals: LoadedSignal[] = [];
  for (const candidate of new Set(candidates)) {
    if (typeof candidate !== "object" || candidate === null || !("compute" in candidate)) continue;
    const { compute } = candidate;
    if (typeof compute !== "function")
      throw failed(path, "A signal cannot be used", "its compute is no function");
    try {
      signals.push({
        declaration: declarationOf(candidate, path),
        compute: (context, parameters) => compute.call(candidate, context, parameters) as unknown,
      });
    } catch (error) {
      throw failed(path, "A signal cannot be used", error);
    }
  }
  if (signals.length === 0)
    throw new Failure(
      "user-signal",
      `${basename(path)} exports no signal: an object with id and compute(context, parameters).`,
      "See Adding a signal in the documentation.",
    );
  files.set(path, { version, signals });
  return signals;
}

async function load({ path }: UserSignalCalls["load"]["params"]): Promise<UserSignalCalls["load"]["result"]> {
  return { signals: (await signalsOf(path)).map(({ declaration }) => declaration) };
}

async function compute({
  path,
  id,
  context,
  parameters,
}: UserSignalCalls["compute"]["params"]): Promise<SignalResult> {
  const signal = (await signalsOf(path)).find(({ declaration }) => declaration.id === id);
  if (!signal)
    throw new Failure("user-signal", `${basename(path)} no longer exports ${id}.`, "Choose another signal.");
  try {
    return resultOf(await signal.compute(context, parameters), signal.declaration.level);
  } catch (error) {
    throw failed(path, `${id} failed`, error);
  }
}

const handlers: Readonly<Record<string, (params: never) => Promise<unknown>>> = { load, compute };

function send(reply: RpcReply): void {
  if (process.connected) process.send!(reply);
}

register("./userSignalHooks.js", import.meta.url);
process.on("message", (message) => {
  const request = parseRequest(message);
  if (request.type === "cancel") return;
  const { id, method, params } = request;
  const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
  const answer = handler
    ? handler(params as never)
    : Promise.reject(new Failure("unknown-call", `There is no call ${method}.`, "Update Trajectory Lens."));
  answer.then(
    (result) => send({ type: "result", id, result }),
    (error: unknown) => send({ type: "failure", id, failure: failureData(error) }),
  );
});
// Ctrl-C on a terminal reaches every process there; the parent decides what becomes of the work and of this one.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit(0));
// What a file leaves behind (a timer, a promise that nobody waits for) must not take the other signals along.
process.on("unhandledRejection", (error) => send({ type: "log", level: "warn", message: String(error) }));
