import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { failureData } from "../../../src/model/failure";
import { couldBeData, walk } from "../../../src/store/walk";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "walk-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

// Windows has neither pipes nor links without leave, and its names are text.
describe.skipIf(process.platform === "win32")("a folder with what is no file", () => {
  it("gives its files, and a word about those that cannot be opened", async () => {
    const root = join(folder, "odd");
    mkdirSync(join(root, "below"), { recursive: true });
    writeFileSync(join(root, "a\nb.jsonl"), "{}\n");
    symlinkSync("..", join(root, "below", "up"));
    symlinkSync("/dev/zero", join(root, "zeros.jsonl"));
    symlinkSync("itself.jsonl", join(root, "itself.jsonl"));
    execFileSync("mkfifo", [join(root, "pipe.jsonl")]);
    let bytesAsNames = true;
    try {
      writeFileSync(
        Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x62, 0xff]), Buffer.from(".jsonl")]),
        "{}\n",
      );
    } catch {
      // The file systems of macOS refuse such a name.
      bytesAsNames = false;
    }
    const problems: string[] = [];
    const found: string[] = [];
    for await (const { path } of walk(root, {
      problem: (path, error) => problems.push(`${relative(root, path)} ${failureData(error).code}`),
    }))
      found.push(relative(root, path));
    expect(found).toEqual(["a\nb.jsonl"]);
    expect(problems.filter((problem) => problem.endsWith("unreadable-name"))).toHaveLength(
      bytesAsNames ? 1 : 0,
    );
    expect(problems.some((problem) => problem.startsWith("itself.jsonl"))).toBe(true);
  });
});

describe("a first look", () => {
  it("takes texts in UTF-16, and whatever is called JSON lines, for possible data", () => {
    const utf16 = join(folder, "rollouts");
    writeFileSync(utf16, Buffer.from('\ufeff{"a": 1}\n', "utf16le"));
    const remark = join(folder, "remark.jsonl");
    writeFileSync(remark, '# made by hand\n{"a": 1}\n');
    const code = join(folder, "notes");
    writeFileSync(code, "# notes\n");
    expect([utf16, remark, code].map(couldBeData)).toEqual([true, true, false]);
  });
});
