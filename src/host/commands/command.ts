import type { Host } from "../host";
import type { DatasetEditor } from "../editors/datasetEditor";
import type { TrajectoryEditor } from "../editors/trajectoryEditor";
import type { TreeEditor } from "../editors/treeEditor";
import type { TrainTaskProvider } from "../tasks/trainTaskProvider";
import type { ModelsView } from "../views/modelsView";
import type { TrajectoriesTree } from "../views/trajectoriesTree";
import type { TreeEntry } from "../views/trajectoryNodes";
import type * as vscode from "vscode";

/** What commands work on, besides the host. */
export interface CommandParts {
  readonly host: Host;
  readonly tree: TrajectoriesTree;
  readonly view: vscode.TreeView<TreeEntry>;
  readonly trajectoryEditor: TrajectoryEditor;
  readonly datasetEditor: DatasetEditor;
  readonly treeEditor: TreeEditor;
  readonly tasks: TrainTaskProvider;
  readonly models: ModelsView;
}

/** One command: what it is trying, for messages, and its making. Arguments come from menus, links and views: unknown. */
export interface Command {
  /** Completes "Could not ...". */
  readonly what: string;
  make(parts: CommandParts): (...args: unknown[]) => Promise<unknown>;
}
