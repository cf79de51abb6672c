import { dirname } from "node:path";
import * as vscode from "vscode";
import type { DatasetInfo, TrajectoryRow } from "../../model/summary";
import type { RowQuery } from "../../protocol/storeCalls";
import type { Host } from "../host";
import { settings } from "../ui/settings";
import { GroupAdvantages } from "./groupAdvantages";
import {
  filterQuery,
  isFiltered,
  type DatasetEntry,
  type TreeEntry,
  type TreeFilter,
  type TreeSort,
  type WalkEntry,
} from "./trajectoryNodes";
import { treeItem, walkItem } from "./treeItems";

/** The one entry that tells of the walk, so that its progress is drawn without the rest of the view. */
const WALK: WalkEntry = { kind: "walk", key: "walk" };

/** Files without trajectories that are named, at most. */
const LEFT_OUT_FILES = 100;

/** How often the view is redrawn while a run grows, at most. */
const REDRAW_MS = 300;

/** The Trajectories view: dataset, training step, group, trajectory. Loaded branch by branch, in pages. */
export class TrajectoriesTree implements vscode.TreeDataProvider<TreeEntry>, vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<TreeEntry | undefined>();
  readonly onDidChangeTreeData = this.changes.event;
  private readonly disposables: vscode.Disposable[] = [];
  /** Pages shown below an entry, by its key; absent = one. */
  private readonly pages = new Map<string, number>();
  private readonly parents = new Map<string, TreeEntry>();
  private readonly shownDatasets = new Map<string, DatasetEntry>();
  private readonly pending = new Set<string>();
  private redraw: NodeJS.Timeout | undefined;
  private redrawAll = false;
  private walkShown = false;
  private readonly advantages: GroupAdvantages;
  filter: TreeFilter = {};
  sort: TreeSort = "file";

  constructor(private readonly host: Host) {
    this.advantages = new GroupAdvantages(host.library);
    this.disposables.push(
      host.library.onChange((change) => {
        // A dataset that is shown already is redrawn alone, so that what the reader opened elsewhere stays.
        if (change.kind === "walk" && this.walkShown && host.library.walk !== undefined) {
          this.changes.fire(WALK);
          return;
        }
        const shown = change.kind === "changed" ? this.shownDatasets.get(change.dataset.id) : undefined;
        if (change.kind === "changed" && shown) {
          shown.dataset = change.dataset;
          this.pending.add(change.dataset.id);
        } else this.redrawAll = true;
        this.redrawSoon();
      }),
      host.scoreRuns.onProgress(({ state }) => {
        if (state === "done") this.refresh();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.refresh()),
    );
  }

  refresh(): void {
    this.redrawAll = true;
    this.redrawSoon();
  }

  private redrawSoon(): void {
    this.redraw ??= setTimeout(() => {
      this.redraw = undefined;
      const ids = [...this.pending];
      this.pending.clear();
      if (this.redrawAll) {
        this.redrawAll = false;
        this.changes.fire(undefined);
        return;
      }
      for (const id of ids) {
        const entry = this.shownDatasets.get(id);
        if (entry) this.changes.fire(entry);
      }
    }, REDRAW_MS);
  }

  setFilter(filter: TreeFilter): void {
    this.filter = filter;
    this.pages.clear();
    void vscode.commands.executeCommand("setContext", "trajectoryLens.filtered", isFiltered(filter));
    this.changes.fire(undefined);
  }

  setSort(sort: TreeSort): void {
    this.sort = sort;
    this.pages.clear();
    this.changes.fire(undefined);
  }

  showMore(parentKey: string): void {
    this.pages.set(parentKey, (this.pages.get(parentKey) ?? 1) + 1);
    this.changes.fire(this.parents.get(parentKey));
  }

  getParent(entry: TreeEntry): TreeEntry | undefined {
    return this.parents.get(`^${entry.key}`);
  }

  getTreeItem(entry: TreeEntry): vscode.TreeItem {
    if (entry.kind === "walk") return walkItem(this.host.library.walk);
    const item = treeItem(entry, entry.kind === "dataset" && this.host.library.isLive(entry.dataset.id));
    if (entry.kind === "dataset" && this.shownDatasets.size === 1)
      item.collapsibleState = vscode.TreeItemCollapsibleState.Expanded;
    return item;
  }

  async getChildren(entry?: TreeEntry): Promise<TreeEntry[]> {
    try {
      const children = entry === undefined ? await this.roots() : await this.children(entry);
      if (entry) this.parents.set(entry.key, entry);
      for (const child of children) if (entry) this.parents.set(`^${child.key}`, entry);
      return children;
    } catch (error) {
      const { message, hint } = this.host.failures.note(error, "fill the Trajectories view");
      return [{ kind: "failure", key: `${entry?.key ?? "root"}/failure`, message, hint }];
    }
  }

  private async roots(): Promise<TreeEntry[]> {
    const datasets = [...(await this.host.library.found())].sort(
      (a, b) => b.modifiedMs - a.modifiedMs || a.path.localeCompare(b.path),
    );
    // Datasets of one name are told apart by the folder around them.
    const names = new Map<string, number>();
    for (const { name } of datasets) names.set(name, (names.get(name) ?? 0) + 1);
    this.shownDatasets.clear();
    const entries: TreeEntry[] = [];
    for (const dataset of datasets) {
      if (isFiltered(this.filter) && (await this.countRows({ datasetId: dataset.id })) === 0) continue;
      const told =
        (names.get(dataset.name) ?? 0) > 1
          ? { folder: vscode.workspace.asRelativePath(dirname(dataset.path)) }
          : {};
      const entry: DatasetEntry = { kind: "dataset", key: `dataset:${dataset.id}`, dataset, ...told };
      this.shownDatasets.set(dataset.id, entry);
      entries.push(entry);
    }
    this.walkShown = this.host.library.walk !== undefined;
    if (this.walkShown) entries.unshift(WALK);
    if (isFiltered(this.filter)) return entries;
    const files = await this.host.library.leftOutFiles(LEFT_OUT_FILES);
    return files.length === 0 ? entries : [...entries, { kind: "leftOut", key: "leftOut", files }];
  }

  private async countRows(query: RowQuery): Promise<number> {
    return (
      await this.host.library.services.datasets.rows({ ...query, ...filterQuery(this.filter, "file") }, 0, 1)
    ).total;
  }

  private async children(entry: TreeEntry): Promise<TreeEntry[]> {
    switch (entry.kind) {
      case "dataset":
        return this.inDataset(entry.dataset, entry.key);
      case "step":
        return this.inStep(
          entry.dataset,
          entry.step.trainingStep,
          entry.key,
          entry.step.groups < entry.step.trajectories,
        );
      case "group":
        return this.inGroup(entry.dataset, entry.group.groupId, entry.key);
      case "leftOut":
        return entry.files.map((file) => ({ kind: "leftOutFile", key: `leftOut/${file.path}`, file }));
      default:
        return [];
    }
  }

  private async inDataset(dataset: DatasetInfo, key: string): Promise<TreeEntry[]> {
    // Under a filter the way to what matches is short: the matching trajectories themselves.
    if (isFiltered(this.filter)) return this.trajectories(dataset, { datasetId: dataset.id }, key);
    const steps = await this.host.library.services.datasets.trainingSteps(dataset.id);
    if (steps.length > 1) {
      const newestFirst = [...steps].sort(
        (a, b) => (b.trainingStep ?? -Infinity) - (a.trainingStep ?? -Infinity),
      );
      const shown = newestFirst.slice(0, this.limit(key));
      const entries: TreeEntry[] = shown.map((step) => ({
        kind: "step",
        key: `${key}/step:${step.trainingStep ?? "none"}`,
        dataset,
        step,
      }));
      return this.paged(entries, steps.length, key);
    }
    const only = steps[0];
    const grouped = dataset.groups > 0 && dataset.groups < dataset.trajectories;
    return this.inStep(dataset, only?.trainingStep, key, grouped);
  }

  private async inStep(
    dataset: DatasetInfo,
    trainingStep: number | undefined,
    key: string,
    grouped: boolean,
  ): Promise<TreeEntry[]> {
    const query: RowQuery = {
      datasetId: dataset.id,
      ...(trainingStep === undefined ? {} : { trainingStep }),
    };
    if (!grouped || this.sort !== "file") return this.trajectories(dataset, query, key);
    const { groups, total } = await this.host.library.services.datasets.groups(
      dataset.id,
      trainingStep,
      0,
      this.limit(key),
    );
    if (total === 0) return this.trajectories(dataset, query, key);
    const entries: TreeEntry[] = groups.map((group) => ({
      kind: "group",
      key: `${key}/group:${group.groupId}`,
      dataset,
      group,
    }));
    return this.paged(entries, total, key);
  }

  private async inGroup(dataset: DatasetInfo, groupId: string, key: string): Promise<TreeEntry[]> {
    const { members } = await this.host.library.services.datasets.group(groupId);
    const shown = members.slice(0, this.limit(key));
    const advantages = dataset.numeric ? new Map<string, never>() : await this.advantages.of(groupId, shown);
    return this.paged(
      shown.map((row) => this.trajectory(dataset, row, key, advantages.get(row.id))),
      members.length,
      key,
    );
  }

  private async trajectories(dataset: DatasetInfo, query: RowQuery, key: string): Promise<TreeEntry[]> {
    const { rows, total } = await this.host.library.services.datasets.rows(
      { ...query, ...filterQuery(this.filter, this.sort) },
      0,
      this.limit(key),
    );
    return this.paged(
      rows.map((row) => this.trajectory(dataset, row, key, undefined)),
      total,
      key,
    );
  }

  private trajectory(
    dataset: DatasetInfo,
    row: TrajectoryRow,
    key: string,
    advantage: { value: number; convention: string } | undefined,
  ): TreeEntry {
    const own =
      typeof row.advantage === "number" && !Number.isNaN(row.advantage)
        ? { value: row.advantage, convention: "recorded" }
        : advantage;
    return {
      kind: "trajectory",
      key: `${key}/${row.id}`,
      dataset,
      row,
      ...(own === undefined ? {} : { advantage: own }),
    };
  }

  private limit(key: string): number {
    return settings.pageSize() * (this.pages.get(key) ?? 1);
  }

  private paged(entries: TreeEntry[], total: number, parentKey: string): TreeEntry[] {
    const rest = total - entries.length;
    return rest > 0 ? [...entries, { kind: "more", key: `${parentKey}/more`, parentKey, rest }] : entries;
  }

  dispose(): void {
    clearTimeout(this.redraw);
    for (const disposable of this.disposables) disposable.dispose();
    this.changes.dispose();
  }
}
