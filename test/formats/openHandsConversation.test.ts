import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openHandsConversation } from "../../src/formats/openHandsConversation";
import type { JsonObject } from "../../src/model/json";
import { probe } from "../../src/store/probe";
import { lines, readValue } from "./draftsOf";

const v1: readonly JsonObject[] = [
  {
    kind: "SystemPromptEvent",
    source: "agent",
    timestamp: "t0",
    system_prompt: { type: "text", text: "You are able." },
  },
  {
    kind: "MessageEvent",
    source: "user",
    timestamp: "t1",
    llm_message: { role: "user", content: [{ type: "text", text: "Fix it." }] },
  },
  {
    kind: "ConversationStateUpdateEvent",
    source: "environment",
    timestamp: "t2",
    key: "status",
    value: "running",
  },
  {
    kind: "ActionEvent",
    source: "agent",
    timestamp: "t3",
    thought: [{ type: "text", text: "look first" }],
    tool_name: "bash",
    tool_call: { id: "c", name: "bash", arguments: '{"command":"ls"}' },
  },
  {
    kind: "ObservationEvent",
    source: "environment",
    timestamp: "t4",
    tool_name: "bash",
    observation: { content: [{ type: "text", text: "a.py" }] },
  },
  { kind: "Condensation", source: "environment", timestamp: "t5", summary: "It listed the files." },
];

const v0: readonly JsonObject[] = [
  {
    id: 0,
    timestamp: "t",
    source: "user",
    message: "Fix it.",
    action: "message",
    args: { content: "Fix it." },
  },
  {
    id: 1,
    timestamp: "t",
    source: "agent",
    message: "",
    action: "run",
    args: { command: "ls", thought: "look" },
  },
  {
    id: 2,
    timestamp: "t",
    source: "agent",
    message: "",
    cause: 1,
    observation: "run",
    content: "a.py",
    extras: { exit_code: 0 },
  },
];

describe("OpenHands conversation folders", () => {
  it("are recognised by any of their event files, and ordered by number", async () => {
    const folder = join(mkdtempSync(join(tmpdir(), "lens-oh-")), "abc", "events");
    mkdirSync(folder, { recursive: true });
    for (const [index, event] of v0.entries())
      writeFileSync(join(folder, `${index + 8}.json`), JSON.stringify(event));
    expect(await probe(join(folder, "10.json"))).toEqual({ kind: "part", leader: join(folder, "8.json") });
    const found = await probe(join(folder, "8.json"));
    expect(found.kind === "readable" ? found.format.id : found).toBe("openhands-conversation");
    expect(openHandsConversation.folderFiles?.(["10.json", "9.json", "8.json", "metadata.json"])).toEqual([
      "8.json",
      "9.json",
      "10.json",
    ]);
    expect(openHandsConversation.folderFiles?.(["event-00010-b.json", "event-00002-a.json"])).toEqual([
      "event-00002-a.json",
      "event-00010-b.json",
    ]);
  });

  it("refuse numbered files that hold no events", () => {
    const detect = (firstRecord: JsonObject) =>
      openHandsConversation.detect({
        path: "/x/0.json",
        bytes: 1,
        container: "json",
        siblings: ["0.json"],
        firstRecord,
      });
    expect(detect(v0[0] as JsonObject)).toBeDefined();
    expect(detect({ text: "", children: [] })).toBeUndefined();
    expect(detect({ id: "a", timestamp: "t", source: "user", action: "message" })).toBeUndefined();
    expect(detect({ kind: "MessageEvent" })).toBeUndefined();
  });

  it("read V1 events with the state beside them; what is no step stays visible", () => {
    const { trajectories } = readValue(openHandsConversation, [...v1], {
      path: "/w/conversations/abc/events/event-00000-x.json",
      companions: new Map([
        [
          "../base_state.json",
          {
            id: "abc",
            execution_status: "finished",
            stats: {
              usage_to_metrics: { agent: { accumulated_cost: 0.5 }, condenser: { accumulated_cost: 0.25 } },
            },
          },
        ],
      ]),
    });
    expect(lines(trajectories[0])).toEqual([
      "system/prompt: You are able.",
      "user/prompt: Fix it.",
      'assistant/act: (look first)  [bash {"command":"ls"}]',
      "tool/observe: a.py",
      "environment/observe: It listed the files.",
    ]);
    expect(trajectories[0]?.outcome).toEqual({
      stopReason: "finished",
      components: { accumulated_cost: 0.75 },
    });
    expect(trajectories[0]?.extra["other_events"]).toEqual([v1[2]]);
  });

  it("read V0 events without a state", () => {
    const { trajectories } = readValue(openHandsConversation, [...v0]);
    expect(lines(trajectories[0])).toEqual([
      "user/prompt: Fix it.",
      'assistant/act: (look) ls [run {"command":"ls"}]',
      "tool/observe: a.py",
    ]);
    expect(trajectories[0]?.outcome).toEqual({ components: {} });
  });

  it("name the events that are missing, and share a dataset with their neighbours", () => {
    const head = {
      path: "/w/events/0.json",
      bytes: 1,
      container: "json" as const,
      siblings: ["0.json", "1.json", "4.json"],
    };
    expect(openHandsConversation.notes?.(head)[0]?.message).toContain("2, 3");
    expect(openHandsConversation.notes?.({ ...head, siblings: ["0.json", "1.json"] })).toEqual([]);
    expect(
      openHandsConversation.datasetPath?.("/w/conversations/abc/event_service/events/event-00000-x.json"),
    ).toBe("/w/conversations");
    expect(openHandsConversation.datasetPath?.("/w/sessions/s1/events/0.json")).toBe("/w/sessions");
  });
});
