import { Failure } from "../model/failure";
import type { ColumnRole } from "../model/trajectory";
import { isList, recordedNumber } from "./jsonFields";
import type { EpisodeColumn } from "./episodeColumns";
import { episodeFormat, type NumericEpisode } from "./numericEpisode";
import { fieldsOf, jsonOf, numbersIn, product, type Numbers } from "./plainFields";

/** What the fields of the replay buffer are; `beta` is the behaviour policy's probability of the action. */
const BUFFER: readonly (readonly [string, ColumnRole])[] = [
  ["s", "observation"],
  ["a", "action"],
  ["r", "reward"],
  ["aux_r", "info"],
  ["beta", "info"],
  ["mask", "info"],
];

/** The first `steps` rows of one episode of a padded array [episodes, horizon, ...]. */
function bufferColumn(
  name: string,
  role: ColumnRole,
  numbers: Numbers,
  episode: number,
  steps: number,
): EpisodeColumn {
  const width = product(numbers.shape.slice(2));
  const start = episode * (numbers.shape[1] ?? 0) * width;
  return {
    name,
    role,
    rows: steps,
    width,
    data: () => numbers.data().subarray(start, start + steps * width),
  };
}

/** BARFI's replay buffer: padded trajectories with the primary and the auxiliary reward of each step. */
export const barfiBuffer = episodeFormat({
  id: "barfi-buffer",
  title: "BARFI trajectories",
  source: "Dhawgupta/gupta2023behavior, TrajectoryBuffer.save",
  containers: ["pickle"],
  plainRecords: (value) => [value],
  detect({ plain }) {
    const fields = fieldsOf(plain);
    const mask = numbersIn(fields?.get("mask"));
    if (fields === undefined || mask?.shape.length !== 2) return undefined;
    const known = ["s", "a", "r", "aux_r"].every((name) => {
      const shape = numbersIn(fields.get(name))?.shape;
      return shape?.[0] === mask.shape[0] && shape?.[1] === mask.shape[1];
    });
    return known
      ? { confidence: 0.9, reason: "a dict of padded arrays s, a, r, aux_r, mask by episode and step" }
      : undefined;
  },
  episodes(record) {
    const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
    const mask = numbersIn(fields?.get("mask"));
    if (fields === undefined || mask === undefined)
      throw new Failure("missing-field", "The buffer has no mask.", "It may be cut off.");
    const [slots = 0, horizon = 0] = mask.shape;
    const flags = mask.data();
    const arrays = BUFFER.flatMap(([name, role]) => {
      const numbers = numbersIn(fields.get(name));
      return numbers === undefined ? [] : [{ name, role, numbers }];
    });
    const extra = Object.fromEntries(
      [...fields]
        .filter(([name]) => !BUFFER.some(([one]) => one === name))
        .map(([name, value]) => [name, jsonOf(value)]),
    );
    const episodes: NumericEpisode[] = [];
    for (let slot = 0; slot < slots; slot++) {
      let steps = 0;
      while (steps < horizon && flags[slot * horizon + steps] === 1) steps++;
      // The buffer is allocated whole; what was never written has no step.
      if (steps === 0) continue;
      episodes.push({
        ownId: `slot_${slot}`,
        title: `episode in slot ${slot}`,
        steps,
        columns: arrays.map(({ name, role, numbers }) => bufferColumn(name, role, numbers, slot, steps)),
        extra: { slot, ...extra },
      });
    }
    return episodes;
  },
});

const PRIMARY = /^(.*)_rewards\.npy$/;

/** Series of a run by episode, from the arrays beside the returns or from the pickle that holds them all. */
interface Series {
  readonly returns: Float32Array | Float64Array;
  readonly components: Readonly<Record<string, ArrayLike<number | null>>>;
}

function runEpisodes({ returns, components }: Series): NumericEpisode[] {
  return Array.from(returns, (reward, episode): NumericEpisode => {
    const own: Record<string, number | null> = {};
    for (const [name, values] of Object.entries(components)) {
      const value = values[episode];
      if (value !== undefined) own[name] = value;
    }
    return {
      ownId: String(episode),
      title: `episode ${episode}`,
      trainingStep: episode,
      steps: 0,
      columns: [],
      reward: { value: reward, source: "return" },
      components: own,
      extra: {},
      notes: [
        {
          code: "no-steps",
          message: "The results keep numbers by episode; steps are in the run's trajectory buffer.",
        },
      ],
    };
  });
}

/** BARFI's results: returns by episode with the auxiliary return and the learned discount. */
export const barfiResults = episodeFormat({
  id: "barfi-results",
  title: "BARFI results by episode",
  source: "Dhawgupta/gupta2023behavior, Results/<seed>_rewards.npy and results/*.dw",
  containers: ["arrays", "pickle"],
  plainRecords: (value) => [value],
  companions(path) {
    const seed = PRIMARY.exec(path.replace(/^.*[/\\]/, ""))?.[1];
    return seed === undefined ? [] : [`${seed}_aux_rewards.npy`, `${seed}_gamma.npy`];
  },
  detect({ container, path, plain, siblings }) {
    const fields = fieldsOf(plain);
    if (fields === undefined) return undefined;
    if (container === "pickle") {
      const known = ["returns", "aux_returns", "gamma"].every(
        (name) => numbersIn(fields.get(name))?.shape[0] !== undefined,
      );
      return known
        ? { confidence: 0.85, reason: "a dict of returns, aux_returns, gamma by episode" }
        : undefined;
    }
    const seed = PRIMARY.exec(path.replace(/^.*[/\\]/, ""))?.[1];
    const beside = siblings.includes(`${seed}_aux_rewards.npy`) && siblings.includes(`${seed}_gamma.npy`);
    return beside && numbersIn(fields.get("arr_0"))?.shape.length === 1
      ? { confidence: 0.8, reason: "returns by episode beside aux_rewards and gamma of the same run" }
      : undefined;
  },
  episodes(record, { companions }) {
    const fields = record.kind === "plain" ? fieldsOf(record.value) : undefined;
    const returns = numbersIn(fields?.get("arr_0") ?? fields?.get("returns"))?.data();
    if (fields === undefined || returns === undefined)
      throw new Failure("missing-field", "The file has no returns.", "It may be cut off.");
    const components: Record<string, ArrayLike<number | null>> = {};
    for (const [name, value] of companions ?? [])
      if (isList(value))
        components[/_aux_/.test(name) ? "aux_return" : "gamma"] = value.map(
          (one) => recordedNumber(one) ?? null,
        );
    for (const [from, to] of [
      ["aux_returns", "aux_return"],
      ["gamma", "gamma"],
      ["entropies", "entropy"],
    ] as const) {
      const numbers = numbersIn(fields.get(from));
      if (numbers?.shape.length === 1) components[to] = Array.from(numbers.data());
    }
    return runEpisodes({ returns, components });
  },
});
