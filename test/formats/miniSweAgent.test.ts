import { describe, expect, it } from "vitest";
import { miniSweAgent } from "../../src/formats/miniSweAgent";
import type { JsonObject } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const text = (role: string, content: string): JsonObject => ({
  type: "message",
  role,
  content: [{ type: "input_text", text: content }],
});

const call = (id: string, command: string): JsonObject => ({
  type: "function_call",
  call_id: id,
  name: "bash",
  arguments: JSON.stringify({ command }),
});

/** A run with a model of the Responses API: an answer is a whole response, an observation the output of a call. */
const document: JsonObject = {
  trajectory_format: "mini-swe-agent-1.1",
  info: { exit_status: "Submitted", model_stats: { instance_cost: 0.5, api_calls: 2 } },
  messages: [
    text("system", "You are an agent."),
    text("user", "Count to two."),
    {
      object: "response",
      output: [
        { type: "reasoning", summary: [{ type: "summary_text", text: "Easy." }] },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "I count." }] },
        call("a", "echo 1"),
        call("b", "echo 2"),
      ],
      extra: { cost: 0.25 },
    },
    { type: "function_call_output", call_id: "a", output: "1", extra: { returncode: 0 } },
    { type: "function_call_output", call_id: "b", output: "2" },
    { object: "response", output: [call("c", "submit")] },
    { type: "message", role: "exit", content: [{ type: "input_text", text: "done" }] },
  ],
};

describe("mini-swe-agent", () => {
  it("reads runs whose model speaks the Responses API", () => {
    expect(
      miniSweAgent.detect({
        path: "/runs/x/x.traj.json",
        bytes: 1000,
        container: "json",
        firstRecord: document,
        siblings: [],
      })?.confidence,
    ).toBeGreaterThan(0.9);
    const { trajectories, summaries } = readValue(miniSweAgent, document, { path: "/runs/x/x.traj.json" });
    const [run] = trajectories;
    expect(lines(run)).toEqual([
      "system/prompt: You are an agent.",
      "user/prompt: Count to two.",
      'assistant/act: (Easy.) I count. [bash {"command":"echo 1"}] [bash {"command":"echo 2"}]',
      "tool/observe: 1",
      "tool/observe: 2",
      'assistant/act:  [bash {"command":"submit"}]',
      "environment/observe: done",
    ]);
    expect(run?.steps[3]?.extra).toEqual({ tool_call_id: "a", extra: { returncode: 0 } });
    expect(run?.steps[2]?.toolCalls?.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(summaries).toMatchObject([{ ownId: "x", stopReason: "Submitted", truncated: false }]);
  });
});
