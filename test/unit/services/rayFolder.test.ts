import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { emptyJobFolder } from "../../../src/services/rayFolder";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lens-ray-"));
});
const job = {
  version: 1,
  modelPath: "/m",
  kind: "policy-lm",
  read: "next-token",
  activations: ["none", "none"],
  activationTexts: ["", ""],
  trajectories: 1,
};

describe("the folder of a Ray job", () => {
  it("is made where there is none, and emptied where there was a job", async () => {
    const folder = join(root, "new", "job");
    await emptyJobFolder(folder);
    expect(readdirSync(folder).sort()).toEqual(["input", "layout", "output"]);
    // A preparation that was interrupted leaves no job.json.
    writeFileSync(join(folder, "input", "part-000000.jsonl"), "{}");
    await emptyJobFolder(folder);
    expect(readdirSync(join(folder, "input"))).toEqual([]);
    writeFileSync(join(folder, "job.json"), JSON.stringify(job));
    writeFileSync(join(folder, "notes.txt"), "mine");
    await emptyJobFolder(folder);
    expect(readdirSync(folder).sort()).toEqual(["input", "layout", "notes.txt", "output"]);
  });

  it.each([
    ["input data of one's own", ["input/data.jsonl", "README.md"]],
    ["an input and an output", ["input/data.jsonl", "output/model.bin"]],
    ["another program's job.json", ["job.json", "output/result.csv"]],
  ])("is refused, and nothing removed, where it holds %s", async (_what, files) => {
    for (const file of files) {
      mkdirSync(join(root, file, ".."), { recursive: true });
      writeFileSync(join(root, file), '{"name": "nightly"}');
    }
    await expect(emptyJobFolder(root)).rejects.toMatchObject({ code: "folder-in-use" });
    for (const file of files) expect(existsSync(join(root, file))).toBe(true);
  });
});
