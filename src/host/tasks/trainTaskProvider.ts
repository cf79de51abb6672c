import * as vscode from "vscode";
import { trainers } from "../../trainers/index";
import { launchCommand, runName } from "../../trainers/launchScripts";
import type { Launch } from "../../trainers/trainer";
import type { Host } from "../host";
import { WorkspaceSources } from "../workspaceSources";
import { pythonInterpreter } from "./pythonInterpreter";

export const taskType = "trajectoryLens";

interface TrainTaskDefinition extends vscode.TaskDefinition {
  readonly launch: string;
  readonly args?: readonly string[];
}

const matchers = ["$trajectory-lens-python", "$trajectory-lens-python-marked"];

/** Training scripts of the workspace as tasks of VS Code. The processes are the user's own; nothing runs untrusted. */
export class TrainTaskProvider implements vscode.TaskProvider {
  private readonly sources = new WorkspaceSources("**/*.{py,sh,toml,yaml,yml}");

  constructor(private readonly host: Host) {}

  async provideTasks(): Promise<vscode.Task[]> {
    if (!vscode.workspace.isTrusted) return [];
    const tasks: vscode.Task[] = [];
    for (const launch of await this.launches()) {
      const task = await this.task({ type: taskType, launch: launchId(launch) }, launch);
      if (task) tasks.push(task);
    }
    return tasks;
  }

  async resolveTask(task: vscode.Task): Promise<vscode.Task | undefined> {
    if (!vscode.workspace.isTrusted) return undefined;
    const definition = task.definition as TrainTaskDefinition;
    const launch = (await this.launches()).find((candidate) => launchId(candidate) === definition.launch);
    // The definition must stay the very object that VS Code asked about.
    return launch && this.task(definition, launch);
  }

  private async launches(): Promise<readonly Launch[]> {
    const scripts = await this.sources.all();
    const found = new Map<string, Launch>();
    for (const trainer of trainers) {
      try {
        for (const launch of trainer.launches(scripts))
          if (!found.has(launch.id)) found.set(launch.id, launch);
      } catch (error) {
        this.host.failures.note(error, `look for launch scripts of ${trainer.title}`);
      }
    }
    return [...found.values()];
  }

  private async task(definition: TrainTaskDefinition, launch: Launch): Promise<vscode.Task | undefined> {
    const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(launch.cwd));
    if (!folder) return undefined;
    const [program, ...args] = launchCommand(
      launch,
      await pythonInterpreter(launch.cwd),
      runName(new Date()),
    );
    if (program === undefined) return undefined;
    // An argument list, no shell: nothing in a path or an argument is ever interpreted.
    const execution = new vscode.ProcessExecution(program, [...args, ...(definition.args ?? [])], {
      cwd: launch.cwd,
      env: { PYTHONUNBUFFERED: "1" },
    });
    const task = new vscode.Task(definition, folder, launch.label, "Trajectory Lens", execution, matchers);
    task.detail = launch.detail;
    task.presentationOptions = {
      reveal: vscode.TaskRevealKind.Always,
      panel: vscode.TaskPanelKind.Dedicated,
    };
    task.isBackground = false;
    return task;
  }

  /** Follows what started tasks write, also outside the folders that are indexed anyway. */
  async followOutputs(task: vscode.Task): Promise<void> {
    if (task.definition.type !== taskType) return;
    const launch = (await this.launches()).find(
      (candidate) => launchId(candidate) === task.definition["launch"],
    );
    if (!launch) return;
    await this.host.library.ready();
    const outside = launch.outputs.filter(
      (path) => !vscode.workspace.getWorkspaceFolder(vscode.Uri.file(path)),
    );
    if (outside.length > 0) await this.host.library.add(outside);
  }
}

/** A launch's id with paths inside the workspace made relative, so that a tasks.json can be shared. */
function launchId(launch: Launch): string {
  return (vscode.workspace.workspaceFolders ?? []).reduce(
    (id, folder) => id.replaceAll(`${folder.uri.fsPath}/`, "").replaceAll(`${folder.uri.fsPath}\\`, ""),
    launch.id,
  );
}
