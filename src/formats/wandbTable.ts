import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, recordedFlag, recordedNumber, textOf, titleOf, wholeNumber } from "./jsonFields";
import { rolesOf, type ColumnRoles } from "./trackedColumns";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { outcomeOfFunctions, rewardNotes } from "./trlCompletions";
import { splitMarked, splitPrompt, stepsOfMarkedText } from "./turns";

const NAMED_STEP = /_(\d+)_[0-9a-f]{8,}\.table\.json$/;
/** Names that an increment of a table has as an artifact: `3-1700000000000.completions.table.json`. */
const INCREMENT = /^(.*[/\\])?\d+-\d{10,}\.([^/\\]+\.table\.json)$/;
const VALIDATION = /(?:^|[/\\_-])(?:val|valid|validation|eval|evaluation|test)(?:[/\\_-]|$)/i;

interface Cells {
  readonly row: JsonObject;
  readonly step: number | undefined;
}

/** Rows of a table; a wide row (`input_1, output_1, score_1, input_2, ...`, as validation generations are logged) is several. */
function cellsOf(document: JsonObject): { readonly cells: readonly Cells[]; readonly roles: ColumnRoles } {
  const names = (isList(document["columns"]) ? document["columns"] : []).map(String);
  const data = (isList(document["data"]) ? document["data"] : []).filter(isList);
  const rows = data.map((cells) => {
    const row: Record<string, JsonValue | undefined> = {};
    // Two columns may share a name ("text", "text"): the later ones are numbered.
    for (const [index, name] of names.entries()) row[name in row ? `${name}#${index}` : name] = cells[index];
    return row;
  });
  const own = rolesOf(Object.keys(rows[0] ?? {}), rows);
  const stepOf = (row: JsonObject): number | undefined =>
    own.step === undefined ? undefined : wholeNumber(row[own.step]);
  const wide = names.some((name) => /^(?:input|output|prompt|response|completion)_1$/i.test(name));
  if (!wide) return { cells: rows.map((row) => ({ row, step: stepOf(row) })), roles: own };
  const cells = rows.flatMap((row): Cells[] => {
    const parts = new Map<string, Record<string, JsonValue | undefined>>();
    for (const [name, value] of Object.entries(row)) {
      const match = /^(.+)_(\d+)$/.exec(name);
      if (match?.[1] === undefined || match[2] === undefined) continue;
      const part = parts.get(match[2]) ?? {};
      part[match[1]] = value;
      parts.set(match[2], part);
    }
    return [...parts.values()].map((part) => ({ row: part, step: stepOf(row) }));
  });
  const parts = cells.map(({ row }) => row);
  return { cells, roles: rolesOf(Object.keys(parts[0] ?? {}), parts) };
}

/** A prompt of messages comes before what was said, unless that begins with it. */
function conversation(prompt: JsonValue | undefined, messages: readonly JsonObject[]): readonly Step[] {
  const asked = messageList(prompt) ?? [];
  const repeated = JSON.stringify(messages.slice(0, asked.length)) === JSON.stringify(asked);
  return asked.length === 0 || repeated
    ? messageSteps(messages)
    : messageSteps([...asked, ...messages], asked.length);
}

/** A text that holds a whole conversation: its roles are kept as special tokens, or as bare lines. */
function wholeConversation(
  text: string,
): { readonly steps: readonly Step[]; readonly notes: readonly Note[] } | undefined {
  const marked = splitMarked(text, "user");
  const bare = marked === undefined ? splitPrompt(text) : undefined;
  const turns = marked ?? (bare?.guessed === true ? bare.turns : undefined);
  if (turns === undefined) return undefined;
  return {
    steps: messageSteps(turns.map((turn) => ({ role: turn.role, content: turn.text }))),
    notes:
      bare === undefined
        ? []
        : [{ code: "guessed-turns", message: "Turns are guessed from lines that hold a role's name alone." }],
  };
}

function draftOf({ row, step }: Cells, roles: ColumnRoles, path: string): TrajectoryDraft | undefined {
  const asked = roles.prompt === undefined ? undefined : row[roles.prompt];
  const responseName = roles.response ?? longestText(row, roles);
  const messages = responseName === undefined ? undefined : messageList(row[responseName]);
  const response = responseName === undefined ? undefined : textOf(row[responseName]);
  if (messages === undefined && response === undefined) return undefined;
  let prompt = textOf(asked) ?? promptOfMessages(messageList(asked) ?? []) ?? "";
  if (typeof asked === "string") prompt = promptOfMessages(messageList(asked) ?? []) ?? asked;
  let steps: readonly Step[];
  let notes: readonly Note[] = [];
  if (messages !== undefined) steps = conversation(asked, messages);
  else {
    // Without a prompt column the whole conversation is one text.
    const whole = asked === undefined ? wholeConversation(response ?? "") : undefined;
    if (whole !== undefined) ({ steps, notes } = whole);
    else if (messageList(asked) !== undefined)
      steps = conversation(asked, [{ role: "assistant", content: response ?? "" }]);
    else ({ steps, notes } = stepsOfMarkedText(prompt, response ?? ""));
  }
  if (prompt === "") prompt = steps.find((one) => one.role === "user")?.observation ?? "";
  const { reward: rewardName, success: successName } = roles;
  const reward = rewardName === undefined ? undefined : recordedNumber(row[rewardName]);
  const apart = new Set([rewardName, successName, roles.step, roles.id, roles.truth, "advantage"]);
  const components: Record<string, number | null> = {};
  for (const name of Object.keys(row)) {
    if (apart.has(name) || typeof row[name] === "string") continue;
    const number = recordedNumber(row[name]);
    if (number !== undefined) components[name] = number;
  }
  const advantage = recordedNumber(row["advantage"]);
  // TRL logs its reward functions and no total.
  const ofFunctions =
    rewardName === undefined && advantage !== undefined && Object.keys(components).length > 0
      ? outcomeOfFunctions(components)
      : undefined;
  const named = NAMED_STEP.exec(path)?.[1];
  const id = roles.id === undefined ? undefined : row[roles.id];
  return {
    ...(typeof id === "string" || typeof id === "number" ? { ownId: String(id) } : {}),
    ...(prompt === ""
      ? {}
      : { groupKey: prompt, groupGuess: "rows of one training step with the same prompt" }),
    title: titleOf(prompt),
    task: { prompt, ...given("groundTruth", roles.truth === undefined ? undefined : row[roles.truth]) },
    ...given("trainingStep", step ?? (named === undefined ? undefined : Number(named))),
    ...(VALIDATION.test(tableName(path)) ? { split: "val" } : {}),
    steps,
    ...(typeof asked !== "string" ||
    messageList(asked) !== undefined ||
    response === undefined ||
    messages !== undefined
      ? {}
      : { flatText: { prompt, response } }),
    outcome: {
      ...(ofFunctions ?? {
        ...(reward === undefined ? {} : { reward, rewardSource: rewardName as string }),
        components,
      }),
      ...given("success", successName === undefined ? undefined : recordedFlag(row[successName])),
    },
    ...given("advantage", advantage),
    extra: row,
    notes: ofFunctions === undefined ? notes : [...notes, ...rewardNotes(ofFunctions)],
  };
}

/** Where only a prompt is known, the longest of the other texts. */
function longestText(row: JsonObject, roles: ColumnRoles): string | undefined {
  if (roles.prompt === undefined) return undefined;
  const texts = Object.entries(row).filter(
    ([name, value]) => typeof value === "string" && name !== roles.prompt && name !== roles.truth,
  );
  return texts.sort(([, a], [, b]) => String(b).length - String(a).length)[0]?.[0];
}

/** The name that a table was logged under, with its folders: `val/generations`. */
const tableName = (path: string): string =>
  /media[/\\]table[/\\](.*)$/.exec(path)?.[1]?.replace(NAMED_STEP, "") ?? "";

/** Tables that Weights & Biases keeps on disk: what TRL, OpenRLHF, SkyRL, Atropos and verl log there. */
export const wandbTable = draftedFormat({
  id: "wandb-table",
  title: "W&B table",
  source: "wandb, run-*/files/media/table/**/*.table.json ({columns, data})",
  containers: ["json"],
  grouping: "key",
  nativeTree: false,

  detect(head) {
    const row = head.firstRecord;
    if (!isObject(row) || !isList(row["columns"]) || !isList(row["data"])) return undefined;
    // A data frame of pandas in its order "split": its rows are what they are in any other order.
    if (isList(row["index"]) && !/\.table\.json$/.test(head.path)) return undefined;
    const { roles } = cellsOf({ ...row, data: row["data"].slice(0, 20) });
    if (roles.response === undefined && roles.prompt === undefined) return undefined;
    const names = row["columns"].map(String);
    return {
      confidence: /media[/\\]table|\.table\.json$/.test(head.path) ? 0.9 : 0.5,
      reason: `a table with the columns ${names.slice(0, 4).join(", ")}`,
    };
  },

  datasetPath(path) {
    // `<name>_<step>_<hash>.table.json`: the tables of one name are one dataset.
    const match = /^(.*[/\\][^/\\]+?)_\d+_[0-9a-f]{8,}\.table\.json$/.exec(path);
    const increment = INCREMENT.exec(path);
    return match?.[1] ?? (increment === null ? path : `${increment[1] ?? ""}${increment[2] ?? ""}`);
  },

  drafts(record, context) {
    if (record.kind !== "value" || !isObject(record.value))
      throw new Failure("unfit-record", "The document is not a table.", "Check the file.");
    return tableDrafts(record.value, context.path);
  },
});

/** Trajectories of a table of `columns` and `data` that a tracker kept; rows without a response are none. */
export function tableDrafts(table: JsonObject, path: string): TrajectoryDraft[] {
  const { cells, roles } = cellsOf(table);
  return cells.flatMap((one) => {
    const draft = draftOf(one, roles, path);
    return draft === undefined ? [] : [draft];
  });
}
