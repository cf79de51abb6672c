import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { StepSummary, TrajectorySummary } from "../model/summary";
import type { ColumnRole, MediaReference, Note, NumericColumn, Outcome, Step } from "../model/trajectory";
import { given } from "./draft";
import type { EpisodeColumn } from "./episodeColumns";
import type { Format, FormatRecord, RecordContext } from "./format";

/** An episode of numbers: transitions with columns, before the store gives it its ids and place. */
export interface NumericEpisode {
  readonly ownId?: string;
  readonly title: string;
  /** Transitions, which is the number of actions; observations may have one row more. */
  readonly steps: number;
  readonly columns: readonly EpisodeColumn[];
  readonly task?: { readonly id?: string; readonly prompt?: string };
  readonly groupKey?: string;
  readonly groupGuess?: string;
  readonly parentId?: string;
  readonly trainingStep?: number;
  readonly split?: string;
  /** The episode's reward where the file records it; otherwise it is the sum of the column of role `reward`. */
  readonly reward?: { readonly value: number | null; readonly source: string };
  readonly success?: boolean | null;
  /** How it ended, where the columns `terminated` and `truncated` do not tell. */
  readonly end?: { readonly stopReason?: string; readonly truncated?: boolean };
  readonly components?: Readonly<Record<string, number | null>>;
  /** Videos and pictures of the whole episode; they hang on its first step. */
  readonly media?: readonly MediaReference[];
  /** Fields of a step that are no numbers. */
  readonly stepExtra?: (index: number) => JsonObject;
  readonly extra: JsonObject;
  readonly notes?: readonly Note[];
}

/** What is left to say about a format whose records are numeric episodes. */
export interface EpisodeFormat extends Omit<Format, "summarise" | "read" | "nativeTree" | "grouping"> {
  readonly grouping?: Format["grouping"];
  /**
   * The episodes of a record, in order of `part`; as functions where making one costs something, because of a file of
   * thousands only one is shown at a time. Throws Failure for a record that does not fit.
   */
  episodes(
    record: FormatRecord,
    context: RecordContext,
  ): readonly (NumericEpisode | (() => NumericEpisode))[];
}

/** A format from the episodes of its records. */
export function episodeFormat({ episodes, ...format }: EpisodeFormat): Format {
  return {
    grouping: "none",
    nativeTree: false,
    ...format,
    summarise: (record, context) =>
      episodes(record, context).map((episode, part) => summaryOf(madeOf(episode), part)),
    read(record, place, context) {
      const all = episodes(record, context);
      const chosen = all[place.source.part];
      if (chosen === undefined)
        throw new Failure(
          "missing-part",
          `The record holds ${all.length} episodes, not ${place.source.part + 1}.`,
          "Refresh the Trajectories view.",
        );
      const episode = madeOf(chosen);
      const columns = episode.columns.map((column): NumericColumn => ({
        ...column,
        data: own(column.data()),
      }));
      const reader = new Reader(episode);
      const task = { ...given("id", episode.ownId), ...episode.task };
      return {
        ...place,
        format: format.id,
        task,
        ...given("parentId", episode.parentId),
        ...given("trainingStep", episode.trainingStep),
        ...given("split", episode.split),
        steps: reader.steps(),
        ...(columns.length === 0 ? {} : { columns: { steps: episode.steps, columns } }),
        outcome: reader.outcome(),
        extra: episode.extra,
        notes: [
          ...(episode.notes ?? []),
          ...(episode.groupGuess === undefined
            ? []
            : [{ code: "guessed-group", message: `The group is guessed: ${episode.groupGuess}.` }]),
        ],
      };
    },
  };
}

/** A view of a larger buffer would take the whole buffer along wherever the trajectory is sent. */
const own = (data: Float32Array | Float64Array): Float32Array | Float64Array =>
  data.byteLength === data.buffer.byteLength ? data : data.slice();

const madeOf = (episode: NumericEpisode | (() => NumericEpisode)): NumericEpisode =>
  typeof episode === "function" ? episode() : episode;

function summaryOf(episode: NumericEpisode, part: number): TrajectorySummary {
  const reader = new Reader(episode);
  const { reward, success, truncated, stopReason, components } = reader.outcome();
  const steps = reader.stepSummaries();
  return {
    part,
    title: episode.title,
    stepCount: episode.steps,
    components,
    ...given("ownId", episode.ownId),
    ...given("groupKey", episode.groupKey),
    ...given("groupGuess", episode.groupGuess),
    ...given("trainingStep", episode.trainingStep),
    ...given("split", episode.split),
    ...given("parentOwnId", episode.parentId),
    ...given("reward", reward),
    ...given("success", success),
    ...given("truncated", truncated),
    ...given("stopReason", stopReason),
    ...(steps.length === 0 ? {} : { steps }),
  };
}

/** Reads the columns of one number a step, each once. */
class Reader {
  private readonly known = new Map<string, Float32Array | Float64Array | undefined>();

  constructor(private readonly episode: NumericEpisode) {}

  /** The column of one number a step with this role; advantages have no role and are found by name. */
  private scalar(role: ColumnRole | "advantage"): Float32Array | Float64Array | undefined {
    if (!this.known.has(role)) {
      const { steps, columns } = this.episode;
      const column = columns.find(
        (one) =>
          (role === "advantage" ? isAdvantage(one.name) : one.role === role) &&
          one.width === 1 &&
          one.rows >= steps,
      );
      this.known.set(role, column?.data());
    }
    return this.known.get(role);
  }

  private some(role: ColumnRole): boolean | undefined {
    const flags = this.scalar(role);
    if (flags === undefined) return undefined;
    for (let step = 0; step < this.episode.steps; step++) if (flagAt(flags, step) === true) return true;
    return false;
  }

  outcome(): Outcome {
    const { episode } = this;
    return {
      ...this.reward(),
      ...given("success", episode.success),
      ...this.end(),
      components: episode.components ?? {},
    };
  }

  /** The recorded reward, or the undiscounted sum of the steps': absent when there are none, NaN when one is. */
  private reward(): Pick<Outcome, "reward" | "rewardSource"> {
    if (this.episode.reward !== undefined) {
      const { value, source } = this.episode.reward;
      return { reward: value, rewardSource: source };
    }
    const rewards = this.scalar("reward");
    if (rewards === undefined || this.episode.steps === 0) return {};
    let sum = 0;
    for (let step = 0; step < this.episode.steps; step++) sum += rewards[step]!;
    return { reward: sum, rewardSource: "sum of rewards" };
  }

  private end(): Pick<Outcome, "stopReason" | "truncated"> {
    const terminated = this.some("terminated");
    const truncated = this.some("truncated");
    const flags = {
      ...(truncated === undefined ? {} : { truncated: truncated && terminated !== true }),
      ...(terminated === true
        ? { stopReason: "terminated" }
        : truncated === true
          ? { stopReason: "truncated" }
          : {}),
    };
    return { ...flags, ...this.episode.end };
  }

  steps(): Step[] {
    const reward = this.scalar("reward");
    const value = this.scalar("value");
    const advantage = this.scalar("advantage");
    const logprob = this.scalar("logprob");
    const terminated = this.scalar("terminated");
    const truncated = this.scalar("truncated");
    return Array.from({ length: this.episode.steps }, (_, index): Step => ({
      index,
      role: "assistant",
      kind: "act",
      ...(index === 0 && this.episode.media !== undefined ? { media: this.episode.media } : {}),
      ...given("reward", reward?.[index]),
      ...given("value", value?.[index]),
      ...given("advantage", advantage?.[index]),
      ...given("logprob", logprob?.[index]),
      ...given("terminated", flagAt(terminated, index)),
      ...given("truncated", flagAt(truncated, index)),
      ...this.extra(index),
    }));
  }

  private extra(index: number): Pick<Step, "extra"> {
    const extra = this.episode.stepExtra?.(index);
    return extra === undefined || Object.keys(extra).length === 0 ? {} : { extra };
  }

  stepSummaries(): StepSummary[] {
    const reward = this.scalar("reward");
    const value = this.scalar("value");
    const advantage = this.scalar("advantage");
    if (reward === undefined && value === undefined && advantage === undefined) return [];
    return Array.from({ length: this.episode.steps }, (_, index) => ({
      index,
      ...given("reward", reward?.[index]),
      ...given("value", value?.[index]),
      ...given("advantage", advantage?.[index]),
    }));
  }
}

/** A recorded flag; undefined where the file has none for the step. */
function flagAt(flags: Float32Array | Float64Array | undefined, step: number): boolean | undefined {
  const flag = flags?.[step];
  return flag === undefined || Number.isNaN(flag) ? undefined : flag !== 0;
}

const isAdvantage = (name: string): boolean => /(^|[./])(advantages?|adv)$/i.test(name);
