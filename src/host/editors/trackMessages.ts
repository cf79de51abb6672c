import type { ToTrajectoryView, TrackData } from "../../protocol/webviewMessages";
import { PAYLOAD_LIMIT_BYTES, wireBytes } from "./messageSize";

/** Bytes of numbers and token texts of one track sent in one window. */
const CHUNK_BYTES = PAYLOAD_LIMIT_BYTES / 2;

/** The messages that show a set of tracks: all of them at once, then the series that did not fit, in windows. */
export function trackMessages(tracks: readonly TrackData[]): ToTrajectoryView[] {
  const together: TrackData[] = [];
  const windows: ToTrajectoryView[] = [];
  let size = wireBytes(tracks.map(({ values: _values, tokenText: _tokens, ...rest }) => rest));
  for (const track of tracks) {
    const { values, tokenText, ...rest } = track;
    const own = wireBytes(values ?? null) + wireBytes(tokenText ?? null);
    if (size + own <= PAYLOAD_LIMIT_BYTES) {
      size += own;
      together.push(track);
      continue;
    }
    const count = values?.length ?? 0;
    together.push({ ...rest, valueCount: count });
    if (!values) continue;
    const step = Math.max(1, Math.floor((CHUNK_BYTES / own) * count));
    for (let start = 0; start < count; start += step) {
      const part = tokenText === undefined ? {} : { tokenText: tokenText.slice(start, start + step) };
      windows.push({
        type: "trackValues",
        key: track.key,
        start,
        values: values.slice(start, start + step),
        ...part,
      });
    }
  }
  return [{ type: "tracks", tracks: together }, ...windows];
}
