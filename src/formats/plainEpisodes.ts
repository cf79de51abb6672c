import { Failure } from "../model/failure";
import type { PlainValue } from "../model/plain";
import type { Note } from "../model/trajectory";
import { layoutOf, oneFlagNote, otherFields, sliceColumn, type Fields } from "./arrayEpisodes";
import { episodesOfArrays } from "./arrivalRows";
import { given } from "./draft";
import type { FormatRecord, RecordContext } from "./format";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { firstEpisode, hadNoNames, plainEpisodeRecords } from "./plainEpisodeRecords";
import { fieldsOf, isPlainList, isStub, jsonOf, numbersIn, plainNumber, type Numbers } from "./plainFields";

/** Fields of a record; an element of a list may be a dict, or an object such as imitation's `Trajectory`. */
function recordFields(record: FormatRecord): Fields {
  const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
  if (fields === undefined)
    throw new Failure("unfit-record", "The element is no dict of arrays.", "The other elements are shown.");
  return fields;
}

const NAMELESS: Note = {
  code: "guessed-columns",
  message: "The transitions are tuples without names: what their parts are is guessed from their shapes.",
};

function episodesOf(record: FormatRecord, { row }: RecordContext, oneOfMany: boolean): NumericEpisode[] {
  const fields = recordFields(record);
  const layout = layoutOf(fields);
  if (layout === undefined)
    throw new Failure(
      "missing-field",
      "The element has no actions with observations or rewards of the same length.",
      "The other elements are shown.",
    );
  const episodes = episodesOfArrays(fields, layout);
  // imitation marks with one flag whether a trajectory ends in a terminal state; false may be a fragment.
  const terminal = plainNumber(fields.get("terminal"));
  const end = terminal === 1 && layout.episodes === undefined ? { stopReason: "terminated" } : undefined;
  const notes = record.kind === "plain" && hadNoNames(record.value) ? [NAMELESS] : [];
  return episodes.map((episode) => ({
    ...episode,
    ...(notes.length === 0 ? {} : { notes: [...(episode.notes ?? []), ...notes] }),
    ...(oneOfMany && episodes.length === 1 ? { ownId: `episode_${row}`, title: `episode ${row}` } : {}),
    ...given("end", episode.end ?? end),
  }));
}

/** Name of the class of the first element, for the reason of a detection. */
const classOf = (value: PlainValue | undefined): string => (isStub(value) ? ` of ${value.className}` : "");

/** Pickled demonstrations: lists of dicts or objects with arrays of observations, actions and rewards, or one such dict. */
export const episodePickles = episodeFormat({
  id: "episode-pickle",
  title: "Pickled episodes",
  source: "CS285, DAPG, Decision Transformer, imitation and others: lists of dicts of NumPy arrays",
  containers: ["pickle"],
  detect({ plain }) {
    const fields = firstEpisode(plain);
    if (fields === undefined) return undefined;
    const first = isPlainList(plain) ? plain[0] : plain;
    return {
      confidence: 0.7,
      reason: `${isPlainList(plain) ? "a list" : "a dict"}${classOf(first)} with arrays ${[...fields.keys()].slice(0, 5).join(", ")}`,
    };
  },
  plainRecords: plainEpisodeRecords,
  episodes: (record, context) => episodesOf(record, context, true),
});

/** Arrays of transitions in one npz or MATLAB file: one episode, or several where flags end them. */
export const episodeArrays = episodeFormat({
  id: "episode-arrays",
  title: "Episodes in array files",
  source: "npz and MATLAB files with observations, actions and rewards, such as Dreamer's episodes",
  containers: ["arrays"],
  plainRecords: plainEpisodeRecords,
  detect({ plain }) {
    const fields = firstEpisode(plain);
    if (fields === undefined) return undefined;
    return { confidence: 0.5, reason: `arrays ${[...fields.keys()].slice(0, 5).join(", ")} of one length` };
  },
  episodes: (record, context) => episodesOf(record, context, false),
});

/** Stable-Baselines 2 expert data: flat arrays with `episode_starts`; an episode ends where the next starts. */
export const stableBaselines2 = episodeFormat({
  id: "sb2-expert",
  title: "Stable-Baselines 2 expert data",
  source: "hill-a/stable-baselines, generate_expert_traj, *.npz",
  containers: ["arrays"],
  plainRecords: (value) => [value],
  detect({ plain }) {
    const fields = fieldsOf(plain);
    if (fields === undefined || !["actions", "obs", "episode_starts"].every((name) => fields.has(name)))
      return undefined;
    return { confidence: 0.9, reason: "arrays actions, obs, rewards, episode_starts" };
  },
  episodes(record, context) {
    return episodesOf(record, context, false).map((episode) => ({
      ...episode,
      notes: [
        ...(episode.notes ?? []),
        {
          code: "no-end-flag",
          message: "The file does not say how an episode ended; its end is the start of the next.",
        },
      ],
    }));
  },
});

/** imitation's rollouts before its Hugging Face datasets: all trajectories in one set of arrays, cut by `indices`. */
export const imitationRollouts = episodeFormat({
  id: "imitation-npz",
  title: "imitation rollouts",
  source: "HumanCompatibleAI/imitation, rollouts/*.npz and *.pkl saved by data.types.save",
  containers: ["arrays"],
  plainRecords: (value) => [value],
  detect({ plain }) {
    const fields = fieldsOf(plain);
    if (fields === undefined || !["obs", "acts", "terminal", "indices"].every((name) => fields.has(name)))
      return undefined;
    return { confidence: 0.95, reason: "arrays obs, acts, terminal, indices" };
  },
  episodes: (record) => cutRollouts(recordFields(record)),
});

/** `indices` are the ends of all trajectories but the last in `acts`; every trajectory has one observation more. */
function cutRollouts(fields: Fields): NumericEpisode[] {
  const need = (name: string): Numbers => {
    const numbers = numbersIn(fields.get(name));
    if (numbers === undefined)
      throw new Failure("missing-field", `The file has no array "${name}".`, "It may be cut off.");
    return numbers;
  };
  const acts = need("acts");
  const obs = need("obs");
  const terminal = need("terminal").data();
  const splits = fields.has("indices") ? (numbersIn(fields.get("indices"))?.data() ?? []) : [];
  const ends = [...splits, acts.shape[0] ?? 0];
  if (ends.some((end, index) => !(end >= (ends[index - 1] ?? 0) && end <= (acts.shape[0] ?? 0))))
    throw new Failure(
      "unfit-record",
      "The indices do not cut the actions in order.",
      "The file may be damaged.",
    );
  const rews = numbersIn(fields.get("rews"));
  const infos = fields.get("infos");
  const extra = otherFields(fields, new Set(["acts", "obs", "rews", "terminal", "indices", "infos"]));
  return ends.map((end, index): NumericEpisode => {
    const start = index === 0 ? 0 : ends[index - 1]!;
    const info = infoColumns(infos, start, end);
    return {
      ownId: `trajectory_${index}`,
      title: `trajectory ${index}`,
      steps: end - start,
      columns: [
        sliceColumn("obs", obs, start + index, end + index + 1),
        sliceColumn("acts", acts, start, end),
        ...(rews === undefined ? [] : [sliceColumn("rews", rews, start, end)]),
      ],
      // False may be a fragment, true may be a time limit; the file does not tell.
      ...(terminal[index] === 1 ? { end: { stopReason: "terminated" } } : {}),
      notes: [oneFlagNote],
      ...(info === undefined ? {} : { stepExtra: info }),
      extra: { rows: [start, end], ...extra },
    };
  });
}

/** What the environment said at each step; pickled dicts, most of them empty. */
function infoColumns(
  infos: PlainValue | undefined,
  start: number,
  end: number,
): NumericEpisode["stepExtra"] | undefined {
  if (!isPlainList(infos)) return undefined;
  const own = infos.slice(start, end);
  return (step) => {
    const fields = fieldsOf(own[step]);
    return fields === undefined || fields.size === 0 ? {} : { info: jsonOf(new Map(fields)) };
  };
}
