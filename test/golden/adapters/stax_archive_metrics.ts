import {
  coverage,
  fillEliteGrid,
  gridVisits,
  uniformity,
  type GridSpec,
} from "../../../src/signals/control/archiveGrid";
import { list, vector, type Adapter, type Golden } from "../adapter";

type Row = { readonly [key: string]: Golden };

const specOf = (grid: Row): GridSpec => ({
  least: vector(grid["min_coord"]),
  most: vector(grid["max_coord"]),
  bins: Number(grid["bins"]),
});

/** Numbers of a nested list, in order. */
const flat = (value: Golden): number[] => (Array.isArray(value) ? value.flatMap(flat) : [Number(value)]);

/** A flat grid as nested lists of `bins` each. */
function nested(values: readonly number[], bins: number, dimensions: number): unknown {
  if (dimensions <= 1) return values;
  const size = values.length / bins;
  return Array.from({ length: bins }, (_, k) =>
    nested(values.slice(k * size, (k + 1) * size), bins, dimensions - 1),
  );
}

export const adapter: Adapter = {
  run({ inputs }) {
    if (inputs.has("final_grid")) {
      const visits = Float64Array.from(flat(inputs.get("final_grid")));
      return { coverage: coverage(visits), uniformity: uniformity(visits) };
    }
    const spec = specOf(inputs.object("grid"));
    if (inputs.has("agents")) {
      const members = (inputs.list("agents") as readonly Row[]).map((row) => ({
        id: Number(row["id"]),
        descriptor: vector(row["bd"]),
        reward: Number(row["reward"]),
        evaluated: Number(row["evaluated"]),
      }));
      const result = fillEliteGrid(spec, members);
      return { per_agent: result.insertions, ids_in_archive: result.ids, filled_tracker: result.filled };
    }
    const seen = list(inputs.get("gt_bd"), "gt_bd").map((row) => vector(row));
    const after = seen.map((_, i) => gridVisits(spec, seen.slice(0, i + 1)));
    const final = after[after.length - 1] ?? gridVisits(spec, []);
    return {
      coverage: after.map(coverage),
      uniformity: after.map(uniformity),
      final_grid: nested(Array.from(final), spec.bins, spec.least.length),
    };
  },
};
