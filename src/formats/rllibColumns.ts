import type { JsonValue } from "../model/json";
import type { PlainValue } from "../model/plain";
import type { ColumnRole } from "../model/trajectory";
import { roleOf, type EpisodeColumn } from "./episodeColumns";
import { isPacked, unpacked } from "./packedText";
import { numbersIn, product, type Numbers } from "./plainFields";

/** What a column of RLlib means; `dones` are ends of either kind where the two are told apart. */
export function rllibRole(name: string, apart: boolean): ColumnRole {
  if (/^(?:terminateds?|dones?)$/.test(name)) return apart && /^dones?$/.test(name) ? "info" : "terminated";
  if (/^truncateds?$/.test(name)) return "truncated";
  if (name === "obs" || /^(?:observations|obs)[./]/.test(name)) return "observation";
  if (name === "action_logp") return "logprob";
  if (name === "vf_preds") return "value";
  // What was done and got before stands beside the observation as what the policy saw.
  return name.startsWith("prev_") ? "info" : roleOf(name);
}

const known = new WeakMap<object, Map<string, Numbers | undefined>>();

/** Numbers of a column of a batch, unpacked once where they are packed. */
export function batchNumbers(
  batch: Readonly<Record<string, JsonValue | undefined>>,
  name: string,
): Numbers | undefined {
  const own = known.get(batch) ?? new Map<string, Numbers | undefined>();
  known.set(batch, own);
  if (!own.has(name)) {
    const value = batch[name];
    own.set(
      name,
      typeof value === "string"
        ? isPacked(value)
          ? numbersIn(unpacked(value))
          : undefined
        : // JSON's lists of numbers are plain values as well.
          numbersIn(value as PlainValue),
    );
  }
  return own.get(name);
}

/** Stretches of arrays one behind the other as a column; nothing is unpacked before its width or numbers are asked for. */
export function joined(
  name: string,
  role: ColumnRole,
  parts: readonly {
    readonly numbers: () => Numbers | undefined;
    readonly start: number;
    readonly end: number;
  }[],
): EpisodeColumn {
  const widthOf = (): number => product(parts[0]?.numbers()?.shape.slice(1) ?? [0]);
  const rows = parts.reduce((sum, { start, end }) => sum + end - start, 0);
  return {
    name,
    role,
    rows,
    get width() {
      return widthOf();
    },
    data() {
      const width = widthOf();
      const data = new Float64Array(rows * width).fill(Number.NaN);
      let at = 0;
      for (const { numbers, start, end } of parts) {
        const own = numbers();
        // A fragment of another shape would shift all that follows.
        if (own !== undefined && product(own.shape.slice(1)) === width)
          data.set(own.data().subarray(start * width, end * width), at);
        at += (end - start) * width;
      }
      return data;
    },
  };
}
