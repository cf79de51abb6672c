import { symbol } from "../expression";
import { placesOfNaN } from "./recordedSeries";
import type { Need, ParameterValues, Signal, SignalContext, SignalResult } from "../signal";
import { needHow } from "../signal";

type Found = Extract<SignalResult, { values: Float64Array }>;

/** A policy quantity per token: what the file records, otherwise what a policy model gave. */
function find(
  context: SignalContext,
  tokenSeries: readonly string[],
  scoreName: string,
  from: string,
): Found | undefined {
  const { trajectory, scores } = context;
  if (from !== "model") {
    for (const name of tokenSeries) {
      const series = trajectory.tokens?.series[name];
      if (series)
        return {
          level: "token",
          values: series.slice(),
          nanAt: [],
          notes: [`Recorded by the file (${name}).`],
        };
    }
    if (scoreName === "logprob") {
      if (trajectory.steps.some((step) => typeof step.logprob === "number")) {
        return {
          level: "step",
          values: Float64Array.from(trajectory.steps, (step) => step.logprob ?? NaN),
          nanAt: placesOfNaN(trajectory.steps.map((step) => step.logprob)),
          notes: ["Recorded by the file, summed per step."],
        };
      }
      const column = trajectory.columns?.columns.find(
        (candidate) => candidate.role === "logprob" && candidate.width === 1,
      );
      if (column && trajectory.columns)
        return {
          level: "step",
          values: Float64Array.from(column.data.subarray(0, trajectory.columns.steps)),
          nanAt: placesOfNaN(column.data.subarray(0, trajectory.columns.steps)),
          notes: ["Recorded by the file."],
        };
    }
  }
  if (from !== "recorded") {
    const scored = scores?.find((series) => series.name === scoreName);
    if (scored)
      return {
        level: scored.level,
        values: scored.values.slice(),
        nanAt: [],
        notes: [`${scored.modelPath} on ${scored.provider}: ${scored.method}`],
      };
  }
  return undefined;
}

function policySignal(
  definition: Pick<Signal, "id" | "title" | "unit" | "signed" | "description" | "source">,
  need: Need,
  tokenSeries: readonly string[],
  scoreName: string,
): Signal {
  const read = (context: SignalContext, parameters: ParameterValues): Found | undefined =>
    find(context, tokenSeries, scoreName, String(parameters["from"]));
  return {
    ...definition,
    family: "recorded",
    level: "token",
    needs: [need],
    parameters: [
      {
        name: "from",
        description: "The file's own recording, a model's scores, or the file first and a model otherwise.",
        type: "choice",
        choices: ["auto", "recorded", "model"],
        default: "auto",
      },
    ],
    presets: [],
    compute: (context, parameters) => read(context, parameters) ?? { missing: [need], how: needHow[need] },
    explain(context, parameters, index) {
      const found = read(context, parameters);
      const value = found?.values[index];
      if (!found || value === undefined || Number.isNaN(value)) return undefined;
      const id = context.trajectory.id;
      const reference =
        found.level === "token"
          ? { trajectoryId: id, tokenIndex: index }
          : { trajectoryId: id, stepIndex: index };
      return {
        title: definition.title,
        convention: found.notes[0] ?? "",
        lines: [
          {
            name: `${definition.id}_${index}`,
            expression: symbol(definition.id, value, definition.title, reference),
            value,
          },
        ],
        source: definition.source,
        notes: found.notes,
      };
    },
  };
}

export const logprob = policySignal(
  {
    id: "logprob",
    title: "Log-probability",
    unit: "nats",
    signed: false,
    source: "The trajectory file, or a policy model in teacher forcing",
    description:
      "Log-probability of each token (or action) under the policy, recorded by the sampler or computed by a policy model.",
  },
  "logprobs",
  ["logprob", "trainer_logprob"],
  "logprob",
);

export const entropy = policySignal(
  {
    id: "entropy",
    title: "Entropy",
    unit: "nats",
    signed: false,
    source: "The trajectory file, or a policy model in teacher forcing",
    description: "Entropy of the policy's distribution before each token.",
  },
  "entropies",
  ["entropy"],
  "entropy",
);
