import { Failure } from "../model/failure";
import type { JsonObject } from "../model/json";
import type { ColumnRole } from "../model/trajectory";
import { oneFlagNote, type Fields } from "./arrayEpisodes";
import { datasetsBelow, hdf5GroupOf, roleOf } from "./episodeColumns";
import type { Hdf5Group } from "./format";
import { episodeFormat } from "./numericEpisode";
import { fieldsOf, jsonOf, numbersIn, plainNumber, product, type Numbers } from "./plainFields";
import { ringEpisodes, ringTimes, type Ring, type RingColumn } from "./replayRing";

/** The parts of a buffer that several environments share: where each begins, and how many of its rows are written. */
interface Parts {
  readonly offsets: readonly number[];
  readonly capacities: readonly number[];
  readonly lengths: readonly number[];
  /** Slots that were written last, counted through all parts. */
  readonly lasts: readonly number[];
}

function roleIn(name: string): ColumnRole {
  if (/^obs(?:[./]|$)/.test(name)) return "observation";
  if (/^act(?:[./]|$)/.test(name)) return "action";
  return name === "done" ? "info" : /[./]/.test(name) ? "info" : roleOf(name);
}

function ringOf(arrays: ReadonlyMap<string, Numbers>, parts: Parts, extra: JsonObject): Ring | undefined {
  const slots = arrays.get("rew")?.shape[0];
  const flags = (name: string): Float32Array | Float64Array | undefined => {
    const numbers = arrays.get(name);
    return numbers?.shape[0] === slots && product(numbers?.shape ?? []) === slots
      ? numbers?.data()
      : undefined;
  };
  const dones = flags("done");
  if (slots === undefined || dones === undefined || !arrays.has("act")) return undefined;
  const [terminated, truncated] = [flags("terminated"), flags("truncated")];
  const apart = terminated !== undefined && truncated !== undefined;
  const columns = [...arrays].flatMap(([name, numbers]): RingColumn[] =>
    numbers.shape[0] === slots
      ? [
          {
            name,
            role: name === "done" && !apart ? "terminated" : roleIn(name),
            width: product(numbers.shape.slice(1)),
            data: () => numbers.data(),
            at: (time, lane) => (parts.offsets[lane] ?? 0) + time,
          },
        ]
      : [],
  );
  return {
    lanes: parts.offsets.map((offset, index) => {
      const capacity = parts.capacities[index] ?? 0;
      const length = parts.lengths[index] ?? 0;
      const cursor = capacity === 0 ? 0 : ((parts.lasts[index] ?? offset) - offset + 1) % capacity;
      return { index, times: ringTimes(capacity, cursor, length), wrapped: length >= capacity && cursor > 0 };
    }),
    columns,
    endOf(time, lane) {
      const row = (parts.offsets[lane] ?? 0) + time;
      if (!apart) return dones[row] !== 0 ? "ended" : undefined;
      return terminated[row] !== 0 ? "terminated" : truncated[row] !== 0 ? "truncated" : undefined;
    },
    extra,
    notes: apart ? [] : [oneFlagNote],
  };
}

/** Parts from the lists that a buffer of several environments keeps; of another the whole is one part. */
function partsOf(read: (name: string) => readonly number[] | undefined): Parts | undefined {
  const [capacity] = read("maxsize") ?? [];
  const lasts = read("last_index");
  if (capacity === undefined || lasts === undefined) return undefined;
  const bounds = read("_extend_offset");
  const lengths = read("_lengths");
  if (bounds !== undefined && lengths !== undefined && bounds.length === lengths.length + 1)
    return {
      offsets: bounds.slice(0, -1),
      capacities: bounds.slice(1).map((end, index) => end - bounds[index]!),
      lengths,
      lasts,
    };
  const [size] = read("_size") ?? [];
  return size === undefined ? undefined : { offsets: [0], capacities: [capacity], lengths: [size], lasts };
}

/** A pickled ReplayBuffer or VectorReplayBuffer of tianshou; undefined for anything else. */
export function tianshouRing(fields: Fields): Ring | undefined {
  const meta = fieldsOf(fields.get("_meta"));
  if (meta === undefined) return undefined;
  const parts = partsOf((name) => {
    const value = fields.get(name);
    const single = plainNumber(value);
    if (typeof single === "number") return [single];
    const numbers = numbersIn(value);
    return numbers === undefined ? undefined : Array.from(numbers.data());
  });
  if (parts === undefined) return undefined;
  const arrays = new Map<string, Numbers>();
  const collect = (batch: Fields, prefix: string): void => {
    for (const [name, value] of batch) {
      const numbers = numbersIn(value);
      // A batch in a batch is pickled as a dict.
      const inner = fieldsOf(value);
      if (numbers !== undefined) arrays.set(`${prefix}${name}`, numbers);
      else if (inner !== undefined) collect(inner, `${prefix}${name}.`);
    }
  };
  collect(meta, "");
  const kept = ["maxsize", "buffer_num", "stack_num", "options"].filter((name) => fields.has(name));
  return ringOf(
    arrays,
    parts,
    Object.fromEntries(kept.map((name) => [name, jsonOf(fields.get(name) ?? null)])),
  );
}

/** A buffer that tianshou saved with `save_hdf5`: its batch lies in the group `_meta`. */
function hdf5Ring(root: Hdf5Group): Ring | undefined {
  const meta = root.group("_meta");
  if (meta === undefined || !meta.datasets.includes("rew")) return undefined;
  const arrays = new Map<string, Numbers>();
  for (const { path, group, dataset } of datasetsBelow(meta)) {
    const shape = group.shape(dataset);
    if (shape !== undefined && group.numeric(dataset))
      arrays.set(path.replaceAll("/", "."), {
        shape,
        data: () => group.numbers(dataset) ?? new Float64Array(0),
      });
  }
  const parts = partsOf((name) => {
    const attribute = root.attributes[name];
    if (typeof attribute === "number") return [attribute];
    const numbers = root.shape(name) === undefined ? undefined : root.numbers(name);
    return numbers === undefined ? undefined : Array.from(numbers);
  });
  return parts === undefined ? undefined : ringOf(arrays, parts, root.attributes);
}

/** tianshou's buffers in HDF5: rings of slots, one for each environment. */
export const tianshouHdf5 = episodeFormat({
  id: "tianshou-hdf5",
  title: "tianshou replay buffer",
  source: "thu-ml/tianshou, ReplayBuffer.save_hdf5",
  containers: ["hdf5"],
  members: () => ["/"],
  detect({ hdf5: root }) {
    return root?.groups.includes("_meta") === true && hdf5Ring(root) !== undefined
      ? { confidence: 0.95, reason: "HDF5 with a batch _meta and the buffer's last_index" }
      : undefined;
  },
  episodes(record) {
    const ring = hdf5Ring(hdf5GroupOf(record, "a replay buffer"));
    if (ring === undefined)
      throw new Failure("missing-field", "The file holds no buffer of tianshou.", "It may be cut off.");
    return ringEpisodes(ring);
  },
});
