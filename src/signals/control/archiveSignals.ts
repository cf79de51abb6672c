import { symbol } from "../expression";
import { derivedSignal, unexplainedSignal } from "../series/derivedSignal";
import { groupMembers, missing } from "../series/modelInputs";
import { numberOf } from "../series/parameters";
import { coverage, gridVisits, uniformity } from "./archiveGrid";
import { descriptorParameters, populationOf } from "./noveltySignals";

export const behaviourSurprise = derivedSignal({
  id: "surprise",
  title: "Surprise",
  family: "control",
  level: "trajectory",
  unit: "error",
  signed: false,
  needs: ["embeddings"],
  parameters: [],
  presets: [
    {
      id: "taxons",
      title: "TAXONS and STAX",
      values: {},
      source: "GPaolo/STAX, core/searchers; GPaolo/taxons (mean over pixels, sum over samples)",
    },
  ],
  source:
    "Paolo et al. 2020, Unsupervised Learning and Exploration of Reachable Outcome Space (TAXONS); GPaolo/STAX",
  description:
    "Reconstruction error of the autoencoder: mean squared difference over the values of each sampled frame, summed over the samples. From inputs frames and reconstructions, one row a sample; otherwise the surprise that the run saved is shown.",
  derive(context) {
    const frames = context.inputs?.arrays?.["frames"];
    const rebuilt = context.inputs?.arrays?.["reconstructions"];
    if (!frames || !rebuilt) {
      const saved = context.trajectory.extra["surprise"];
      const value = typeof saved === "number" ? saved : context.trajectory.outcome.components["surprise"];
      if (typeof value !== "number")
        return missing(
          "embeddings",
          "Needs sampled frames and their reconstructions (inputs frames and reconstructions), or a file that records surprise.",
        );
      return {
        values: Float64Array.of(value),
        notes: ["As the run saved it: it cannot be recomputed, the frames are not in the file."],
        convention: "recorded",
        lines: () => [
          { name: "surprise", expression: symbol("recorded", value, "surprise in the file"), value },
        ],
      };
    }
    if (frames.rows !== rebuilt.rows || frames.width !== rebuilt.width)
      return missing(
        "embeddings",
        `Inputs frames (${frames.rows} x ${frames.width}) and reconstructions (${rebuilt.rows} x ${rebuilt.width}) must have the same shape.`,
      );
    const errors = Float64Array.from({ length: frames.rows }, (_, k) => {
      let sum = 0;
      for (let d = 0; d < frames.width; d++) {
        const at = k * frames.width + d;
        sum += (rebuilt.data[at]! - frames.data[at]!) ** 2;
      }
      return sum / frames.width;
    });
    const value = errors.reduce((sum, error) => sum + error, 0);
    return {
      values: Float64Array.of(value),
      notes: [],
      convention: `${frames.rows} sample${frames.rows === 1 ? "" : "s"}`,
      lines: () => [
        {
          name: "surprise",
          expression: {
            kind: "call",
            name: "sum",
            arguments: Array.from(errors, (e, k) => symbol(`e_${k}`, e, `mean squared error of sample ${k}`)),
          },
          value,
        },
      ],
    };
  },
});

export const archiveMetrics = unexplainedSignal({
  id: "archive-coverage",
  title: "Coverage of the behaviour space",
  family: "control",
  level: "group",
  unit: "share",
  signed: false,
  needs: ["group", "observations"],
  parameters: [
    ...descriptorParameters,
    {
      name: "bins",
      description: "Cells per dimension.",
      type: "integer",
      minimum: 1,
      maximum: 1000,
      default: 50,
    },
  ],
  presets: [
    {
      id: "stax",
      title: "STAX",
      values: { bins: 50 },
      source: "GPaolo/STAX, analysis/utils.py, calculate_coverage, calculate_uniformity",
    },
  ],
  source: "GPaolo/STAX, analysis/utils.py",
  description:
    "Share of the cells of a regular grid that the group's descriptors occupy, and as a part how evenly they do (1 minus the Jensen-Shannon distance to uniform). The grid spans the group's own descriptors, since the file does not tell the space's bounds.",
  derive(context, parameters) {
    const population = populationOf(context, parameters);
    if ("missing" in population) return population;
    const { descriptors } = population;
    const width = descriptors[0]!.length;
    const bins = numberOf(parameters, "bins");
    if (bins ** width > 4e6)
      return missing(
        "observations",
        `A grid of ${bins} cells in each of ${width} dimensions is too large: choose fewer bins or a smaller descriptor.`,
      );
    const bound = (pick: (values: number[]) => number): Float64Array =>
      Float64Array.from({ length: width }, (_, d) => pick(descriptors.map((row) => row[d]!)));
    const finite = descriptors.every((row) => row.every(Number.isFinite));
    if (!finite)
      return missing("observations", "A descriptor of the group holds NaN or infinity: it lies in no cell.");
    const visits = gridVisits(
      { least: bound((v) => Math.min(...v)), most: bound((v) => Math.max(...v)), bins },
      descriptors,
    );
    return {
      values: Float64Array.of(coverage(visits)),
      parts: { uniformity: Float64Array.of(uniformity(visits)) },
      group: groupMembers(context),
      notes: population.notes,
      convention: `${bins} cells per dimension`,
    };
  },
});
