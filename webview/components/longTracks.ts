import type { ToTrajectoryView, TrackData } from "../../src/protocol/webviewMessages";

type TrackWindow = Extract<ToTrajectoryView, { type: "trackValues" }>;

/** Puts together the tracks that are too long for one message. */
export class LongTracks {
  private readonly arriving = new Map<string, { values: Float64Array; text: string[] }>();

  clear(): void {
    this.arriving.clear();
  }

  /** Takes a window; gives the track in full when it was the last one. */
  add({ key, start, values, tokenText }: TrackWindow, tracks: readonly TrackData[]): TrackData | undefined {
    const track = tracks.find((each) => each.key === key);
    if (track?.valueCount === undefined) return undefined;
    const { valueCount, ...rest } = track;
    const long = this.arriving.get(key) ?? { values: new Float64Array(valueCount).fill(NaN), text: [] };
    this.arriving.set(key, long);
    long.values.set(values.subarray(0, Math.max(0, valueCount - start)), start);
    for (const [offset, text] of (tokenText ?? []).entries()) long.text[start + offset] = text;
    if (start + values.length < valueCount) return undefined;
    this.arriving.delete(key);
    return { ...rest, values: long.values, ...(long.text.length > 0 ? { tokenText: long.text } : {}) };
  }
}
