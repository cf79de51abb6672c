import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { ScoreSeries } from "../../../src/model/score";
import type { NumericColumn, Trajectory } from "../../../src/model/trajectory";
import { conventionText } from "../../../src/services/convention";
import { defaultRequests } from "../../../src/services/defaultSignals";
import { runSettings } from "../../../src/services/runSettings";
import { resolveRequest } from "../../../src/services/signals";
import { signals } from "../../../src/signals/index";
import { trainers } from "../../../src/trainers/index";

function trajectory(format: string, more: Partial<Trajectory> = {}): Trajectory {
  return {
    id: "t",
    datasetId: "d",
    format,
    source: { path: "/f", row: 0, part: 0 },
    task: {},
    steps: [{ index: 0, role: "assistant", action: "a" }],
    outcome: { reward: 1, components: {} },
    extra: {},
    notes: [],
    ...more,
  };
}

const column = (name: string, role: NumericColumn["role"], data: number[]): NumericColumn => ({
  name,
  role,
  rows: data.length,
  width: 1,
  data: Float64Array.from(data),
});

const series = (name: string): ScoreSeries => ({
  trajectoryId: "t",
  name,
  level: "step",
  unit: "reward",
  values: Float64Array.of(1),
  modelPath: "/m/prm",
  modelKind: "process-reward",
  provider: "cpu",
  method: "sigmoid",
});

const ids = (requests: readonly { signalId: string; presetId?: string }[]): string[] =>
  requests.map(({ signalId, presetId }) => (presetId === undefined ? signalId : `${signalId}:${presetId}`));

describe("defaultRequests", () => {
  it("takes the estimator of the trainer that writes the format", () => {
    expect(ids(defaultRequests(trajectory("verl", { groupId: "g" }), []))).toContain("grpo:verl");
    expect(ids(defaultRequests(trajectory("trl-completions", { groupId: "g" }), []))).toContain("grpo:trl");
    expect(ids(defaultRequests(trajectory("prime-rl-tokens", { groupId: "g" }), []))).toContain(
      "grpo:prime-rl",
    );
  });

  it("asks for no group estimator without a group, and for none that nobody wrote", () => {
    expect(ids(defaultRequests(trajectory("verl"), []))).not.toContain("grpo:verl");
    expect(ids(defaultRequests(trajectory("chat", { groupId: "g" }), []))).toEqual(["recorded-reward"]);
  });

  it("puts what the file records first, and only what it records", () => {
    const tokens = {
      count: 2,
      mask: Uint8Array.of(0, 1),
      series: { advantage: Float64Array.of(NaN, 0.5), logprob: Float64Array.of(NaN, -0.1) },
    };
    const found = ids(
      defaultRequests(
        trajectory("prime-rl-tokens", { groupId: "g", tokens, outcome: { components: {} } }),
        [],
      ),
    );
    expect(found.slice(0, 2)).toEqual(["recorded-advantage", "logprob"]);
    expect(found).not.toContain("recorded-value");
    expect(found).not.toContain("entropy");
  });

  it("gives numeric episodes returns, and GAE when there are values in the file or from a model", () => {
    const reward = column("rewards", "reward", [1, 2]);
    const value = column("infos/value", "value", [1, 2]);
    const bare = trajectory("minari", { columns: { steps: 2, columns: [reward] } });
    expect(ids(defaultRequests(bare, []))).toEqual(["recorded-reward", "return"]);
    expect(ids(defaultRequests(bare, [series("value")]))).toEqual([
      "recorded-reward",
      "model-score",
      "return",
      "gae:sb3",
    ]);
    const valued = trajectory("minari", { columns: { steps: 2, columns: [reward, value] } });
    expect(ids(defaultRequests(valued, []))).toContain("gae:sb3");
    expect(defaultRequests(valued, [], { gamma: 0.95, lambda: 0.9 }).at(-1)).toEqual({
      signalId: "gae",
      presetId: "sb3",
      parameters: { gamma: 0.95, lambda: 0.9 },
    });
  });

  it("has one track for each quantity that a model scored", () => {
    const requests = defaultRequests(trajectory("verl"), [
      series("reward"),
      series("logprob"),
      series("reward"),
    ]);
    expect(
      requests.filter(({ signalId }) => signalId === "model-score").map(({ parameters }) => parameters),
    ).toEqual([{ name: "reward" }, { name: "logprob" }]);
  });

  it("only names presets that exist", () => {
    for (const trainer of trainers) {
      for (const [signalId, presetId] of Object.entries(trainer.presets)) {
        const signal = signals.find(({ id }) => id === signalId);
        expect(
          signal?.presets.map(({ id }) => id),
          `${trainer.id} ${signalId}`,
        ).toContain(presetId);
      }
    }
  });
});

describe("runSettings", () => {
  it("reads the discount and the trace decay of the example run", async () => {
    expect(
      await runSettings(resolve("examples/workspace/control/runs/pendulum-ppo/pendulum/ppo-late-v0/data")),
    ).toEqual({ gamma: 0.95, lambda: 0.95 });
  });

  it("assumes nothing where no run says so, or where the file is broken", async () => {
    const folder = mkdtempSync(join(tmpdir(), "settings-"));
    expect(await runSettings(folder)).toEqual({});
    for (const text of ["{", "[]", '{"settings": 1}', '{"settings": {"gamma": 7, "lam": "high"}}']) {
      writeFileSync(join(folder, "run.json"), text);
      expect(await runSettings(folder)).toEqual({});
    }
  });
});

describe("conventionText", () => {
  const text = (
    signalId: string,
    presetId: string | undefined,
    parameters: Record<string, unknown> = {},
  ): string => {
    const request = { signalId, parameters, ...(presetId === undefined ? {} : { presetId }) };
    const { signal, parameters: resolved } = resolveRequest(request);
    return conventionText(signal, presetId, resolved);
  };

  it("says in one line what differs between libraries", () => {
    expect(text("grpo", "verl")).toBe("verl · std n-1, eps 1e-6");
    expect(text("grpo", "trl")).toBe("trl · std n-1, eps 1e-4");
    expect(text("grpo", "rllm")).toBe("rllm · std n, eps 1e-6");
    expect(text("grpo", "prime-rl")).toBe("prime-rl · no std");
    expect(text("grpo", "verl", { epsilon: 1e-8 })).toBe("verl · std n-1, eps 1e-8");
    expect(text("gae", "sb3", { gamma: 0.95 })).toMatch(/^sb3 · .*gamma 0\.95.*lambda 0\.95/);
  });
});
