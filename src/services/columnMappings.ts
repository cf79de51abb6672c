import { mappedFieldNames, type ColumnMapping, type MappedField } from "../model/columnMapping";
import { Failure } from "../model/failure";
import { nearestName } from "../signals/specification/sourceText";

const EXAMPLE = '{"columns": {"prompt": "question", "response": "answer", "reward": "score"}}';
const KEYS = ["files", "columns", "rows"];
const LONGEST_NAME = 200;
const LONGEST_GLOB = 1000;

/**
 * Reads mappings from settings or from a file: a list of them, or one.
 * @param where names the place in messages, such as the setting or the file
 * @param files globs for a mapping that names no files itself; without them every mapping has to
 * @throws Failure `bad-mapping` that names the entry, the key, and what to write there
 */
export function parseColumnMappings(
  value: unknown,
  where: string,
  files: readonly string[] = [],
): readonly ColumnMapping[] {
  const list: readonly unknown[] = Array.isArray(value) ? (value as unknown[]) : [value];
  return list.flatMap((entry, index) => {
    const place = list.length === 1 ? `The mapping in ${where}` : `Mapping ${index + 1} in ${where}`;
    const mapping = parsed(entry, place);
    if (mapping.files !== undefined) return [{ ...mapping, files: mapping.files }];
    if (files.length === 0)
      throw bad(
        `${place} does not say which files it is for.`,
        'Add "files" with a glob, for example "files": "*.jsonl".',
      );
    return files.map((glob) => ({ ...mapping, files: glob }));
  });
}

type Parsed = Omit<ColumnMapping, "files"> & { readonly files?: string };

function parsed(entry: unknown, place: string): Parsed {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry))
    throw bad(`${place} is ${kindOf(entry)}, and has to be an object.`, `Write for example ${EXAMPLE}.`);
  for (const key of Object.keys(entry)) if (!KEYS.includes(key)) throw unknownKey(key, place);
  const { files, columns, rows } = entry as Readonly<Record<string, unknown>>;
  if (files !== undefined && (typeof files !== "string" || files === "" || files.length > LONGEST_GLOB))
    throw bad(
      `${place} has ${kindOf(files)} as "files".`,
      `Write a glob in quotes, of at most ${LONGEST_GLOB} characters, for example "files": "runs/*.jsonl".`,
    );
  if (rows !== undefined && rows !== "trajectory" && rows !== "step")
    throw bad(
      `${place} has ${kindOf(rows)} as "rows".`,
      'Write "trajectory" where a row is a whole trajectory, or "step" where it is a step.',
    );
  return {
    columns: parsedColumns(columns, place),
    ...(files === undefined ? {} : { files }),
    ...(rows === undefined ? {} : { rows }),
  };
}

function parsedColumns(columns: unknown, place: string): ColumnMapping["columns"] {
  if (columns === undefined)
    throw bad(
      `${place} has no "columns".`,
      `Say there which column is what, for example ${EXAMPLE.slice(1, -1)}.`,
    );
  if (typeof columns !== "object" || columns === null || Array.isArray(columns))
    throw bad(`${place} has ${kindOf(columns)} as "columns".`, `Write for example ${EXAMPLE.slice(1, -1)}.`);
  const found: Partial<Record<MappedField, string>> = {};
  for (const [field, column] of Object.entries(columns)) {
    const known = mappedFieldNames.find((name) => name === field);
    if (known === undefined) throw unknownField(field, column, place);
    if (typeof column !== "string" || column === "" || column.length > LONGEST_NAME)
      throw bad(
        `${place} has ${kindOf(column)} as "${field}" under "columns".`,
        `Write the name of the file's column in quotes, for example "${field}": "my_${field}".`,
      );
    found[known] = column;
  }
  if (Object.keys(found).length === 0)
    throw bad(
      `${place} names no column under "columns", and has to name at least one column.`,
      `Write for example ${EXAMPLE.slice(1, -1)}.`,
    );
  return found;
}

function unknownKey(key: string, place: string): Failure {
  const belongs = mappedFieldNames.some((name) => name === key);
  const meant = nearestName(key, KEYS);
  return bad(
    `${place} has the key "${key}", which a mapping does not have.`,
    belongs
      ? `Write "${key}" under "columns": ${EXAMPLE}.`
      : `${meant === undefined ? "" : `Did you mean "${meant}"? `}The keys are "columns", "files" and "rows".`,
  );
}

function unknownField(field: string, column: unknown, place: string): Failure {
  const meant = nearestName(field, mappedFieldNames);
  const turned = mappedFieldNames.find((name) => name === column);
  return bad(
    `${place} has "${field}" under "columns", which is no field that a column can be.`,
    turned !== undefined
      ? `The field comes first, the file's column second: write "${turned}": "${field}".`
      : `${meant === undefined ? "" : `Did you mean "${meant}"? `}The fields are ${mappedFieldNames.join(", ")}.`,
  );
}

const bad = (message: string, hint: string): Failure => new Failure("bad-mapping", message, hint);

/** What a value is, as a sentence names it. */
function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === "") return "an empty text";
  if (Array.isArray(value)) return "a list";
  if (value !== null && typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  return text.length > 40 ? `a ${typeof value} of ${text.length} characters` : text;
}
