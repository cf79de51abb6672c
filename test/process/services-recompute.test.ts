import { existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Failure } from "../../src/model/failure";
import { createServices } from "../../src/services/openServices";
import { pythonJson } from "../../src/services/rewardRunner";
import type { RecomputeReport } from "../../src/services/recomputeContract";
import type { Services } from "../../src/services/services";

const python = process.platform === "win32" ? "python" : "python3";
const fixtures = resolve("test/process/fixtures");
const file = join(fixtures, "rewards_under_test.py");
const logged: string[] = [];
let services: Services;
let ids: string[];

beforeAll(async () => {
  if (!existsSync(resolve("dist/store.js")))
    throw new Error("dist/store.js is missing: run `node esbuild.mjs` first.");
  services = createServices({
    storageFolder: mkdtempSync(join(tmpdir(), "lens-recompute-")),
    distFolder: resolve("dist"),
    log: (_level, message) => logged.push(message),
  });
  await services.datasets.index([join(fixtures, "verl")], { watch: false });
  const { rows } = await services.datasets.rows({ sort: "row" }, 0, 100);
  ids = [1, 2].flatMap((step) => rows.filter((row) => row.trainingStep === step).map((row) => row.id));
});

afterAll(() => services.dispose());

const recompute = (functionName: string, trajectoryIds = ids, from = file): Promise<RecomputeReport> =>
  services.recompute.rewards({ trajectoryIds, file: from, functionName, python });

const failureOf = (promise: Promise<unknown>): Promise<Failure> =>
  promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: Failure) => error,
  );

describe("a function of a text (verl)", () => {
  it("gives the recorded and the recomputed reward side by side, components too", async () => {
    const report = await recompute("compute_score");
    expect(report).toMatchObject({
      kind: "text",
      functionName: "compute_score",
      equal: 6,
      changed: 6,
      incomparable: 1,
      failed: 0,
    });
    expect(report.rows.map(({ recorded, recomputed }) => [recorded, recomputed])).toEqual([
      [0.125, 0.125],
      [0.25, 0.125],
      [1, 1],
      [0, 0.125],
      ...Array.from({ length: 4 }, () => [0.25, 0.125]),
      [1, 1],
      [1, 1],
      [1, 1],
      [0.125, 0.125],
      [null, 1],
    ]);
    expect(report.rows[1]).toMatchObject({
      difference: -0.125,
      components: { acc: { recorded: 0, recomputed: 0 }, format: { recorded: 1, recomputed: NaN } },
    });
    // what was recorded as null is not compared with anything
    expect(report.rows.at(-1)?.difference).toBeUndefined();
    expect(report.recordedMean).toBe((0.125 + 0.25 + 1 + 0 + 4 * 0.25 + 3 + 0.125) / 12);
    expect(logged.some((line) => line.includes("noise on standard output"))).toBe(true);
  });

  it("takes a plain number", async () => {
    const report = await recompute("plain_number", ids.slice(3, 4));
    expect(report.rows[0]?.recomputed).toBe("I cannot.".length);
  });

  it("names the error and the line for the row that fails, and goes on", async () => {
    const report = await recompute("fails_sometimes");
    expect(report.failed).toBe(1);
    expect(report.rows[3]?.message).toMatch(
      /^ValueError: a refusal has no grade \(rewards_under_test\.py:\d+\)\.$/,
    );
    expect(report.rows[3]?.recomputed).toBeUndefined();
    expect(report.rows.filter((row) => row.recomputed === -0.5)).toHaveLength(12);
  });

  it("says which parameter the rollouts cannot fill", async () => {
    expect((await recompute("needs_more", ids.slice(0, 1))).rows[0]?.message).toBe(
      "It needs the parameter judge, which the rollouts do not hold.",
    );
  });
});

describe("a function of a batch (TRL)", () => {
  it("gets prompts, completions and columns, and may leave rows out", async () => {
    const report = await recompute("lengths");
    expect(report.kind).toBe("batch");
    expect(report.rows[3]?.recomputed).toBeNull();
    const trajectory = await services.datasets.trajectory(ids[0] ?? "");
    expect(report.rows[0]?.recomputed).toBe(trajectory.flatText?.response.length);
  });

  it("is refused when it returns another number of rewards", async () => {
    expect((await recompute("wrong_count")).rows[0]?.message).toBe(
      "It returned 1 rewards for 13 completions.",
    );
  });
});

describe("a function of transitions", () => {
  it("gives the rewards per step, in plain lists where NumPy is not needed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lens-reward-"));
    const path = join(folder, "torque.py");
    writeFileSync(path, "def reward(obs, action):\n    return [-float(a[0]) ** 2 for a in action]\n");
    const run = resolve("examples/workspace/control/runs/pendulum-ppo/pendulum/ppo-late-v0");
    await services.datasets.index([run], { watch: false });
    const dataset = (await services.datasets.list()).find((candidate) => candidate.format === "minari");
    const { rows } = await services.datasets.rows({ datasetId: dataset?.id ?? "" }, 0, 1);
    const report = await recompute("reward", [rows[0]?.id ?? ""], path);
    const trajectory = await services.datasets.trajectory(rows[0]?.id ?? "");
    const actions =
      trajectory.columns?.columns.find((column) => column.role === "action")?.data ?? new Float32Array();
    expect(report.kind).toBe("transition");
    expect([...(report.rows[0]?.steps ?? [])]).toEqual(Array.from(actions, (action) => -(action ** 2)));
    // Nothing is written beside the user's code, not even compiled modules.
    expect(readdirSync(folder)).toEqual(["torque.py"]);
  });
});

describe("what cannot run", () => {
  it("says why in one sentence", async () => {
    expect((await failureOf(recompute("absent"))).message).toBe(
      "absent in rewards_under_test.py cannot be run: rewards_under_test.py has no function absent.",
    );
    expect((await failureOf(recompute("not_a_reward"))).message).toContain("Its parameters are (a, b)");
    expect((await failureOf(recompute("f", ids, "/nowhere/rewards.py"))).code).toBe("unknown-path");
    const broken = join(mkdtempSync(join(tmpdir(), "lens-broken-")), "broken.py");
    writeFileSync(broken, "import a_module_that_nobody_has\n");
    expect((await failureOf(recompute("f", ids, broken))).message).toMatch(
      /ModuleNotFoundError: No module named 'a_module_that_nobody_has' \(broken\.py:1\)\.$/,
    );
    expect(
      (
        await failureOf(
          services.recompute.rewards({
            trajectoryIds: ids,
            file,
            functionName: "compute_score",
            python: "/nowhere/python",
          }),
        )
      ).code,
    ).toBe("python-missing");
    expect((await failureOf(recompute("leaves"))).message).toBe(
      "Python ended while it ran leaves in rewards_under_test.py.",
    );
  });

  it("can be cancelled while the function hangs", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 500);
    const failure = await failureOf(
      services.recompute.rewards(
        { trajectoryIds: ids, file, functionName: "hangs", python },
        { signal: controller.signal },
      ),
    );
    expect(failure.code).toBe("cancelled");
  });
});

describe("pythonJson", () => {
  it("writes what Python's json module reads", () => {
    expect(
      pythonJson({ a: [1, NaN, -Infinity, -0], b: Float32Array.of(0.5), c: undefined, d: null, 'e"': "é\n" }),
    ).toBe('{"a": [1, NaN, -Infinity, -0.0], "b": [0.5], "d": null, "e\\"": "é\\n"}');
  });
});
