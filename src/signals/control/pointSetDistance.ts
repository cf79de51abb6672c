const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

/**
 * Least cost of matching rows to columns one to one (shortest augmenting paths with potentials).
 *
 * @param cost of (row, column); @param size number of rows, and of columns
 */
function leastAssignment(cost: (row: number, column: number) => number, size: number): number {
  // Row 0 and column 0 are the ends of the augmenting path.
  const rowPotential = new Float64Array(size + 1);
  const columnPotential = new Float64Array(size + 1);
  const matched = new Int32Array(size + 1);
  for (let row = 1; row <= size; row++) {
    const slack = new Float64Array(size + 1).fill(Infinity);
    const from = new Int32Array(size + 1);
    const used = new Uint8Array(size + 1);
    let column = 0;
    matched[0] = row;
    do {
      used[column] = 1;
      const at = matched[column]!;
      let least = Infinity;
      let next = 0;
      for (let j = 1; j <= size; j++) {
        if (used[j]) continue;
        const reduced = cost(at - 1, j - 1) - rowPotential[at]! - columnPotential[j]!;
        if (reduced < slack[j]!) {
          slack[j] = reduced;
          from[j] = column;
        }
        if (slack[j]! < least) {
          least = slack[j]!;
          next = j;
        }
      }
      for (let j = 0; j <= size; j++) {
        if (used[j]) {
          rowPotential[matched[j]!]! += least;
          columnPotential[j]! -= least;
        } else slack[j]! -= least;
      }
      column = next;
    } while (matched[column] !== 0);
    while (column !== 0) {
      matched[column] = matched[from[column]!]!;
      column = from[column]!;
    }
  }
  let total = 0;
  for (let j = 1; j <= size; j++) total += cost(matched[j]! - 1, j - 1);
  return total;
}

/**
 * Earth mover's distance between two sets of points with equal weights inside each set, Euclidean ground distance. The
 * order of the points is ignored. Sets of different sizes are matched after repeating each point, which is exact.
 *
 * @param first [N][D]; @param second [M][D]
 */
export function earthMoversDistance(first: readonly Float64Array[], second: readonly Float64Array[]): number {
  if (first.length === 0 || second.length === 0) return NaN;
  const costs = first.map((a) =>
    Float64Array.from(second, (b) => Math.sqrt(a.reduce((sum, value, d) => sum + (value - b[d]!) ** 2, 0))),
  );
  const size = (first.length * second.length) / greatestDivisor(first.length, second.length);
  const perRow = size / first.length;
  const perColumn = size / second.length;
  const cost = (row: number, column: number): number =>
    costs[Math.floor(row / perRow)]![Math.floor(column / perColumn)]!;
  return leastAssignment(cost, size) / size;
}
