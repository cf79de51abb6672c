import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { memberPath } from "../../../src/store/containers/unpack";
import { Store } from "../../../src/store/store";
import { tar, zip, type Member } from "./archiveWriters";

const top = mkdtempSync(join(tmpdir(), "archives-"));
afterAll(() => rmSync(top, { recursive: true, force: true }));

let folder = "";
let index = "";
let store: Store;
const open = async (): Promise<void> => {
  store = await Store.open(index, undefined, () => undefined);
};
beforeEach(async () => {
  folder = mkdtempSync(join(top, "data-"));
  index = mkdtempSync(join(top, "index-"));
  await open();
});
afterEach(() => store.close());

const rows = (step: number, count = 2): string =>
  Array.from(
    { length: count },
    (_, row) =>
      `${JSON.stringify({ input: "user\n1 + 1", output: `answer ${row}`, score: row, step, gts: "2" })}\n`,
  ).join("");
const fixture = (name: string): Buffer => readFileSync(join("test/formats/fixtures", name));

function write(name: string, bytes: Buffer | string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

const take = (...paths: string[]) => store.index(paths, false, () => undefined, new AbortController().signal);

/** Every file below a folder. */
const below = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const RUN: readonly Member[] = [
  { name: "run/rollouts/1.jsonl", content: rows(1) },
  { name: "run/rollouts/2.jsonl", content: rows(2, 3) },
  { name: "run/eval/art.jsonl", content: fixture("art.jsonl") },
  { name: "run/demos/imitation-npz.npz", content: fixture("imitation-npz.npz") },
  { name: "run/demos/episode-pickle.pkl", content: fixture("episode-pickle.pkl") },
  { name: "run/config.yaml", content: "trainer: {}\n" },
  { name: "run/main.py", content: "print()\n" },
  { name: "run/.git/objects/data.json", content: "[]" },
];

describe("archives of files", () => {
  it.each([
    ["run.zip", async () => zip(RUN)],
    ["run.tar", () => tar(RUN)],
    ["run.tar.gz", () => tar(RUN, true)],
    // A name says nothing: content does.
    ["run.bak", () => tar(RUN, true)],
  ])("%s opens as if it were unpacked", async (name, make) => {
    const path = write(name, await make());
    const { datasets, warnings } = await take(folder);
    expect(warnings).toEqual([]);
    expect(
      datasets.map(({ format, path: shown, trajectories, files }) => [
        format,
        shown.slice(folder.length + 1),
        trajectories,
        files,
      ]),
    ).toEqual([
      ["episode-pickle", `${name}/run/demos/episode-pickle.pkl`, expect.any(Number), 1],
      ["imitation-npz", `${name}/run/demos/imitation-npz.npz`, 2, 1],
      ["art", `${name}/run/eval/art.jsonl`, expect.any(Number), 1],
      // Shards are one dataset, as they are in a folder.
      ["verl", `${name}/run/rollouts`, 5, 2],
    ]);
    const { rows: found } = await store.queries.rows({ datasetId: datasets[3]!.id }, 0, 10);
    const trajectory = await store.trajectories.trajectory(found[4]!.id);
    expect(trajectory).toMatchObject({ trainingStep: 2, outcome: { reward: 2 } });
    // The file beside it that was asked for is the archive; nothing has appeared in the user's folder.
    expect(readdirSync(folder)).toEqual([name]);
    expect((await store.datasetOfFile(path))?.path.startsWith(path)).toBe(true);
    // Code and what version control keeps are not unpacked.
    const names = below(join(index, "unpacked")).map((file) => file.split("/run/")[1]);
    expect(names).toContain("config.yaml");
    expect(names.filter((one) => one?.endsWith(".py") || one?.startsWith(".git"))).toEqual([]);
  });

  it("keep their ids wherever the index lies, are not unpacked twice, and go with their file", async () => {
    const path = write("run.zip", zip(RUN));
    const first = await take(folder);
    await store.close();
    const made = below(join(index, "unpacked")).find((file) => file.endsWith("1.jsonl"))!;
    utimesSync(made, new Date(1e12), new Date(1e12));
    await open();
    expect((await store.datasets()).map(({ path: shown }) => shown)).toEqual(
      first.datasets.map((one) => one.path),
    );
    await take(folder);
    expect(existsSync(made)).toBe(true);
    await store.close();
    index = mkdtempSync(join(top, "index-"));
    await open();
    expect((await take(path)).datasets.map(({ id }) => id)).toEqual(first.datasets.map(({ id }) => id));

    rmSync(path);
    expect((await take(folder)).datasets).toEqual([]);
    expect(await store.datasets()).toEqual([]);
    expect(below(join(index, "unpacked"))).toEqual([]);
  });

  it("are read again when they change, without the files that have left them", async () => {
    const path = write("run.zip", zip(RUN));
    await take(folder);
    writeFileSync(path, zip([{ name: "run/rollouts/1.jsonl", content: rows(1, 7) }]));
    utimesSync(path, new Date(), new Date(Date.now() + 5000));
    const { datasets } = await take(folder);
    expect(datasets.map(({ format, trajectories, files }) => [format, trajectories, files])).toEqual([
      ["verl", 7, 1],
    ]);
    expect(await store.datasets()).toHaveLength(1);
  });

  it("that are numbered are steps of one run, and archives in archives are opened too", async () => {
    for (const step of [1, 2])
      write(`step_${step}.zip`, zip([{ name: "rollouts.jsonl", content: rows(step) }]));
    write(
      "outer.tar",
      await tar([{ name: "logs/inner.zip", content: zip([{ name: "a/1.jsonl", content: rows(9) }]) }]),
    );
    const { datasets } = await take(folder);
    expect(
      datasets.map(({ path, trainingSteps, trajectories, name }) => [
        path.slice(folder.length),
        name,
        trainingSteps,
        trajectories,
      ]),
    ).toEqual([
      ["", expect.stringContaining("rollouts"), 2, 4],
      ["/outer.tar/logs/inner.zip/a", "a", 1, 2],
    ]);
  });

  it("cannot write beside their folder, whatever their names say, and no link is followed", async () => {
    const secret = write("secret.txt", "secret");
    const names = [
      "../up.jsonl",
      "/etc/abs.jsonl",
      "a/../../b.jsonl",
      "C:\\x\\win.jsonl",
      "ok/1.jsonl",
      "OK/1.JSONL",
    ];
    write("evil.zip", zip(names.map((name) => ({ name, content: rows(1) }))));
    write(
      "evil.tar",
      await tar([
        { name: "../up.jsonl", content: rows(1) },
        { name: "link.jsonl", content: "", type: "symlink", target: secret },
        { name: "1.jsonl", content: rows(1) },
      ]),
    );
    const { datasets, warnings } = await take(folder);
    const unpacked = below(join(index, "unpacked"));
    expect(
      below(top).filter((file) => /(?:up|b|abs|win)\.jsonl$/.test(file) && !unpacked.includes(file)),
    ).toEqual([]);
    expect(unpacked.some((file) => file.endsWith("link.jsonl"))).toBe(false);
    expect(warnings.map(({ message }) => message.replaceAll(folder, ""))).toEqual([
      "In /evil.tar, the names of 1 files lead out of the archive: they are left out.",
      "In /evil.zip, the names of 2 files lead out of the archive: they are left out.",
    ]);
    // Names that differ in case alone are two files everywhere.
    expect(datasets.reduce((sum, dataset) => sum + dataset.files, 0)).toBe(5);
  });

  it("that hold too much, lie about it, are encrypted or hold nothing are named in a sentence", async () => {
    write("huge.zip", zip([{ name: "1.jsonl", content: rows(1), told: 2 ** 30 + 1000 }]));
    write(
      "lies.zip",
      zip([
        { name: "1.jsonl", content: rows(1, 5000), told: 1000 },
        { name: "2.jsonl", content: rows(2) },
      ]),
    );
    write(
      "locked.zip",
      zip([
        { name: "1.jsonl", content: rows(1), encrypted: true },
        { name: "2.jsonl", content: rows(2) },
      ]),
    );
    write(
      "code.zip",
      zip([
        { name: "package.json", content: "{}" },
        { name: "index.js", content: "1" },
      ]),
    );
    const other = write("other.zip", zip([{ name: "numbers.json", content: '{"a": 1}' }]));
    const found = await take(folder);
    const said = (list: typeof found): string[] =>
      list.warnings.map(({ message }) => message.replaceAll(`${folder}/`, ""));
    expect(said(found).sort()).toEqual([
      "In lies.zip, 1.jsonl is damaged.",
      "In locked.zip, 1.jsonl is encrypted.",
      "huge.zip holds 1.0 GB, more than is unpacked without being asked for. Open it by its own path, or unpack it yourself.",
    ]);
    expect(said(await take(other))).toEqual([
      "other.zip is an archive without a file of a format that is known here.",
    ]);
    // Nothing of it stays on the disk.
    expect(below(join(index, "unpacked")).some((file) => file.endsWith("numbers.json"))).toBe(false);
  });

  it("that appear, change and go while their folder is followed are seen", async () => {
    const shown = async (): Promise<number[]> =>
      (await store.datasets()).map(({ trajectories }) => trajectories);
    const soon = async (expected: number[]): Promise<void> => {
      const end = Date.now() + 15_000;
      while (Date.now() < end && JSON.stringify(await shown()) !== JSON.stringify(expected)) await pause(100);
      expect(await shown()).toEqual(expected);
    };
    await store.index([folder], true, () => undefined, new AbortController().signal);
    const path = write("run.zip", zip([{ name: "rollouts.jsonl", content: rows(1, 3) }]));
    await soon([3]);
    writeFileSync(path, zip([{ name: "rollouts.jsonl", content: rows(1, 8) }]));
    await soon([8]);
    rmSync(path);
    await soon([]);
  });

  it("that are cut off show the files before the cut, and say so", async () => {
    const whole = await tar(RUN);
    write("cut.tar", whole.subarray(0, 1600));
    const { datasets, warnings } = await take(folder);
    expect(datasets.map(({ format, trajectories }) => [format, trajectories])).toEqual([["verl", 2]]);
    expect(warnings[0]?.message).toMatch(/cut\.tar is cut off or damaged .*the \d files before are shown/);
    write("cut.zip", zip(RUN).subarray(0, 400));
    expect((await take(join(folder, "cut.zip"))).warnings.map(({ message }) => message).join()).toMatch(
      /no directory at its end/,
    );
  });
});

describe("names of members", () => {
  it.each([
    ["a/b.jsonl", "a/b.jsonl"],
    ["./a//b", "a/b"],
    ["a\\b", "a/b"],
    ["/srv/x", "srv/x"],
    ["c:/x", "x"],
    ["../x", undefined],
    ["a/../x", undefined],
    ["a\0b", undefined],
    ["", undefined],
    ["con.json", "_con.json"],
    ["a:b?.json", "a_b_.json"],
    ["dir./x ", "dir_/x_"],
  ])("%j is written to %j", (name, path) => expect(memberPath(name)).toBe(path));

  it("that are too long keep their ending", () => {
    const path = memberPath(`${"x".repeat(400)}.jsonl`);
    expect(path?.length).toBeLessThan(100);
    expect(path?.endsWith(".jsonl")).toBe(true);
  });
});
