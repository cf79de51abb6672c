import {
  behaviourFeatures,
  centralities,
  neighbourWeights,
} from "../../../src/signals/control/neighbourGraph";
import {
  metresPerFoot,
  mixtureSurprises,
  polar,
  rootMeanSquares,
  squaredErrors,
  surprises,
  type HorizonError,
  type PositionForecast,
} from "../../../src/signals/control/trajectoryForecast";
import { InputError, list, vector, type Adapter, type Golden } from "../adapter";

const grid = (value: Golden): Float64Array[][] =>
  list(value).map((row) => list(row).map((entry) => vector(entry)));

const positions = (value: Golden): { x: number; y: number }[][] =>
  grid(value).map((row) => row.map(([x, y]) => ({ x: x!, y: y! })));

const forecasts = (value: Golden): PositionForecast[][] =>
  grid(value).map((row) =>
    row.map(([x, y, inverseSpreadX, inverseSpreadY, correlation]) => ({
      x: x!,
      y: y!,
      inverseSpreadX: inverseSpreadX!,
      inverseSpreadY: inverseSpreadY!,
      correlation: correlation!,
    })),
  );

/** The first of the mask's two equal columns. */
const maskOf = (value: Golden): Float64Array[] =>
  grid(value).map((row) => Float64Array.from(row, ([first]) => first!));

const surpriseOf = ({ sums, counts, mean }: HorizonError): unknown => ({
  nll_sum_per_step: sums,
  counts,
  loss: mean,
});

export const adapter: Adapter = {
  // The likelihoods are float32 tensors of torch; the graph is NumPy.
  tolerance: ({ fn }) =>
    fn.startsWith("Evaluate.") ? { relative: 1e-5, absolute: 1e-6 } : { relative: 1e-9, absolute: 1e-12 },
  run({ fn, inputs }) {
    if (fn.endsWith("maskedMSETest")) {
      const error = squaredErrors(
        forecasts(inputs.get("y_pred")),
        positions(inputs.get("y_gt")),
        maskOf(inputs.get("mask")),
      );
      return {
        sum_sq_error_per_step: error.sums,
        counts: error.counts,
        loss: error.mean,
        rmse_feet_to_m: rootMeanSquares(error, metresPerFoot),
      };
    }
    if (fn.endsWith("maskedNLLTest")) {
      const truth = positions(inputs.get("fut"));
      const mask = maskOf(inputs.get("op_mask"));
      if (!inputs.flag("use_maneuvers", inputs.has("lat_pred")))
        return surpriseOf(surprises(forecasts(inputs.get("fut_pred")), truth, mask));
      const components = inputs.list("fut_pred").map(forecasts);
      return surpriseOf(
        mixtureSurprises(components, inputs.matrix("lat_pred"), inputs.matrix("lon_pred"), truth, mask),
      );
    }
    if (fn.endsWith("cart2polar")) return { polar: inputs.matrix("car_traj").map(([x, y]) => polar(x!, y!)) };
    if (fn.endsWith("create_adjancent_matrix")) {
      const limit = inputs.number("neighbor_distance");
      return { matrix: neighbourWeights(grid(inputs.get("past_trajs")), limit, "released") };
    }
    if (fn.endsWith("calculate_centrality")) {
      const { degree, closeness, eigenvector } = centralities(inputs.matrix("matrix"));
      if (eigenvector.some(Number.isNaN)) throw new Error("The graph falls into parts.");
      return { degree, closeness, abs_eigenvector: eigenvector };
    }
    if (fn.endsWith("BLE_BIE")) return { features: behaviourFeatures(inputs.matrix("closeness")) };
    throw new InputError("function", `known (${fn})`);
  },
};
