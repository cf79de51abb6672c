import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note, Step } from "../model/trajectory";
import { draftedFormat, given, type TrajectoryDraft } from "./draft";
import { isList, isObject, recordedNumber, textOf, titleOf, wholeNumber } from "./jsonFields";
import { messageList, messageSteps, promptOfMessages } from "./messages";
import { outcomeOfFunctions, rewardNotes } from "./trlCompletions";
import { splitMarked, stepsOfMarkedText } from "./turns";

const PROMPT = /^(?:prompts?|inputs?|questions?|query|queries|problem|instruction)$/i;
const RESPONSE =
  /^(?:completions?|responses?|outputs?|text|texts|trajectory|generation|generated|answer_text)$/i;
const REWARD = /^(?:rewards?|scores?|total_reward|reward_sum)$/i;
const STEP = /^(?:step|global_step|training_step|iteration)$/i;
const NAMED_STEP = /_(\d+)_[0-9a-f]{8,}\.table\.json$/;

interface Cells {
  readonly row: JsonObject;
  readonly step: number | undefined;
}

/** Rows of a table; a wide row (`input_1, output_1, score_1, input_2, ...`, as validation generations are logged) is several. */
function cellsOf(document: JsonObject): readonly Cells[] {
  const names = (isList(document["columns"]) ? document["columns"] : []).map(String);
  const rows = (isList(document["data"]) ? document["data"] : []).filter(isList);
  const wide = names.some((name) => /^(?:input|output)_1$/.test(name));
  return rows.flatMap((cells): Cells[] => {
    const row: Record<string, JsonValue | undefined> = {};
    // Two columns may share a name ("text", "text"): the later ones are numbered.
    for (const [index, name] of names.entries()) row[name in row ? `${name}#${index}` : name] = cells[index];
    const stepName = names.find((name) => STEP.test(name));
    const step = stepName === undefined ? undefined : wholeNumber(row[stepName]);
    if (!wide) return [{ row, step }];
    const parts = new Map<string, Record<string, JsonValue | undefined>>();
    for (const [name, value] of Object.entries(row)) {
      const match = /^(.+)_(\d+)$/.exec(name);
      if (match?.[1] === undefined || match[2] === undefined) continue;
      const part = parts.get(match[2]) ?? {};
      part[match[1]] = value;
      parts.set(match[2], part);
    }
    return [...parts.values()].map((part) => ({ row: part, step }));
  });
}

/** A prompt of messages comes before what was said, unless that begins with it. */
function conversation(prompt: JsonValue | undefined, messages: readonly JsonObject[]): readonly Step[] {
  const asked = messageList(prompt) ?? [];
  const repeated = JSON.stringify(messages.slice(0, asked.length)) === JSON.stringify(asked);
  return asked.length === 0 || repeated
    ? messageSteps(messages)
    : messageSteps([...asked, ...messages], asked.length);
}

function draftOf({ row, step }: Cells, path: string): TrajectoryDraft | undefined {
  const names = Object.keys(row);
  const texts = names.filter((name) => typeof row[name] === "string");
  const promptName = names.find((name) => PROMPT.test(name));
  const responseName = names.find((name) => RESPONSE.test(name)) ?? texts.find((name) => name !== promptName);
  const rewardName = names.find((name) => REWARD.test(name));
  const reward = rewardName === undefined ? undefined : recordedNumber(row[rewardName]);
  const messages = responseName === undefined ? undefined : messageList(row[responseName]);
  const response = responseName === undefined ? undefined : textOf(row[responseName]);
  if (messages === undefined && response === undefined) return undefined;
  let prompt =
    promptName === undefined
      ? ""
      : (textOf(row[promptName]) ?? promptOfMessages(messageList(row[promptName]) ?? []) ?? "");
  let steps;
  let notes: readonly Note[] = [];
  if (messages !== undefined)
    steps = conversation(promptName === undefined ? undefined : row[promptName], messages);
  else {
    // Without a prompt column the whole conversation is one text.
    const whole = promptName === undefined ? splitMarked(response ?? "", "user") : undefined;
    if (whole === undefined) ({ steps, notes } = stepsOfMarkedText(prompt, response ?? ""));
    else steps = messageSteps(whole.map((turn) => ({ role: turn.role, content: turn.text })));
  }
  if (prompt === "") prompt = steps.find((one) => one.role === "user")?.observation ?? "";
  const components: Record<string, number | null> = {};
  for (const name of names) {
    if (name === rewardName || name === "advantage" || STEP.test(name) || typeof row[name] === "string")
      continue;
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
  return {
    ...(prompt === ""
      ? {}
      : { groupKey: prompt, groupGuess: "rows of one training step with the same prompt" }),
    title: titleOf(prompt),
    task: { prompt },
    ...given("trainingStep", step ?? (named === undefined ? undefined : Number(named))),
    steps,
    ...(promptName === undefined || response === undefined || messages !== undefined
      ? {}
      : { flatText: { prompt, response } }),
    outcome: ofFunctions ?? {
      ...(reward === undefined ? {} : { reward, rewardSource: rewardName as string }),
      components,
    },
    ...given("advantage", advantage),
    extra: row,
    notes: ofFunctions === undefined ? notes : [...notes, ...rewardNotes(ofFunctions)],
  };
}

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
    const names = row["columns"].map(String);
    const telling = names.some(
      (name) => RESPONSE.test(name.replace(/_\d+$/, "")) || PROMPT.test(name.replace(/_\d+$/, "")),
    );
    if (!telling) return undefined;
    return {
      confidence: /media[/\\]table/.test(head.path) ? 0.9 : 0.5,
      reason: `a table with the columns ${names.slice(0, 4).join(", ")}`,
    };
  },

  datasetPath(path) {
    // `<name>_<step>_<hash>.table.json`: the tables of one name are one dataset.
    const match = /^(.*[/\\][^/\\]+?)_\d+_[0-9a-f]{8,}\.table\.json$/.exec(path);
    return match?.[1] ?? path;
  },

  drafts(record, context) {
    if (record.kind !== "value" || !isObject(record.value))
      throw new Failure("unfit-record", "The document is not a table.", "Check the file.");
    return tableDrafts(record.value, context.path);
  },
});

/** Trajectories of a table of `columns` and `data` that a tracker kept; rows without a response are none. */
export function tableDrafts(table: JsonObject, path: string): TrajectoryDraft[] {
  return cellsOf(table).flatMap((cells) => {
    const draft = draftOf(cells, path);
    return draft === undefined ? [] : [draft];
  });
}
