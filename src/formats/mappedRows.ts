import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { ColumnMapping, MappedField } from "../model/columnMapping";
import type { Outcome, TokenColumns } from "../model/trajectory";
import { given, type TrajectoryDraft } from "./draft";
import { float64, isList, recordedFlag, recordedNumber, textOf, wholeNumber, without } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { numbersOf } from "./outcomeFields";
import { fieldAt, listsDraft, numberAt, stepsDraft } from "./mappedSteps";
import { stepsOfFlatText } from "./turns";

type Columns = ColumnMapping["columns"];

/** Fields at the top of a row that the mapping takes whole; a nested one leaves the rest of its object visible. */
function takenWhole(columns: Columns, fields: readonly MappedField[], row: JsonObject): ReadonlySet<string> {
  return new Set(
    fields.flatMap((field) =>
      columns[field] !== undefined && columns[field] in row ? [columns[field]] : [],
    ),
  );
}

/** A text, or a value that is shown as one. */
const shownText = (value: JsonValue | undefined): string | undefined =>
  value === undefined || value === null
    ? undefined
    : typeof value === "string"
      ? value
      : JSON.stringify(value);

/** Group, training step, id, split and reference: what says which trajectory this is. */
function identity(row: JsonObject, columns: Columns): Omit<Partial<TrajectoryDraft>, "extra" | "steps"> {
  const group = shownText(fieldAt(row, columns.group));
  const step = wholeNumber(fieldAt(row, columns.step));
  return {
    ...given("groupKey", group),
    ...given("trainingStep", step),
    ...given("ownId", shownText(fieldAt(row, columns.id))),
    ...given("split", shownText(fieldAt(row, columns.split))),
  };
}

function taskOf(row: JsonObject, columns: Columns, prompt: string | undefined): TrajectoryDraft["task"] {
  const groundTruth = fieldAt(row, columns.groundTruth);
  return { ...given("prompt", prompt), ...given("groundTruth", groundTruth) };
}

function outcomeOf(row: JsonObject, columns: Columns, taken: ReadonlySet<string>): Outcome {
  const reward = numberAt(row, columns.reward);
  const success = recordedFlag(fieldAt(row, columns.success));
  const truncated = recordedFlag(fieldAt(row, columns.truncated));
  return {
    ...(reward === undefined ? {} : { reward, rewardSource: columns.reward ?? "reward" }),
    ...given("success", success),
    ...(typeof truncated === "boolean" ? { truncated } : {}),
    components: numbersOf(row, taken),
  };
}

/** Token arrays of a row whose token ids are mapped. Arrays of another length are not aligned with them and stay in `extra`. */
function tokensOf(row: JsonObject, columns: Columns): TokenColumns | undefined {
  const ids = fieldAt(row, columns.tokenIds);
  if (!isList(ids) || !ids.every((id) => typeof id === "number" && Number.isInteger(id))) return undefined;
  const aligned = (column: string | undefined): readonly JsonValue[] | undefined => {
    const value = fieldAt(row, column);
    return isList(value) && value.length === ids.length ? value : undefined;
  };
  const mask = aligned(columns.tokenMask);
  const series: Record<string, Float64Array> = {};
  for (const name of ["advantage", "logprob", "value", "reward"] as const) {
    const values = aligned(columns[name]);
    if (values !== undefined) series[name] = float64(values);
  }
  return {
    count: ids.length,
    ids: Int32Array.from(ids as readonly number[]),
    ...(mask === undefined
      ? {}
      : { mask: Uint8Array.from(mask, (one) => (recordedNumber(one) === 1 ? 1 : 0)) }),
    series,
  };
}

/** A row that is a whole trajectory: a conversation, a prompt with its response, token ids, or lists of numbers by step. */
export function rowDraft(row: JsonObject, columns: Columns): TrajectoryDraft {
  const conversation = messageList(fieldAt(row, columns.messages));
  const asked = fieldAt(row, columns.prompt);
  const said = fieldAt(row, columns.response);
  const tokens = tokensOf(row, columns);
  const used: MappedField[] = [
    "groundTruth",
    "reward",
    "success",
    "advantage",
    "group",
    "step",
    "id",
    "split",
    "truncated",
  ];
  const text = textDraft(conversation, asked, said);
  const lists = text === undefined ? listsDraft(row, columns) : undefined;
  if (text === undefined && lists === undefined && tokens === undefined)
    throw new Failure(
      "missing-field",
      `The row holds none of the mapped columns ${Object.values(columns).join(", ")} in a form that can be read.`,
      "Map other columns, or correct the mapping in the settings.",
    );
  if (text !== undefined) used.push("messages", "prompt", "response");
  if (tokens !== undefined) used.push("tokenIds", "tokenMask");
  if (lists !== undefined) used.push("observation", "action", "done", "value", "logprob");
  const taken = takenWhole(columns, used, row);
  const advantage = numberAt(row, columns.advantage);
  const outcome = outcomeOf(row, columns, taken);
  return {
    ...identity(row, columns),
    task: taskOf(row, columns, text?.prompt),
    steps: text?.steps ?? lists?.steps ?? [],
    ...(text?.flatText === undefined ? {} : { flatText: text.flatText }),
    ...(lists === undefined ? {} : { columns: lists.columns }),
    ...(tokens === undefined ? {} : { tokens }),
    outcome: lists?.reward === undefined ? outcome : { ...outcome, ...lists.reward },
    ...given("advantage", advantage),
    extra: without(row, takenExactly(row, columns, taken, tokens)),
    notes: text?.notes ?? [],
  };
}

/** Of the mapped fields those whose values are really shown elsewhere: what could not be read stays in `extra`. */
function takenExactly(
  row: JsonObject,
  columns: Columns,
  taken: ReadonlySet<string>,
  tokens: TokenColumns | undefined,
): ReadonlySet<string> {
  const shown = new Set(taken);
  for (const field of ["reward", "advantage"] as const) {
    const column = columns[field];
    const value = fieldAt(row, column);
    if (column !== undefined && isList(value) && tokens?.series[field] === undefined) shown.delete(column);
  }
  return shown;
}

function textDraft(
  conversation: readonly JsonObject[] | undefined,
  asked: JsonValue | undefined,
  said: JsonValue | undefined,
):
  | (Pick<TrajectoryDraft, "steps" | "notes" | "flatText"> & { readonly prompt: string | undefined })
  | undefined {
  if (conversation !== undefined)
    return { steps: messageSteps(conversation), notes: [], prompt: promptOfMessages(conversation) };
  const before = messageList(asked) ?? (typeof asked === "string" ? undefined : []);
  const after = messageList(said);
  if (after !== undefined) {
    const first = before ?? [{ role: "user", content: asked ?? "" }];
    return {
      steps: messageSteps([...first, ...after], first.length),
      notes: [],
      prompt: promptOfMessages(first),
    };
  }
  if (typeof said !== "string" && typeof asked !== "string") return undefined;
  const response = textOf(said) ?? "";
  if (before !== undefined && before.length > 0) {
    const messages = [...before, ...(response === "" ? [] : [{ role: "assistant", content: response }])];
    return { steps: messageSteps(messages, before.length), notes: [], prompt: promptOfMessages(before) };
  }
  const prompt = textOf(asked) ?? "";
  return { ...stepsOfFlatText(prompt, response), prompt, flatText: { prompt, response } };
}

/** Rows that are steps of one episode. */
export function episodeDraft(rows: readonly JsonObject[], columns: Columns, index: number): TrajectoryDraft {
  const [first = {}] = rows;
  const { steps, columns: numeric, reward } = stepsDraft(rows, columns);
  const episode = shownText(fieldAt(first, columns.episode));
  const prompt = textOf(fieldAt(first, columns.prompt));
  const last = rows.at(-1) ?? first;
  const ended = steps.some((step) => step.terminated === true);
  const cut = steps.some((step) => step.truncated === true);
  const success = recordedFlag(fieldAt(last, columns.success));
  return {
    ...identity(first, columns),
    ...(columns.id === undefined ? { ownId: episode ?? String(index) } : {}),
    title: prompt ?? `episode ${episode ?? index}`,
    task: taskOf(first, columns, prompt),
    steps,
    ...(numeric.columns.length === 0 ? {} : { columns: numeric }),
    outcome: {
      ...reward,
      ...given("success", success),
      ...(columns.truncated === undefined ? {} : { truncated: cut && !ended }),
      ...(ended ? { stopReason: "terminated" } : cut ? { stopReason: "truncated" } : {}),
      components: {},
    },
    extra: episode === undefined ? {} : { episode },
    notes: [],
  };
}

/** Consecutive rows with equal episodes; all of them where none is mapped. */
export function episodesOfRows(rows: readonly JsonObject[], columns: Columns): TrajectoryDraft[] {
  const runs: JsonObject[][] = [];
  let before: string | undefined;
  for (const row of rows) {
    const key = JSON.stringify(fieldAt(row, columns.episode) ?? null);
    if (key !== before || runs.length === 0) runs.push([]);
    runs.at(-1)?.push(row);
    before = key;
  }
  return runs.map((run, index) => episodeDraft(run, columns, index));
}
