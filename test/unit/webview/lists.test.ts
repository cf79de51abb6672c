import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RowQuery } from "../../../src/protocol/storeCalls";
import { fittingColumns, type Column } from "../../../webview/apps/dataset/columns";
import { RowRequests } from "../../../webview/apps/dataset/rowRequests";
import { StepFilter } from "../../../webview/apps/trajectory/stepFilter";
import { ScrollSpace } from "../../../webview/components/scrollSpace";
import { WindowCache } from "../../../webview/components/windowCache";

describe("scaled scroll space", () => {
  it("reaches every row of a list taller than a browser can be", () => {
    const space = new ScrollSpace(22);
    space.setRows(50_000_000);
    space.setViewport(600);
    expect(space.scaled).toBe(true);
    expect(space.scrollHeight).toBe(8_000_000);
    expect(space.visible(space.toVirtual(space.scrollHeight - 600)).end).toBe(50_000_000);
    const middle = space.reveal(25_000_000, 0);
    expect(space.visible(middle).end).toBe(25_000_001);
    expect(space.toVirtual(space.toScroll(middle))).toBeCloseTo(middle, 3);
  });

  it("is exact where nothing needs scaling", () => {
    const space = new ScrollSpace(22);
    space.setRows(1_000);
    space.setViewport(220);
    expect(space.toVirtual(4_400)).toBe(4_400);
    expect(space.visible(4_400)).toEqual({ start: 200, end: 210 });
    expect(space.reveal(205, 4_400)).toBe(4_400);
    expect(space.clamp(1e9)).toBe(1_000 * 22 - 220);
  });
});

describe("windows of rows", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks for what is in view first, then for its margin, and never twice at once", () => {
    const asked: [number, number][] = [];
    const cache = new WindowCache<number>((start, end) => asked.push([start, end]), 500);
    cache.setTotal(10_000);
    cache.want(1_000, 1_040);
    cache.want(1_000, 1_040);
    vi.advanceTimersByTime(20);
    expect(asked).toEqual([[1_000, 1_100]]);
    cache.receive(
      1_000,
      Array.from({ length: 100 }, (_, index) => index),
    );
    expect(asked).toEqual([
      [1_000, 1_100],
      [940, 1_000],
    ]);
    cache.want(5_000, 5_040);
    vi.advanceTimersByTime(20);
    expect(asked.at(-1)).toEqual([5_000, 5_100]);
  });

  it("waits for an answer in pieces, and asks again for what never came", () => {
    const asked: [number, number][] = [];
    const cache = new WindowCache<string>((start, end) => asked.push([start, end]), 500);
    cache.setTotal(100);
    cache.want(0, 40);
    vi.advanceTimersByTime(20);
    cache.receive(
      0,
      Array.from({ length: 30 }, () => "a"),
    );
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(600);
    expect(asked).toEqual([
      [0, 100],
      [30, 100],
    ]);
    cache.receive(30, []);
    vi.advanceTimersByTime(5_000);
    expect(asked).toHaveLength(2);
  });
});

describe("requests for rows", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("lets the table overtake a count, and asks the count again", () => {
    const posted: { id: number; query: RowQuery }[] = [];
    const requests = new RowRequests((message) => posted.push(message));
    const counted: number[] = [];
    requests.ask({ truncated: true }, 0, 1, (total) => counted.push(total));
    requests.table({ success: false }, 0, 200);
    expect(posted.map((message) => message.query)).toEqual([{ truncated: true }, { success: false }]);
    expect(requests.receive(posted[0]!.id, 0, [1], 99)).toBe(false);
    expect(requests.receive(posted[1]!.id, 0, [1], 7)).toBe(true);
    vi.advanceTimersByTime(50);
    expect(posted[2]!.query).toEqual({ truncated: true });
    requests.receive(posted[2]!.id, 0, [1], 12);
    expect(counted).toEqual([12]);
  });
});

describe("the filter of the step list", () => {
  it("finds words in every text, in any case, and keeps the order", () => {
    const filter = new StepFilter();
    const item = (index: number, action: string) =>
      [index, { step: { index, role: "assistant" as const, action }, cut: [] }] as [
        number,
        { step: { index: number; role: "assistant"; action: string }; cut: [] },
      ];
    filter.apply("Click", [item(9, "CLICK(1)"), item(2, "click(2)"), item(4, "type")]);
    expect([filter.count(20), filter.stepAt(0), filter.stepAt(1)]).toEqual([2, 2, 9]);
    expect([filter.rowOf(9), filter.rowOf(5), filter.rowOf(0)]).toEqual([1, 0, -1]);
    filter.apply(" ", []);
    expect([filter.active, filter.count(20), filter.stepAt(3)]).toEqual([false, 20, 3]);
  });
});

describe("columns that fit", () => {
  it("leaves out the most dispensable first and never the title", () => {
    const column = (id: string, pixels: number, dispensable: number): Column => ({
      id,
      title: id,
      hint: id,
      size: `${pixels}px`,
      pixels,
      dispensable,
      numeric: true,
      create: () => () => undefined,
    });
    const all = [
      column("title", 160, -1),
      column("reward", 124, 0),
      column("flags", 96, 6),
      column("chars", 64, 8),
    ];
    expect(fittingColumns(all, 600).map((each) => each.id)).toEqual(["title", "reward", "flags", "chars"]);
    expect(fittingColumns(all, 440).map((each) => each.id)).toEqual(["title", "reward", "flags"]);
    expect(fittingColumns(all, 100).map((each) => each.id)).toEqual(["title", "reward"]);
  });
});
