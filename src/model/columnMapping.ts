/**
 * What a column can be mapped to, with what is expected in it. The names are those of the settings; the order is that of the
 * form.
 */
export const mappedFields = {
  prompt: "Text or messages that the policy was given",
  response: "Text or messages that it answered",
  messages: "The whole conversation as a list of {role, content}",
  groundTruth: "Reference answer",
  reward: "Reward: one number, or one a step where rows are steps",
  success: "Whether the task was solved: true or false, 1 or 0",
  advantage: "Advantage: one number, or one a step or token",
  group: "Equal for trajectories of the same task",
  step: "Training step",
  id: "The trajectory's own id",
  split: "Training or evaluation data",
  episode: "Equal for consecutive rows of one episode; rows are then steps",
  observation: "What the policy saw at a step: numbers or text",
  action: "What it did: numbers or text",
  value: "Value estimate of the step",
  logprob: "Log-probability of the action, or one a token",
  done: "Whether the episode ended for good at the step",
  truncated: "Whether it was cut there by a limit",
  tokenIds: "Token ids of the whole sequence",
  tokenMask: "1 for tokens of the policy, 0 for others",
} as const;

export type MappedField = keyof typeof mappedFields;

export const mappedFieldNames = Object.keys(mappedFields) as readonly MappedField[];

/** Which column of a file is what, as a user says it once. */
export interface ColumnMapping {
  /** Which files: a glob such as `runs/*.jsonl`; one without a slash goes for files of that name anywhere. */
  readonly files: string;
  /** Columns by what they are. Inside JSON a path such as `info.score` goes for a nested field. */
  readonly columns: Readonly<Partial<Record<MappedField, string>>>;
  /** What one row is. Default: a step where `episode` is mapped, otherwise a whole trajectory. */
  readonly rows?: "trajectory" | "step";
}

/** Kinds of values that decide whether a name can mean what it says. */
export type ColumnKind = "text" | "number" | "flag" | "messages" | "numbers" | "other";

/** A column of a file that could be mapped. */
export interface ColumnOffer {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** What a file of no known format looks like. A guess to be confirmed; nothing is read by it. */
export interface MappingProposal {
  readonly columns: readonly ColumnOffer[];
  readonly mapping: Pick<ColumnMapping, "columns" | "rows">;
  /** In words, for the one who confirms: "question looks like prompt, ...". */
  readonly why: string;
}

/** The columns of a file, and what they look like. */
export interface FileColumns {
  readonly columns: readonly ColumnOffer[];
  readonly proposal?: MappingProposal;
}

const PREFIX = "mapped:";

/**
 * The id of the format that a mapping makes. It holds the whole mapping, so that an index can be read again without the
 * settings that it was made with, and a changed mapping is another format.
 */
export function mappingFormatId({ columns, rows }: Pick<ColumnMapping, "columns" | "rows">): string {
  const query = new URLSearchParams();
  for (const name of mappedFieldNames) {
    const column = columns[name];
    if (column !== undefined) query.append(name, column);
  }
  if (rows !== undefined) query.append("rows", rows);
  return `${PREFIX}${query.toString()}`;
}

/** The mapping of a format id; undefined for ids of other formats. */
export function mappingOfFormatId(id: string): Pick<ColumnMapping, "columns" | "rows"> | undefined {
  if (!id.startsWith(PREFIX)) return undefined;
  const query = new URLSearchParams(id.slice(PREFIX.length));
  const columns: Partial<Record<MappedField, string>> = {};
  for (const name of mappedFieldNames) {
    const column = query.get(name);
    if (column !== null) columns[name] = column;
  }
  const rows = query.get("rows");
  return { columns, ...(rows === "trajectory" || rows === "step" ? { rows } : {}) };
}
