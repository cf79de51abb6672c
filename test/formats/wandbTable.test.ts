import { describe, expect, it } from "vitest";
import { wandbTable } from "../../src/formats/wandbTable";
import type { JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const table = (prompt: JsonValue, completion: JsonValue): JsonValue => ({
  columns: ["step", "prompt", "completion", "format_reward", "advantage"],
  data: [[4, prompt, completion, 0.5, -1]],
});
const asked = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "1 + 1?" },
];
const said = [{ role: "assistant", content: "2" }];
const STEPS = ["system/prompt: Be brief.", "user/prompt: 1 + 1?", "assistant/answer: 2"];

describe("W&B tables", () => {
  it("show a prompt of messages before its completion, and once where the completion repeats it", () => {
    for (const completion of [said, [...asked, ...said]]) {
      const { trajectories } = readValue(wandbTable, table(asked, completion));
      expect(lines(trajectories[0])).toEqual(STEPS);
      expect(trajectories[0]).toMatchObject({
        trainingStep: 4,
        advantage: -1,
        task: { prompt: "1 + 1?" },
        outcome: { components: { format_reward: 0.5 } },
      });
    }
  });

  it("show a conversation without a prompt of messages as it is", () => {
    const { trajectories } = readValue(wandbTable, table("1 + 1?", [...asked.slice(1), ...said]));
    expect(lines(trajectories[0])).toEqual(STEPS.slice(1));
  });
});
