import { dirname } from "node:path";
import * as vscode from "vscode";
import { Failure } from "../../model/failure";
import type { Host } from "../host";
import { parseLensUri } from "../lensUris";
import { TrajectorySession } from "./trajectorySession";
import { mediaFolders } from "./mediaFolders";
import { showApp } from "./webviewHtml";

class TrajectoryDocument implements vscode.CustomDocument {
  constructor(
    readonly uri: vscode.Uri,
    readonly trajectoryId: string,
  ) {}
  dispose(): void {}
}

/** The read-only editor of one trajectory. A document is a handle; nothing is read before the view asks. */
export class TrajectoryEditor implements vscode.CustomReadonlyEditorProvider<TrajectoryDocument> {
  private readonly sessions = new Set<TrajectorySession>();
  private newest: { readonly panel: vscode.WebviewPanel; readonly trajectoryId: string } | undefined;

  constructor(private readonly host: Host) {}

  openCustomDocument(uri: vscode.Uri): TrajectoryDocument {
    const what = parseLensUri(uri);
    if (what?.kind !== "trajectory") {
      throw new Failure(
        "not-a-trajectory",
        `${uri.path} does not stand for an indexed trajectory.`,
        "Open it from the Trajectories view.",
      );
    }
    return new TrajectoryDocument(uri, what.trajectoryId);
  }

  async resolveCustomEditor(document: TrajectoryDocument, panel: vscode.WebviewPanel): Promise<void> {
    const { host } = this;
    const session = new TrajectorySession(host, panel, document.trajectoryId);
    this.sessions.add(session);
    const noteActive = (): void => {
      if (panel.active) this.newest = { panel, trajectoryId: document.trajectoryId };
    };
    noteActive();
    panel.onDidChangeViewState(noteActive);
    panel.onDidDispose(() => {
      this.sessions.delete(session);
      if (this.newest?.panel === panel) this.newest = undefined;
    });
    // Pictures are shown from the folders of the trajectory's own file and of its dataset, and from nowhere else.
    const row = await host.library
      .known(() => host.library.services.datasets.row(document.trajectoryId))
      .catch((error: unknown) => {
        host.failures.note(error, "index the workspace");
        return undefined;
      });
    const folders = row ? await mediaFolders(host, row).catch(() => [dirname(row.path)]) : [];
    showApp(
      panel.webview,
      host.context.extensionUri,
      "trajectory",
      folders.map((folder) => vscode.Uri.file(folder)),
    );
  }

  /** The trajectory whose editor has the focus, or had it last and is still open. */
  get activeTrajectoryId(): string | undefined {
    return this.newest?.panel.visible ? this.newest.trajectoryId : undefined;
  }

  /** Ids of the trajectories whose views have come up. */
  get readyTrajectoryIds(): readonly string[] {
    return [...this.sessions].filter((session) => session.ready).map((session) => session.trajectoryId);
  }

  /** Ids of all trajectories that are open. */
  get openTrajectoryIds(): readonly string[] {
    return [...this.sessions].map((session) => session.trajectoryId);
  }
}
