import { binary, symbol, type Expression } from "../expression";
import { derivedSignal } from "../series/derivedSignal";
import { missing, rowsOf } from "../series/modelInputs";
import { flagOf, numberOf, textOf } from "../series/parameters";
import { emitterImprovement, emitterStagnates } from "./emitters";

const improvementLine = (recent: number, first: number): Expression => ({
  kind: "call",
  name: "max",
  arguments: [
    binary(
      "-",
      symbol("mean(last 3)", recent, "mean reward of the last three generations"),
      symbol("mean(first 3)", first, "mean reward of the first three"),
    ),
    { kind: "number", value: 0 },
  ],
});

export const emitterImprovementSignal = derivedSignal({
  id: "emitter-improvement",
  title: "Emitter improvement",
  family: "control",
  level: "step",
  unit: "reward",
  signed: false,
  needs: ["rewards"],
  parameters: [
    {
      name: "local",
      description: "Compare with the mean at the step before instead of with the start.",
      type: "boolean",
      default: false,
    },
    {
      name: "stagnation",
      description: "Rule by which an emitter stops.",
      type: "choice",
      choices: ["custom", "original"],
      default: "custom",
    },
    {
      name: "genomeSize",
      description: "Genes of an individual; sets how many generations stagnation looks back.",
      type: "integer",
      minimum: 1,
      default: 2,
    },
  ],
  presets: [
    {
      id: "serene",
      title: "SERENE and STAX",
      values: { stagnation: "custom" },
      source:
        "GPaolo/STAX, core/emitters/base_emitter.py, estimate_improvement; core/evolvers/emitter_evolver.py, _stagnation",
    },
    {
      id: "cma-es",
      title: "CMA-ES rule",
      values: { stagnation: "original" },
      source: "GPaolo/STAX, core/evolvers/emitter_evolver.py, _stagnation (original)",
    },
  ],
  source: "Paolo et al. 2021, Sparse Reward Exploration via Novelty Search and Emitters (SERENE)",
  description:
    "After each generation of an emitter (input emitter_rewards, one row a generation of the population's rewards): mean reward of the last three generations minus that of the first three, never below 0, and whether the emitter has stagnated.",
  derive(context, parameters) {
    const matrix = context.inputs?.arrays?.["emitter_rewards"];
    if (!matrix || matrix.rows === 0)
      return missing(
        "rewards",
        "Needs the emitter's rewards: a model input named emitter_rewards, one row a generation.",
      );
    const rows = rowsOf(matrix).map((row) => Float64Array.from(row));
    const local = flagOf(parameters, "local");
    const mean = (part: readonly Float64Array[]): number => {
      const all = part.flatMap((row) => Array.from(row));
      return all.reduce((sum, value) => sum + value, 0) / all.length;
    };
    const baselines = rows.map((_, g) =>
      mean(local && g > 0 ? rows.slice(Math.max(0, g - 3), g) : rows.slice(0, Math.min(3, g + 1))),
    );
    const recents = rows.map((_, g) => emitterImprovement(rows.slice(0, g + 1)).recent);
    const values = Float64Array.from(
      rows,
      (_, g) => emitterImprovement(rows.slice(0, g + 1), baselines[g]).improvement,
    );
    const rule = textOf(parameters, "stagnation") === "original" ? "original" : "custom";
    const size = numberOf(parameters, "genomeSize");
    return {
      values,
      parts: {
        "mean reward": Float64Array.from(rows, (row) => mean([row])),
        stagnated: Float64Array.from(rows, (_, g) =>
          emitterStagnates(rows.slice(0, g + 1), g + 1, size, matrix.width, rule) ? 1 : 0,
        ),
      },
      notes: [],
      convention: `${local ? "against the generation before" : "against the start"}, ${rule} stagnation`,
      lines: (index) => [
        {
          name: `improvement_${index}`,
          expression: improvementLine(recents[index]!, baselines[index]!),
          value: values[index]!,
        },
      ],
    };
  },
});
