import { unexplainedSignal } from "../series/derivedSignal";
import { missing, rowsOf } from "../series/modelInputs";
import { numberOf, textOf } from "../series/parameters";
import { centralities, neighbourWeights } from "./neighbourGraph";

export const neighbourCentrality = unexplainedSignal({
  id: "neighbour-centrality",
  title: "Centrality among neighbours",
  family: "control",
  level: "step",
  unit: "centrality",
  signed: false,
  needs: ["observations"],
  parameters: [
    { name: "vehicle", description: "Row of the vehicle, from 0.", type: "integer", minimum: 0, default: 0 },
    {
      name: "limit",
      description: "Distance at which vehicles are no neighbours.",
      type: "number",
      minimum: 0,
      default: 1000,
    },
    {
      name: "layout",
      description: "Frames as released, where vehicles and times are mixed by a reshape, or corrected.",
      type: "choice",
      choices: ["corrected", "released"],
      default: "corrected",
    },
  ],
  presets: [
    {
      id: "released",
      title: "As released",
      values: { layout: "released" },
      source:
        "Petrichor625/BATraj-Behavior-aware-Model, loader2_BAT_new.py, create_adjancent_matrix, calculate_centrality",
    },
  ],
  source: "Liao et al. 2024, BAT; loader2_BAT_new.py",
  description:
    "Closeness of a vehicle in the graph of its neighbours at each step (input positions, one row a vehicle with x and y of every step), with degree and eigenvector centrality as parts. Known faults of the release: frames are reshaped instead of transposed, weights play no part, and features come out in the order in which threads finish.",
  derive(context, parameters) {
    const matrix = context.inputs?.arrays?.["positions"];
    if (!matrix || matrix.rows === 0 || matrix.width % 2 !== 0)
      return missing(
        "observations",
        "Needs the positions of all vehicles: a model input named positions, one row a vehicle: x and y of every step.",
      );
    const own = numberOf(parameters, "vehicle");
    if (own >= matrix.rows)
      return missing("observations", `There is no vehicle ${own}: the input has ${matrix.rows} rows.`);
    const places = rowsOf(matrix).map((row) =>
      Array.from({ length: matrix.width / 2 }, (_, t) => row.subarray(2 * t, 2 * t + 2)),
    );
    const layout = textOf(parameters, "layout") === "released" ? "released" : "corrected";
    const frames = neighbourWeights(places, numberOf(parameters, "limit"), layout).map(centralities);
    return {
      values: Float64Array.from(frames, ({ closeness }) => closeness[own]!),
      parts: {
        degree: Float64Array.from(frames, ({ degree }) => degree[own]!),
        eigenvector: Float64Array.from(frames, ({ eigenvector }) => eigenvector[own]!),
      },
      notes: layout === "released" ? ["Known bug kept: a frame mixes vehicles and times."] : [],
      convention: `${layout}, limit ${numberOf(parameters, "limit")}`,
    };
  },
});
