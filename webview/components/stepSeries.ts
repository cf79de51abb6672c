import type { TrackData } from "../../src/protocol/webviewMessages";
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

/** Tracks that have one number a step, best first for the list: advantages, then other signed ones, then the rest. */
export function stepTracks(tracks: readonly TrackData[]): readonly TrackData[] {
  const rank = (track: TrackData): number =>
    (track.unit === "advantage" ? 0 : 4) + (track.level === "step" ? 0 : 1) + (track.signed ? 0 : 2);
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
