import type { DatasetInfo, TrainingStepSummary, TrajectoryRow } from "../../../src/model/summary";
import type { RowQuery } from "../../../src/protocol/storeCalls";
import {
  WINDOW_LIMIT,
  type FromDatasetView,
  type ToDatasetView,
} from "../../../src/protocol/webviewMessages";
import { button } from "../../components/controls";
import { el } from "../../components/element";
import { HelpOverlay } from "../../components/helpOverlay";
import type { Channel } from "../../components/messages";
import { SmallMultiples } from "../../components/smallMultiples";
import type { BrushedSteps } from "../../components/trainingPlot";
import { StatusLine } from "../../components/statusLine";
import { DatasetHeader } from "./datasetHeader";
import { Findings } from "./findings";
import { PLOTTED_EPISODES, ReturnsPlot } from "./returnsPlot";
import { brushedSteps, stepPart, unfiltered, withSteps } from "./rowQueries";
import { RowRequests } from "./rowRequests";
import { RowsPane, type RowsMode } from "./rowsPane";

/** Where the user is; what VS Code keeps between visits. */
export interface DatasetViewState {
  query: RowQuery;
  mode: RowsMode;
}

const KEYS: readonly (readonly [string, string])[] = [
  ["↑ ↓", "move in the table"],
  ["Enter", "open the trajectory, or a group's members"],
  ["Ctrl+Enter", "open beside"],
  ["/", "filter by title"],
  ["Ctrl+Shift+F", "search the texts of the whole run"],
  ["g", "trajectories or groups"],
  ["t", "branching tree of the group"],
  ["s", "score the trajectory at the cursor"],
  ["Ctrl+C", "copy the row's numbers in full precision with their file"],
  ["Escape", "clear the filters"],
  ["?", "these keys"],
];

/** The dataset editor: plots over training steps, findings, and the rows behind them. */
export class DatasetView {
  private readonly status = new StatusLine();
  private readonly header: DatasetHeader;
  private readonly multiples = new SmallMultiples((steps) => this.brush(steps));
  private readonly returns = new ReturnsPlot((index) => this.rows.goTo(index));
  private readonly findings: Findings;
  private readonly rows: RowsPane;
  private readonly requests: RowRequests;
  private readonly help = new HelpOverlay("Keys of the dataset editor", KEYS);
  private readonly body = el("main", { class: "dataset-body" });
  private dataset: DatasetInfo | undefined;
  private steps: readonly TrainingStepSummary[] = [];
  private query: RowQuery;
  private plotted = 0;

  constructor(
    private readonly root: HTMLElement,
    private readonly channel: Channel<FromDatasetView, DatasetViewState>,
  ) {
    const { post } = channel;
    this.query = channel.state.query ?? {};
    this.requests = new RowRequests(post);
    this.header = new DatasetHeader({
      openAsText: () => post({ type: "openAsText" }),
      search: () => post({ type: "search" }),
      help: () => this.help.toggle(),
    });
    this.rows = new RowsPane(
      this.requests,
      {
        post,
        onQuery: (query) => this.setQuery(query),
        onMode: (mode) => channel.keep({ mode }),
        onGroup: (groupId) => this.showOnly({ groupId }),
        onRows: () => this.status.idle(),
      },
      channel.state.mode ?? "trajectories",
    );
    this.findings = new Findings({
      countRows: (filter, counted) =>
        this.requests.ask({ ...stepPart(this.query), ...filter }, 0, 1, (total) => counted(total)),
      onFilter: (filter) => this.showOnly(filter ?? {}),
      onNote: (where) => post({ type: "openNote", where }),
    });
    this.body.append(this.findings.element, this.rows.element);
    root.replaceChildren(
      this.status.element,
      this.header.element,
      this.status.sentence,
      this.multiples.element,
      this.returns.element,
      this.body,
      this.help.element,
    );
    this.status.busy(undefined);
    this.header.say("Reading…");
  }

  receive(message: ToDatasetView): void {
    switch (message.type) {
      case "dataset":
        return this.setDataset(message.dataset, message.trainingSteps, message.live);
      case "rows":
        return this.rows.receiveRows(message);
      case "groups":
        return this.rows.receiveGroups(message);
      case "group":
        return this.rows.receiveGroup(message);
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
        this.status.error(message.message, message.hint, this.remedy(message.action));
        // What can be mapped is not read at all: rows of an earlier mapping would be rows of nothing.
        if (!this.dataset || message.action) {
          this.dataset = undefined;
          this.header.say("Nothing to show");
          this.multiples.element.hidden = true;
          this.returns.element.hidden = true;
          this.body.hidden = true;
        }
        return;
    }
  }

  private remedy(action: "mapColumns" | undefined): HTMLElement | undefined {
    if (action === undefined) return undefined;
    return button({
      label: "Map columns",
      icon: "table",
      title: "Say which column is the prompt, the response, the reward",
      onClick: () => this.channel.post({ type: "mapColumns" }),
    }).element;
  }

  private setDataset(dataset: DatasetInfo, steps: readonly TrainingStepSummary[], live: boolean): void {
    // An empty dataset has no rows to ask for; the first question goes out when there are some.
    const first = this.dataset === undefined || this.dataset.trajectories === 0;
    const grown = this.dataset?.trajectories !== dataset.trajectories;
    this.dataset = dataset;
    this.steps = steps;
    this.body.hidden = false;
    this.header.set(dataset, live);
    this.multiples.set(steps, dataset.components);
    this.multiples.setBrushed(this.brushed());
    this.multiples.element.hidden = steps.length === 0 || (dataset.numeric && dataset.trainingSteps <= 1);
    this.status.idle();
    this.status.tell("");
    this.rows.setDataset(dataset, grown && !first);
    if (dataset.trajectories === 0) return;
    if (first) this.setQuery(this.query);
    if (first || grown) {
      this.requests.forget();
      this.findings.count(dataset);
      if (dataset.numeric) this.fetchReturns();
    }
  }

  /** Returns of the first episodes, window by window, behind what the table needs. */
  private fetchReturns(): void {
    const returns: (number | undefined)[] = [];
    const turn = ++this.plotted;
    const ask = (start: number): void => {
      const end = Math.min(start + WINDOW_LIMIT, PLOTTED_EPISODES);
      this.requests.ask({ sort: "row" }, start, end, (total, at, rows) => {
        if (turn !== this.plotted) return;
        (rows as readonly TrajectoryRow[]).forEach(
          (row, offset) => (returns[at + offset] = row.reward ?? undefined),
        );
        // Episodes written since the header was drawn are plotted with its next growth.
        const shown = Math.min(total, this.dataset?.trajectories ?? total);
        this.returns.set(returns.slice(0, shown), shown);
        const got = at + rows.length;
        if (rows.length > 0 && got >= Math.min(end, total) && got < Math.min(total, PLOTTED_EPISODES))
          ask(got);
      });
    };
    ask(0);
  }

  private setQuery(query: RowQuery): void {
    this.query = query;
    this.channel.keep({ query });
    this.findings.setFilter(query);
    // One group is a page of its own: plots and findings of the whole run would drown it.
    this.root.classList.toggle("one-group", query.groupId !== undefined);
    this.multiples.setBrushed(this.brushed());
    if (this.dataset) this.status.busy(undefined);
    this.rows.setQuery(query, this.brushed());
  }

  /** Shows the trajectories that fit one filter, whatever was filtered before. */
  private showOnly(filter: RowQuery): void {
    this.rows.setMode("trajectories");
    this.setQuery({ ...unfiltered(this.query), ...filter });
  }

  private brushed(): BrushedSteps | undefined {
    return brushedSteps(this.query, this.steps);
  }

  private brush(steps: BrushedSteps | undefined): void {
    this.setQuery(withSteps(this.query, steps));
    if (!this.dataset) return;
    this.requests.forget();
    this.findings.count(this.dataset);
  }

  /** Acts on a key that no field wanted; true = handled. */
  key(key: string): boolean {
    const { post } = this.channel;
    const { row } = this.rows;
    const actions: Readonly<Record<string, () => void>> = {
      "/": () => this.rows.focusFilter(),
      "?": () => this.help.toggle(),
      Escape: () => {
        if (!this.help.element.open) this.setQuery(unfiltered(this.query));
      },
      g: () => this.rows.toggleMode(),
      t: () => row?.groupId !== undefined && post({ type: "openTree", groupId: row.groupId }),
      s: () => row && post({ type: "score", trajectoryIds: [row.id] }),
      j: () => this.rows.moveCursor(1),
      k: () => this.rows.moveCursor(-1),
    };
    const action = Object.hasOwn(actions, key) ? actions[key] : undefined;
    action?.();
    return action !== undefined;
  }
}
