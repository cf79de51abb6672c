import * as vscode from "vscode";
import { createServices } from "../services/openServices";
import type { Command, CommandParts } from "./commands/command";
import { commandTable } from "./commands/commandTable";
import { DatasetEditor } from "./editors/datasetEditor";
import { LensFiles } from "./editors/lensFiles";
import { TrajectoryEditor } from "./editors/trajectoryEditor";
import { TreeEditor } from "./editors/treeEditor";
import type { Host } from "./host";
import { TrainerCodeLens } from "./language/codeLens";
import { CreditIndex } from "./language/creditIndex";
import { RewardHovers } from "./language/rewardHovers";
import { TrainerHovers } from "./language/trainerHovers";
import { SpecificationDiagnostics } from "./language/specificationDiagnostics";
import { SpecificationHovers } from "./language/specificationHovers";
import { SpecificationNames, specificationSelector } from "./language/specificationNames";
import { TrainerNotes } from "./language/trainerNotes";
import { scheme, viewTypes } from "./lensUris";
import { Library } from "./library";
import { editorModel } from "./scoring/editorModels";
import { ModelChoice } from "./scoring/modelChoice";
import { ScoreRuns } from "./scoring/scoreRuns";
import { serverKey } from "./scoring/serverKeys";
import { ModelsView } from "./views/modelsView";
import { SharedCursor } from "./sharedCursor";
import { storageFolder } from "./storage";
import { TrainTaskProvider, taskType } from "./tasks/trainTaskProvider";
import { Failures } from "./ui/failures";
import { ScoringStatus } from "./ui/scoringStatus";
import { settings } from "./ui/settings";
import { userSignalFiles } from "./userSignalFiles";
import { TrajectoriesTree } from "./views/trajectoriesTree";
import type { TreeEntry } from "./views/trajectoryNodes";
import { followView } from "./views/viewState";

export type Registered = CommandParts;

/** Ids of the commands that package.json contributes. */
const commandIds = ({ extension }: vscode.ExtensionContext): readonly string[] =>
  (
    extension.packageJSON as {
      readonly contributes: { readonly commands: readonly { readonly command: string }[] };
    }
  ).contributes.commands.map(({ command }) => command);

/**
 * Registers every editor, view, command, provider and task of the extension. Cheap: the services are built by the
 * first part that asks for them.
 * @param distFolder folder of the built child processes
 */
export function register(context: vscode.ExtensionContext, distFolder: string): Registered {
  const own = <T extends vscode.Disposable>(disposable: T): T => {
    context.subscriptions.push(disposable);
    return disposable;
  };
  const log = own(vscode.window.createOutputChannel("Trajectory Lens", { log: true }));
  const failures = new Failures(log);
  const create = () => {
    const nodePath = vscode.workspace.isTrusted ? settings.nodePath() : "";
    return createServices({
      storageFolder: storageFolder(context),
      distFolder,
      idleMs: settings.idleMs(),
      userSignalFiles,
      models: () => settings.declaredModels().declarations,
      judgeTemplates: () => settings.judgeTemplates().templates,
      serverKey: (declaration) => serverKey(context.secrets, declaration),
      editorModel,
      ...(nodePath === "" ? {} : { nodePath }),
      log: (level, message) => log[level](message),
    });
  };
  const library = own(new Library(create, log, failures));
  const host: Host = {
    context,
    log,
    failures,
    library,
    models: own(new ModelChoice(library, context.workspaceState)),
    scoreRuns: own(new ScoreRuns(library)),
    cursor: own(new SharedCursor()),
    credit: new CreditIndex(),
  };

  own(
    vscode.workspace.registerFileSystemProvider(scheme, new LensFiles(library), {
      isReadonly: true,
      isCaseSensitive: true,
    }),
  );
  const trajectoryEditor = new TrajectoryEditor(host);
  const datasetEditor = new DatasetEditor(host);
  const treeEditor = new TreeEditor(host);
  const editorOptions = { supportsMultipleEditorsPerDocument: true };
  own(vscode.window.registerCustomEditorProvider(viewTypes.trajectory, trajectoryEditor, editorOptions));
  own(vscode.window.registerCustomEditorProvider(viewTypes.dataset, datasetEditor, editorOptions));
  own(vscode.window.registerCustomEditorProvider(viewTypes.tree, treeEditor, editorOptions));

  const tree = own(new TrajectoriesTree(host));
  const view = own(
    vscode.window.createTreeView<TreeEntry>("trajectoryLens.trajectories", {
      treeDataProvider: tree,
      canSelectMany: true,
      showCollapseAll: true,
    }),
  );

  own(followView(view, tree, library));

  const notes = own(new TrainerNotes(host));
  own(
    vscode.languages.registerHoverProvider(
      [
        { language: "jsonl", scheme: "file" },
        { scheme: "file", pattern: "**/*.{jsonl,ndjson}" },
      ],
      new RewardHovers(host),
    ),
  );
  own(
    vscode.languages.registerHoverProvider(
      { language: "python", scheme: "file" },
      new TrainerHovers(host, notes),
    ),
  );
  own(
    vscode.languages.registerCodeLensProvider(
      { language: "python", scheme: "file" },
      own(new TrainerCodeLens(host, notes)),
    ),
  );

  own(new SpecificationDiagnostics());
  const names = new SpecificationNames();
  own(vscode.languages.registerCompletionItemProvider(specificationSelector, names));
  own(vscode.languages.registerDocumentSymbolProvider(specificationSelector, names));
  own(vscode.languages.registerDefinitionProvider(specificationSelector, names));
  own(
    vscode.languages.registerHoverProvider(
      specificationSelector,
      new SpecificationHovers(host, trajectoryEditor),
    ),
  );

  const tasks = new TrainTaskProvider(host);
  own(vscode.tasks.registerTaskProvider(taskType, tasks));
  own(
    vscode.tasks.onDidStartTask(({ execution }) =>
      tasks
        .followOutputs(execution.task)
        .catch((error: unknown) => failures.note(error, "follow the task's output")),
    ),
  );

  own(new ScoringStatus(host));
  const models = own(new ModelsView(host));
  own(vscode.window.createTreeView("trajectoryLens.models", { treeDataProvider: models }));
  const parts: CommandParts = {
    host,
    tree,
    view,
    trajectoryEditor,
    datasetEditor,
    treeEditor,
    tasks,
    models,
  };
  for (const id of commandIds(context)) {
    // Commands are a bundle of their own, which the first one that is called loads.
    const command = (): Command => commandTable[id.slice("trajectoryLens.".length)]!;
    let run: ReturnType<Command["make"]> | undefined;
    own(
      vscode.commands.registerCommand(
        id,
        failures.guarded(
          () => command().what,
          (...args) => (run ??= command().make(parts))(...args),
        ),
      ),
    );
  }
  own(
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (["index", "columnMappings"].some((name) => settings.affects(event, name)) && library.started)
        void library.refresh().catch((error: unknown) => failures.show(error, "index the workspace"));
      if (["models", "judge", "modelFolders", "provider"].some((name) => settings.affects(event, name)))
        host.models.refresh();
      if (["view", "signals", "maskCredentials"].some((name) => settings.affects(event, name)))
        tree.refresh();
    }),
  );
  return parts;
}
