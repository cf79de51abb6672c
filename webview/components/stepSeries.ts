import type { TrackData } from "../../src/protocol/webviewMessages";
import { significant } from "./format";
import { robustLimits, type Limits } from "./limits";

/** One number a step, for the bars of the step list. */
export interface StepSeries {
  readonly key: string;
  readonly title: string;
  readonly signed: boolean;
  /** One number for the whole trajectory: it belongs to the policy's steps alone. */
  readonly whole: boolean;
  readonly limits: Limits | undefined;
  /** NaN = no number at this step. */
  at(step: number): number;
}

/** True when a track tells most steps apart. */
function tellsSteps(track: TrackData): boolean {
  if (track.level !== "step" || !track.values) return false;
  const finite = track.values.filter(Number.isFinite);
  return finite.length * 2 >= track.values.length && finite.some((value) => value !== finite[0]);
}

/**
 * Tracks that have a number for steps, best first for the list: what tells the steps apart before what is the same
 * for all, advantages before other signed series, those before the rest.
 */
export function stepTracks(tracks: readonly TrackData[]): readonly TrackData[] {
  const rank = (track: TrackData): number =>
    (tellsSteps(track) ? 0 : track.level === "trajectory" ? 8 : 12) +
    (track.unit === "advantage" ? 0 : 4) +
    (track.signed ? 0 : 2);
  return tracks
    .filter(
      (track) => track.values !== undefined && track.level !== "token" && track.values.some(Number.isFinite),
    )
    .map((track, index) => ({ track, index }))
    .sort((a, b) => rank(a.track) - rank(b.track) || a.index - b.index)
    .map((each) => each.track);
}

/** Makes the series of a track; a number for the whole trajectory stands at every step. */
export function stepSeries(track: TrackData): StepSeries {
  const values = track.values ?? new Float64Array(0);
  const whole = track.level === "trajectory" && values.length === 1;
  return {
    key: track.key,
    title: track.title,
    signed: track.signed,
    whole,
    limits: robustLimits(values, track.signed),
    at: (step) => (whole ? values[0]! : (values[step] ?? NaN)),
  };
}

/**
 * The series that a run of a model has just brought: one that is new or has changed, else the model's first; of a
 * policy's the log-probabilities.
 */
export function newestScore(
  before: readonly TrackData[],
  now: readonly TrackData[],
  modelPath: string | undefined,
): TrackData | undefined {
  const scores = now
    .filter((track) => track.source === "model")
    .sort((a, b) => Number(/:logprob$/.test(b.key)) - Number(/:logprob$/.test(a.key)));
  const changed = (track: TrackData): boolean => {
    const old = before.find((each) => each.key === track.key);
    return !old || !sameNumbers(old.values, track.values);
  };
  return (
    scores.find(changed) ??
    scores.find((track) => modelPath !== undefined && track.key.startsWith(`model:${modelPath}:`))
  );
}

function sameNumbers(one: ArrayLike<number> | undefined, other: ArrayLike<number> | undefined): boolean {
  if (one?.length !== other?.length) return false;
  for (let index = 0; index < (one?.length ?? 0); index++)
    if (!Object.is(one![index], other![index])) return false;
  return true;
}

/** ", 95 % from 0.31 to 0.74" where a track tells how sure its number is; else "". */
export function intervalText({ interval }: TrackData, index: number): string {
  const [low, high] = [interval?.low[index], interval?.high[index]];
  if (low === undefined || high === undefined || !Number.isFinite(low) || !Number.isFinite(high)) return "";
  return `, 95 % from ${significant(low)} to ${significant(high)}`;
}

/** Index of the number at `wanted`, else of the next one, else of the last one before; undefined = there is none. */
export function nearestNumber(values: ArrayLike<number>, wanted: number): number | undefined {
  for (let index = Math.max(0, wanted); index < values.length; index++)
    if (Number.isFinite(values[index])) return index;
  for (let index = Math.min(wanted, values.length) - 1; index >= 0; index--)
    if (Number.isFinite(values[index])) return index;
  return undefined;
}

/** The number of the whole trajectory that the header shows, with its convention. */
export function headlineAdvantage(tracks: readonly TrackData[]): TrackData | undefined {
  return tracks.find(
    (track) =>
      track.unit === "advantage" &&
      track.level === "trajectory" &&
      track.values?.length === 1 &&
      Number.isFinite(track.values[0]),
  );
}
