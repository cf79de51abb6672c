import { existsSync } from "node:fs";
import * as vscode from "vscode";
import type { DatasetInfo, TrainingStepSummary, TrajectoryRow } from "../../model/summary";
import type { FromDatasetView, ToDatasetView } from "../../protocol/webviewMessages";
import type { RowQuery } from "../../protocol/storeCalls";
import type { Host } from "../host";
import { parseLensUri } from "../lensUris";
import { openAsText, openSource, openTrajectory, openTree } from "../open";
import { groupFacts } from "./groupFacts";
import { clampWindow, parseFromDatasetView } from "./incoming";
import { splitBySize } from "./messageSize";
import { ViewChannel } from "./viewChannel";
import { showApp } from "./webviewHtml";

/** Members whose rewards are drawn as dots beside a group, and groups for which that is worth a question each. */
const DOTS = 64;
const DOT_GROUPS = 100;

class DatasetDocument implements vscode.CustomDocument {
  constructor(readonly uri: vscode.Uri) {}
  dispose(): void {}
}

/** The table of a dataset: of a file that is opened, or of an indexed dataset with a filter. */
export class DatasetEditor implements vscode.CustomReadonlyEditorProvider<DatasetDocument> {
  private newest: { readonly panel: vscode.WebviewPanel; readonly uri: vscode.Uri } | undefined;

  private readonly sessions = new Set<DatasetSession>();

  constructor(private readonly host: Host) {}

  /** Views that are open and have come up. */
  get readyViews(): number {
    return [...this.sessions].filter((session) => session.ready).length;
  }

  /** Address of the table that is on the screen and had the focus last. */
  get activeUri(): vscode.Uri | undefined {
    return this.newest?.panel.visible ? this.newest.uri : undefined;
  }

  openCustomDocument(uri: vscode.Uri): DatasetDocument {
    return new DatasetDocument(uri);
  }

  async resolveCustomEditor(document: DatasetDocument, panel: vscode.WebviewPanel): Promise<void> {
    const noteActive = (): void => {
      if (panel.active) this.newest = { panel, uri: document.uri };
    };
    noteActive();
    panel.onDidChangeViewState(noteActive);
    const session = new DatasetSession(this.host, panel, document.uri);
    this.sessions.add(session);
    panel.onDidDispose(() => {
      this.sessions.delete(session);
      if (this.newest?.panel === panel) this.newest = undefined;
      session.dispose();
    });
    showApp(panel.webview, this.host.context.extensionUri, "dataset");
  }
}

class DatasetSession implements vscode.Disposable {
  private readonly channel: ViewChannel<ToDatasetView, FromDatasetView>;
  private readonly disposables: vscode.Disposable[] = [];
  private dataset: DatasetInfo | undefined;
  private refreshTimer: NodeJS.Timeout | undefined;
  /** The file could not be read when it was opened: it is tried again when something is read. */
  private unread = false;

  constructor(
    private readonly host: Host,
    panel: vscode.WebviewPanel,
    private readonly uri: vscode.Uri,
  ) {
    this.channel = new ViewChannel(
      panel,
      host.failures,
      parseFromDatasetView,
      (message) => this.handle(message),
      (message, hint) => ({ type: "error", message, hint }),
    );
    this.disposables.push(
      host.library.onChange((change) => {
        if (this.unread) {
          this.retry().catch((error: unknown) => this.channel.error(error, "open the file again"));
        } else if (change.kind === "changed" && change.dataset.id === this.dataset?.id) {
          this.dataset = change.dataset;
          this.refreshSoon();
        } else if (change.kind === "removed" && change.datasetId === this.dataset?.id) {
          if (this.uri.scheme === "file" && existsSync(this.uri.fsPath)) return this.readAnew();
          this.channel.post({
            type: "error",
            message: `${this.dataset.name} is gone: its files were removed.`,
            hint: "What is still shown is what was read before.",
          });
        }
      }),
    );
  }

  /** True once the view has come up. */
  get ready(): boolean {
    return this.channel.ready;
  }

  private async handle(message: FromDatasetView): Promise<void> {
    switch (message.type) {
      case "ready":
        return this.start();
      case "rows":
        return this.sendRows(message);
      case "groups":
        return this.sendGroups(message);
      case "group": {
        const { format } = await this.load();
        return this.channel.post(await groupFacts(this.host.library.services, message.groupId, format));
      }
      case "open":
        return openTrajectory(this.host, message.trajectoryId, {
          preview: true,
          column: message.beside ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active,
        });
      case "openTree": {
        const { group } = await this.host.library.services.datasets.group(message.groupId);
        return openTree(message.groupId, group.title, { column: vscode.ViewColumn.Beside });
      }
      case "score":
        await vscode.commands.executeCommand("trajectoryLens.scoreTrajectory", {
          trajectoryIds: message.trajectoryIds,
        });
        return;
      case "mapColumns":
        await vscode.commands.executeCommand("trajectoryLens.mapColumns", this.uri);
        return;
      case "openNote": {
        // Only places that the dataset itself names are opened.
        const { warnings } = await this.load();
        if (!warnings.some(({ where }) => where === message.where)) return;
        const [, path = message.where, line] = /^(.*):(\d+)$/s.exec(message.where) ?? [];
        return openSource({ path, row: line === undefined ? 0 : Number(line) - 1 });
      }
      case "search":
        await vscode.commands.executeCommand("trajectoryLens.searchRun", this.uri);
        return;
      case "openAsText":
        return openAsText(this.uri.scheme === "file" ? this.uri : vscode.Uri.file((await this.load()).path));
      case "copy":
        await vscode.env.clipboard.writeText(message.text);
        return;
    }
  }

  private async start(): Promise<void> {
    const dataset = await this.load().catch(async (error: unknown) => {
      this.unread = true;
      const { message, hint, code } = this.host.failures.note(error, `open ${this.uri.path}`);
      const action = (await this.mappable(code)) ? { action: "mapColumns" as const } : {};
      this.channel.post({ type: "error", message, hint, ...action });
      return undefined;
    });
    if (!dataset) return;
    this.unread = false;
    const what = parseLensUri(this.uri);
    if (what?.kind === "dataset") {
      const { datasetId: _id, ...filter } = what.query;
      if (Object.keys(filter).length > 0) this.channel.post({ type: "filter", query: what.query });
    } else if (dataset.files > 1) {
      // One shard of a run was opened: the table starts with the training step that it holds.
      const first = await this.host.library.services.datasets.rowAt(this.uri.fsPath, 0);
      if (first?.trainingStep !== undefined)
        this.channel.post({
          type: "filter",
          query: { datasetId: dataset.id, trainingStep: first.trainingStep },
        });
    }
    await this.sendDataset(dataset);
  }

  /** True for a file of no known format that has columns which could be told what they are. */
  private async mappable(code: string): Promise<boolean> {
    if (this.uri.scheme !== "file" || (code !== "unknown-format" && code !== "unmapped-columns"))
      return false;
    const found = await this.host.library.services.datasets.columns(this.uri.fsPath).catch(() => undefined);
    return found !== undefined && found.columns.length > 0;
  }

  /** Starts after all, once a dataset holds what was opened: a file that was empty, torn or of no known format. */
  private async retry(): Promise<void> {
    const what = parseLensUri(this.uri);
    const { library } = this.host;
    const found = await (what?.kind === "dataset"
      ? library.dataset(what.datasetId)
      : library.services.datasets.ofFile(this.uri.fsPath));
    if (!found || !this.unread) return;
    this.dataset = found;
    await this.start();
  }

  /** The file is there and its dataset is not: it is read in another way now, with another mapping or none. */
  private readAnew(): void {
    this.dataset = undefined;
    this.start().catch((error: unknown) => this.channel.error(error, "open the file again"));
  }

  private async load(): Promise<DatasetInfo> {
    if (this.dataset) return this.dataset;
    const what = parseLensUri(this.uri);
    if (what?.kind === "dataset") {
      this.dataset = await this.host.library.known(() => this.host.library.dataset(what.datasetId));
    }
    this.dataset ??= await this.host.library.ofFile(this.uri.fsPath, ({ done, total, path }) =>
      this.channel.post({
        type: "progress",
        message: `Indexing ${vscode.workspace.asRelativePath(path)}`,
        done,
        total,
      }),
    );
    return this.dataset;
  }

  private async sendDataset(dataset: DatasetInfo): Promise<void> {
    const trainingSteps = await this.host.library.services.datasets.trainingSteps(dataset.id);
    this.channel.post({
      type: "dataset",
      dataset: { ...dataset, ...totals(trainingSteps), warnings: dataset.warnings.slice(0, 100) },
      // A run of a hundred thousand steps is thinned evenly: a plot has no more columns than that anyway.
      trainingSteps: thinned(trainingSteps, 400),
      live: this.host.library.isLive(dataset.id),
    });
  }

  private async sendRows({
    id,
    query,
    start,
    end,
  }: Extract<FromDatasetView, { type: "rows" }>): Promise<void> {
    const dataset = await this.load();
    const window = clampWindow(start, end, Number.MAX_SAFE_INTEGER);
    // A view only ever sees its own dataset, whatever it asks for.
    const own: RowQuery = { ...query, datasetId: dataset.id };
    const { rows, total } = await this.host.library.services.datasets.rows(own, window.start, window.end);
    if (!this.channel.isNewest("rows", id)) return;
    let at = window.start;
    for (const run of rows.length === 0 ? [[]] : splitBySize(rows.map(lightRow))) {
      this.channel.post({ type: "rows", id, start: at, rows: run, total });
      at += run.length;
    }
  }

  private async sendGroups({
    id,
    trainingStep,
    start,
    end,
  }: Extract<FromDatasetView, { type: "groups" }>): Promise<void> {
    const dataset = await this.load();
    const window = clampWindow(start, end, Number.MAX_SAFE_INTEGER);
    const { datasets } = this.host.library.services;
    const { groups, total } = await datasets.groups(dataset.id, trainingStep, window.start, window.end);
    if (!this.channel.isNewest("groups", id)) return;
    const rewards: Record<string, readonly (number | null)[]> = {};
    for (const group of groups.slice(0, DOT_GROUPS)) {
      if (group.rewardCount === 0) continue;
      const { rows } = await datasets.rows(
        { datasetId: dataset.id, groupId: group.groupId, sort: "row" },
        0,
        DOTS,
      );
      // A missing reward has no dot; null is kept, the view draws it apart.
      rewards[group.groupId] = rows.map((row) => row.reward).filter((reward) => reward !== undefined);
      if (!this.channel.isNewest("groups", id)) return;
    }
    let at = window.start;
    for (const run of groups.length === 0 ? [[]] : splitBySize(groups)) {
      const own = Object.fromEntries(
        run.flatMap((group) =>
          rewards[group.groupId] ? [[group.groupId, rewards[group.groupId] ?? []]] : [],
        ),
      );
      this.channel.post({ type: "groups", id, start: at, groups: run, total, rewards: own });
      at += run.length;
    }
  }

  /** A live run tells of growth many times a second; the view follows at most twice a second. */
  private refreshSoon(): void {
    this.refreshTimer ??= setTimeout(() => {
      this.refreshTimer = undefined;
      if (!this.dataset) return;
      this.sendDataset(this.dataset).catch((error: unknown) =>
        this.channel.error(error, "show the newest rows"),
      );
    }, 500);
  }

  dispose(): void {
    clearTimeout(this.refreshTimer);
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
  }
}

/**
 * Counts of a dataset as its training steps add up: a live run grows between two questions, and the numbers above the
 * plots must be those of the plots.
 */
function totals(
  steps: readonly TrainingStepSummary[],
): Pick<DatasetInfo, "trajectories" | "trainingSteps"> | undefined {
  if (steps.length === 0) return undefined;
  return {
    trajectories: steps.reduce((sum, step) => sum + step.trajectories, 0),
    trainingSteps: steps.filter((step) => step.trainingStep !== undefined).length,
  };
}

/** A row whose components are few enough to travel by the hundred. */
function lightRow(row: TrajectoryRow): TrajectoryRow {
  const components = Object.entries(row.components);
  return components.length <= 40 ? row : { ...row, components: Object.fromEntries(components.slice(0, 40)) };
}

/** At most `limit` entries, evenly spread, the last one always among them. */
function thinned<T>(entries: readonly T[], limit: number): readonly T[] {
  if (entries.length <= limit) return entries;
  const stride = (entries.length - 1) / (limit - 1);
  return Array.from({ length: limit }, (_, index) => entries[Math.round(index * stride)] as T);
}
