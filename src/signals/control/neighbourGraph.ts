import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Rounds as NumPy does: halves to the even neighbour, after scaling. */
function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  const scaled = value * scale;
  const low = Math.floor(scaled);
  const whole = scaled - low === 0.5 ? (low % 2 === 0 ? low : low + 1) : Math.round(scaled);
  return whole / scale;
}

/**
 * Weights between vehicles per frame (Petrichor625/BATraj-Behavior-aware-Model, create_adjancent_matrix): -exp(-distance)
 * where the distance lies below the limit, else 0; positions rounded to two decimals. `released` reshapes [vehicle][time]
 * to [time][vehicle] without transposing, so that a frame mixes vehicles and times; `corrected` takes each frame's own.
 *
 * @param positions (x, y) by vehicle and time, [V][T][2]; @returns [T][V][V]
 */
export function neighbourWeights(
  positions: readonly (readonly ArrayLike<number>[])[],
  limit: number,
  layout: "released" | "corrected",
): Float64Array[][] {
  const vehicles = positions.length;
  const times = positions[0]?.length ?? 0;
  const flat = positions.flat();
  return Array.from({ length: times }, (_, t) => {
    const places = Array.from({ length: vehicles }, (__, v) => {
      const point = layout === "released" ? flat[t * vehicles + v]! : positions[v]![t]!;
      return [rounded(point[0]!, 2), rounded(point[1]!, 2)] as const;
    });
    return places.map(([x, y]) =>
      Float64Array.from(places, ([otherX, otherY]) => {
        const distance = Math.sqrt((x - otherX) ** 2 + (y - otherY) ** 2);
        return distance < limit ? -Math.exp(-distance) : 0;
      }),
    );
  });
}

/** Centralities of the vehicles of one frame, [V] each. */
export interface Centralities {
  readonly degree: Float64Array;
  readonly closeness: Float64Array;
  /** Magnitudes; the sign of an eigenvector means nothing. NaN when the graph falls into parts. */
  readonly eigenvector: Float64Array;
}

/** Steps from one vertex to all others along edges; Infinity where there is no way. */
function hops(edges: readonly (readonly number[])[], from: number): Float64Array {
  const steps = new Float64Array(edges.length).fill(Infinity);
  steps[from] = 0;
  let front = [from];
  for (let step = 1; front.length > 0; step++) {
    const next: number[] = [];
    for (const vertex of front)
      for (const other of edges[vertex]!) {
        if (steps[other] !== Infinity) continue;
        steps[other] = step;
        next.push(other);
      }
    front = next;
  }
  return steps;
}

/**
 * Degree, closeness and eigenvector centrality as released (calculate_centrality, networkx on weights rounded to two
 * decimals): every entry that is not 0 is an edge, a self-loop counts twice in the degree, weights play no part, and
 * closeness is scaled by the share of vertices within reach.
 *
 * @param weights [V][V], symmetric
 */
export function centralities(weights: readonly ArrayLike<number>[]): Centralities {
  const size = weights.length;
  const edges = weights.map((row) =>
    Array.from(row).flatMap((weight, other) => (rounded(weight, 2) !== 0 ? [other] : [])),
  );
  // A single vertex has degree centrality 1 by definition.
  const degree = Float64Array.from(edges, (others, own) =>
    size <= 1 ? 1 : (others.length + (others.includes(own) ? 1 : 0)) / (size - 1),
  );
  let connected = true;
  const closeness = Float64Array.from(edges, (_, own) => {
    const reached = hops(edges, own).filter((steps) => steps !== Infinity);
    if (reached.length < size) connected = false;
    const total = reached.reduce((sum, steps) => sum + steps, 0);
    return total > 0 && size > 1 ? ((reached.length - 1) / total) * ((reached.length - 1) / (size - 1)) : 0;
  });
  // Of several parts, which one the leading eigenvector lives on is arbitrary: networkx refuses such a graph.
  if (!connected) return { degree, closeness, eigenvector: new Float64Array(size).fill(NaN) };
  const adjacency = Matrix.zeros(size, size);
  edges.forEach((others, own) => others.forEach((other) => adjacency.set(own, other, 1)));
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(adjacency, {
    assumeSymmetric: true,
  });
  const largest = realEigenvalues.indexOf(Math.max(...realEigenvalues));
  return {
    degree,
    closeness,
    eigenvector: Float64Array.from(eigenvectorMatrix.getColumn(largest), Math.abs),
  };
}

/**
 * Six behaviour features per vehicle and time (BLE_BIE), as released: the first three are differences that are 0 but for
 * closeness, whose differences run along the vehicles; the last three are all closeness. Differences are reshaped where
 * they should be transposed.
 *
 * @param closeness [T][V]; @returns [T][V][6], rounded to two decimals
 */
export function behaviourFeatures(closeness: readonly ArrayLike<number>[]): number[][][] {
  const times = closeness.length;
  const vehicles = closeness[0]?.length ?? 0;
  const difference = (t: number, v: number): number =>
    v + 1 < vehicles ? closeness[t]![v + 1]! - closeness[t]![v]! : 0;
  // [V][T] in memory, read back as [T][V].
  const flat: number[] = [];
  for (let v = 0; v < vehicles; v++) for (let t = 0; t < times; t++) flat.push(rounded(difference(t, v), 2));
  return Array.from({ length: times }, (_, t) =>
    Array.from({ length: vehicles }, (__, v) => {
      const level = rounded(closeness[t]![v]!, 2);
      return [0, flat[t * vehicles + v]!, 0, level, level, level];
    }),
  );
}
