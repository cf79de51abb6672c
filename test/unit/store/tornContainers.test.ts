import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Failure } from "../../../src/model/failure";
import { Store } from "../../../src/store/store";
import { readFile } from "../../formats/readFile";

const folder = mkdtempSync(join(tmpdir(), "torn-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The beginning of a fixture, as a file of its own. */
function cut(fixture: string, share: number): string {
  const bytes = readFileSync(join("test/formats/fixtures", fixture));
  const path = join(folder, basename(fixture));
  writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length * share)));
  return path;
}

/** What the index says of a file that somebody asked for by its path. */
async function said(path: string): Promise<string[]> {
  const store = await Store.open(mkdtempSync(join(folder, "index-")), undefined, () => undefined);
  try {
    const { warnings } = await store.index([path], false, () => undefined, new AbortController().signal);
    return warnings.map(({ message }) => message.replaceAll(`${folder}/`, ""));
  } finally {
    await store.close();
  }
}

describe("files that are cut off", () => {
  it("show what is whole: a torch file whose object breaks off gives its first samples", async () => {
    const whole = await readFile("test/formats/fixtures/pickles/slime/rollout_data/12.pt");
    const path = cut("pickles/slime/rollout_data/12.pt", 0.4);
    const { format, records, notes } = await readFile(path);
    expect(format?.id).toBe("slime-rollout");
    expect(records.length).toBeGreaterThan(0);
    expect(records.length).toBeLessThan(whole.records.length);
    expect(notes.map(({ code }) => code)).toContain("torn-pickle");
  });

  it.each([
    ["barfi-buffer.pkl", 0.3, /barfi-buffer\.pkl is damaged.*pickle breaks off at byte \d+/],
    ["episode-pickle.pkl", 0.2, /episode-pickle\.pkl is a pickle that cannot be read/],
    ["episode-arrays.npz", 0.2, /episode-arrays\.npz is damaged.*archive has no directory at its end/],
    ["rocket-states.npy", 0.5, /rocket-states\.npy is damaged.*it is cut off/],
    [
      "phoenix-sqlite.db",
      0.5,
      /phoenix-sqlite\.db is a SQLite database that is cut off: it has \d+ of its 15 pages/,
    ],
  ])("are named with their container and the damage: %s", async (fixture, share, sentence) => {
    const messages = await said(cut(fixture, share));
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(sentence);
  });

  it("of a table without its end say that rows cannot be found, in one sentence", async () => {
    const path = join(folder, "cut.parquet");
    writeFileSync(path, Buffer.concat([Buffer.from("PAR1"), Buffer.alloc(500, 7)]));
    await expect(readFile(path)).rejects.toThrow(Failure);
    expect(await said(path)).toEqual([
      expect.stringMatching(/^cut\.parquet is a Parquet file without its end, .*cut off\. /),
    ]);
  });
});
