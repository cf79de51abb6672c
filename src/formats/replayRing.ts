import type { JsonObject } from "../model/json";
import type { ColumnRole, Note } from "../model/trajectory";
import { given } from "./draft";
import type { EpisodeColumn } from "./episodeColumns";
import type { NumericEpisode } from "./numericEpisode";

/** One environment's part of a replay buffer: the times of its rows in the order in which they were written. */
export interface Lane {
  readonly index: number;
  readonly times: Int32Array;
  /** True when the buffer was full, so that older rows than the first are overwritten. */
  readonly wrapped: boolean;
}

/** An array of a buffer: where the row of a time and an environment lies in it is the library's own affair. */
export interface RingColumn {
  readonly name: string;
  readonly role: ColumnRole;
  readonly width: number;
  data(): Float32Array | Float64Array;
  at(time: number, lane: number): number;
}

/** How a row ends its episode; undefined where it does not. */
export type RowEnd = "terminated" | "truncated" | "ended";

export interface Ring {
  readonly lanes: readonly Lane[];
  readonly columns: readonly RingColumn[];
  /** @param next time of the row that was written behind it, where there is one */
  endOf(time: number, lane: number, next: number | undefined): RowEnd | undefined;
  /** What tells of each episode: fields of the buffer that are no rows. */
  readonly extra: JsonObject;
  readonly notes: readonly Note[];
}

/**
 * Times of a ring in the order of writing: from the cursor on when it is full, else up to it.
 * @param filled rows that are written; the slots behind them hold whatever the memory held
 */
export function ringTimes(capacity: number, cursor: number, filled: number): Int32Array {
  const full = filled >= capacity;
  const count = full ? capacity : Math.max(0, filled);
  return Int32Array.from({ length: count }, (_, index) => (full ? (cursor + index) % capacity : index));
}

const OVERWRITTEN: Note = {
  code: "overwritten-start",
  message:
    "The buffer was full and overwrote its oldest rows: this episode may have begun before its first row here.",
};
const RUNNING: Note = {
  code: "cut-episode",
  message: "The buffer ends before this episode does.",
};

/** The episodes of a replay buffer, environment by environment, each made when it is asked for. */
export function ringEpisodes(ring: Ring): (() => NumericEpisode)[] {
  const known = new Map<RingColumn, Float32Array | Float64Array>();
  const dataOf = (column: RingColumn): Float32Array | Float64Array => {
    const data = known.get(column) ?? column.data();
    known.set(column, data);
    return data;
  };
  const several = ring.lanes.length > 1;
  return ring.lanes.flatMap((lane) => {
    const { times, index } = lane;
    const episodes: (() => NumericEpisode)[] = [];
    let start = 0;
    for (let row = 0; row < times.length; row++) {
      const last = row === times.length - 1;
      const end = ring.endOf(times[row]!, index, last ? undefined : times[row + 1]);
      if (end === undefined && !last) continue;
      const [from, to, number] = [start, row + 1, episodes.length];
      episodes.push((): NumericEpisode => {
        const own = times.subarray(from, to);
        const name = `episode ${number}`;
        return {
          ownId: several ? `environment_${index}/episode_${number}` : `episode_${number}`,
          title: several ? `environment ${index}, ${name}` : name,
          steps: own.length,
          columns: ring.columns.map((column): EpisodeColumn => ({
            name: column.name,
            role: column.role,
            rows: own.length,
            width: column.width,
            data: () => gathered(dataOf(column), column, own, index),
          })),
          ...given(
            "end",
            end === "terminated"
              ? { stopReason: "terminated", truncated: false }
              : end === "truncated"
                ? { stopReason: "truncated", truncated: true }
                : undefined,
          ),
          extra: {
            ...(several ? { environment: index } : {}),
            slots: [times[from]!, times[to - 1]!],
            ...ring.extra,
          },
          notes: [
            ...ring.notes,
            ...(from === 0 && lane.wrapped ? [OVERWRITTEN] : []),
            ...(end === undefined ? [RUNNING] : []),
          ],
        };
      });
      start = row + 1;
    }
    return episodes;
  });
}

function gathered(
  data: Float32Array | Float64Array,
  { width, at }: RingColumn,
  times: Int32Array,
  lane: number,
): Float32Array | Float64Array {
  const out =
    data instanceof Float32Array
      ? new Float32Array(times.length * width)
      : new Float64Array(times.length * width);
  for (const [index, time] of times.entries()) {
    const row = at(time, lane);
    out.set(data.subarray(row * width, (row + 1) * width), index * width);
  }
  return out;
}
