/** A stretch of tokens that one or more sequences share; the path from a root to a node spells a sequence. */
export interface PrefixNode {
  /** Tokens [start, end) of sequence `representative`. */
  readonly representative: number;
  readonly start: number;
  readonly end: number;
  /** Index into the forest's list, -1 for a root. */
  readonly parent: number;
  /** All sequences that pass through this node. */
  readonly through: readonly number[];
  /** Distance from the root, in nodes. */
  readonly depth: number;
}

export interface PrefixForest {
  /** Parents before children. */
  readonly nodes: readonly PrefixNode[];
  /** Node in which each sequence ends; -1 for empty sequences. */
  readonly leafOf: Int32Array;
  /** True for nodes that others continue. */
  readonly internal: Uint8Array;
  /** Tokens of all nodes together: what has to be computed. */
  readonly tokens: number;
}

export interface ForestOptions {
  /** A shared stretch becomes a node of its own only when that saves at least this many tokens. */
  readonly minSaved: number;
  /** Longer stretches are cut into a chain of nodes, to bound the memory of one run. */
  readonly maxSegment: number;
}

type Tokens = ArrayLike<number>;

const compare = (a: Tokens, b: Tokens): number => {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
};

function commonPrefix(a: Tokens, b: Tokens, from: number): number {
  const length = Math.min(a.length, b.length);
  let at = from;
  while (at < length && a[at] === b[at]) at++;
  return at;
}

/**
 * Arranges sequences so that what several of them share is computed once. Identical sequences share one leaf.
 * With `minSaved` infinite and `maxSegment` infinite every distinct sequence is a root of its own.
 */
export function prefixForest(sequences: readonly Tokens[], options: ForestOptions): PrefixForest {
  const nodes: PrefixNode[] = [];
  const leafOf = new Int32Array(sequences.length).fill(-1);
  const sorted = sequences.map((_, i) => i).filter((i) => sequences[i]!.length > 0);
  sorted.sort((a, b) => compare(sequences[a]!, sequences[b]!) || a - b);

  /** Adds the stretch [start, end) as one node or a chain; returns the last one's index. */
  const add = (start: number, end: number, parent: number, through: readonly number[]): number => {
    let [from, above] = [start, parent];
    do {
      const to = Math.min(end, from + options.maxSegment);
      nodes.push({
        representative: through[0]!,
        start: from,
        end: to,
        parent: above,
        through,
        depth: above < 0 ? 0 : nodes[above]!.depth + 1,
      });
      above = nodes.length - 1;
      from = to;
    } while (from < end);
    return above;
  };

  // Work list instead of recursion: a search tree can be thousands of branchings deep.
  const open: { members: readonly number[]; from: number; known: number; parent: number }[] = [
    { members: sorted, from: 0, known: 0, parent: -1 },
  ];
  while (open.length > 0) {
    const { members, from, known, parent } = open.pop()!;
    const first = sequences[members[0]!];
    const last = sequences[members.at(-1)!];
    if (first === undefined || last === undefined) continue;
    const shared = commonPrefix(first, last, known);
    if (shared === first.length && shared === last.length) {
      const leaf = shared > from ? add(from, shared, parent, members) : parent;
      for (const member of members) leafOf[member] = leaf;
      continue;
    }
    const worthwhile = shared > from && (shared - from) * (members.length - 1) >= options.minSaved;
    const above = worthwhile ? add(from, shared, parent, members) : parent;
    const begin = worthwhile ? shared : from;
    // Members are sorted, so those with the same next token are neighbours.
    let run = 0;
    for (let i = 1; i <= members.length; i++) {
      const tokenHere = i < members.length ? sequences[members[i]!]![shared] : NaN;
      if (tokenHere === sequences[members[run]!]![shared]) continue;
      open.push({ members: members.slice(run, i), from: begin, known: shared, parent: above });
      run = i;
    }
  }

  const internal = new Uint8Array(nodes.length);
  for (const node of nodes) if (node.parent >= 0) internal[node.parent] = 1;
  return { nodes, leafOf, internal, tokens: nodes.reduce((sum, node) => sum + node.end - node.start, 0) };
}
