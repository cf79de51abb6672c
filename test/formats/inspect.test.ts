import { describe, expect, it } from "vitest";
import { inspectEval, inspectJson } from "../../src/formats/inspect";
import type { JsonObject, JsonValue } from "../../src/model/json";
import { lines, readValue } from "./draftsOf";

const header = {
  version: 2,
  status: "success",
  eval: { task: "sums", model: "mock/model", created: "2026-01-01" },
  plan: { steps: [] },
};

const sample = (id: number | string, epoch: number, value: JsonValue): JsonObject => ({
  id,
  epoch,
  input: "attachment://q",
  target: "4",
  messages: [
    { role: "user", content: "attachment://q" },
    {
      role: "assistant",
      content: [
        { type: "reasoning", reasoning: "add them" },
        { type: "text", text: "I calculate." },
      ],
      tool_calls: [
        { id: "c1", function: "calc", arguments: { text: "attachment://long" }, type: "function" },
      ],
    },
    { role: "tool", content: "4", tool_call_id: "c1", function: "calc" },
    { role: "assistant", content: "4" },
  ],
  output: { choices: [{ stop_reason: "stop" }] },
  scores: { match: { value, answer: "4" }, detail: { value: { a: 0.25, b: null } } },
  events: [{ event: "model" }, { event: "model" }, { event: "tool" }],
  attachments: { q: "2 + 2?", long: "2+2" },
  total_time: 1.5,
});

const head = (more: object) => ({
  path: "/logs/a.eval",
  bytes: 1,
  container: "zip" as const,
  siblings: [],
  ...more,
});

describe("Inspect logs as JSON", () => {
  it("give a trajectory a sample, grouped over epochs", () => {
    const { trajectories, summaries } = readValue(inspectJson, {
      ...header,
      samples: [sample(1, 1, "C"), sample(1, 2, "I"), sample("two", 1, 0.75), sample(3, 1, null)],
    });
    expect(summaries.map((one) => [one.ownId, one.groupKey, one.reward, one.success])).toEqual([
      ["1:1", "1", 1, true],
      ["1:2", "1", 0, false],
      ["two:1", "two", 0.75, undefined],
      ["3:1", "3", null, undefined],
    ]);
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: 2 + 2?",
      'assistant/act: (add them) I calculate. [calc {"text":"2+2"}]',
      "tool/observe: 4",
      "assistant/answer: 4",
    ]);
    expect(trajectories[0]?.outcome.components).toMatchObject({
      match: 1,
      "detail.a": 0.25,
      "detail.b": null,
      total_time: 1.5,
    });
    expect(trajectories[0]?.outcome.rewardSource).toContain("the first of 2");
    expect(trajectories[0]?.extra["events"]).toEqual({ model: 2, tool: 1 });
    expect(trajectories[0]?.task).toMatchObject({ prompt: "2 + 2?", groundTruth: "4" });
  });

  it("say when a limit or an error ended a sample, and when the evaluation is not finished", () => {
    const { trajectories } = readValue(inspectJson, {
      ...header,
      status: "cancelled",
      samples: [
        { ...sample(1, 1, "I"), limit: { type: "token", limit: 100 } },
        { ...sample(2, 1, "I"), error: { message: "sandbox died" } },
      ],
    });
    expect(trajectories.map((one) => [one.outcome.stopReason, one.outcome.truncated])).toEqual([
      ["limit: token", true],
      ["error: sandbox died", false],
    ]);
    expect(trajectories[0]?.notes.map((note) => note.code)).toEqual(["unfinished-evaluation"]);
  });

  it("are told from a schema, a fixture of events and other JSON with samples", () => {
    const detect = (firstRecord: JsonObject) =>
      inspectJson.detect(head({ container: "json", path: "/logs/a.json", firstRecord }));
    expect(detect({ ...header, samples: [] })?.confidence).toBeGreaterThan(0.9);
    expect(detect({ $defs: {}, properties: { eval: {} } })).toBeUndefined();
    expect(detect({ description: "", events: [], expected: {} })).toBeUndefined();
    expect(detect({ version: 1, eval: { accuracy: 1 }, samples: [] })).toBeUndefined();
  });
});

describe("Inspect archives", () => {
  const names = [
    "_journal/start.json",
    "samples/a/b_epoch_1.json",
    "samples/2_epoch_1.json",
    "header.json",
    "summaries.json",
  ];

  it("have one record a sample, also where ids hold slashes", () => {
    expect(inspectEval.detect(head({ archive: names }))?.confidence).toBeGreaterThan(0.9);
    expect(inspectEval.detect(head({ archive: ["data.pkl"] }))).toBeUndefined();
    expect(inspectEval.archiveMembers?.(names)).toEqual([
      "samples/a/b_epoch_1.json",
      "samples/2_epoch_1.json",
    ]);
    expect(inspectEval.companions?.("/logs/a.eval", [], names)).toEqual([
      "header.json",
      "_journal/start.json",
    ]);
    const { trajectories } = readValue(inspectEval, sample(2, 1, "P"), {
      member: "samples/2_epoch_1.json",
      companions: new Map([["header.json", header]]),
    });
    expect(trajectories[0]?.outcome).toMatchObject({ reward: 0.5, stopReason: "stop", truncated: false });
    expect(trajectories[0]?.extra["eval"]).toEqual(header.eval);
    expect(trajectories[0]?.notes).toEqual([]);
  });

  it("without a header are named as unfinished", () => {
    const archive = names.filter((name) => name !== "header.json");
    expect(inspectEval.detect(head({ archive }))).toBeDefined();
    expect(inspectEval.notes?.(head({ archive }))[0]?.code).toBe("unfinished-evaluation");
    const { trajectories } = readValue(inspectEval, sample(2, 1, "C"), {
      member: "samples/2_epoch_1.json",
      companions: new Map([["_journal/start.json", { version: 2, eval: header.eval, plan: {} }]]),
    });
    expect(trajectories[0]?.extra["status"]).toBe("started");
  });

  it("of the chunked layout take messages by their ranges, and attachments by their numbers", () => {
    const folder = "samples/1_epoch_1";
    const archive = [
      "header.json",
      `${folder}/sample.json`,
      `${folder}/metadata.json`,
      `${folder}/skeleton.json`,
      `${folder}/events/0.json`,
      `${folder}/messages/0.json`,
      `${folder}/messages/2.json`,
      `${folder}/attachments/0.json`,
    ];
    expect(inspectEval.archiveMembers?.(archive)).toEqual([`${folder}/sample.json`]);
    expect(inspectEval.companions?.("/logs/a.eval", [], archive)).toEqual([
      "header.json",
      `${folder}/metadata.json`,
      `${folder}/messages/0.json`,
      `${folder}/messages/2.json`,
      `${folder}/attachments/0.json`,
    ]);
    const { messages: _messages, attachments: _attachments, ...rest } = sample(1, 1, "C");
    const read = (refs: JsonValue) =>
      readValue(
        inspectEval,
        { ...rest, input: "2 + 2?", message_refs: refs },
        {
          member: `${folder}/sample.json`,
          companions: new Map<string, JsonValue>([
            ["header.json", header],
            [`${folder}/metadata.json`, { level: 1 }],
            // Out of order on purpose.
            [
              `${folder}/messages/2.json`,
              [
                { role: "assistant", content: "a draft" },
                { role: "assistant", content: "4" },
              ],
            ],
            [
              `${folder}/messages/0.json`,
              [
                { role: "system", content: "attachment://1" },
                { role: "user", content: "attachment://0" },
              ],
            ],
            [`${folder}/attachments/0.json`, ["2 + 2?", "Be brief."]],
          ]),
        },
      ).trajectories[0];
    const trajectory = read([
      [0, 2],
      [3, 4],
    ]);
    expect(lines(trajectory)).toEqual([
      "system/prompt: Be brief.",
      "user/prompt: 2 + 2?",
      "assistant/answer: 4",
    ]);
    expect(trajectory?.extra["metadata"]).toEqual({ level: 1 });
    expect(read([[0, 6]])?.notes.map((note) => note.code)).toEqual(["missing-messages"]);
  });
});
