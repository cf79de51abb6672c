import { basename, join } from "node:path";
import { Failure, failureData } from "../../model/failure";
import type { UserSignalCalls, UserSignalDeclaration } from "../../protocol/userSignalCalls";
import type { ParameterValues, Signal, SignalContext, SignalResult } from "../../signals/signal";
import { Supervisor } from "../processes/supervisor";
import type { ServicesOptions } from "../services";
import { signalOf } from "./declaration";

/** A file that could not be used, with one sentence. */
export interface UserSignalProblem {
  readonly path: string;
  readonly message: string;
}

export interface UserSignalList {
  readonly signals: readonly Signal[];
  readonly problems: readonly UserSignalProblem[];
}

const LOAD_MS = 10_000;
const COMPUTE_MS = 5_000;

/**
 * Signals that the workspace's own files define, run in a child process that is killed when one takes too long. The
 * files are code of the user's: the option that names them gives none where the workspace is not trusted.
 */
export class UserSignals {
  private readonly child: Supervisor<UserSignalCalls>;
  private readonly declarations = new Map<string, UserSignalDeclaration>();
  private readonly limitMs: number;

  constructor(private readonly options: ServicesOptions) {
    this.limitMs = options.userSignalMs ?? COMPUTE_MS;
    this.child = new Supervisor<UserSignalCalls>({
      name: "the process of user-defined signals",
      entry: join(options.distFolder, "userSignals.js"),
      // One at a time: a call that hangs is killed, and must not take others along.
      concurrency: 1,
      ...(options.nodePath === undefined ? {} : { nodePath: options.nodePath }),
      ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      log: (level, message) => options.log?.(level, message),
    });
  }

  /** Imports every file. A file that fails is a problem; the others are there. Starts nothing without files. */
  async list(): Promise<UserSignalList> {
    const paths = (await this.options.userSignalFiles?.()) ?? [];
    const problems: UserSignalProblem[] = [];
    const found = new Map<string, UserSignalDeclaration>();
    for (const path of paths) {
      try {
        const { signals } = await this.child.call("load", { path }, { timeoutMs: LOAD_MS });
        for (const declaration of signals) {
          const taken = found.get(declaration.id);
          if (taken && taken.path !== path)
            problems.push({ path, message: `${declaration.id} is also defined in ${basename(taken.path)}.` });
          else found.set(declaration.id, declaration);
        }
      } catch (error) {
        const { code, message } = failureData(error);
        problems.push({
          path,
          message:
            code === "timed-out"
              ? `${basename(path)} did not finish loading within ${LOAD_MS / 1000} s.`
              : message,
        });
      }
    }
    this.declarations.clear();
    for (const [id, declaration] of found) this.declarations.set(id, declaration);
    return { signals: [...found.values()].map(signalOf), problems };
  }

  /** The signal of an id that starts with `user-`. @throws Failure that says why it is not there */
  async find(id: string): Promise<Signal> {
    const known = this.declarations.get(id);
    if (known) return signalOf(known);
    const files = await this.options.userSignalFiles?.();
    if (files === undefined)
      throw new Failure(
        "untrusted",
        `${id} is code of this workspace and does not run in a folder that is not trusted.`,
        "Trust the folder first (Manage Workspace Trust).",
      );
    const { signals, problems } = await this.list();
    const signal = signals.find((candidate) => candidate.id === id);
    if (signal) return signal;
    throw new Failure(
      "unknown-signal",
      `There is no signal "${id}"${problems[0] ? `; ${problems[0].message}` : "."}`,
      "User-defined signals lie in .trajectory-lens/signals, or where the setting trajectoryLens.signals.files says.",
    );
  }

  /** Runs one signal. What goes wrong in it is a result with one sentence, not an exception. */
  async compute(id: string, context: SignalContext, parameters: ParameterValues): Promise<SignalResult> {
    const declaration = this.declarations.get(id);
    if (!declaration || (await this.options.userSignalFiles?.()) === undefined)
      return { missing: [], how: `${id} is no longer there.` };
    try {
      // The limit is for the signal alone: starting a process and importing the file have a time of their own.
      await this.child.call("load", { path: declaration.path }, { timeoutMs: LOAD_MS });
      const result = (await this.child.call(
        "compute",
        { path: declaration.path, id, context, parameters },
        { timeoutMs: this.limitMs },
      )) as SignalResult;
      return sized(id, result, context);
    } catch (error) {
      const { code, message } = failureData(error);
      return {
        missing: [],
        how:
          code === "timed-out"
            ? `${id} did not give a result within ${this.limitMs / 1000} s and was stopped.`
            : message,
      };
    }
  }

  dispose(): Promise<void> {
    return this.child.dispose();
  }
}

/** A result whose length belongs to its level. */
function sized(id: string, result: SignalResult, { trajectory }: SignalContext): SignalResult {
  if ("missing" in result) return result;
  const steps = trajectory.steps.length > 0 ? trajectory.steps.length : trajectory.columns?.steps;
  const wanted = { step: steps, token: trajectory.tokens?.count, trajectory: 1, group: 1 }[
    result.level as string
  ];
  return wanted === undefined || result.values.length === wanted
    ? result
    : {
        missing: [],
        how: `${id} gave ${result.values.length} numbers where a ${result.level} signal has ${wanted} here.`,
      };
}
