import { Failure } from "../model/failure";
import type { StepSummary, TrajectorySummary } from "../model/summary";
import type { Step, Trajectory } from "../model/trajectory";
import type { Format, FormatRecord, RecordContext } from "./format";
import { isObject, titleOf } from "./jsonFields";

/** A trajectory as a format reads it, before the store gives it its ids and place. */
export interface TrajectoryDraft extends Omit<
  Trajectory,
  "id" | "datasetId" | "source" | "groupId" | "format"
> {
  readonly ownId?: string;
  readonly groupKey?: string;
  readonly groupGuess?: string;
  readonly title?: string;
}

/** What is left to say about a format whose records are small enough to be read whole for their summary. */
export interface DraftedFormat extends Omit<Format, "summarise" | "read"> {
  /**
   * Fields that every record has, in alternatives: what stands among the records without them (an error, a header, a
   * summary) is refused, rather than read as an empty trajectory.
   */
  readonly needs?: readonly (readonly string[])[];
  /** All trajectories of a record, in order of `part`. Throws Failure for a record that does not fit. */
  drafts(record: FormatRecord, context: RecordContext): readonly TrajectoryDraft[];
}

interface Kept {
  readonly context: RecordContext;
  readonly drafts: readonly TrajectoryDraft[];
}

/** A format from its drafts: the summary and the full reading can then never disagree. */
export function draftedFormat({ drafts: draftsOfRecord, needs, ...format }: DraftedFormat): Format {
  const drafts: DraftedFormat["drafts"] = (record, context) => {
    if (needs !== undefined) expectFields(record, needs, format.title);
    return draftsOfRecord(record, context);
  };
  // A record may hold thousands of trajectories that are read one after another; what was drafted lives as long as it.
  const kept = new WeakMap<object, Kept>();
  const draftsOf = (record: FormatRecord, context: RecordContext): readonly TrajectoryDraft[] => {
    const key = record.kind === "hdf5" ? undefined : record.value;
    if (typeof key !== "object" || key === null) return drafts(record, context);
    const known = kept.get(key);
    if (
      known?.context.path === context.path &&
      known.context.row === context.row &&
      known.context.member === context.member &&
      known.context.companions === context.companions
    )
      return known.drafts;
    const own = drafts(record, context);
    if (own.length > 1) kept.set(key, { context, drafts: own });
    return own;
  };
  return {
    ...format,
    summarise: (record, context) => drafts(record, context).map(summaryOf),
    read(record, place, context) {
      const all = draftsOf(record, context);
      const draft = all[place.source.part];
      if (draft === undefined)
        throw new Failure(
          "missing-part",
          `The record holds ${all.length} trajectories, not ${place.source.part + 1}.`,
          "Refresh the Trajectories view.",
        );
      const { ownId, groupKey: _groupKey, groupGuess, title: _title, ...trajectory } = draft;
      return {
        ...trajectory,
        ...place,
        format: format.id,
        task:
          trajectory.task.id === undefined && ownId !== undefined
            ? { ...trajectory.task, id: ownId }
            : trajectory.task,
        notes:
          groupGuess === undefined
            ? trajectory.notes
            : [
                ...trajectory.notes,
                { code: "guessed-group", message: `The group is guessed: ${groupGuess}.` },
              ],
      };
    },
  };
}

/** @throws Failure for a value that has none of the alternatives' fields all together */
function expectFields(record: FormatRecord, needs: readonly (readonly string[])[], title: string): void {
  const fields = record.kind === "value" && isObject(record.value) ? record.value : {};
  if (needs.some((names) => names.every((name) => name in fields))) return;
  throw new Failure(
    "missing-field",
    `The record lacks ${needs.map((names) => names.join(" and ")).join(", or ")}: it is not one of ${title}.`,
    "The others are shown.",
  );
}

function summaryOf(draft: TrajectoryDraft, part: number): TrajectorySummary {
  const { steps, outcome, tokens } = draft;
  const policy = steps.filter((step) => step.role === "assistant" && step.kind !== "prompt");
  const numbers = steps.filter(
    (step) => step.reward !== undefined || step.value !== undefined || step.advantage !== undefined,
  );
  return {
    part,
    title: draft.title ?? titleOf(draft.task.prompt ?? firstText(steps)),
    stepCount: steps.length,
    components: outcome.components,
    responseCharacters: policy.reduce(
      (sum, step) => sum + (step.thought?.length ?? 0) + (step.action?.length ?? 0),
      0,
    ),
    ...given("ownId", draft.ownId),
    ...given("groupKey", draft.groupKey),
    ...given("groupGuess", draft.groupGuess),
    ...given("trainingStep", draft.trainingStep),
    ...given("split", draft.split),
    ...given("reward", outcome.reward),
    ...given("success", outcome.success),
    ...given("truncated", outcome.truncated),
    ...given("stopReason", outcome.stopReason),
    ...given("advantage", draft.advantage),
    ...given("tokenCount", tokens?.count),
    ...given("parentOwnId", draft.parentId),
    ...(numbers.length === 0 ? {} : { steps: numbers.map(numbersOf) }),
  };
}

function numbersOf(step: Step): StepSummary {
  return {
    index: step.index,
    ...given("reward", step.reward),
    ...given("value", step.value),
    ...given("advantage", step.advantage),
  };
}

function firstText(steps: readonly Step[]): string {
  const step = steps.find((one) => one.role === "user") ?? steps[0];
  return step?.observation ?? step?.action ?? "";
}

/** A field that is there only when it has a value; `null` is a value. */
export function given<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, V>>);
}
