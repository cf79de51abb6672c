/** Keys of the branching tree, as its help lists them. */
export const TREE_KEYS: readonly (readonly [string, string])[] = [
  ["← →", "parent, child"],
  ["↑ ↓", "neighbours in the same column"],
  ["j k", "next, previous node of the path"],
  ["Enter", "open the trajectory at this node"],
  ["+ -", "zoom; the wheel does too"],
  ["0", "show all"],
  ["/", "find in the texts"],
  ["n N", "next, previous match"],
  ["?", "these keys"],
];
