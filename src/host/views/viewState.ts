import * as vscode from "vscode";
import type { Library } from "../library";
import type { TrajectoriesTree } from "./trajectoriesTree";
import type { TreeEntry, TreeFilter, TreeSort } from "./trajectoryNodes";

const outcomeWords: Readonly<Record<NonNullable<TreeFilter["outcome"]>, string>> = {
  pass: "succeeded",
  fail: "failed",
  truncated: "truncated",
  noContrast: "no contrast",
};

const sortWords: Readonly<Record<TreeSort, string>> = {
  file: "",
  reward: "highest reward first",
  length: "longest first",
};

/** What stands beside the view's title while it is filtered or sorted. */
function describeView(filter: TreeFilter, sort: TreeSort): string {
  const parts = [
    filter.text === undefined ? "" : `"${filter.text}"`,
    filter.outcome === undefined ? "" : outcomeWords[filter.outcome],
    sortWords[sort],
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** Keeps the view's title line and its badge true: the filter in force, and how many runs are growing. */
export function followView(
  view: vscode.TreeView<TreeEntry>,
  tree: TrajectoriesTree,
  library: Library,
): vscode.Disposable {
  const show = (): void => {
    const live = library.liveCount;
    view.badge =
      live === 0
        ? undefined
        : { value: live, tooltip: live === 1 ? "One run is growing" : `${live} runs are growing` };
    view.description = describeView(tree.filter, tree.sort);
  };
  return vscode.Disposable.from(library.onChange(show), tree.onDidChangeTreeData(show));
}
