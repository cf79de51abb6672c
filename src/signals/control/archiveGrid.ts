/** A regular grid over behaviour descriptors. */
export interface GridSpec {
  readonly least: Float64Array;
  readonly most: Float64Array;
  /** Cells per dimension. */
  readonly bins: number;
}

/**
 * Cell of a descriptor (GPaolo/STAX, core/population/archive.py, _find_cell). Upper edges belong to their cell, the
 * lowest edge to the first one.
 *
 * @throws Error when the descriptor lies outside the grid or has another number of dimensions
 */
function gridCell({ least, most, bins }: GridSpec, descriptor: ArrayLike<number>): readonly number[] {
  if (descriptor.length !== least.length)
    throw new Error(`The descriptor has ${descriptor.length} dimensions, the grid ${least.length}.`);
  return Array.from(descriptor, (value, d) => {
    const low = least[d]!;
    const high = most[d]!;
    if (!(value >= low && value <= high))
      throw new Error(`The descriptor's entry ${d} is ${value}, outside the grid's ${low} to ${high}.`);
    const width = (high - low) / bins;
    // Edges as multiples of the width, the last one exact, so that a value on an edge compares as in the release.
    const edge = (k: number): number => (k === bins ? high : low + k * width);
    let cell = 0;
    while (cell < bins - 1 && edge(cell + 1) < value) cell++;
    return cell;
  });
}

export interface GridMember {
  readonly id: number;
  readonly descriptor: Float64Array;
  readonly reward: number;
  /** Evaluation count at which the member was seen. */
  readonly evaluated: number;
}

/** What happened at each insertion, and what the archive holds at the end. */
export interface EliteGrid {
  readonly insertions: readonly { readonly cell: readonly number[]; readonly stored: boolean }[];
  /** In order of storing. */
  readonly ids: readonly number[];
  /** Evaluation count at which each new cell was filled. */
  readonly filled: readonly number[];
}

/** Inserts members into a MAP-Elites grid (Grid.store): an equal or higher reward replaces what a cell holds. */
export function fillEliteGrid(spec: GridSpec, members: readonly GridMember[]): EliteGrid {
  const held = new Map<string, GridMember>();
  const filled: number[] = [];
  const insertions = members.map((member) => {
    const cell = gridCell(spec, member.descriptor);
    const key = cell.join(",");
    const old = held.get(key);
    if (old && !(member.reward >= old.reward)) return { cell, stored: false };
    if (!old) filled.push(member.evaluated);
    held.delete(key);
    held.set(key, member);
    return { cell, stored: true };
  });
  return { insertions, filled, ids: [...held.values()].map(({ id }) => id) };
}

/** Visits per cell, row by row (the last dimension fastest). */
export function gridVisits(spec: GridSpec, descriptors: readonly Float64Array[]): Float64Array {
  const visits = new Float64Array(spec.bins ** spec.least.length);
  for (const descriptor of descriptors)
    visits[gridCell(spec, descriptor).reduce((index, cell) => index * spec.bins + cell, 0)]!++;
  return visits;
}

/** Share of cells that were visited (analysis/utils.py, calculate_coverage). */
export function coverage(visits: Float64Array): number {
  return visits.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0) / visits.length;
}

/**
 * 1 - Jensen-Shannon distance (the root of the divergence, natural logarithm) between the share of visits and the
 * uniform distribution (calculate_uniformity). NaN without visits.
 */
export function uniformity(visits: Float64Array): number {
  const total = visits.reduce((sum, count) => sum + count, 0);
  const uniform = 1 / visits.length;
  let divergence = 0;
  for (const count of visits) {
    const share = count / total;
    const middle = (share + uniform) / 2;
    divergence += (share === 0 ? 0 : share * Math.log(share / middle)) + uniform * Math.log(uniform / middle);
  }
  return 1 - Math.sqrt(divergence / 2);
}
