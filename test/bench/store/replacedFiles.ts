import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreClient } from "../../process/storeClient";
import { Numbers, verlLines } from "./inputs";

export interface ReplacedFiles {
  readonly files: number;
  /** Seconds of indexing all of them, of looking again at nothing new, of reading all of them anew, of forgetting all of them. */
  readonly first: number;
  readonly again: number;
  readonly rewritten: number;
  readonly removed: number;
}

/** A run of many small files that is written anew in place, and then removed: what a second start of a training leaves. */
export async function replaceFiles(files: number): Promise<ReplacedFiles> {
  const folder = mkdtempSync(join(tmpdir(), "lens-replaced-"));
  const index = mkdtempSync(join(tmpdir(), "lens-replaced-index-"));
  const write = (seed: number): void => {
    const make = verlLines(new Numbers(seed));
    for (let file = 0; file < files; file++)
      writeFileSync(join(folder, `${file}.jsonl`), `${make(2 * file)}\n${make(2 * file + 1)}\n`);
  };
  try {
    write(1);
    const client = await StoreClient.start(index);
    const look = async (): Promise<number> => {
      const before = performance.now();
      await client.call("index", { paths: [folder], watch: false });
      return (performance.now() - before) / 1000;
    };
    const first = await look();
    const again = await look();
    write(2);
    const rewritten = await look();
    for (let file = 0; file < files; file++) rmSync(join(folder, `${file}.jsonl`));
    const removed = await look();
    await client.stop();
    return { files, first, again, rewritten, removed };
  } finally {
    for (const path of [folder, index]) rmSync(path, { recursive: true, force: true });
  }
}
