import { needHow, type Parameter, type ParameterValues } from "../signal";
import type { EpisodeSeries, Missing } from "./episode";
import { optionalNumberOf, textOf } from "./parameters";

/** What stands for the future behind the last row of an episode. */
export const endParameters: readonly Parameter[] = [
  {
    name: "truncation",
    description: "A cut episode: bootstrap with the value of its last state, or treat it as terminal.",
    type: "choice",
    choices: ["bootstrap", "terminal"],
    default: "bootstrap",
  },
  {
    name: "lastValue",
    description:
      "Value of the state after the last step of a cut or running episode, when the file does not record it.",
    type: "number",
    default: null,
  },
];

/** Successor values of one recorded episode as {@link endParameters} say. */
export const successorsUnder = (
  series: EpisodeSeries,
  parameters: ParameterValues,
): ReturnType<typeof episodeSuccessors> =>
  episodeSuccessors(
    series,
    textOf(parameters, "truncation") as "bootstrap" | "terminal",
    optionalNumberOf(parameters, "lastValue"),
  );

/** Values of the states that follow each step, and where the recursion stops. */
export interface Successors {
  /** V of the next state as it enters the TD error, [T]; 0 after a terminal state. */
  readonly nextValues: Float64Array;
  /** 1 where the trace runs on into t+1, 0 where the episode ends, [T]. */
  readonly carries: Float64Array;
}

/**
 * Successor values from end flags.
 *
 * @param values V of the state before each step, [T]
 * @param lastValue V of the state after the last row, used when the episode is still running there
 * @param finalValues V of the last state of a cut episode, read at truncated steps; undefined = truncation counts as
 *   an end without a future (CleanRL)
 */
export function successorValues(
  values: Float64Array,
  terminated: ArrayLike<number>,
  truncated: ArrayLike<number>,
  lastValue: number,
  finalValues: ((t: number) => number) | undefined,
): Successors {
  const size = values.length;
  const nextValues = new Float64Array(size);
  const carries = new Float64Array(size);
  for (let t = 0; t < size; t++) {
    if (terminated[t]) continue;
    if (truncated[t]) {
      nextValues[t] = finalValues === undefined ? 0 : finalValues(t);
      continue;
    }
    nextValues[t] = t + 1 < size ? values[t + 1]! : lastValue;
    carries[t] = 1;
  }
  return { nextValues, carries };
}

/**
 * Successor values of one recorded episode under a truncation rule.
 * Refuses, with the reason, when a bootstrap is called for and no value of the last state is known.
 */
function episodeSuccessors(
  series: EpisodeSeries,
  truncation: "bootstrap" | "terminal",
  givenLastValue: number | undefined,
): (Successors & { readonly notes: readonly string[] }) | Missing {
  const { values } = series;
  if (!values) return { missing: ["values"], how: needHow.values };
  const notes: string[] = [];
  const lastValue = givenLastValue ?? series.finalValue;
  const open = series.end === "running" || (series.end === "truncated" && truncation === "bootstrap");
  if (open && Number.isNaN(lastValue)) {
    return {
      missing: ["values"],
      how: `The episode is ${series.end === "running" ? "still running at its last row" : "truncated"} and no value of the state after it is recorded: set lastValue, or choose truncation=terminal${series.end === "running" ? " with a file that says how it ended" : ""}.`,
    };
  }
  if (series.end === "unknown")
    notes.push("The file does not tell how the episode ended; its last state is taken as terminal.");
  if (series.end === "truncated") {
    notes.push(
      truncation === "bootstrap"
        ? "Truncated: the value of the last state stands for the future."
        : "Truncated: this convention treats it as terminal, nothing stands for the future.",
    );
  }
  const terminated = series.terminated.slice();
  if (series.end === "unknown" && terminated.length > 0) terminated[terminated.length - 1] = 1;
  // Ends in the middle of the rows have no recorded final observation value of their own.
  const last = series.rewards.length - 1;
  const finalValues =
    truncation === "bootstrap" ? (t: number): number => (t === last ? lastValue : NaN) : undefined;
  return { ...successorValues(values, terminated, series.truncated, lastValue, finalValues), notes };
}
