import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Failure } from "../../src/model/failure";
import {
  Supervisor,
  type ProcessPhase,
  type SupervisorOptions,
} from "../../src/services/processes/supervisor";

type RestlessCalls = {
  echo: { params: unknown; result: unknown };
  identity: { params: Record<string, never>; result: { pid: number; calls: number; started: number } };
  fail: { params: Record<string, never>; result: never };
  exit: { params: { code: number }; result: never };
  abort: { params: Record<string, never>; result: never };
  hang: { params: { journal?: string; label?: string }; result: never };
  spin: { params: Record<string, never>; result: never };
  slow: { params: { label: string; ms: number; journal?: string }; result: string };
  untilCancelled: { params: Record<string, never>; result: never };
  flood: { params: { lines: number }; result: string; progress: { done: number } };
};

const entry = resolve("test/process/fixtures/restless.mjs");
const open: Supervisor<RestlessCalls>[] = [];

function supervise(options: Partial<SupervisorOptions> = {}): Supervisor<RestlessCalls> {
  const supervisor = new Supervisor<RestlessCalls>({
    name: "the restless process",
    entry,
    backoffMs: 20,
    ...options,
  });
  open.push(supervisor);
  return supervisor;
}

const failureOf = async (promise: Promise<unknown>): Promise<Failure> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Failure);
  return error as Failure;
};

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const until = async (condition: () => boolean, ms = 5_000): Promise<void> => {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) throw new Error("waited too long");
    await new Promise((done) => setTimeout(done, 10));
  }
};

afterEach(async () => {
  await Promise.all(open.splice(0).map((supervisor) => supervisor.dispose()));
});

describe("Supervisor", () => {
  it("carries typed arrays, NaN and -0 unchanged", async () => {
    const supervisor = supervise();
    const sent = { values: Float64Array.of(1 / 3, NaN, -0), ids: Int32Array.of(7), missing: null };
    const back = (await supervisor.call("echo", sent)) as typeof sent;
    expect(back).toEqual(sent);
    expect(Object.is(back.values[2], -0)).toBe(true);
  });

  it("starts one child for many calls, and none before the first", async () => {
    const supervisor = supervise();
    expect(supervisor.pid).toBeUndefined();
    const answers = await Promise.all(Array.from({ length: 20 }, () => supervisor.call("identity", {})));
    expect(new Set(answers.map((answer) => answer.pid)).size).toBe(1);
  });

  it("passes the child's own failure on and keeps the child", async () => {
    const supervisor = supervise();
    const { pid } = await supervisor.call("identity", {});
    const failure = await failureOf(supervisor.call("fail", {}));
    expect(failure.toData()).toEqual({
      code: "no-luck",
      message: "It did not work here.",
      hint: "Try there.",
    });
    expect((await supervisor.call("identity", {})).pid).toBe(pid);
  });

  it("rejects what is under way with one sentence when the child dies, and starts another for the next call", async () => {
    const logged: string[] = [];
    const supervisor = supervise({ log: (_level, message) => logged.push(message) });
    const { pid } = await supervisor.call("identity", {});
    const hanging = failureOf(supervisor.call("hang", {}));
    const failure = await failureOf(supervisor.call("exit", { code: 3 }));
    expect(failure.code).toBe("process-ended");
    expect(failure.message).toBe("The restless process ended with exit code 3 before it could answer.");
    expect((await hanging).message).toBe(failure.message);
    expect(supervisor.phase).toBe("crashed");
    expect(logged).toContain("the restless process ended with exit code 3.");
    expect((await supervisor.call("identity", {})).pid).not.toBe(pid);
  });

  it("names the signal of a native abort", async () => {
    const failure = await failureOf(supervise().call("abort", {}));
    expect(failure.message).toMatch(/^The restless process was ended by SIGABRT before it could answer\.$/);
  });

  it("waits longer after each crash in a row and forgets it after a success", async () => {
    const supervisor = supervise({ backoffMs: 100 });
    const timed = async (): Promise<number> => {
      const start = Date.now();
      await failureOf(supervisor.call("exit", { code: 1 }));
      return Date.now() - start;
    };
    await timed();
    // A wait is a lower bound: a busy machine only adds to it.
    expect(await timed()).toBeGreaterThanOrEqual(90);
    expect(await timed()).toBeGreaterThanOrEqual(190);
    expect(await timed()).toBeGreaterThanOrEqual(390);
    await supervisor.call("identity", {});
    await timed();
    const start = Date.now();
    await supervisor.call("identity", {});
    expect(Date.now() - start).toBeGreaterThanOrEqual(90);
  });

  it("cancels a call that obeys without losing the child", async () => {
    const supervisor = supervise();
    const { pid } = await supervisor.call("identity", {});
    const controller = new AbortController();
    const call = failureOf(supervisor.call("untilCancelled", {}, { signal: controller.signal }));
    controller.abort();
    expect((await call).code).toBe("cancelled");
    await until(() => supervisor.phase === "running");
    expect((await supervisor.call("identity", {})).pid).toBe(pid);
  });

  it("kills a child that ignores a cancellation and runs the innocent calls again", async () => {
    const supervisor = supervise({ cancelGraceMs: 150 });
    const { pid } = await supervisor.call("identity", {});
    const controller = new AbortController();
    const innocent = supervisor.call("slow", { label: "kept", ms: 600 });
    const call = failureOf(supervisor.call("hang", {}, { signal: controller.signal }));
    setTimeout(() => controller.abort(), 50);
    expect((await call).code).toBe("cancelled");
    expect(await innocent).toBe("kept");
    expect(alive(pid)).toBe(false);
  });

  it("kills a child that spins past its time-out", async () => {
    const supervisor = supervise();
    const { pid } = await supervisor.call("identity", {});
    const failure = await failureOf(supervisor.call("spin", {}, { timeoutMs: 200 }));
    expect(failure.code).toBe("timed-out");
    expect(failure.message).toBe('The restless process gave no answer to "spin" within 0.2 s.');
    await until(() => !alive(pid));
    expect((await supervisor.call("identity", {})).pid).not.toBe(pid);
  });

  it("runs one call at a time when told to, in order, and drops a queued call that is cancelled", async () => {
    const journal = join(mkdtempSync(join(tmpdir(), "supervisor-")), "journal");
    const supervisor = supervise({ concurrency: 1 });
    const controller = new AbortController();
    const calls = [
      supervisor.call("slow", { label: "a", ms: 60, journal }),
      failureOf(supervisor.call("hang", { label: "b", journal }, { signal: controller.signal })),
      supervisor.call("slow", { label: "c", ms: 1, journal }),
    ];
    controller.abort();
    await Promise.all(calls);
    expect(readFileSync(journal, "utf8")).toBe("slow a\nslow c\n");
  });

  it("survives a flood: bounded log, newest progress, events, and messages of unknown shape ignored", async () => {
    const logged: string[] = [];
    const events: unknown[] = [];
    const progress: number[] = [];
    const supervisor = supervise({
      log: (_level, message) => logged.push(message),
      onEvent: (name, payload) => events.push([name, payload]),
    });
    const result = await supervisor.call(
      "flood",
      { lines: 20_000 },
      { onProgress: ({ done }) => progress.push(done) },
    );
    expect(result).toBe("done");
    expect(events).toEqual([["flooded", { lines: 20_000 }]]);
    expect(progress.at(-1)).toBe(20_000);
    expect(progress.length).toBeLessThan(2_000);
    expect(logged).toContain("that was a lot");
    expect(logged.filter((line) => line.includes("unknown shape"))).toHaveLength(2);
    await supervisor.dispose();
    expect(logged.length).toBeLessThan(3_000);
    expect(Math.max(...logged.map((line) => line.length))).toBeLessThan(2_100);
    expect(logged.some((line) => line.includes("more lines were left out"))).toBe(true);
  });

  it("ends an idle child, keeps one that is asked for, and starts again on the next call", async () => {
    let keep = true;
    const phases: ProcessPhase[] = [];
    const supervisor = supervise({
      idleMs: 80,
      keepAlive: () => keep,
      onPhase: (phase) => phases.push(phase),
    });
    const { pid } = await supervisor.call("identity", {});
    await new Promise((done) => setTimeout(done, 300));
    expect(alive(pid)).toBe(true);
    keep = false;
    await until(() => !alive(pid));
    expect(phases.at(-1)).toBe("idle");
    expect((await supervisor.call("identity", {})).pid).not.toBe(pid);
  });

  it("initialises each fresh child before any queued call", async () => {
    const journal = join(mkdtempSync(join(tmpdir(), "supervisor-")), "journal");
    const supervisor = supervise({
      initialise: async (call) => {
        await call("echo", { journal, label: "first" });
      },
    });
    await supervisor.call("slow", { label: "one", ms: 1, journal });
    await failureOf(supervisor.call("exit", { code: 1 }));
    await supervisor.call("slow", { label: "two", ms: 1, journal });
    expect(readFileSync(journal, "utf8")).toBe("echo first\nslow one\necho first\nslow two\n");
  });

  it("fails the waiting calls when a child cannot be initialised", async () => {
    const supervisor = supervise({ initialise: async (call) => void (await call("fail", {})) });
    expect((await failureOf(supervisor.call("identity", {}))).code).toBe("no-luck");
  });

  it("says so when the program or the interpreter is missing", async () => {
    const missing = await failureOf(supervise({ entry: "/nowhere/store.js" }).call("identity", {}));
    expect(missing.message).toBe("The program of the restless process is missing: /nowhere/store.js.");
    const noNode = await failureOf(supervise({ nodePath: "/nowhere/node" }).call("identity", {}));
    expect(noNode.message).toMatch(/^The restless process could not be started \(.*ENOENT/);
  });
});
