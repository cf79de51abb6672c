import { Failure } from "../model/failure";
import type { PlainValue } from "../model/plain";
import type { ColumnRole, Note } from "../model/trajectory";
import { columnOfNumbers, type EpisodeColumn } from "./episodeColumns";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { fieldsOf, isArray, isPlainList } from "./plainFields";

type Fields = ReadonlyMap<string, PlainValue>;

/** TF-Agents' step types. */
const FIRST = 0;
const LAST = 2;

/** Integers are written as the bytes of the tensor, floats as floats. */
function numbersOf(value: PlainValue | undefined): Float32Array | Float64Array | undefined {
  if (isArray(value)) return value.numbers();
  const bytes = isPlainList(value) && value.length === 1 ? value[0] : undefined;
  if (!(bytes instanceof Uint8Array)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 1) return Float64Array.of(view.getUint8(0));
  return bytes.length % 4 === 0
    ? Float64Array.from({ length: bytes.length / 4 }, (_, index) => view.getInt32(index * 4, true))
    : undefined;
}

const scalar = (fields: Fields, name: string): number | undefined => numbersOf(fields.get(name))?.[0];

/** What the parts of a transition are. A reward and a discount come with the step after the action. */
function roleIn(name: string): ColumnRole {
  if (name === "action_step/action") return "action";
  if (name === "time_step/observation" || name.startsWith("time_step/observation/")) return "observation";
  return name === "next_time_step/reward" ? "reward" : "info";
}

/** Runs of transitions that are one episode: it ends with the last step, or where the next one starts anew. */
function runsOf(all: readonly Fields[]): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  let start = 0;
  for (const [row, fields] of all.entries()) {
    const next = all[row + 1];
    const own = scalar(fields, "time_step/step_type");
    const ended =
      own === LAST ||
      next === undefined ||
      scalar(next, "time_step/step_type") === FIRST ||
      // A transition into the last step ends the episode, unless the transition out of it is recorded too.
      (scalar(fields, "next_time_step/step_type") === LAST && scalar(next, "time_step/step_type") !== LAST);
    if (!ended) continue;
    runs.push([start, row + 1]);
    start = row + 1;
  }
  return runs;
}

function columnsOf(rows: readonly Fields[]): EpisodeColumn[] {
  const columns: EpisodeColumn[] = [];
  for (const name of [...(rows[0]?.keys() ?? [])].sort()) {
    const parts = rows.map((row) => numbersOf(row.get(name)));
    const width = parts[0]?.length;
    if (width === undefined || !parts.every((part) => part?.length === width)) continue;
    const data =
      parts[0] instanceof Float32Array
        ? new Float32Array(rows.length * width)
        : new Float64Array(rows.length * width);
    for (const [row, part] of parts.entries()) data.set(part ?? [], row * width);
    columns.push(columnOfNumbers(name.replaceAll("/", "."), roleIn(name), data, width));
  }
  return columns;
}

function episodeOf(
  all: readonly Fields[],
  [start, end]: readonly [number, number],
  index: number,
): NumericEpisode {
  const rows = all.slice(start, end);
  const columns = columnsOf(rows);
  const lastType = scalar(rows.at(-1)!, "time_step/step_type");
  const nextType = scalar(rows.at(-1)!, "next_time_step/step_type");
  const discount = scalar(rows.at(-1)!, "next_time_step/discount");
  const ended = lastType === LAST || nextType === LAST;
  const notes: Note[] = [];
  if (lastType === LAST)
    notes.push({
      code: "boundary-transition",
      message:
        "The last transition leads out of the last step of an episode. TF-Agents masks such transitions while training; its reward is shown as the file has it.",
    });
  if (!ended) notes.push({ code: "cut-episode", message: "The transitions stop before the episode does." });
  return {
    ownId: `episode_${index}`,
    title: `episode ${index}`,
    steps: rows.length,
    columns,
    // A discount of 0 means that nothing follows; a last step with another discount is a time limit.
    ...(ended && discount !== undefined
      ? {
          end:
            discount === 0
              ? { stopReason: "terminated", truncated: false }
              : { stopReason: "truncated", truncated: true },
        }
      : {}),
    extra: { records: [start, end] },
    notes,
  };
}

/** TF-Agents' TFRecords of transitions: one record a transition, so that a file is read as a whole. */
export const tfAgents = episodeFormat({
  id: "tf-agents",
  title: "TF-Agents transitions",
  source: "tensorflow/agents, TFRecord observers and examples, *.tfrecord with .spec",
  containers: ["tfrecord"],
  wholeDocument: true,
  detect({ plain, siblings, path }) {
    const fields = fieldsOf(plain);
    if (fields === undefined || ![...fields.keys()].some((name) => name.startsWith("action_step/")))
      return undefined;
    if (![...fields.keys()].some((name) => name.startsWith("time_step/"))) return undefined;
    const spec = siblings.includes(`${path.replace(/^.*[/\\]/, "")}.spec`);
    return { confidence: spec ? 0.95 : 0.9, reason: "examples with time_step, action_step, next_time_step" };
  },
  episodes(record) {
    const list = record.kind === "plain" && isPlainList(record.value) ? record.value : [];
    const all = list.flatMap((item) => {
      const fields = fieldsOf(item);
      return fields === undefined ? [] : [fields];
    });
    if (all.length === 0)
      throw new Failure("missing-field", "The file has no whole transition.", "It may be cut off.");
    return runsOf(all).map((run, index) => episodeOf(all, run, index));
  },
});
