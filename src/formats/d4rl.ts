import { Failure } from "../model/failure";
import type { JsonObject, JsonValue } from "../model/json";
import type { Note } from "../model/trajectory";
import type { FileHead, FormatRecord, Hdf5Group } from "./format";
import {
  checkedRows,
  columnOfDataset,
  datasetsBelow,
  hdf5GroupOf,
  roleOf,
  type EpisodeColumn,
} from "./episodeColumns";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";

/** Numbers of a small dataset are kept as they are; of a larger one its shape is. */
const KEPT_NUMBERS = 64;

interface Cut {
  readonly start: number;
  readonly end: number;
  readonly stopReason?: string;
  readonly truncated?: boolean;
  readonly notes: readonly Note[];
}

function rowCount(root: Hdf5Group): number {
  for (const name of ["rewards", "actions", "observations"]) {
    const rows = root.shape(name)?.[0];
    if (rows !== undefined) return checkedRows(rows);
  }
  throw new Failure("missing-field", "The file has neither rewards nor actions.", "It may be cut off.");
}

/**
 * The rows at which an episode ends: terminals and timeouts, or d3rlpy's `episode_terminals`. Where timeouts are missing,
 * a stored next observation that is not the observation of the next row tells of an end too, which is a guess.
 */
function cutsOf(root: Hdf5Group): Cut[] {
  const rows = rowCount(root);
  const terminals = root.numbers("terminals");
  const episodeEnds = root.numbers("episode_terminals");
  const timeouts = root.numbers("timeouts");
  const jumps = timeouts === undefined && episodeEnds === undefined ? jumpsOf(root, rows) : undefined;
  const cuts: Cut[] = [];
  let start = 0;
  for (let row = 0; row < rows; row++) {
    const terminal = terminals !== undefined && terminals[row] !== 0;
    const ended =
      episodeEnds === undefined
        ? terminal || (timeouts !== undefined && timeouts[row] !== 0)
        : episodeEnds[row] !== 0;
    if (ended) {
      cuts.push({
        start,
        end: row + 1,
        stopReason: terminal ? "terminated" : "truncated",
        // Both flags may be set: what ended for good needs no bootstrap.
        truncated: !terminal,
        notes: [],
      });
      start = row + 1;
    } else if (jumps?.has(row) === true) {
      cuts.push({
        start,
        end: row + 1,
        stopReason: "truncated",
        truncated: true,
        notes: [
          {
            code: "guessed-end",
            message:
              "The file has no timeouts. That the episode ends here is guessed: its next observation is not the observation of the next row.",
          },
        ],
      });
      start = row + 1;
    }
  }
  if (start < rows)
    cuts.push({
      start,
      end: rows,
      notes: [
        {
          code: "cut-episode",
          message:
            timeouts === undefined && episodeEnds === undefined
              ? "The file records no timeouts, so these rows up to its end may be several episodes that ran into a time limit."
              : "The file ends before this episode does; D4RL's own loaders drop such a tail.",
        },
      ],
    });
  return cuts;
}

/** Rows whose stored next observation differs from the next row's observation; undefined when the file has none. */
function jumpsOf(root: Hdf5Group, rows: number): ReadonlySet<number> | undefined {
  const shape = root.shape("next_observations");
  if (shape === undefined || !root.numeric("next_observations") || !root.numeric("observations"))
    return undefined;
  const width = shape.slice(1).reduce((product, size) => product * size, 1);
  const jumps = new Set<number>();
  const stretch = Math.max(1, Math.floor(1_000_000 / Math.max(1, width)));
  for (let start = 0; start + 1 < rows; start += stretch) {
    const end = Math.min(rows - 1, start + stretch);
    const next = root.numberRows("next_observations", start, end);
    const after = root.numberRows("observations", start + 1, end + 1);
    if (next === undefined || after === undefined || next.length !== after.length) return undefined;
    for (let index = 0; index < next.length; index++)
      if (!Object.is(next[index]! + 0, after[index]! + 0)) jumps.add(start + Math.floor(index / width));
  }
  return jumps;
}

/** What is not one row a step: settings of the run, shapes of stored weights, the file's attributes. */
function extraOf(root: Hdf5Group, rows: number): JsonObject {
  const extra: Record<string, JsonValue> = { ...(root.attributes as Record<string, JsonValue>) };
  for (const { path, group, dataset } of datasetsBelow(root)) {
    const shape = group.shape(dataset);
    if (shape === undefined || shape[0] === rows) continue;
    const size = shape.reduce((product, one) => product * one, 1);
    if (group.numeric(dataset) && size <= KEPT_NUMBERS) {
      const numbers = Array.from(group.numbers(dataset) ?? []);
      extra[path] = shape.length === 0 ? (numbers[0] ?? null) : numbers;
    } else {
      const strings = group.numeric(dataset) || size > KEPT_NUMBERS ? undefined : group.strings(dataset);
      extra[path] =
        strings === undefined
          ? `numbers of shape [${shape.join(", ")}]`
          : strings.length === 1
            ? strings[0]!
            : strings;
    }
  }
  return extra;
}

/** Makes the column of a stretch of rows, for each dataset that has one row a transition. */
function columnMakers(root: Hdf5Group, rows: number): ((cut: Cut) => EpisodeColumn)[] {
  const makers: ((cut: Cut) => EpisodeColumn)[] = [];
  for (const { path, group, dataset } of datasetsBelow(root)) {
    if (group.shape(dataset)?.[0] !== rows) continue;
    const name = path.replaceAll("/", ".");
    const whole = columnOfDataset(group, dataset, name, roleOf(name));
    if (whole === undefined) continue;
    makers.push(({ start, end }) => ({
      ...whole,
      rows: end - start,
      // Thousands of small reads cost more than one: columns of one number a row are read whole, once.
      data: () =>
        (whole.width === 1
          ? group.numbers(dataset)?.subarray(start, end)
          : group.numberRows(dataset, start, end)) ?? new Float64Array(0),
    }));
  }
  return makers;
}

function flatEpisodes(record: FormatRecord): readonly NumericEpisode[] {
  const root = hdf5GroupOf(record, "a flat dataset of transitions");
  const rows = rowCount(root);
  const extra = extraOf(root, rows);
  const columns = columnMakers(root, rows);
  return cutsOf(root).map((cut, index): NumericEpisode => {
    const { start, end, stopReason, truncated, notes } = cut;
    return {
      ownId: `episode_${index}`,
      title: `episode ${index}`,
      steps: end - start,
      columns: columns.map((make) => make(cut)),
      end: {
        ...(stopReason === undefined ? {} : { stopReason }),
        ...(truncated === undefined ? {} : { truncated }),
      },
      extra: { rows: [start, end], ...extra },
      notes,
    };
  });
}

/** Flat arrays of equal length at the root of the file. */
function flatRoot(
  head: FileHead,
): { readonly root: Hdf5Group; readonly names: ReadonlySet<string> } | undefined {
  const root = head.hdf5;
  if (root === undefined) return undefined;
  const names = new Set(root.datasets);
  const rewards = root.shape("rewards")?.[0];
  if (rewards === undefined || !names.has("actions")) return undefined;
  return root.shape("actions")?.[0] === rewards ? { root, names } : undefined;
}

/** D4RL's HDF5 files: all transitions of all episodes in flat arrays, cut at terminals and timeouts. */
export const d4rl = episodeFormat({
  id: "d4rl",
  title: "D4RL transitions",
  source: "Farama-Foundation/D4RL, *.hdf5; also MOPO, CORL and others of its layout",
  containers: ["hdf5"],
  members: () => ["/"],
  detect(head) {
    const flat = flatRoot(head);
    if (flat === undefined || flat.names.has("episode_terminals")) return undefined;
    if (!flat.names.has("terminals") && !flat.names.has("timeouts")) return undefined;
    return {
      confidence: flat.names.has("observations") ? 0.9 : 0.6,
      reason: "HDF5 with flat observations, actions, rewards, terminals",
    };
  },
  episodes: flatEpisodes,
});

/** d3rlpy before version 2: D4RL's arrays with `episode_terminals`. */
export const d3rlpyFlat = episodeFormat({
  id: "d3rlpy-v1",
  title: "d3rlpy 1 dataset",
  source: "takuseno/d3rlpy before v2, MDPDataset.dump",
  containers: ["hdf5"],
  members: () => ["/"],
  detect(head) {
    const flat = flatRoot(head);
    if (flat === undefined || !flat.names.has("episode_terminals")) return undefined;
    return { confidence: 0.95, reason: "HDF5 with flat arrays and episode_terminals" };
  },
  episodes: flatEpisodes,
});
