/** Keys of the trajectory editor, as "?" shows them. */
export const TRAJECTORY_KEYS: readonly (readonly [string, string])[] = [
  ["j k", "next, previous step"],
  ["J K", "next, previous trajectory"],
  ["[ ]", "previous, next member of the group"],
  ["e", "explain the number at the cursor"],
  ["s", "score with the chosen model"],
  ["f", "fork: continue from this step, or from a policy's token at the cursor"],
  ["v", "Monte-Carlo value of every step"],
  ["t", "branching tree"],
  ["g", "group"],
  ["c", "compare with another rollout, side by side"],
  ["/", "filter the steps"],
  ["Ctrl+C", "copy the number at the cursor with its source, in tracks and tokens"],
  ["Tab", "next pane; arrow keys move inside it"],
  ["?", "these keys"],
];
