import { expect, it } from "vitest";
import { MESSAGE_LIMIT_BYTES, STEP_TEXT_LIMIT, type TrackData } from "../../../src/protocol/webviewMessages";
import {
  clampWindow,
  parseFromDatasetView,
  parseFromTrajectoryView,
  parseFromTreeView,
} from "../../../src/host/editors/incoming";
import { cutText, splitBySize, wireBytes } from "../../../src/host/editors/messageSize";
import { stepItem } from "../../../src/host/editors/stepWindow";
import { trackMessages } from "../../../src/host/editors/trackMessages";
import { canonicalJson } from "../../../src/host/editors/canonicalJson";

const track = (key: string, count: number, tokens = false): TrackData => ({
  key,
  title: key,
  convention: "recorded",
  unit: "reward",
  signed: true,
  level: "token",
  source: "signal",
  values: Float64Array.from({ length: count }, (_, index) => (index % 7 === 0 ? NaN : index)),
  ...(tokens ? { tokenText: Array.from({ length: count }, (_, index) => ` token${index}`) } : {}),
  notes: [],
  explainable: true,
});

it("puts long tracks into windows under the message limit and loses no number", () => {
  const tracks = [track("short", 40), track("long", 200_000), track("tokens", 60_000, true)];
  const messages = trackMessages(tracks);
  for (const message of messages) expect(wireBytes(message)).toBeLessThanOrEqual(MESSAGE_LIMIT_BYTES);
  const [first, ...rest] = messages;
  expect(first?.type === "tracks" && first.tracks.map((entry) => entry.valueCount)).toEqual([
    undefined,
    200_000,
    60_000,
  ]);
  for (const wanted of tracks.slice(1)) {
    const values = new Float64Array(wanted.values?.length ?? 0);
    const tokens: string[] = [];
    for (const message of rest) {
      if (message.type !== "trackValues" || message.key !== wanted.key) continue;
      values.set(message.values, message.start);
      tokens.push(...(message.tokenText ?? []));
    }
    // Bytes, not numbers: NaN must arrive as NaN.
    expect(Buffer.from(values.buffer).equals(Buffer.from(wanted.values?.buffer ?? new ArrayBuffer(0)))).toBe(
      true,
    );
    if (wanted.tokenText) expect(tokens.join("|")).toBe(wanted.tokenText.join("|"));
  }
});

it("cuts long step texts without halving a character, and says how much there was", () => {
  const action = "x".repeat(STEP_TEXT_LIMIT - 1) + "🙂".repeat(10);
  const item = stepItem({ index: 0, role: "assistant", action, thought: "short" }, () => undefined);
  expect(item.cut).toEqual(["action"]);
  expect(item.totals).toEqual({ action: action.length });
  expect(item.step.action).toBe("x".repeat(STEP_TEXT_LIMIT - 1));
  expect(item.step.thought).toBe("short");
});

it("keeps a step with huge unknown fields and tool calls small", () => {
  const extra = { log: "y".repeat(2_000_000), list: Array.from({ length: 10_000 }, (_, index) => index) };
  const toolCalls = Array.from({ length: 500 }, () => ({
    name: "run",
    arguments: { code: "z".repeat(5_000) },
  }));
  const item = stepItem({ index: 0, role: "assistant", extra, toolCalls }, () => undefined);
  expect(wireBytes(item)).toBeLessThan(64 * 1024);
  expect(JSON.stringify(item.step.extra)).toContain("2000000 characters");
});

it("splits windows by size and keeps the order", () => {
  const entries = Array.from({ length: 300 }, (_, index) => ({ index, text: "é".repeat(1_000) }));
  const runs = splitBySize(entries);
  expect(runs.length).toBeGreaterThan(1);
  expect(runs.flat()).toEqual(entries);
  for (const run of runs) expect(wireBytes(run)).toBeLessThanOrEqual(MESSAGE_LIMIT_BYTES);
});

it("cuts texts between characters", () => {
  expect(cutText("a🙂b", 2)).toBe("a");
  expect(cutText("a🙂b", 3)).toBe("a🙂");
});

it("ignores what no view may send", () => {
  expect(parseFromTrajectoryView({ type: "ready" })).toEqual({ type: "ready" });
  for (const hostile of [
    null,
    7,
    "ready",
    {},
    { type: "run", command: "rm" },
    { type: "steps", start: -1, end: 4 },
    { type: "explain", id: 1, key: "k", index: 1.5 },
    { type: "sibling", offset: 7 },
    { type: "open", trajectoryId: "x".repeat(5000) },
  ]) {
    expect(parseFromTrajectoryView(hostile)).toBeUndefined();
  }
  expect(
    parseFromDatasetView({ type: "rows", id: 1, query: { sql: "drop table" }, start: 0, end: 10 }),
  ).toBeUndefined();
  expect(
    parseFromDatasetView({
      type: "rows",
      id: 1,
      query: { sort: "reward", descending: true },
      start: 0,
      end: 10,
    }),
  ).toBeDefined();
  expect(parseFromTreeView({ type: "open", trajectoryId: "a:0" })).toBeDefined();
});

it("keeps windows inside what there is", () => {
  expect(clampWindow(10, 900, 2_000)).toEqual({ start: 10, end: 510 });
  expect(clampWindow(1_990, 2_100, 2_000)).toEqual({ start: 1_990, end: 2_000 });
  expect(clampWindow(5_000, 6_000, 2_000)).toEqual({ start: 2_000, end: 2_000 });
});

it("writes canonical JSON in which NaN, null and absence stay apart", () => {
  const text = canonicalJson({ values: new Float64Array([1, NaN, -Infinity]), reward: null, other: NaN });
  expect(JSON.parse(text)).toEqual({ values: [1, "NaN", "-Infinity"], reward: null, other: "NaN" });
});
