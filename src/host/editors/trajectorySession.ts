import * as vscode from "vscode";
import { mediaFile } from "../../inference/pictures/mediaFile";
import { Failure } from "../../model/failure";
import type { TrajectoryRow } from "../../model/summary";
import type { Trajectory } from "../../model/trajectory";
import { WINDOW_LIMIT, type FromTrajectoryView, type ToTrajectoryView } from "../../protocol/webviewMessages";
import type { Host } from "../host";
import { openCode, openGroup, openSource, openTrajectory, openTree } from "../open";
import { shownTrajectory } from "../ui/credentialMask";
import { clampWindow, parseFromTrajectoryView } from "./incoming";
import { mediaFolders } from "./mediaFolders";
import { PAYLOAD_LIMIT_BYTES, cutText, splitBySize } from "./messageSize";
import { stepItem } from "./stepWindow";
import { buildHead } from "./trajectoryHead";
import { TrackBoard } from "./trackBoard";
import { ViewChannel } from "./viewChannel";

/** Characters of one folded text sent at a time. */
const TEXT_CHUNK = 60_000;

/** One open trajectory view: answers its webview and follows what happens to its trajectory. */
export class TrajectorySession implements vscode.Disposable {
  private readonly channel: ViewChannel<ToTrajectoryView, FromTrajectoryView>;
  private readonly disposables: vscode.Disposable[] = [];
  private readonly tracks: TrackBoard;
  private trajectory: Promise<Trajectory> | undefined;
  private datasetId: string | undefined;
  private sentHead: string | undefined;

  constructor(
    private readonly host: Host,
    private readonly panel: vscode.WebviewPanel,
    readonly trajectoryId: string,
  ) {
    this.channel = new ViewChannel(
      panel,
      host.failures,
      parseFromTrajectoryView,
      (message) => this.handle(message),
      (message, hint) => ({ type: "error", message, hint }),
    );
    this.tracks = new TrackBoard(host, trajectoryId, this.channel);
    this.disposables.push(
      host.cursor.onMove((move) => {
        if (move.origin !== this && move.trajectoryId === trajectoryId)
          this.channel.post({ type: "cursor", stepIndex: move.stepIndex });
      }),
      host.scoreRuns.onProgress((progress) => {
        if (!progress.trajectoryIds.has(trajectoryId)) return;
        const { state, message, done, total, provider } = progress;
        this.channel.post({ type: "scoring", state, message, done, total, provider });
        if (state === "done") void this.showScores();
      }),
      host.models.onChange(
        () => void this.attempt("show the models", async () => void (await this.sendHead())),
      ),
      host.library.onChange((change) => {
        if (change.kind === "all") this.refreshSoon(true);
        else if (change.kind === "changed" && change.dataset.id === this.datasetId)
          // Growth leaves what was read alone; a rebuilt file may hold other text under the same id.
          this.refreshSoon(change.addedRows === 0);
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("trajectoryLens.signals"))
          void this.attempt("show the tracks", () => this.tracks.start());
        if (event.affectsConfiguration("trajectoryLens.maskCredentials")) {
          this.trajectory = undefined;
          if (this.ready) void this.attempt("show the texts", () => this.start());
        }
      }),
    );
    panel.onDidDispose(() => this.dispose());
  }

  /** True once the view has come up. */
  get ready(): boolean {
    return this.channel.ready;
  }

  private async handle(message: FromTrajectoryView): Promise<void> {
    switch (message.type) {
      case "ready":
        return this.start();
      case "steps":
        return this.sendSteps(message.start, message.end);
      case "text":
        return this.sendText(message);
      case "tokens":
        return this.sendTokens(message);
      case "alternatives":
        return this.tracks.alternatives(message);
      case "column":
        return this.sendColumn(message.name);
      case "preset":
        return this.tracks.choosePreset(message.key, message.presetId);
      case "addTrack":
        return this.tracks.add();
      case "removeTrack":
        return this.tracks.remove(message.key);
      case "explain": {
        const { source, format } = await this.load();
        return this.tracks.explain(message, { path: source.path, format });
      }
      case "score":
        await vscode.commands.executeCommand("trajectoryLens.scoreTrajectory", {
          trajectoryId: this.trajectoryId,
        });
        return;
      case "fork":
        await vscode.commands.executeCommand("trajectoryLens.forkHere", {
          trajectoryId: this.trajectoryId,
          stepIndex: message.stepIndex,
          ...(message.tokenIndex === undefined ? {} : { tokenIndex: message.tokenIndex }),
        });
        return;
      case "value":
        await vscode.commands.executeCommand("trajectoryLens.valueOfSteps", {
          trajectoryId: this.trajectoryId,
        });
        return;
      case "cancelScore":
        return this.host.scoreRuns.cancel(this.trajectoryId);
      case "chooseModel":
        await vscode.commands.executeCommand("trajectoryLens.chooseModel", {
          trajectoryId: this.trajectoryId,
        });
        return;
      case "openCode":
        return openCode(this.host, message.path, message.line);
      case "openSource":
        return openSource((await this.load()).source);
      case "openTree": {
        const row = await this.row();
        if (row.groupId !== undefined)
          await openTree(row.groupId, row.title, { selected: row.id, column: vscode.ViewColumn.Beside });
        return;
      }
      case "openGroup": {
        const row = await this.row();
        return openGroup(this.host, row, { column: vscode.ViewColumn.Beside });
      }
      case "compare":
        await vscode.commands.executeCommand("trajectoryLens.compareWithSelected", {
          trajectoryId: this.trajectoryId,
        });
        return;
      case "open":
        return openTrajectory(this.host, message.trajectoryId, {
          preview: true,
          column: this.panel.viewColumn,
        });
      case "sibling":
        return this.openNeighbour("group", message.offset);
      case "next":
        return this.openNeighbour("dataset", message.offset);
      case "cursor":
        return this.host.cursor.move(this.trajectoryId, message.stepIndex, this);
      case "copy":
        await vscode.env.clipboard.writeText(message.text);
        return;
    }
  }

  private async start(): Promise<void> {
    this.sentHead = undefined;
    await this.sendHead();
    await this.sendSteps(0, WINDOW_LIMIT);
    const cursor = this.host.cursor.of(this.trajectoryId);
    if (cursor !== undefined) this.channel.post({ type: "cursor", stepIndex: cursor });
    await this.tracks.start();
    if (this.host.models.known.length > 0) return;
    await this.host.models
      .list()
      .catch((error: unknown) => this.host.failures.note(error, "look for models"));
    await this.sendHead();
  }

  private load(): Promise<Trajectory> {
    // Masked as a whole, so that nothing shows through where a text is cut into messages.
    this.trajectory ??= this.host.library.services.datasets
      .trajectory(this.trajectoryId)
      .then(shownTrajectory);
    this.trajectory.catch(() => (this.trajectory = undefined));
    return this.trajectory;
  }

  private async row(): Promise<TrajectoryRow> {
    const row = await this.host.library.services.datasets.row(this.trajectoryId);
    if (row) return row;
    throw new Failure(
      "unknown-trajectory",
      "This trajectory is no longer in the index.",
      "Its file was changed or removed; open it anew from the Trajectories view.",
    );
  }

  /** @returns false when the view shows all this already */
  private async sendHead(): Promise<boolean> {
    const head = await buildHead(this.host, await this.row(), await this.load());
    this.datasetId = head.row.datasetId;
    // A live dataset tells of growth many times; the view is only disturbed by what it shows.
    const text = JSON.stringify(head);
    if (text === this.sentHead) return false;
    this.sentHead = text;
    this.channel.post({ type: "head", head });
    return true;
  }

  private async sendSteps(start: number, end: number): Promise<void> {
    const trajectory = await this.load();
    const folders = trajectory.steps.some(({ media }) => media)
      ? await mediaFolders(this.host, await this.row())
      : [];
    const window = clampWindow(start, end, trajectory.steps.length);
    const items = trajectory.steps
      .slice(window.start, window.end)
      .map((step) => stepItem(step, (path) => this.mediaUri(folders, path)));
    let at = window.start;
    for (const run of splitBySize(items)) {
      this.channel.post({ type: "steps", start: at, items: run });
      at += run.length;
    }
    if (items.length === 0) this.channel.post({ type: "steps", start: window.start, items: [] });
  }

  private mediaUri(folders: readonly string[], path: string): string | undefined {
    const file = folders.map((folder) => mediaFile(folder, path)).find((found) => found !== undefined);
    return file === undefined ? undefined : this.panel.webview.asWebviewUri(vscode.Uri.file(file)).toString();
  }

  private async sendText({
    id,
    stepIndex,
    field,
    start,
  }: Extract<FromTrajectoryView, { type: "text" }>): Promise<void> {
    const text = (await this.load()).steps[stepIndex]?.[field] ?? "";
    this.channel.post({
      type: "text",
      id,
      stepIndex,
      field,
      start,
      text: cutText(text.slice(start), TEXT_CHUNK),
      total: text.length,
    });
  }

  private async sendTokens({
    id,
    start,
    end,
  }: Extract<FromTrajectoryView, { type: "tokens" }>): Promise<void> {
    const { tokens } = await this.load();
    const window = clampWindow(start, end, tokens?.count ?? 0);
    const series = Object.fromEntries(
      Object.entries(tokens?.series ?? {}).map(([name, values]) => [
        name,
        values.slice(window.start, window.end),
      ]),
    );
    this.channel.post({
      type: "tokens",
      id,
      start: window.start,
      text: tokens?.text?.slice(window.start, window.end),
      ids: tokens?.ids?.slice(window.start, window.end),
      mask: tokens?.mask?.slice(window.start, window.end),
      series,
    });
  }

  private async sendColumn(name: string): Promise<void> {
    const column = (await this.load()).columns?.columns.find((candidate) => candidate.name === name);
    if (!column) return;
    const chunk = Math.floor(PAYLOAD_LIMIT_BYTES / column.data.BYTES_PER_ELEMENT);
    for (let start = 0; start < column.data.length; start += chunk) {
      this.channel.post({ type: "column", name, start, data: column.data.slice(start, start + chunk) });
    }
  }

  private async showScores(): Promise<void> {
    await this.attempt("show the scores", async () => {
      await this.sendHead();
      await this.tracks.refresh();
    });
  }

  private async openNeighbour(within: "group" | "dataset", offset: 1 | -1): Promise<void> {
    const row = await this.row();
    const { datasets } = this.host.library.services;
    let neighbour: TrajectoryRow | undefined;
    if (within === "group") {
      if (row.groupId === undefined) return;
      const { members } = await datasets.group(row.groupId);
      const at = members.findIndex((member) => member.id === row.id);
      neighbour = at < 0 ? undefined : members[at + offset];
    } else {
      neighbour = await this.rowBeside(row, offset);
    }
    if (neighbour)
      await openTrajectory(this.host, neighbour.id, { preview: true, column: this.panel.viewColumn });
  }

  /** The next or previous trajectory of the file. */
  private async rowBeside(row: TrajectoryRow, offset: 1 | -1): Promise<TrajectoryRow | undefined> {
    const { datasets } = this.host.library.services;
    const part = await datasets.rowAt(row.path, row.row, row.part + offset).catch(() => undefined);
    if (part && row.part + offset >= 0) return part;
    return row.row + offset < 0 ? undefined : datasets.rowAt(row.path, row.row + offset, 0);
  }

  private refreshTimer: NodeJS.Timeout | undefined;

  /** A live run tells of growth many times a second; the head and the group strip follow at most once a second. */
  private refreshSoon(readAgain: boolean): void {
    if (readAgain) this.trajectory = undefined;
    this.refreshTimer ??= setTimeout(() => {
      this.refreshTimer = undefined;
      if (!this.panel.visible) return;
      void this.attempt("show the newest state", async () => {
        // A group that has grown gives every member another advantage.
        if (await this.sendHead()) await this.tracks.refresh();
      });
    }, 1000);
  }

  private async attempt(what: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.channel.error(error, what);
    }
  }

  dispose(): void {
    clearTimeout(this.refreshTimer);
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
  }
}
