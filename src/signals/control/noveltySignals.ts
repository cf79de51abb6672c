import type { Missing } from "../series/episode";
import { symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { groupMembers, memberContexts, missing } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import type { Parameter, ParameterValues, SignalContext } from "../signal";
import { sampledDescriptor } from "./behaviourDescriptor";
import { observationRows } from "./controlSeries";
import {
  descriptorDistances,
  descriptorMetrics,
  localCompetition,
  novelty,
  type DescriptorMetric,
} from "./novelty";

export const descriptorParameters: readonly Parameter[] = [
  {
    name: "descriptor",
    description:
      "Behaviour descriptor: the file's own, an encoder's embedding of the sampled frames, or sampled observations.",
    type: "choice",
    choices: ["recorded", "embedding", "observations"],
    default: "recorded",
  },
  {
    name: "samples",
    description: "Observations or frames that make up the descriptor.",
    type: "integer",
    minimum: 1,
    default: 1,
  },
];

/** The descriptor as a quality-diversity run saves it: a column of one row, or a list among the extra fields. */
function recordedDescriptor(context: SignalContext, name: string): Float64Array | undefined {
  const column = context.trajectory.columns?.columns.find((candidate) => candidate.name === name);
  if (column && column.rows > 0) return Float64Array.from(column.data.subarray(0, column.width));
  const value = context.trajectory.extra[name];
  return Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === "number")
    ? Float64Array.from(value as number[])
    : undefined;
}

/** Behaviour descriptor of one trajectory. A lone 0 means "not computed" in the authors' files, not a descriptor. */
function descriptorOf(context: SignalContext, parameters: ParameterValues): Float64Array | undefined {
  switch (textOf(parameters, "descriptor")) {
    case "embedding": {
      const matrix = context.inputs?.embeddings;
      const wanted = Math.min(numberOf(parameters, "samples"), matrix?.rows ?? 0);
      // The last sampled frames; a learned descriptor is the encoder's features one behind the other.
      return matrix && wanted > 0
        ? Float64Array.from(
            matrix.data.subarray((matrix.rows - wanted) * matrix.width, matrix.rows * matrix.width),
          )
        : undefined;
    }
    case "observations": {
      const rows = observationRows(context);
      return rows
        ? sampledDescriptor(
            rows.map((row) => Float64Array.from(row)),
            numberOf(parameters, "samples"),
          )
        : undefined;
    }
    default:
      return recordedDescriptor(context, "bd") ?? recordedDescriptor(context, "gt_bd");
  }
}

export interface Population {
  readonly ids: readonly string[];
  readonly descriptors: readonly Float64Array[];
  readonly rewards: Float64Array;
  readonly own: number;
  readonly notes: readonly string[];
}

/** All members of the group that have a descriptor as wide as the trajectory's own. */
export function populationOf(context: SignalContext, parameters: ParameterValues): Population | Missing {
  const members = memberContexts(context);
  if ("missing" in members) return members;
  const found = members.flatMap((member) => {
    const descriptor = descriptorOf(member, parameters);
    return descriptor ? [{ member, descriptor }] : [];
  });
  const own = found.findIndex(({ member }) => member.trajectory.id === context.trajectory.id);
  if (own < 0)
    return missing(
      textOf(parameters, "descriptor") === "embedding" ? "embeddings" : "observations",
      "This trajectory has no behaviour descriptor: open a generation file that records bd, choose an encoder, or choose descriptor=observations.",
    );
  const width = found[own]!.descriptor.length;
  const same = found.filter(({ descriptor }) => descriptor.length === width);
  const rewards = new Map(context.group!.members.map(({ trajectoryId, reward }) => [trajectoryId, reward]));
  return {
    ids: same.map(({ member }) => member.trajectory.id),
    descriptors: same.map(({ descriptor }) => descriptor),
    rewards: Float64Array.from(same, ({ member }) => rewards.get(member.trajectory.id) ?? NaN),
    own: same.findIndex(({ member }) => member.trajectory.id === context.trajectory.id),
    notes: [
      ...(same.length < members.length
        ? [
            `${members.length - same.length} of ${members.length} members have no descriptor of this width and are left out.`,
          ]
        : []),
      "Descriptors of different encoder generations cannot be compared: use one generation's encoder for all.",
    ].slice(0, textOf(parameters, "descriptor") === "embedding" ? 2 : same.length < members.length ? 1 : 0),
  };
}

export const behaviourNovelty = derivedSignal({
  id: "novelty",
  title: "Novelty",
  family: "control",
  level: "trajectory",
  unit: "distance",
  signed: false,
  needs: ["group", "observations"],
  parameters: [
    ...descriptorParameters,
    {
      name: "neighbours",
      description: "Nearest references that are averaged over.",
      type: "integer",
      minimum: 1,
      default: 15,
    },
    {
      name: "metric",
      description: "Distance of descriptors.",
      type: "choice",
      choices: descriptorMetrics,
      default: "euclidean",
    },
    {
      name: "self",
      description:
        "How the trajectory itself is kept out: the nearest reference is dropped, whoever it is, or the trajectory is taken out first.",
      type: "choice",
      choices: ["drop-nearest", "take-out"],
      default: "drop-nearest",
    },
  ],
  presets: [
    {
      id: "stax",
      title: "STAX and SERENE",
      values: { self: "drop-nearest", neighbours: 15 },
      source: "GPaolo/STAX, core/evolvers/utils.py, calculate_novelties; GPaolo/SERENE",
    },
    {
      id: "taxons",
      title: "TAXONS (original)",
      values: { self: "take-out", neighbours: 15 },
      source: "GPaolo/taxons, core/utils/optimizer.py, measure_novelty",
    },
  ],
  source: "Lehman and Stanley 2011, Abandoning Objectives; GPaolo/STAX, core/evolvers/utils.py",
  description:
    "Mean distance of a trajectory's behaviour descriptor to its nearest neighbours among the group (population, offspring and archive). Parts hold local competition: how many of them have a strictly lower reward. A single reference leaves nothing to average over.",
  derive(context, parameters) {
    const population = populationOf(context, parameters);
    if ("missing" in population) return population;
    const { descriptors, own, ids } = population;
    const neighbours = numberOf(parameters, "neighbours");
    const distances = descriptorDistances(
      [descriptors[own]!],
      descriptors,
      textOf(parameters, "metric") as DescriptorMetric,
    )[0]!;
    const out = textOf(parameters, "self") === "take-out";
    // Taking the trajectory out first is the same as its own entry being the nearest of all.
    const judged = out ? distances.map((value, k) => (k === own ? -1 : value)) : distances;
    const value = novelty(judged, neighbours);
    const order = [...judged.keys()].sort((a, b) => judged[a]! - judged[b]!).slice(1, neighbours + 1);
    return {
      values: Float64Array.of(value),
      parts: {
        "local competition": Float64Array.of(
          localCompetition(distances, own, population.rewards, neighbours),
        ),
      },
      group: groupMembers(context),
      notes: [
        ...population.notes,
        ...(order.length === 0 ? ["There is no other reference: novelty is not defined."] : []),
      ],
      convention: `${neighbours} neighbours, ${textOf(parameters, "metric")}, ${out ? "itself taken out" : "nearest dropped"}`,
      lines: () => [
        {
          name: "novelty",
          expression: {
            kind: "call",
            name: "mean",
            arguments: order.map((k): Expression =>
              symbol(`d(${ids[k]!})`, judged[k]!, "distance to a neighbour", { trajectoryId: ids[k]! }),
            ),
          },
          value,
        },
      ],
    };
  },
});
