import { describe, expect, it } from "vitest";
import { areal } from "../../src/formats/areal";
import { arealText } from "../../src/formats/arealText";
import { datasetPlace } from "../../src/store/datasetPaths";
import { readFile, readParts } from "./readFile";
import { readValue } from "./draftsOf";

describe("AReaL's texts", () => {
  it("are cut where their colours end, not where a prompt holds their words", async () => {
    const { records, format, problems } = await readFile("test/formats/fixtures/areal-text.txt");
    expect(problems).toEqual([]);
    const [first, second, third] = records.flatMap((record) => readParts(record, format!));
    expect(first?.task.prompt).toContain("sequence is: \nnot yet");
    expect(first?.flatText?.response).toBe("It is\n\n4.<|im_end|>");
    expect([first, second].map((one) => one?.outcome.reward)).toEqual([1, 0]);
    // Without colours, and with a reward that is none.
    expect(third?.flatText).toMatchObject({ prompt: "Plain?", response: "Yes." });
    expect(third?.outcome).not.toHaveProperty("reward");
    expect(third?.extra).toEqual({ idx: 1, seqlen: 9, reward: "None" });
  });

  it("take weight version and task from their path, and all files of a run are one dataset", () => {
    const text = "idx: 1 / 1, seqlen: 3, reward is -5.0.\nprompt is \nq\nsequence is: \na\n";
    const path = "/logs/generated/12/3f9a.txt";
    const { trajectories, summaries } = readValue(arealText, text, { path });
    expect(trajectories[0]).toMatchObject({
      trainingStep: 12,
      task: { id: "3f9a" },
      outcome: { reward: -5 },
    });
    expect(summaries[0]?.groupKey).toBe("3f9a");
    for (const [format, end] of [
      [arealText, "txt"],
      [areal, "jsonl"],
    ] as const) {
      const ids = ["12/3f9a", "13/77"].map(
        (name) => datasetPlace(`/logs/x/${name}.${end}`, format).datasetId,
      );
      expect(ids[0]).toBe(ids[1]);
    }
  });
});
