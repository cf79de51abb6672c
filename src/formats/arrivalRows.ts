import type { Note } from "../model/trajectory";
import { arrayEpisodes, otherFields, sliceColumn, type Fields, type Layout } from "./arrayEpisodes";
import { given } from "./draft";
import { roleOf, type EpisodeColumn } from "./episodeColumns";
import type { NumericEpisode } from "./numericEpisode";
import { product, type Numbers } from "./plainFields";

const ARRIVAL: Note = {
  code: "arrival-rows",
  message:
    "Each row holds the action and reward that led to its observation. The first row, of the reset, is shown as the first observation alone.",
};
const BOUNDARIES: Note = {
  code: "boundary-flags",
  message:
    "The terminals mark where trajectories end and no terminal states; the last row of each is its final state.",
};

/** What belongs to a moment, as observations do, rather than to the action between two. */
const isState = (name: string): boolean =>
  roleOf(name) === "observation" ||
  /^(?:physics|state|states|qpos|qvel|button_states|env_states.*)$/i.test(name);

const single = (numbers: Numbers | undefined, rows: number): Float32Array | Float64Array | undefined =>
  numbers?.shape[0] === rows && product(numbers.shape) === rows ? numbers.data() : undefined;

/** Rows at which episodes are reset, where each row holds the action that led to it: their action and reward are zeros. */
function resetRows({ arrays, steps }: Layout): readonly number[] | undefined {
  const ofRole = (role: string): Numbers | undefined =>
    [...arrays].find(([name, { shape }]) => roleOf(name) === role && shape[0] === steps)?.[1];
  const [action, reward] = [ofRole("action"), single(ofRole("reward"), steps)];
  if (action === undefined || reward === undefined || steps < 2) return undefined;
  const firsts = single(arrays.get("is_first"), steps);
  const types = single(arrays.get("step_type"), steps);
  const rows =
    firsts !== undefined
      ? rowsWith(firsts, 1)
      : types !== undefined
        ? rowsWith(types, 0)
        : // A file of one episode of dm_env's time steps, with discounts in place of flags.
          arrays.has("discount") && ofRole("terminated") === undefined && ofRole("truncated") === undefined
          ? [0]
          : [];
  if (rows[0] !== 0) return undefined;
  const actions = action.data();
  const width = product(action.shape.slice(1));
  const zero = (row: number): boolean => {
    for (let at = row * width; at < (row + 1) * width; at++) if (actions[at] !== 0) return false;
    return reward[row] === 0;
  };
  // Where an action was chosen at the first row, rows hold what follows their observation.
  return rows.every(zero) && !actions.every((value) => value === 0) ? rows : undefined;
}

function rowsWith(flags: Float32Array | Float64Array, value: number): readonly number[] {
  const rows: number[] = [];
  for (const [row, flag] of flags.entries()) if (flag === value) rows.push(row);
  return rows;
}

/** How an episode of time steps ends at its last row: dm_env's discount of zero is an end for good, another a limit. */
function endAt({ arrays, steps }: Layout, row: number): NumericEpisode["end"] {
  const flag = (name: string): number | undefined => single(arrays.get(name), steps)?.[row];
  const [terminal, last, type, discount] = ["is_terminal", "is_last", "step_type", "discount"].map(flag);
  const ended = last === undefined ? type === undefined || type === 2 : last === 1;
  const forGood = terminal === undefined ? discount === 0 : terminal === 1;
  if (forGood) return { stopReason: "terminated", truncated: false };
  return ended && (terminal ?? discount) !== undefined
    ? { stopReason: "truncated", truncated: true }
    : undefined;
}

/** Episodes from rows of which those of a moment are one more than those of an action. */
function fromStretches(
  fields: Fields,
  { arrays, steps }: Layout,
  stretches: readonly { readonly start: number; readonly end: number }[],
  of: {
    /** Where the first action stands: in the row behind the first observation, or beside it. */
    readonly actionOffset: 0 | 1;
    readonly role: (name: string) => EpisodeColumn["role"];
    readonly end: (last: number) => NumericEpisode["end"];
    readonly note: Note;
  },
): NumericEpisode[] {
  const rows = [...arrays].filter(([, { shape }]) => shape[0] === steps);
  const extra = otherFields(fields, new Set(rows.map(([name]) => name)));
  const several = stretches.length > 1;
  return stretches.map(({ start, end }, index) => ({
    ...(several ? { ownId: `episode_${index}` } : {}),
    title: several ? `episode ${index}` : "episode",
    steps: end - start - 1,
    columns: rows.map(([name, numbers]) => ({
      ...(isState(name)
        ? sliceColumn(name, numbers, start, end)
        : sliceColumn(name, numbers, start + of.actionOffset, end - 1 + of.actionOffset)),
      role: of.role(name),
    })),
    ...given("end", of.end(end - 1)),
    extra: several ? { rows: [start, end], ...extra } : extra,
    notes: [of.note],
  }));
}

/** OGBench: states and actions without rewards, whose `terminals` stand at the final state of each trajectory. */
function boundaryStretches({ arrays, steps }: Layout) {
  const terminals = single(arrays.get("terminals"), steps);
  const roles = new Set([...arrays.keys()].map(roleOf));
  if (terminals === undefined || !arrays.has("qpos") || roles.has("reward") || roles.has("truncated"))
    return undefined;
  const ends = rowsWith(terminals, 1);
  if (ends.length === 0 || ends.at(-1) !== steps - 1) return undefined;
  const stretches = ends.map((row, index) => ({
    start: index === 0 ? 0 : ends[index - 1]! + 1,
    end: row + 1,
  }));
  return stretches.every(({ start, end }) => end - start > 1) ? stretches : undefined;
}

/** The episodes of arrays that hold transitions, whatever their rows stand for. */
export function episodesOfArrays(fields: Fields, layout: Layout): NumericEpisode[] {
  if (layout.episodes !== undefined) return arrayEpisodes(fields, layout);
  const resets = resetRows(layout);
  if (resets !== undefined)
    return fromStretches(
      fields,
      layout,
      resets
        .map((start, index) => ({ start, end: resets[index + 1] ?? layout.steps }))
        .filter(({ start, end }) => end - start > 1),
      { actionOffset: 1, role: roleOf, end: (last) => endAt(layout, last), note: ARRIVAL },
    );
  const stretches = boundaryStretches(layout);
  if (stretches !== undefined)
    return fromStretches(fields, layout, stretches, {
      actionOffset: 0,
      role: (name) => (name === "terminals" ? "info" : roleOf(name)),
      end: () => undefined,
      note: BOUNDARIES,
    });
  return arrayEpisodes(fields, layout);
}
