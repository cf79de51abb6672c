import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { asciicast, terminalBench } from "../../src/formats/terminalBench";
import { castSteps } from "../../src/formats/terminalCast";
import type { JsonObject, JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const trial = JSON.parse(readFileSync("test/formats/fixtures/terminal-bench.json", "utf8")) as JsonObject;
const cast = readFileSync("test/formats/fixtures/asciicast.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as JsonValue);

const session = [
  "environment/observe: root@box:/app# ",
  "assistant/act: echo hi\n",
  "environment/observe: echo hi\nhi\n100%\nroot@box:/app# ",
  "assistant/act: lx\u007fs\n",
  "environment/observe: ls\na.txt\n",
];

describe("recordings of a terminal", () => {
  it("gives what was typed until a line ended, and what was shown, without control sequences", () => {
    const { trajectories } = readValue(asciicast, cast);
    expect(lines(trajectories[0])).toEqual(session);
    expect(trajectories[0]?.steps.map((step) => step.extra?.["time"])).toEqual([0.1, 0.5, 0.6, 1.5, 1.6]);
    expect(trajectories[0]?.extra).toMatchObject({ width: 80, env: { TERM: "xterm" } });
  });

  it("adds up the times of version 3", () => {
    const steps = castSteps(
      [{ version: 3, term: { cols: 80, rows: 24 } }, [0.5, "i", "a\r"], [0.25, "o", "x"], [1, "i", "b\r"]],
      0,
    );
    expect(steps.map((step) => step.extra?.["time"])).toEqual([0.5, 0.75, 1.75]);
  });

  it("takes the trial's result from the folder above, but not for the recording of the tests", () => {
    const companions = new Map([["../results.json", trial]]);
    const read = (path: string) => readValue(asciicast, cast, { path, companions }).trajectories[0];
    expect(lines(read("/run/t/sessions/agent.cast"))).toEqual(["user/prompt: Write hello.txt.", ...session]);
    expect(read("/run/t/sessions/agent.cast")?.outcome.success).toBe(true);
    expect(read("/run/t/sessions/tests.cast")?.outcome).toEqual({ components: {} });
  });

  it("refuses a recording of nothing", () => {
    expect(() => readValue(asciicast, cast.slice(0, 1))).toThrow(/nothing that was typed/);
  });
});

describe("results of Terminal-Bench", () => {
  it("reads a trial: resolved or not, each test, and the terminal's recording where there is one", () => {
    const { trajectories, summaries } = readValue(terminalBench, trial);
    expect(lines(trajectories[0])).toEqual(["user/prompt: Write hello.txt."]);
    expect(summaries[0]).toMatchObject({
      ownId: "hello.1-of-2.run",
      groupKey: "hello",
      success: true,
      truncated: false,
      components: { test_exists: 1, test_content: 0, total_input_tokens: 12, total_output_tokens: null },
    });
    expect(summaries[0]?.reward).toBeUndefined();
    expect(trajectories[0]?.notes[0]?.code).toBe("no-steps");
    const recorded = readValue(terminalBench, trial, {
      companions: new Map([["sessions/agent.cast", cast]]),
    });
    expect(lines(recorded.trajectories[0])).toEqual(["user/prompt: Write hello.txt.", ...session]);
  });

  it("makes one dataset of a run's trials and of their recordings", () => {
    expect(terminalBench.datasetPath?.("/runs/r1/hello/hello.1-of-2.r1/results.json")).toBe("/runs/r1");
    expect(asciicast.datasetPath?.("/runs/r1/hello/hello.1-of-2.r1/sessions/agent.cast")).toBe("/runs/r1");
    expect(terminalBench.datasetPath?.("/runs/r1/results.json")).toBe("/runs/r1/results.json");
  });

  it("reads all trials of a run, keeps null apart from false, and names what ended a trial", () => {
    const run = {
      id: "run",
      n_resolved: 1,
      results: [trial, { ...trial, is_resolved: null, failure_mode: "agent_timeout" }],
    };
    const { summaries } = readValue(terminalBench, run);
    expect(summaries.map((one) => [one.success, one.stopReason, one.truncated])).toEqual([
      [true, undefined, false],
      [null, "agent_timeout", true],
    ]);
    expect(() => readValue(terminalBench, { results: [] })).toThrow(/no trial/);
  });
});
