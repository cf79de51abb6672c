/** Levenshtein distance between two sequences: insertions, deletions and substitutions cost 1 each. */
export function editDistance<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  const previous = new Int32Array(b.length + 1);
  for (let j = 0; j <= b.length; j++) previous[j] = j;
  for (let i = 1; i <= a.length; i++) {
    let diagonal = previous[0]!;
    previous[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const above = previous[j]!;
      previous[j] = Math.min(above + 1, previous[j - 1]! + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1));
      diagonal = above;
    }
  }
  return previous[b.length]!;
}

/** Length of the longest common subsequence. */
function commonSubsequence<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  const row = new Int32Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      row[j] = a[i - 1] === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]!);
      diagonal = above;
    }
  }
  return row[b.length]!;
}

/** ROUGE-L: F1 of the longest common subsequence; 0 when either is empty. */
export function rougeL<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  return a.length === 0 || b.length === 0 ? 0 : (2 * commonSubsequence(a, b)) / (a.length + b.length);
}

/** Length of the longest suffix of `a` that stands anywhere in `b`. */
export function longestSuffixIn<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  let best = 0;
  // The longest run of `b` that ends in some position and equals a suffix of `a`.
  for (let end = b.length; end > 0; end--) {
    let size = 0;
    while (size < a.length && size < end && a[a.length - 1 - size] === b[end - 1 - size]) size++;
    if (size > best) best = size;
  }
  return best;
}
