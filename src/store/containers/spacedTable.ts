/** Numbers in columns that are set apart by spaces, as Fortran, MATLAB and `numpy.savetxt` write them. */

const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$|^[-+]?(?:nan|inf)$/i;
const FEWEST = 4;
const LOOKED_AT = 8;

/**
 * How many columns a text of numbers between spaces has; undefined for any other text. Lines of words, and texts whose
 * first lines differ in length, are none.
 * @param text the beginning of a file, whose last line may be cut
 */
export function spacedWidth(text: string): number | undefined {
  const end = text.lastIndexOf("\n");
  const lines = text
    .slice(0, end < 0 ? 0 : end)
    .split("\n", LOOKED_AT + 1)
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (lines.length < 2) return undefined;
  const rows = lines.map((line) => line.trim().split(/[ \t]+/));
  const [first] = rows;
  if (first === undefined || first.length < FEWEST) return undefined;
  return rows.every((cells) => cells.length === first.length && cells.every((cell) => NUMBER.test(cell)))
    ? first.length
    : undefined;
}

/**
 * DuckDB's way to such a table, with `$1` for the path. A line that does not fit gives NULL for what it lacks, so that its
 * reader can name it.
 */
export function spacedTable(width: number, options: readonly string[]): string {
  const digits = String(width - 1).length;
  const cells = Array.from(
    { length: width },
    (_, place) => `TRY_CAST(cells[${place + 1}] AS DOUBLE) AS column${String(place).padStart(digits, "0")}`,
  );
  const lines = [
    ...options,
    "auto_detect = false",
    "header = false",
    "delim = '\u001f'",
    "quote = ''",
    "escape = ''",
    "columns = {'line': 'VARCHAR'}",
  ];
  return `(SELECT ${cells.join(", ")} FROM (SELECT string_split_regex(trim(line), '[ \\t]+') AS cells FROM read_csv($1, ${lines.join(", ")}) WHERE trim(line) <> ''))`;
}
