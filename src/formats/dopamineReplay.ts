import { Failure } from "../model/failure";
import type { PlainValue } from "../model/plain";
import { oneFlagNote } from "./arrayEpisodes";
import type { ColumnRole, Note } from "../model/trajectory";
import { fieldsOf, isArray, numbersIn, product, type Numbers } from "./plainFields";
import { episodeFormat } from "./numericEpisode";
import { ringEpisodes, ringTimes, type RingColumn } from "./replayRing";

/** A file of a checkpoint is called by what it holds; the rewards stand for the checkpoint. */
const REWARDS = /(?:^|[/\\])\$store\$_reward_ckpt\.(\d+)(?:\.gz)?$/;
const STORED: Readonly<Record<string, ColumnRole>> = { action: "action", terminal: "terminated" };

const beside = (path: string, name: string): string =>
  path.replace(/^.*[/\\]/, "").replace("$store$_reward", name);
const arrayIn = (value: PlainValue | undefined): Numbers | undefined =>
  numbersIn(isArray(value) ? value : fieldsOf(value)?.get("arr_0"));

const NO_FRAMES: Note = {
  code: "frames-beside",
  message:
    "The frames of the checkpoint lie in a file of their own, of gigabytes: they are not loaded. One flag marks the end of a game or of a life.",
};

/** Dopamine's replay memory as its checkpoints hold it, such as the DQN replay dataset: a gzipped array a field. */
export const dopamineReplay = episodeFormat({
  id: "dopamine-replay",
  title: "Dopamine replay checkpoint",
  source: "google/dopamine, circular_replay_buffer.py ($store$_*_ckpt.N.gz), DQN replay dataset",
  containers: ["arrays"],
  plainRecords: (value) => [value],
  plainCompanions: (path) =>
    REWARDS.test(path)
      ? [...Object.keys(STORED).map((name) => beside(path, `$store$_${name}`)), beside(path, "add_count")]
      : [],
  detect({ path, plain, siblings }) {
    const rewards = arrayIn(plain);
    if (!REWARDS.test(path) || rewards?.shape.length !== 1) return undefined;
    return siblings.includes(beside(path, "$store$_action")) &&
      siblings.includes(beside(path, "$store$_terminal"))
      ? { confidence: 0.95, reason: "an array of rewards with those of actions and terminals beside it" }
      : undefined;
  },
  episodes(record, { path, plainCompanions }) {
    const rewards = arrayIn(record.kind === "plain" ? record.value : undefined);
    const slots = rewards?.shape[0];
    const stored = (name: string): Numbers | undefined =>
      arrayIn(plainCompanions?.get(beside(path, `$store$_${name}`)));
    const terminal = stored("terminal");
    if (rewards === undefined || slots === undefined || terminal?.shape[0] !== slots)
      throw new Failure(
        "missing-field",
        "The checkpoint has no terminals of as many rows as rewards.",
        `Check that ${beside(path, "$store$_terminal")} lies beside it and is whole.`,
      );
    const columns: RingColumn[] = [
      { name: "reward", role: "reward", width: 1, data: () => rewards.data(), at: (time) => time },
    ];
    for (const [name, role] of Object.entries(STORED)) {
      const numbers = stored(name);
      if (numbers?.shape[0] === slots)
        columns.push({
          name,
          role,
          width: product(numbers.shape.slice(1)),
          data: () => numbers.data(),
          at: (time) => time,
        });
    }
    const ends = terminal.data();
    const [added] = arrayIn(plainCompanions?.get(beside(path, "add_count")))?.data() ?? [];
    const written = added ?? slots;
    return ringEpisodes({
      lanes: [
        {
          index: 0,
          times: ringTimes(slots, written % slots, Math.min(written, slots)),
          wrapped: written > slots,
        },
      ],
      columns,
      endOf: (time) => (ends[time] !== 0 ? "ended" : undefined),
      extra: {
        checkpoint: Number(REWARDS.exec(path)?.[1]),
        ...(added === undefined ? {} : { add_count: added }),
      },
      notes: [oneFlagNote, NO_FRAMES],
    });
  },
});
