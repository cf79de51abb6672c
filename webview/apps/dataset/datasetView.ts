import type { DatasetInfo, TrainingStepSummary, TrajectoryRow } from "../../../src/model/summary";
import type { RowQuery } from "../../../src/protocol/storeCalls";
import {
  WINDOW_LIMIT,
  type FromDatasetView,
  type ToDatasetView,
} from "../../../src/protocol/webviewMessages";
import { button, textField } from "../../components/controls";
import { el, icon, setText } from "../../components/element";
import { bytes, count, plural, significant } from "../../components/format";
import { HelpOverlay } from "../../components/helpOverlay";
import { NewestWins, type Channel } from "../../components/messages";
import { SmallMultiples, type BrushedSteps } from "../../components/smallMultiples";
import { StatusLine } from "../../components/statusLine";
import { WindowCache } from "../../components/windowCache";
import { Findings } from "./findings";
import { GroupTable, type GroupItem } from "./groupTable";
import { PLOTTED_EPISODES, ReturnsPlot } from "./returnsPlot";
import { RowRequests } from "./rowRequests";
import { TrajectoryTable } from "./trajectoryTable";

/** Where the user is; what VS Code keeps between visits. */
export interface DatasetViewState {
  query: RowQuery;
  mode: "trajectories" | "groups";
}

const KEYS: readonly (readonly [string, string])[] = [
  ["↑ ↓", "move in the table"],
  ["Enter", "open the trajectory, or a group's members"],
  ["Ctrl+Enter", "open beside"],
  ["/", "filter by title"],
  ["g", "trajectories or groups"],
  ["t", "branching tree of the group"],
  ["s", "score the trajectory at the cursor"],
  ["Escape", "clear the filters (in the table)"],
  ["?", "these keys"],
];

/** The dataset editor: plots over training steps, findings, and the rows behind them. */
export class DatasetView {
  private readonly status = new StatusLine();
  private readonly title = el("h1", { class: "title" });
  private readonly facts = el("div", { class: "facts" });
  private readonly multiples = new SmallMultiples((steps) => this.brush(steps));
  private readonly returns = new ReturnsPlot((index) => this.table.list.setCursor(index));
  private readonly findings: Findings;
  private readonly table: TrajectoryTable;
  private readonly groups: GroupTable;
  private readonly rows: WindowCache<TrajectoryRow>;
  private readonly groupItems: WindowCache<GroupItem>;
  private readonly requests: RowRequests;
  private readonly newestGroups = new NewestWins();
  private readonly filterField;
  private readonly chips = el("div", { class: "chips" });
  private readonly total = el("span", { class: "quiet number", role: "status" });
  private readonly nothing = el("p", { class: "quiet nothing", hidden: true });
  private readonly modes: readonly HTMLElement[];
  private readonly help = new HelpOverlay("Keys of the dataset editor", KEYS);
  private dataset: DatasetInfo | undefined;
  private steps: readonly TrainingStepSummary[] = [];
  private query: RowQuery;
  private mode: DatasetViewState["mode"];
  private filterTimer = 0;
  private fetchedReturns = "";
  /** A new query is under way: the old rows stay until its first answer. */
  private renewing = false;

  constructor(
    root: HTMLElement,
    private readonly channel: Channel<FromDatasetView, DatasetViewState>,
  ) {
    const post = channel.post;
    this.query = channel.state.query ?? {};
    this.mode = channel.state.mode ?? "trajectories";
    this.requests = new RowRequests(post);
    this.rows = new WindowCache((start, end) => {
      if (!this.renewing) this.requests.table(this.query, start, end);
    }, WINDOW_LIMIT);
    this.groupItems = new WindowCache(
      (start, end) =>
        post({ type: "groups", id: this.newestGroups.next(), trainingStep: this.groupStep(), start, end }),
      WINDOW_LIMIT,
    );
    this.table = new TrajectoryTable(this.rows, {
      open: (row, beside) => post({ type: "open", trajectoryId: row.id, beside }),
      onSort: (sort, descending) => this.setQuery({ ...this.query, sort, descending }),
    });
    this.groups = new GroupTable(this.groupItems, {
      open: (group) => {
        this.setMode("trajectories");
        this.setQuery({ ...this.cleared(), groupId: group.groupId });
        this.table.list.focus();
      },
      openTree: (group) => post({ type: "openTree", groupId: group.groupId }),
    });
    this.findings = new Findings({
      countRows: (filter, counted) =>
        this.requests.ask({ ...this.stepFilter(), ...filter }, 0, 1, (total) => counted(total)),
      onFilter: (filter) => {
        this.setMode("trajectories");
        this.setQuery({ ...this.cleared(), ...filter });
      },
    });
    this.filterField = textField({
      label: "Filter by title",
      placeholder: "filter (/)",
      onInput: (text) => {
        clearTimeout(this.filterTimer);
        this.filterTimer = window.setTimeout(() => this.setQuery(withText(this.query, text)), 150);
      },
      onEnter: () => this.activeList().focus(),
      onEscape: () => this.activeList().focus(),
    });
    this.modes = (["trajectories", "groups"] as const).map((mode) =>
      el("button", {
        class: "tab",
        role: "tab",
        text: mode,
        title: `Show ${mode} (g)`,
        data: { mode },
        on: { click: () => this.setMode(mode) },
      }),
    );
    const header = el(
      "header",
      { class: "header header-line" },
      this.title,
      this.facts,
      el(
        "div",
        { class: "header-actions", role: "toolbar", aria: { label: "Actions" } },
        button({
          label: "Open as text",
          icon: "go-to-file",
          title: "Open the file as text",
          class: "collapses",
          onClick: () => post({ type: "openAsText" }),
        }).element,
        button({
          label: "Keys",
          icon: "keyboard",
          appearance: "icon",
          title: "Keys (?)",
          onClick: () => this.help.toggle(),
        }).element,
      ),
    );
    const bar = el(
      "div",
      { class: "pane-head table-bar" },
      el("div", { class: "tabs", role: "tablist", aria: { label: "Rows" } }, ...this.modes),
      this.filterField.element,
      this.chips,
      this.total,
    );
    const rowsPane = el(
      "section",
      { class: "pane rows-pane" },
      bar,
      this.table.element,
      this.groups.element,
      this.nothing,
    );
    root.replaceChildren(
      this.status.element,
      header,
      this.status.sentence,
      this.multiples.element,
      this.returns.element,
      el("main", { class: "dataset-body" }, this.findings.element, rowsPane),
      this.help.element,
    );
    this.status.busy(undefined);
    setText(this.title, "Reading…");
    this.filterField.setValue(this.query.text ?? "");
    this.drawMode();
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && !this.help.element.open)
        this.setQuery(this.cleared());
    });
  }

  receive(message: ToDatasetView): void {
    switch (message.type) {
      case "dataset":
        return this.setDataset(message.dataset, message.trainingSteps, message.live);
      case "rows": {
        if (!this.requests.receive(message.id, message.start, message.rows, message.total)) return;
        this.status.idle();
        if (this.renewing) {
          this.renewing = false;
          this.rows.reset();
          this.table.list.toStart();
        }
        this.setTotal(message.total);
        this.rows.receive(message.start, message.rows);
        if (this.dataset) this.table.setSample(this.dataset, message.rows);
        this.table.list.refresh();
        return;
      }
      case "groups": {
        if (!this.newestGroups.accepts(message.id)) return;
        this.status.idle();
        const items = message.groups.map((group) => ({ group, rewards: message.rewards?.[group.groupId] }));
        this.groupItems.setTotal(message.total);
        this.groups.see(items);
        this.groupItems.receive(message.start, items);
        if (this.mode === "groups") this.say(message.total, plural(message.total, "group"));
        if (this.groups.list.count !== message.total) this.groups.list.setCount(message.total);
        this.groups.list.refresh();
        return;
      }
      case "progress":
        this.status.busy(message.total > 0 ? message.done / message.total : undefined);
        this.status.tell(message.done < message.total || message.total === 0 ? message.message : "");
        return;
      case "filter": {
        const { datasetId: _dataset, ...query } = message.query;
        return this.setQuery(query);
      }
      case "error":
        this.status.idle();
        this.status.error(message.message, message.hint);
        if (!this.dataset) setText(this.title, "This dataset could not be read");
        return;
    }
  }

  private setDataset(dataset: DatasetInfo, steps: readonly TrainingStepSummary[], live: boolean): void {
    const first = this.dataset === undefined;
    const grown = this.dataset?.trajectories !== dataset.trajectories;
    this.dataset = dataset;
    this.steps = steps;
    document.title = dataset.name;
    setText(this.title, dataset.name);
    this.title.title = dataset.path;
    const fact = (text: string, title = ""): HTMLElement => el("span", { class: "number", text, title });
    this.facts.replaceChildren(
      el("span", { class: "quiet", text: dataset.formatTitle }),
      fact(plural(dataset.trajectories, "trajectory")),
      ...(dataset.trainingSteps > 1 ? [fact(plural(dataset.trainingSteps, "training step"))] : []),
      ...(dataset.groups > 0 ? [fact(plural(dataset.groups, "group"))] : []),
      ...(dataset.rewardMean === undefined
        ? []
        : [
            el(
              "span",
              { class: "number", title: `mean reward ${dataset.rewardMean}` },
              el("span", { class: "quiet", text: "mean reward " }),
              el("span", { class: "strong", text: significant(dataset.rewardMean) }),
            ),
          ]),
      el("span", {
        class: "quiet number",
        text: `${dataset.files > 1 ? `${count(dataset.files)} files, ` : ""}${bytes(dataset.bytes)}`,
      }),
      ...(live
        ? [
            el(
              "span",
              { class: "live", title: "This dataset is still being written; new rows appear by themselves" },
              icon("circle-filled"),
              "live",
            ),
          ]
        : []),
    );
    this.modes[1]!.hidden = dataset.groups === 0;
    this.multiples.set(steps, dataset.components);
    this.multiples.setBrushed(this.brushed());
    this.multiples.element.hidden = steps.length === 0 || (dataset.numeric && dataset.trainingSteps <= 1);
    this.status.idle();
    this.status.tell("");
    if (dataset.trajectories === 0) return this.say(0, "");
    if (first) this.setQuery(this.query);
    else if (grown) {
      this.rows.reload();
      if (this.mode === "groups") this.groupItems.reload();
    }
    if (first || grown) {
      this.requests.forget();
      this.findings.count(dataset);
      if (dataset.numeric) this.fetchReturns();
    }
  }

  /** Returns of the first episodes, window by window, behind what the table needs. */
  private fetchReturns(): void {
    const returns: (number | undefined)[] = [];
    const turn = (this.fetchedReturns = `${this.dataset?.trajectories}`);
    const ask = (start: number): void =>
      this.requests.ask(
        { sort: "row" },
        start,
        Math.min(start + WINDOW_LIMIT, PLOTTED_EPISODES),
        (total, at, rows) => {
          if (turn !== this.fetchedReturns) return;
          (rows as readonly TrajectoryRow[]).forEach(
            (row, offset) => (returns[at + offset] = row.reward ?? undefined),
          );
          this.returns.set(returns, total);
          const got = at + rows.length;
          if (
            rows.length > 0 &&
            got >= Math.min(start + WINDOW_LIMIT, total) &&
            got < Math.min(total, PLOTTED_EPISODES)
          )
            ask(got);
        },
      );
    ask(0);
  }

  private setTotal(total: number): void {
    this.rows.setTotal(total);
    if (this.table.list.count !== total) this.table.list.setCount(total);
    if (this.mode === "trajectories")
      this.say(
        total,
        `${plural(total, "trajectory")}${this.dataset && total < this.dataset.trajectories ? ` of ${count(this.dataset.trajectories)}` : ""}`,
      );
  }

  private say(total: number, text: string): void {
    setText(this.total, text);
    this.nothing.hidden = total > 0;
    setText(
      this.nothing,
      this.dataset?.trajectories === 0
        ? "This dataset holds no trajectories yet."
        : "No row fits these filters. Escape shows all again.",
    );
  }

  private setQuery(query: RowQuery): void {
    this.query = query;
    this.channel.keep({ query });
    this.drawChips();
    this.findings.setFilter(query);
    this.table.setQuery(query);
    this.multiples.setBrushed(this.brushed());
    if (!this.dataset) return;
    this.status.busy(undefined);
    this.renewing = true;
    this.requests.table(query, 0, 200);
    if (this.mode === "groups") this.reloadGroups();
  }

  private reloadGroups(): void {
    this.status.busy(undefined);
    this.groupItems.reset();
    this.groups.list.toStart();
    this.channel.post({
      type: "groups",
      id: this.newestGroups.next(),
      trainingStep: this.groupStep(),
      start: 0,
      end: 100,
    });
  }

  private brush(steps: BrushedSteps | undefined): void {
    const { trainingStepFrom: _from, trainingStepTo: _to, trainingStep: _step, ...rest } = this.query;
    this.setQuery(steps ? { ...rest, trainingStepFrom: steps.from, trainingStepTo: steps.to } : rest);
    if (this.dataset) {
      this.requests.forget();
      this.findings.count(this.dataset);
    }
  }

  private brushed(): BrushedSteps | undefined {
    const { trainingStep, trainingStepFrom, trainingStepTo } = this.query;
    if (trainingStep !== undefined) return { from: trainingStep, to: trainingStep };
    if (trainingStepFrom === undefined && trainingStepTo === undefined) return undefined;
    const numbered = this.steps.map((step) => step.trainingStep).filter((step) => step !== undefined);
    return { from: trainingStepFrom ?? Math.min(...numbered), to: trainingStepTo ?? Math.max(...numbered) };
  }

  private stepFilter(): RowQuery {
    const { trainingStep, trainingStepFrom, trainingStepTo } = this.query;
    return {
      ...(trainingStep === undefined ? {} : { trainingStep }),
      ...(trainingStepFrom === undefined ? {} : { trainingStepFrom }),
      ...(trainingStepTo === undefined ? {} : { trainingStepTo }),
    };
  }

  /** Groups can be asked for one training step, or for all. */
  private groupStep(): number | undefined {
    const brushed = this.brushed();
    return brushed && brushed.from === brushed.to ? brushed.from : undefined;
  }

  /** The query without its filters: order and training steps stay. */
  private cleared(): RowQuery {
    const { sort, descending } = this.query;
    return {
      ...this.stepFilter(),
      ...(sort === undefined ? {} : { sort }),
      ...(descending === undefined ? {} : { descending }),
    };
  }

  private drawChips(): void {
    const { query } = this;
    if (this.filterField.value !== (query.text ?? "") && document.activeElement !== this.filterField.element)
      this.filterField.setValue(query.text ?? "");
    const without = (...keys: (keyof RowQuery)[]): RowQuery =>
      Object.fromEntries(Object.entries(query).filter(([key]) => !keys.includes(key as keyof RowQuery)));
    const chip = (text: string, next: RowQuery): HTMLElement =>
      el(
        "button",
        { class: "link chip", title: `${text}; click to clear`, on: { click: () => this.setQuery(next) } },
        text,
        icon("close"),
      );
    const steps = this.brushed();
    this.chips.replaceChildren(
      ...(steps
        ? [
            chip(
              steps.from === steps.to ? `step ${steps.from}` : `steps ${steps.from} to ${steps.to}`,
              without("trainingStep", "trainingStepFrom", "trainingStepTo"),
            ),
          ]
        : []),
      ...(query.groupId === undefined ? [] : [chip("one group", without("groupId"))]),
      ...(query.noContrast === true ? [chip("no contrast", without("noContrast"))] : []),
      ...(query.success === undefined ? [] : [chip(query.success ? "passed" : "failed", without("success"))]),
      ...(query.truncated === undefined
        ? []
        : [chip(query.truncated ? "truncated" : "not truncated", without("truncated"))]),
    );
  }

  private setMode(mode: DatasetViewState["mode"]): void {
    if (mode === this.mode) return;
    this.mode = mode;
    this.channel.keep({ mode });
    this.drawMode();
    if (mode === "groups") this.reloadGroups();
    else this.setTotal(this.table.list.count);
  }

  private drawMode(): void {
    for (const tab of this.modes)
      tab.setAttribute("aria-selected", String(tab.dataset["mode"] === this.mode));
    this.table.element.hidden = this.mode !== "trajectories";
    this.groups.element.hidden = this.mode !== "groups";
  }

  private activeList(): { focus(): void } {
    return this.mode === "groups" ? this.groups.list : this.table.list;
  }

  /** Acts on a key that no field wanted; true = handled. */
  key(key: string): boolean {
    const row = this.mode === "trajectories" ? this.rows.get(this.table.list.cursor) : undefined;
    const actions: Readonly<Record<string, () => void>> = {
      "/": () => this.filterField.focus(),
      "?": () => this.help.toggle(),
      g: () => {
        if (this.dataset && this.dataset.groups > 0)
          this.setMode(this.mode === "groups" ? "trajectories" : "groups");
      },
      t: () => row?.groupId !== undefined && this.channel.post({ type: "openTree", groupId: row.groupId }),
      s: () => row && this.channel.post({ type: "score", trajectoryIds: [row.id] }),
      j: () => this.table.list.setCursor(this.table.list.cursor + 1),
      k: () => this.table.list.setCursor(Math.max(0, this.table.list.cursor - 1)),
    };
    const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
    action?.();
    return action !== undefined;
  }
}

function withText(query: RowQuery, text: string): RowQuery {
  const { text: _text, ...rest } = query;
  return text.trim() === "" ? rest : { ...rest, text: text.trim() };
}
