import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import { openAsText } from "../open";
import type { Command } from "./command";

export const openAsTextCommand: Command = {
  what: "open the file as text",
  make:
    ({ datasetEditor }) =>
    async (argument) => {
      const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
      const uri =
        argument instanceof vscode.Uri
          ? argument
          : input instanceof vscode.TabInputCustom
            ? input.uri
            : datasetEditor.activeUri;
      if (!uri)
        throw new Failure("no-editor", "No trajectories are open.", "Open a file as trajectories first.");
      await openAsText(uri);
    },
};
