import type { Step, TokenSeriesName } from "../../model/trajectory";
import { symbol } from "../expression";
import { needHow, type Need, type Signal, type SignalContext } from "../signal";

interface Recorded {
  readonly level: "step" | "token" | "trajectory";
  readonly values: Float64Array;
  /** Entries that the file records as NaN, rather than not at all or as null. */
  readonly nanAt: readonly number[];
  readonly notes: readonly string[];
}

/** Places of the numbers that are NaN. */
export const placesOfNaN = (values: Iterable<number | null | undefined>): readonly number[] =>
  [...values].flatMap((value, index) => (Number.isNaN(value) ? [index] : []));

interface Definition {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly signed: boolean;
  readonly need: Need;
  readonly description: string;
  /** Names of token series, best first. */
  readonly tokenSeries: readonly TokenSeriesName[];
  readonly stepField?: (step: Step) => number | null | undefined;
  readonly columnRole?: "reward" | "value" | "logprob";
  readonly trajectoryValue?: (context: SignalContext) => number | null | undefined;
}

function read(context: SignalContext, definition: Definition, level: string): Recorded | undefined {
  const { trajectory } = context;
  if (level !== "token" && level !== "trajectory") {
    const { stepField, columnRole } = definition;
    if (stepField && trajectory.steps.some((step) => stepField(step) !== undefined)) {
      const nulls = trajectory.steps.filter((step) => stepField(step) === null).length;
      return {
        level: "step",
        values: Float64Array.from(trajectory.steps, (step) => stepField(step) ?? NaN),
        nanAt: placesOfNaN(trajectory.steps.map(stepField)),
        notes:
          nulls > 0
            ? [`${nulls} ${nulls === 1 ? "step is" : "steps are"} recorded as null, which is not 0.`]
            : [],
      };
    }
    const column =
      columnRole &&
      trajectory.columns?.columns.find((candidate) => candidate.role === columnRole && candidate.width === 1);
    if (column && trajectory.columns) {
      const steps = trajectory.columns.steps;
      const values = new Float64Array(steps).fill(NaN);
      for (let t = 0; t < Math.min(steps, column.rows); t++) values[t] = column.data[t]!;
      return {
        level: "step",
        values,
        nanAt: placesOfNaN(values.subarray(0, Math.min(steps, column.rows))),
        notes: [],
      };
    }
  }
  if (level !== "step" && level !== "trajectory") {
    for (const name of definition.tokenSeries) {
      const series = trajectory.tokens?.series[name];
      if (series)
        return {
          level: "token",
          values: series.slice(),
          // Token arrays hold NaN where nothing is recorded.
          nanAt: [],
          notes: definition.tokenSeries[0] === name ? [] : [`From the file's ${name} series.`],
        };
    }
  }
  if (level === "auto" || level === "trajectory") {
    const value = definition.trajectoryValue?.(context);
    if (value !== undefined) {
      return {
        level: "trajectory",
        values: Float64Array.of(value ?? NaN),
        nanAt: placesOfNaN([value]),
        notes: value === null ? ["Recorded as null, which is not 0."] : [],
      };
    }
  }
  return undefined;
}

/** A signal that shows what the file itself records, unchanged, at the finest level that is there. */
function recordedSignal(definition: Definition): Signal {
  const signal: Signal = {
    id: definition.id,
    title: definition.title,
    family: "recorded",
    level: "step",
    unit: definition.unit,
    signed: definition.signed,
    needs: [definition.need],
    parameters: [
      {
        name: "level",
        description: "Which recording to show; auto takes steps, then tokens, then the whole trajectory.",
        type: "choice",
        choices: ["auto", "step", "token", "trajectory"],
        default: "auto",
      },
    ],
    presets: [],
    source: "The trajectory file itself",
    description: definition.description,
    compute(context, parameters) {
      const recorded = read(context, definition, String(parameters["level"]));
      return recorded ?? { missing: [definition.need], how: needHow[definition.need] };
    },
    explain(context, parameters, index) {
      const recorded = read(context, definition, String(parameters["level"]));
      const value = recorded?.values[index];
      if (!recorded || value === undefined || Number.isNaN(value)) return undefined;
      const id = context.trajectory.id;
      const reference =
        recorded.level === "step"
          ? { trajectoryId: id, stepIndex: index }
          : recorded.level === "token"
            ? { trajectoryId: id, tokenIndex: index }
            : { trajectoryId: id };
      return {
        title: definition.title,
        convention: "as the file records it",
        lines: [
          {
            name: `recorded_${index}`,
            expression: symbol("recorded", value, `${definition.title.toLowerCase()} in the file`, reference),
            value,
          },
        ],
        source: "The trajectory file itself",
        notes: recorded.notes,
      };
    },
  };
  return signal;
}

export const recordedReward = recordedSignal({
  id: "recorded-reward",
  title: "Recorded reward",
  unit: "reward",
  signed: true,
  need: "rewards",
  description:
    "Rewards as the file records them, per step, per token, or for the whole trajectory. Nothing is filled in.",
  tokenSeries: ["reward"],
  stepField: (step) => step.reward,
  columnRole: "reward",
  trajectoryValue: (context) => context.trajectory.outcome.reward,
});

export const recordedValue = recordedSignal({
  id: "recorded-value",
  title: "Recorded value",
  unit: "value",
  signed: true,
  need: "values",
  description: "State values as the file records them.",
  tokenSeries: ["value"],
  stepField: (step) => step.value,
  columnRole: "value",
});

export const recordedAdvantage = recordedSignal({
  id: "recorded-advantage",
  title: "Recorded advantage",
  unit: "advantage",
  signed: true,
  need: "recordedAdvantages",
  description:
    "Advantages that the trainer used, as the file records them. An advantage recorded as null was not assigned, which is not 0.",
  tokenSeries: ["advantage"],
  stepField: (step) => step.advantage,
  trajectoryValue: (context) => context.trajectory.advantage,
});

export const recordedReturn = recordedSignal({
  id: "recorded-return",
  title: "Recorded return",
  unit: "reward",
  signed: true,
  need: "rewards",
  description: "Returns (value targets) per token as the file records them.",
  tokenSeries: ["return"],
});
