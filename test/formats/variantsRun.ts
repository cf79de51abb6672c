// `npm run test:variants [-- FOLDER...]`: every text file of the fixtures, and of the corpus where it is there, written in other
// ways. The gaps are listed, not counted: some fields are what a format is known by.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { formatById } from "../../src/formats/index";
import { difference, gapsOf, inScratch, reading, sourceOf, variantsOf } from "./variants";

const LARGEST = 2 * 2 ** 20;
const given = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const gaps = process.argv.includes("--gaps");
const corpus = resolve(process.env["CORPUS_DIR"] ?? "../shared/corpus");
const folders =
  given.length > 0
    ? given
    : [
        "test/formats/fixtures",
        ...[corpus, join(corpus, "../samples"), join(corpus, "../corpus-synthetic")].filter((one) =>
          existsSync(one),
        ),
      ];
if (given.length === 0 && folders.length === 1)
  console.log(`The corpus folder ${corpus} is not there: only the fixtures are checked.`);

let files = 0;
let checked = 0;
const failures: string[] = [];
await inScratch(async (scratch) => {
  for (const folder of folders)
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
      const path = join(folder, name);
      const stats = statSync(path);
      if (!stats.isFile() || stats.size > LARGEST) continue;
      const source = sourceOf(path);
      if (source === undefined) continue;
      const expected = await reading(path);
      const format = expected.format === undefined ? undefined : formatById(expected.format);
      // A folder's trajectory, and one that needs the files beside it, is not told by one file.
      if (format === undefined || format.folderFiles !== undefined || expected.problems.length > 0) continue;
      files++;
      for (const variant of gaps ? gapsOf(source) : variantsOf(source, format)) {
        checked++;
        const told = await difference(variant, expected, scratch);
        if (told !== undefined) failures.push(`${expected.format ?? ""} ${name}: ${told}`);
      }
    }
});
for (const failure of failures) console.log(failure);
console.log(`${checked} variants of ${files} files: ${failures.length} read otherwise`);
process.exit(failures.length === 0 || gaps ? 0 : 1);
