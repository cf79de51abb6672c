import * as vscode from "vscode";
import type { TreeFilter, TreeSort } from "../views/trajectoryNodes";
import type { Command } from "./command";

const outcomes: readonly { label: string; detail: string; outcome: TreeFilter["outcome"] }[] = [
  { label: "$(pass) Succeeded", detail: "Trajectories that the file calls a success", outcome: "pass" },
  { label: "$(error) Failed", detail: "Trajectories that the file calls a failure", outcome: "fail" },
  { label: "$(chrome-restore) Truncated", detail: "Cut by a length or time limit", outcome: "truncated" },
  {
    label: "$(circle-slash) No contrast",
    detail: "Members of groups whose rewards are all equal",
    outcome: "noContrast",
  },
];

/** One box: what is typed is looked for in the titles, unless it names one of the outcomes below it. */
export const filterCommand: Command = {
  what: "filter the trajectories",
  make:
    ({ tree }) =>
    async (argument) => {
      if (
        typeof argument === "object" &&
        argument !== null &&
        "text" in argument &&
        typeof argument.text === "string"
      ) {
        tree.setFilter({ text: argument.text });
        return;
      }
      const pick = vscode.window.createQuickPick<vscode.QuickPickItem & { filter: TreeFilter }>();
      const show = (): void => {
        const text = pick.value.trim();
        const typed =
          text === ""
            ? []
            : [
                {
                  label: `$(search) ${text}`,
                  detail: "Titles that contain this",
                  alwaysShow: true,
                  filter: { text },
                },
              ];
        pick.items = [
          ...typed,
          ...outcomes.map(({ label, detail, outcome }) => ({
            label,
            detail,
            filter: outcome === undefined ? {} : { outcome },
          })),
        ];
      };
      pick.title = "Filter Trajectories";
      pick.placeholder = "Text in the task, or an outcome";
      pick.value = tree.filter.text ?? "";
      show();
      pick.onDidChangeValue(show);
      await new Promise<void>((done) => {
        pick.onDidAccept(() => {
          const chosen = pick.selectedItems[0];
          if (chosen) tree.setFilter(chosen.filter);
          pick.hide();
        });
        pick.onDidHide(() => {
          pick.dispose();
          done();
        });
        pick.show();
      });
    },
};

export const clearFilterCommand: Command = {
  what: "clear the filter",
  make:
    ({ tree }) =>
    async () =>
      tree.setFilter({}),
};

const sorts: readonly { label: string; detail: string; sort: TreeSort }[] = [
  { label: "As in the file", detail: "Groups stay together", sort: "file" },
  { label: "Highest reward first", detail: "Trajectories of a training step in one list", sort: "reward" },
  { label: "Longest first", detail: "Trajectories of a training step in one list", sort: "length" },
];

export const sortCommand: Command = {
  what: "sort the trajectories",
  make:
    ({ tree }) =>
    async () => {
      const picked = await vscode.window.showQuickPick(
        sorts.map((entry) => (entry.sort === tree.sort ? { ...entry, description: "chosen" } : entry)),
        { title: "Sort Trajectories" },
      );
      if (picked) tree.setSort(picked.sort);
    },
};
