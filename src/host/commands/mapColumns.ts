import { basename } from "node:path";
import * as vscode from "vscode";
import {
  mappedFieldNames,
  mappingFormatId,
  mappedFields,
  type ColumnMapping,
  type FileColumns,
  type MappedField,
} from "../../model/columnMapping";
import { Failure } from "../../model/failure";
import type { Host } from "../host";
import { viewTypes } from "../lensUris";
import { settings } from "../ui/settings";
import { counted } from "../ui/numbers";
import type { Command } from "./command";

interface Draft {
  files: string;
  rows: "trajectory" | "step";
  readonly columns: Partial<Record<MappedField, string>>;
}

type FormItem = vscode.QuickPickItem &
  (
    | { readonly does: "save" | "files" | "rows" | "remove" }
    | { readonly does: "field"; readonly field: MappedField }
    | { readonly does: "nothing" }
  );

/** The form: what is mapped first, then what could be, one entry a field. */
function formItems(draft: Draft, kept: boolean): FormItem[] {
  const entry = (field: MappedField): FormItem => ({
    does: "field",
    field,
    label: field,
    ...(draft.columns[field] === undefined ? {} : { description: draft.columns[field] }),
    detail: mappedFields[field],
  });
  const mapped = mappedFieldNames.filter((field) => draft.columns[field] !== undefined);
  const separator = (label: string): FormItem => ({
    does: "nothing",
    label,
    kind: vscode.QuickPickItemKind.Separator,
  });
  return [
    {
      does: "save",
      label: "$(check) Save mapping",
      description: counted(mapped.length, "column"),
      detail: "Writes it to the settings of the workspace and reads the files with it",
    },
    {
      does: "files",
      label: "$(files) Files",
      description: draft.files,
      detail: "Glob of the files that are laid out like this one",
    },
    {
      does: "rows",
      label: "$(list-ordered) One row is",
      description: draft.rows === "step" ? "a step of an episode" : "a whole trajectory",
    },
    ...(kept
      ? [
          {
            does: "remove" as const,
            label: "$(trash) Remove mapping",
            detail:
              "Takes it out of the settings; the files are then read as they are recognised by themselves",
          },
        ]
      : []),
    separator("Mapped"),
    ...mapped.map(entry),
    separator("Not mapped"),
    ...mappedFieldNames.filter((field) => draft.columns[field] === undefined).map(entry),
  ];
}

async function chooseColumn(draft: Draft, field: MappedField, { columns }: FileColumns): Promise<void> {
  const none = { label: "$(circle-slash) None", column: undefined as string | undefined };
  const taken = new Map(Object.entries(draft.columns).map(([name, column]) => [column, name]));
  const chosen = await vscode.window.showQuickPick(
    [
      none,
      ...columns.map(({ name, kind }) => ({
        label: name,
        description: kind,
        ...(taken.has(name) ? { detail: `mapped as ${taken.get(name) ?? ""}` } : {}),
        column: name as string | undefined,
      })),
    ],
    { title: `Column for ${field}`, placeHolder: mappedFields[field], matchOnDescription: true },
  );
  if (chosen === undefined) return;
  if (chosen.column === undefined) delete draft.columns[field];
  else draft.columns[field] = chosen.column;
}

/** Lets the user change the draft until it is saved or removed; undefined when the form is left. */
async function fillForm(
  path: string,
  draft: Draft,
  columns: FileColumns,
  kept: ColumnMapping | undefined,
): Promise<ColumnMapping | "remove" | undefined> {
  for (;;) {
    const item = await vscode.window.showQuickPick(formItems(draft, kept !== undefined), {
      title: `Map Columns of ${basename(path)}`,
      placeHolder:
        kept !== undefined
          ? "As the settings have it: change it, then save"
          : columns.proposal === undefined
            ? "Say which column is what; nothing is guessed for this file"
            : "Guessed from names and values: check it, then save",
      matchOnDescription: true,
      matchOnDetail: true,
    });
    if (item === undefined || item.does === "nothing") return undefined;
    if (item.does === "remove") return "remove";
    if (item.does === "field") await chooseColumn(draft, item.field, columns);
    else if (item.does === "rows") draft.rows = draft.rows === "step" ? "trajectory" : "step";
    else if (item.does === "files") {
      const files = await vscode.window.showInputBox({
        title: "Files of this layout",
        prompt: "A glob such as runs/**/*.jsonl; without a slash it goes for files of that name anywhere",
        value: draft.files,
        validateInput: (value) => (value.trim() === "" ? "Name at least one file." : undefined),
      });
      if (files !== undefined) draft.files = files.trim();
    } else if (Object.keys(draft.columns).length > 0)
      return { files: draft.files, columns: draft.columns, rows: draft.rows };
    else await vscode.window.showWarningMessage("Map at least one column before saving.");
  }
}

/** Files that open as text and can be mapped. */
const MAPPABLE = /\.(jsonl|ndjson|json|csv|tsv)$/iu;

/** The file in question: the command's argument, that of the active table or text editor, or one that is asked for. */
async function fileOf(argument: unknown): Promise<vscode.Uri | undefined> {
  if (argument instanceof vscode.Uri) return argument;
  const table = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (table instanceof vscode.TabInputCustom && table.uri.scheme === "file") return table.uri;
  const active = vscode.window.activeTextEditor?.document.uri;
  if (active?.scheme === "file" && MAPPABLE.test(active.path)) return active;
  const [chosen] =
    (await vscode.window.showOpenDialog({
      canSelectMany: false,
      openLabel: "Map Columns",
      title: "Map Columns of a File",
      ...(active?.scheme === "file" ? { defaultUri: active } : {}),
    })) ?? [];
  return chosen;
}

/** Files of the same kind beside the file: its name with every number free. */
function globFor(path: string): string {
  const relative = vscode.workspace.asRelativePath(path, false).replaceAll("\\", "/");
  return relative.replace(/[^/]+$/, (name) => name.replace(/[[\](){}!*?]/g, "?").replace(/\d+/g, "*"));
}

/** The mapping of the settings that the file is read with, or that was made for it and does not fit. */
async function mappingInUse(host: Host, uri: vscode.Uri): Promise<ColumnMapping | undefined> {
  const { mappings } = settings.columnMappings();
  const format = (await host.library.services.datasets.ofFile(uri.fsPath))?.format;
  return (
    mappings.find((mapping) => mappingFormatId(mapping) === format) ??
    mappings.find(({ files }) => files === globFor(uri.fsPath))
  );
}

export const mapColumnsCommand: Command = {
  what: "map the columns of the file",
  make:
    ({ host }) =>
    async (argument) => {
      const uri = await fileOf(argument);
      if (!uri) return;
      const found = await host.library.services.datasets.columns(uri.fsPath);
      if (found.columns.length === 0)
        throw new Failure(
          "no-columns",
          `${basename(uri.fsPath)} has no columns with names.`,
          "Tables, JSON objects, HDF5 files, npz files and pickles of named arrays can be mapped.",
        );
      const kept = await mappingInUse(host, uri);
      const start = kept ?? found.proposal?.mapping;
      const draft: Draft = {
        files: kept?.files ?? globFor(uri.fsPath),
        rows: start?.rows ?? (start?.columns.episode === undefined ? "trajectory" : "step"),
        columns: { ...start?.columns },
      };
      const mapping = await fillForm(uri.fsPath, draft, found, kept);
      if (!mapping) return;
      // The mapping that the form began with gives way, also where its files were changed.
      if (kept !== undefined && (mapping === "remove" || mapping.files !== kept.files))
        await settings.dropMapping(kept.files);
      if (mapping === "remove") {
        await host.library.add([uri.fsPath]);
        return;
      }
      await settings.keepMapping(mapping);
      await host.library.add([uri.fsPath]);
      // Fails with the reason where nothing could be read by it.
      await host.library.ofFile(uri.fsPath);
      await vscode.commands.executeCommand("vscode.openWith", uri, viewTypes.dataset);
    },
};
