import { describe, expect, it } from "vitest";
import { creditCode } from "../../../src/services/creditCode";

const reward =
  "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n    return 0.0\n";
const advantage =
  "import torch\n\n\ndef compute_grpo_outcome_advantage(rewards, eps=1e-6):\n    return rewards\n";

/** Asks for the code behind a signal in a workspace of the given files. */
const ask = (
  files: Readonly<Record<string, string>>,
  dataPath: string,
  { signalId = "recorded-reward", format = "verl" } = {},
) =>
  creditCode({
    signalId,
    dataPath,
    format,
    sources: Object.entries(files)
      .filter(([path]) => path.endsWith(".py"))
      .map(([path, text]) => ({ path, text })),
    folders: ["/w"],
    exists: (path) => Promise.resolve(Object.hasOwn(files, path)),
  });

describe("the code behind a number", () => {
  it("is the function beside or above the data", async () => {
    const files = { "/w/reasoning/rewards.py": reward };
    expect(await ask(files, "/w/reasoning/runs/a/1.jsonl")).toMatchObject({
      path: "/w/reasoning/rewards.py",
      found: { name: "compute_score", line: 0 },
    });
  });

  it("is never the only function of the workspace when the data lies elsewhere", async () => {
    const files = { "/w/reasoning/rewards.py": reward };
    expect(await ask(files, "/w/downloaded/1.jsonl")).toBeUndefined();
    expect(await ask(files, "/elsewhere/1.jsonl")).toBeUndefined();
  });

  it("is never a function of a trainer that does not write the format", async () => {
    const files = { "/w/reasoning/rewards.py": reward };
    expect(await ask(files, "/w/reasoning/episodes.hdf5", { format: "minari" })).toBeUndefined();
    expect(await ask(files, "/w/reasoning/a.traj", { format: "swe-agent" })).toBeUndefined();
  });

  it("reaches as far as the project around the code", async () => {
    const data = "/w/project/outputs/1.jsonl";
    expect(await ask({ "/w/project/lib/rewards.py": reward }, data)).toBeUndefined();
    const marked = { "/w/project/lib/rewards.py": reward, "/w/project/pyproject.toml": "" };
    expect((await ask(marked, data))?.path).toBe("/w/project/lib/rewards.py");
    const packaged = {
      "/w/project/src/own/rewards.py": reward,
      "/w/project/src/own/__init__.py": "",
    };
    expect((await ask(packaged, data))?.path).toBe("/w/project/src/own/rewards.py");
    expect(await ask(packaged, "/w/other/1.jsonl")).toBeUndefined();
  });

  it("of several is the nearest, and fits the signal", async () => {
    const files = { "/w/rewards.py": reward, "/w/a/rewards.py": reward, "/w/a/advantages.py": advantage };
    expect((await ask(files, "/w/a/runs/1.jsonl"))?.path).toBe("/w/a/rewards.py");
    expect((await ask(files, "/w/b/runs/1.jsonl"))?.path).toBe("/w/rewards.py");
    expect(await ask(files, "/w/a/runs/1.jsonl", { signalId: "grpo" })).toMatchObject({
      path: "/w/a/advantages.py",
      found: { line: 3 },
    });
    expect(await ask(files, "/w/a/runs/1.jsonl", { signalId: "entropy" })).toBeUndefined();
  });
});
