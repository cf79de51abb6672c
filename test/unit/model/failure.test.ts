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
