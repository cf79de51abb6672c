import { appendFileSync, lstatSync, mkdtempSync, readFileSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { BranchFiles, type BranchRecord } from "../../../src/services/branchFiles";

const branch = (id: string, parent?: string): BranchRecord => ({
  trajectory_lens: "branch",
  id,
  trajectory_id: "t",
  after_step: 1,
  prefix: "Say: ",
  text: id,
  tokens: 1,
  logprob: -1,
  stop_reason: "length",
  status: "generated",
  model: "m",
  provider: "cpu",
  how: "greedy",
  created: "2026-01-01T00:00:00.000Z",
  ...(parent === undefined ? {} : { parent_branch: parent }),
});

let files: BranchFiles;
let file: string;
let warnings: string[];

beforeEach(async () => {
  warnings = [];
  files = new BranchFiles(mkdtempSync(join(tmpdir(), "lens-branch-files-")), (message) =>
    warnings.push(message),
  );
  file = await files.fileFor("t", undefined);
});

describe("files of generated branches", () => {
  it("lose nothing but the branch and what left it", async () => {
    await files.append(file, [branch("a"), branch("b", "a"), branch("c")]);
    appendFileSync(file, 'a remark of mine\n{"trajectory_lens":"branch","id":"half\n');
    expect((await files.all()).map(({ record }) => record.id)).toEqual(["a", "b", "c"]);
    expect(await files.remove("a")).toMatchObject({ trajectoryId: "t", removed: 2 });
    const left = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(left.slice(1)).toEqual(["a remark of mine", '{"trajectory_lens":"branch","id":"half']);
    expect((await files.all()).map(({ record }) => record.id)).toEqual(["c"]);
    await files.remove("c");
    expect(readFileSync(file, "utf8")).toContain("a remark of mine");
  });

  it("are not written over when they cannot be read, and do not hide the others", async () => {
    const other = await files.fileFor("u", undefined);
    await files.append(other, [{ ...branch("d"), trajectory_id: "u" }]);
    // A link to itself can be replaced but not read.
    symlinkSync(file, file);
    await expect(files.append(file, [branch("a")])).rejects.toMatchObject({ code: "unreadable-branches" });
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect((await files.all()).map(({ record }) => record.id)).toEqual(["d"]);
    expect(warnings).toEqual([
      expect.stringMatching(/^The generated branches in .+ cannot be read \(.+\)\.$/),
    ]);
    unlinkSync(file);
    await files.append(file, [branch("a")]);
    expect(await files.all()).toHaveLength(2);
  });
});
