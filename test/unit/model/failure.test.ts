import { expect, it, vi } from "vitest";
import { Failure, failureData } from "../../../src/model/failure";

it("knows a failure that another bundle's copy of the class threw, and nothing else", async () => {
  vi.resetModules();
  const other = await import("../../../src/model/failure");
  expect(other.Failure).not.toBe(Failure);
  const foreign = new other.Failure("bad-file", "The file is empty.", "Choose another.");
  expect(foreign).toBeInstanceOf(Failure);
  expect(failureData(foreign)).toEqual({
    code: "bad-file",
    message: "The file is empty.",
    hint: "Choose another.",
  });
  for (const none of [new Error("x"), { name: "Failure", code: "a", hint: "b" }, undefined, "Failure"])
    expect(none instanceof Failure).toBe(false);
  expect(failureData(new Error("x")).code).toBe("internal");
});

it("says in words what a file system refuses", () => {
  const denied = Object.assign(new Error("EACCES: permission denied, open '/runs/1.jsonl'"), {
    code: "EACCES",
    path: "/runs/1.jsonl",
  });
  expect(failureData(denied)).toMatchObject({
    code: "unreadable-file",
    message: "/runs/1.jsonl cannot be read: you have no permission to read it.",
  });
  expect(failureData(Object.assign(new Error("x"), { code: "EACCES" })).code).toBe("internal");
});
