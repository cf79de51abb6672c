import { describe, expect, it } from "vitest";
import { toolCallsOf } from "../../src/formats/messages";

describe("tool calls as text", () => {
  const call = { id: "c1", type: "function", function: { name: "add", arguments: '{"x": 1}' } };
  const read = { id: "c1", name: "add", arguments: { x: 1 } };

  it("are read where the whole list is one text, as in the tables of ART", () => {
    expect(toolCallsOf(JSON.stringify([call, call]))).toEqual([read, read]);
  });

  it("are read where each call is a text", () => {
    expect(toolCallsOf([JSON.stringify(call), call])).toEqual([read, read]);
    expect(toolCallsOf(JSON.stringify(call))).toEqual([read]);
  });

  it("stay text where they are no JSON", () => {
    expect(toolCallsOf("add(1)")).toEqual([{ name: "", arguments: "add(1)" }]);
  });
});
