import { describe, expect, it } from "vitest";
import { atif } from "../../src/formats/atif";
import type { JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";
import { readFile, readParts } from "./readFile";

const path = "/jobs/j/fix-bug__aB3dE5f/agent/trajectory.json";
const document = {
  schema_version: "ATIF-v1.6",
  session_id: "s",
  agent: { name: "a", version: "1" },
  steps: [
    { step_id: 1, source: "user", message: "Fix the bug." },
    { step_id: 2, source: "agent", message: "Done." },
  ],
  subagent_trajectories: [
    {
      schema_version: "ATIF-v1.6",
      trajectory_id: "t2",
      agent: { name: "b", version: "1" },
      steps: [{ step_id: 1, source: "agent", message: "Helped." }],
    },
  ],
};
const read = (files: Readonly<Record<string, JsonValue>>) =>
  readValue(atif, document, { path, companions: new Map(Object.entries(files)) }).trajectories;

describe("Harbor trials", () => {
  it("name their files from the trajectory's folder", () => {
    expect(atif.companions?.(path, ["trajectory.json"], [])).toContain("../result.json");
    expect(atif.companions?.("/x/trajectory.json", ["trajectory.json", "result.json"], [])).toContain(
      "result.json",
    );
    expect(atif.companions?.("/x/trajectory.json", ["trajectory.json"], [])).toEqual([]);
  });

  it("have their reward from result.json; sub-agents have none", () => {
    const [main, helper] = read({
      "../result.json": {
        task_name: "fix-bug",
        verifier_result: { rewards: { reward: 1.0, style: 0.5 } },
        agent_result: { cost_usd: 0.1 },
        exception_info: null,
      },
    });
    expect(main?.outcome).toMatchObject({
      reward: 1,
      success: true,
      components: { style: 0.5, cost_usd: 0.1 },
    });
    expect(main?.outcome.rewardSource).toContain("result.json");
    expect(main?.notes).toEqual([]);
    expect(main?.extra["trial"]).toMatchObject({ task_name: "fix-bug" });
    expect(helper?.outcome.reward).toBeUndefined();
  });

  it("fall back on the verifier's file, and tell a timeout from a reward of zero", () => {
    expect(read({ "../verifier/reward.txt": "0\n" })[0]?.outcome).toMatchObject({
      reward: 0,
      success: false,
    });
    const [late] = read({
      "../result.json": { verifier_result: null, exception_info: { exception_type: "AgentTimeoutError" } },
    });
    expect(late?.outcome).toEqual({ stopReason: "AgentTimeoutError", truncated: true, components: {} });
    expect(late?.notes[0]?.code).toBe("no-reward");
    expect(read({ "../result.json": { verifier_result: { rewards: { a: 1, b: 0 } } } })[0]?.outcome).toEqual({
      components: { a: 1, b: 0 },
    });
  });
});

describe("ATIF streams", () => {
  it("are read together: the lines of a file are one trajectory", async () => {
    const { records, format, problems } = await readFile("test/formats/fixtures/atif-stream.jsonl");
    expect([format?.id, records.length, problems]).toEqual(["atif-stream", 1, []]);
    const [trajectory] = readParts(records[0]!, format!);
    expect(lines(trajectory)).toEqual([
      "user/prompt: Fix it.",
      "assistant/act:  [ls {}]",
      "tool/observe: a.py",
      "assistant/answer: Done.",
    ]);
    expect(trajectory?.task.id).toBe("s1");
  });
});
