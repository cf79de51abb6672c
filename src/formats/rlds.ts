import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import type { ColumnRole, Note } from "../model/trajectory";
import { isList, isObject, recordedNumber } from "./jsonFields";
import { columnOfNumbers, roleOf, type EpisodeColumn } from "./episodeColumns";
import { episodeFormat } from "./numericEpisode";
import { fieldsOf, isArray, isPlainList, jsonOf } from "./plainFields";

const STEPS = "steps/";
const METADATA = "episode_metadata/";
/** What RLDS itself names; everything else of a step is what the environment or the dataset adds. */
const ROLES: Readonly<Record<string, ColumnRole>> = {
  action: "action",
  reward: "reward",
  is_terminal: "terminated",
};

function roleIn(name: string): ColumnRole {
  if (/^observation([./]|$)/.test(name)) return "observation";
  if (/^action[./]/.test(name)) return "action";
  const role = ROLES[name] ?? roleOf(name);
  return role === "observation" && name !== "observation" ? "info" : role;
}

/** Shape and kind of a feature by its path, from the nested description in `features.json`. */
function featureAt(description: JsonValue | undefined, path: readonly string[]): JsonObject | undefined {
  let at = description;
  for (const name of path) {
    const sequence = isObject(at) ? at["sequence"] : undefined;
    if (isObject(sequence)) at = sequence["feature"];
    const dict = isObject(at) ? at["featuresDict"] : undefined;
    const features = isObject(dict) ? dict["features"] : undefined;
    at = isObject(features) ? features[name] : undefined;
  }
  return isObject(at) ? at : undefined;
}

/** Numbers of one step of a feature, by its recorded shape; undefined when that is not told. */
function recordedWidth(feature: JsonObject | undefined): number | undefined {
  const tensor = feature?.["tensor"];
  const shape = isObject(tensor) ? tensor["shape"] : undefined;
  if (!isObject(shape)) return undefined;
  const dimensions = shape["dimensions"];
  if (!isList(dimensions)) return 1;
  const sizes = dimensions.map((size) => recordedNumber(size));
  return sizes.every((size): size is number => typeof size === "number" && size >= 0)
    ? sizes.reduce((product, size) => product * size, 1)
    : undefined;
}

/** What the bytes of a step are: a picture by its first bytes, a text when it is one. */
function bytesAs(bytes: Uint8Array): string {
  const kind =
    bytes[0] === 0xff && bytes[1] === 0xd8
      ? "JPEG"
      : bytes[0] === 0x89 && bytes[1] === 0x50
        ? "PNG"
        : undefined;
  if (kind !== undefined) return `${kind}, ${bytes.length} bytes`;
  const text = new TextDecoder("utf-8").decode(bytes);
  return text.includes("\ufffd") || text.includes("\0") ? `${bytes.length} bytes` : text;
}

const textsOf = (value: PlainValue | undefined): readonly string[] | undefined =>
  isPlainList(value) && value.length > 0 && value.every((item) => item instanceof Uint8Array)
    ? value.map((item) => bytesAs(item as Uint8Array))
    : undefined;

/** Number of steps of an episode: the length of a flag, of which each step has one. */
function stepCount(fields: ReadonlyMap<string, PlainValue>): number | undefined {
  for (const name of ["is_first", "is_last", "is_terminal", "reward", "discount"]) {
    const value = fields.get(`${STEPS}${name}`);
    if (isArray(value)) return value.shape[0];
  }
  return undefined;
}

/**
 * By RLDS's convention the action and reward of a step flagged `is_last` mean nothing; its writers leave zeros there. Robot
 * datasets often record a real last step instead, which is told by numbers that are not zero.
 */
function lastIsPadding(columns: readonly EpisodeColumn[], rows: number): boolean {
  const lastOf = (column: EpisodeColumn): Float32Array | Float64Array =>
    column.data().subarray((rows - 1) * column.width, rows * column.width);
  const flagged = columns.find(({ name }) => name === "is_last");
  if (flagged === undefined || rows < 2 || lastOf(flagged)[0] !== 1) return false;
  return columns
    .filter(({ role }) => role === "action" || role === "reward")
    .every((column) => lastOf(column).every((value) => value === 0));
}

const sameText = (texts: readonly string[]): string | undefined =>
  texts.every((text) => text === texts[0]) ? texts[0] : undefined;

/** RLDS datasets as TensorFlow Datasets writes them: one tf.train.Example an episode, with all steps' numbers end to end. */
export const rlds = episodeFormat({
  id: "rlds",
  title: "RLDS episodes",
  source: "google-research/rlds and TensorFlow Datasets; Open X-Embodiment, *.tfrecord with features.json",
  containers: ["tfrecord"],
  companions: () => ["features.json"],
  detect({ plain }) {
    const fields = fieldsOf(plain);
    if (fields === undefined || stepCount(fields) === undefined) return undefined;
    const known = [...fields.keys()].some((name) => /^steps\/(action|observation)/.test(name));
    return known
      ? { confidence: 0.9, reason: "an example with steps/action, steps/is_first, steps/is_last" }
      : undefined;
  },
  episodes(record, { companions, row, path }) {
    const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
    const rows = fields === undefined ? undefined : stepCount(fields);
    if (fields === undefined || rows === undefined)
      throw new Failure("missing-field", "The example has no steps.", "The other episodes are shown.");
    const description = companions?.get("features.json");
    const all: EpisodeColumn[] = [];
    const texts = new Map<string, readonly string[]>();
    const extra: Record<string, JsonValue> = {};
    // The order of an example's features is random.
    for (const [path, value] of [...fields].sort(([left], [right]) => left.localeCompare(right, "en"))) {
      if (path.startsWith(METADATA)) {
        const list = textsOf(value);
        extra[path.slice(METADATA.length)] =
          list === undefined ? singleOf(jsonOf(value)) : list.length === 1 ? list[0]! : list;
        continue;
      }
      const name = path.startsWith(STEPS) ? path.slice(STEPS.length) : path;
      const list = textsOf(value);
      if (isArray(value) && rows > 0 && (value.shape[0] ?? 0) % rows === 0) {
        const told = recordedWidth(featureAt(description, path.split("/")));
        const width = (value.shape[0] ?? 0) / rows;
        if (told !== undefined && told !== width)
          throw new Failure(
            "unfit-record",
            `${path} holds ${width} numbers a step and features.json says ${told}.`,
            "Check that features.json belongs to this file.",
          );
        all.push(columnOfNumbers(name.replaceAll("/", "."), roleIn(name), value.numbers(), width));
      } else if (list?.length === rows) texts.set(name, list);
      else extra[path] = jsonOf(value);
    }
    const padded = lastIsPadding(all, rows);
    const steps = padded ? rows - 1 : rows;
    const { columns, discount } = cut(all, steps, padded);
    const language = [...texts].find(([name]) =>
      /(^|[/_])(language_)?instruction$|^natural_language/.test(name),
    )?.[1];
    const prompt = language === undefined ? undefined : sameText(language);
    return [
      {
        ownId: `episode_${row}`,
        title: prompt === undefined || prompt === "" ? `episode ${row}` : `episode ${row} · ${prompt}`,
        task: { ...(prompt === undefined || prompt === "" ? {} : { prompt }) },
        steps,
        columns,
        ...splitOf(path),
        stepExtra: (index) =>
          Object.fromEntries([...texts].map(([name, list]) => [name, list[index] ?? null])),
        end: endOf(all, rows),
        extra,
        notes: notesOf(all, rows, padded, discount),
      },
    ];
  },
});

const singleOf = (value: JsonValue): JsonValue =>
  isList(value) && value.length === 1 ? (value[0] ?? null) : value;

function splitOf(path: string): { readonly split?: string } {
  const split =
    /-(train|val|validation|test|eval)\.[\w-]*tfrecord|-(train|val|validation|test|eval)[-.]/.exec(
      path.replace(/^.*[/\\]/, ""),
    );
  const name = split?.[1] ?? split?.[2];
  return name === undefined ? {} : { split: name };
}

/** Columns without what only fills the last row; observations and flags keep it. */
function cut(
  all: readonly EpisodeColumn[],
  steps: number,
  padded: boolean,
): { readonly columns: readonly EpisodeColumn[]; readonly discount: EpisodeColumn | undefined } {
  const columns = all.map((column) =>
    padded && (column.role === "action" || column.role === "reward" || column.name === "discount")
      ? columnOfNumbers(column.name, column.role, column.data().slice(0, steps * column.width), column.width)
      : column,
  );
  return { columns, discount: columns.find(({ name }) => name === "discount") };
}

/** How it ended: the flags of the last row tell, which a padded episode does not show as a step. */
function endOf(
  columns: readonly EpisodeColumn[],
  rows: number,
): { readonly stopReason?: string; readonly truncated?: boolean } {
  const flag = (name: string): number | undefined =>
    columns.find((column) => column.name === name)?.data()[rows - 1];
  const terminal = flag("is_terminal");
  if (terminal === 1) return { stopReason: "terminated", truncated: false };
  if (terminal === 0 && flag("is_last") === 1) return { stopReason: "truncated", truncated: true };
  return {};
}

function notesOf(
  columns: readonly EpisodeColumn[],
  rows: number,
  padded: boolean,
  discount: EpisodeColumn | undefined,
): readonly Note[] {
  const notes: Note[] = [];
  const last = columns.find(({ name }) => name === "is_last")?.data()[rows - 1];
  if (padded)
    notes.push({
      code: "padded-last-step",
      message:
        "The last step is flagged is_last and its action and reward are zero: it is taken as the final observation alone.",
    });
  else if (last === 1)
    notes.push({
      code: "real-last-step",
      message:
        "The last step is flagged is_last and still holds an action or reward, so it is shown as a step; RLDS's convention would ignore them.",
    });
  else if (last === 0)
    notes.push({ code: "cut-episode", message: "No step of the episode is flagged is_last: it may be cut." });
  if (discount?.data().some((value) => value !== 0 && value !== 1) === true)
    notes.push({ code: "own-discount", message: "The dataset records discounts other than 0 and 1." });
  return notes;
}
