import type { DatasetInfo, TrajectoryRow } from "../../../src/model/summary";
import type { RowQuery } from "../../../src/protocol/storeCalls";
import {
  WINDOW_LIMIT,
  type FromDatasetView,
  type ToDatasetView,
} from "../../../src/protocol/webviewMessages";
import { textField, type Field } from "../../components/controls";
import { el, setText, setTitle } from "../../components/element";
import { count, plural } from "../../components/format";
import { NewestWins } from "../../components/messages";
import type { BrushedSteps } from "../../components/trainingPlot";
import { WindowCache } from "../../components/windowCache";
import { FilterChips } from "./filterChips";
import type { GroupFacts } from "./groupColumns";
import { GroupHead } from "./groupHead";
import { GroupTable, type GroupItem } from "./groupTable";
import type { RowRequests } from "./rowRequests";
import { isUnfiltered, rowNoun, without, withText } from "./rowQueries";
import { TrajectoryTable } from "./trajectoryTable";

export type RowsMode = "trajectories" | "groups";

/** Milliseconds after the last letter before a filter is sent. */
const TYPING_MS = 150;

export interface RowsPaneActions {
  post(message: FromDatasetView): void;
  onQuery(query: RowQuery): void;
  onMode(mode: RowsMode): void;
  /** Shows the members of one group. */
  onGroup(groupId: string): void;
  /** An answer for the table has come. */
  onRows(): void;
}

/** The rows: trajectories or groups, with what filters them. */
export class RowsPane {
  readonly element: HTMLElement;
  private readonly table: TrajectoryTable;
  private readonly groups: GroupTable;
  private readonly rows: WindowCache<TrajectoryRow>;
  private readonly groupItems: WindowCache<GroupItem>;
  private readonly newestGroups = new NewestWins();
  private readonly field: Field;
  private readonly chips: FilterChips;
  private readonly total = el("span", { class: "quiet number", role: "status" });
  private readonly nothing = el("p", { class: "quiet nothing", hidden: true });
  private readonly tabs: readonly HTMLElement[];
  private readonly groupHead = new GroupHead();
  private dataset: DatasetInfo | undefined;
  private query: RowQuery = {};
  private steps: BrushedSteps | undefined;
  private typing = 0;
  /** A new query is under way: the old rows stay until its first answer. */
  private renewing = false;

  constructor(
    private readonly requests: RowRequests,
    private readonly actions: RowsPaneActions,
    private mode: RowsMode,
  ) {
    this.rows = new WindowCache((start, end) => {
      if (!this.renewing) requests.table(this.query, start, end);
    }, WINDOW_LIMIT);
    this.groupItems = new WindowCache((start, end) => this.requestGroups(start, end), WINDOW_LIMIT);
    this.table = new TrajectoryTable(this.rows, {
      open: (row, beside) => actions.post({ type: "open", trajectoryId: row.id, beside }),
      onSort: (sort, descending) => actions.onQuery({ ...this.query, sort, descending }),
      copy: (text) => actions.post({ type: "copy", text }),
    });
    this.groups = new GroupTable(this.groupItems, {
      open: (group) => {
        actions.onGroup(group.groupId);
        this.table.list.focus();
      },
      openTree: (group) => actions.post({ type: "openTree", groupId: group.groupId }),
    });
    this.chips = new FilterChips((query) => actions.onQuery(query));
    this.field = textField({
      label: "Filter by title",
      placeholder: "filter by title (/)",
      onInput: (text) => {
        clearTimeout(this.typing);
        this.typing = window.setTimeout(() => actions.onQuery(withText(this.query, text)), TYPING_MS);
      },
      onEnter: () => this.focus(),
      onEscape: () => this.focus(),
    });
    this.tabs = (["trajectories", "groups"] as const).map((each) =>
      el("button", {
        class: "tab",
        role: "tab",
        text: each,
        title: `Show ${each} (g)`,
        data: { mode: each },
        on: { click: () => this.setMode(each) },
      }),
    );
    this.element = el(
      "section",
      { class: "pane rows-pane" },
      el(
        "div",
        { class: "pane-head table-bar" },
        el("div", { class: "tabs", role: "tablist", aria: { label: "Rows" } }, ...this.tabs),
        this.field.element,
        this.chips.element,
        this.total,
      ),
      this.groupHead.element,
      this.nothing,
      this.table.element,
      this.groups.element,
    );
    this.drawMode();
  }

  /** The trajectory at the cursor. */
  get row(): TrajectoryRow | undefined {
    return this.mode === "trajectories" ? this.rows.get(this.table.list.cursor) : undefined;
  }

  /** @param grown rows were added since the last time */
  setDataset(dataset: DatasetInfo, grown: boolean): void {
    this.dataset = dataset;
    this.tabs[1]!.hidden = dataset.groups === 0;
    setText(this.tabs[0]!, dataset.numeric ? "episodes" : "trajectories");
    if (dataset.trajectories === 0) return this.say(0, "");
    if (!grown) return;
    if (!this.renewing)
      this.setTotal(Math.max(this.table.list.count, isUnfiltered(this.query) ? dataset.trajectories : 0));
    this.rows.reload();
    if (this.mode === "groups") this.groupItems.reload();
  }

  setQuery(query: RowQuery, steps: BrushedSteps | undefined): void {
    const otherGroup = query.groupId !== this.query.groupId;
    this.query = query;
    if (otherGroup) {
      this.table.setGroup(undefined);
      this.groupHead.show(undefined);
      if (query.groupId !== undefined) this.actions.post({ type: "group", groupId: query.groupId });
    }
    this.steps = steps;
    const text = query.text ?? "";
    if (this.field.value !== text && document.activeElement !== this.field.element) this.field.setValue(text);
    this.chips.set(query, steps);
    this.table.setQuery(query);
    if (!this.dataset) return;
    this.renewing = true;
    this.requests.table(query, 0, 200);
    if (this.mode === "groups") this.reloadGroups();
  }

  receiveRows(message: Extract<ToDatasetView, { type: "rows" }>): void {
    if (!this.requests.receive(message.id, message.start, message.rows, message.total)) return;
    this.actions.onRows();
    if (this.renewing) {
      this.renewing = false;
      this.rows.reset();
      this.table.list.toStart();
    }
    this.setTotal(message.total);
    this.rows.receive(message.start, message.rows);
    if (this.dataset) this.table.setSample(this.dataset, message.rows);
    // The sentence is about the whole group: only where all its members are here, and no other filter holds.
    const whole =
      this.query.groupId !== undefined &&
      isUnfiltered(without(this.query, "groupId")) &&
      message.rows.length === message.total;
    if (whole) this.groupHead.show(message.rows);
    this.table.list.refresh();
  }

  receiveGroup(facts: GroupFacts): void {
    if (facts.groupId === this.query.groupId) this.table.setGroup(facts);
  }

  receiveGroups(message: Extract<ToDatasetView, { type: "groups" }>): void {
    if (!this.newestGroups.accepts(message.id)) return;
    this.actions.onRows();
    const items = message.groups.map((group) => ({ group, rewards: message.rewards?.[group.groupId] }));
    this.groupItems.setTotal(message.total);
    this.groups.see(items);
    this.groupItems.receive(message.start, items);
    if (this.mode === "groups") this.say(message.total, plural(message.total, "group"));
    if (this.groups.list.count !== message.total) this.groups.list.setCount(message.total);
    this.groups.list.refresh();
  }

  setMode(mode: RowsMode): void {
    if (mode === this.mode) return;
    this.mode = mode;
    this.actions.onMode(mode);
    this.drawMode();
    if (mode === "groups") this.reloadGroups();
    else this.setTotal(this.table.list.count);
  }

  toggleMode(): void {
    if (this.dataset && this.dataset.groups > 0)
      this.setMode(this.mode === "groups" ? "trajectories" : "groups");
  }

  /** Puts the cursor on a row; negative offsets go up. */
  moveCursor(offset: number): void {
    const { list } = this.mode === "groups" ? this.groups : this.table;
    list.setCursor(Math.max(0, list.cursor + offset));
  }

  goTo(index: number): void {
    this.table.list.setCursor(index);
  }

  focusFilter(): void {
    this.field.focus();
  }

  private focus(): void {
    (this.mode === "groups" ? this.groups : this.table).list.focus();
  }

  private requestGroups(start: number, end: number): void {
    // Groups can be asked for one training step, or for all.
    const { steps } = this;
    const trainingStep = steps && steps.from === steps.to ? steps.from : undefined;
    this.actions.post({ type: "groups", id: this.newestGroups.next(), trainingStep, start, end });
  }

  private reloadGroups(): void {
    this.groupItems.reset();
    this.groups.list.toStart();
    this.requestGroups(0, 100);
  }

  private setTotal(total: number): void {
    this.rows.setTotal(total);
    if (this.table.list.count !== total) this.table.list.setCount(total);
    if (this.mode !== "trajectories") return;
    const all = this.dataset?.trajectories ?? total;
    // Rows that a live run has written since the header was drawn are counted with its next growth: one number, not two.
    const shown = isUnfiltered(this.query) ? all : Math.min(total, all);
    this.say(
      total,
      `${plural(shown, this.dataset ? rowNoun(this.dataset) : "trajectory")}${shown < all ? ` of ${count(all)}` : ""}`,
    );
  }

  private say(total: number, text: string): void {
    setText(this.total, text);
    // Cut where the bar is narrow.
    setTitle(this.total, text);
    this.nothing.hidden = total > 0;
    setText(
      this.nothing,
      this.dataset?.trajectories === 0
        ? `This dataset holds no ${this.dataset.numeric ? "episodes" : "trajectories"} yet.`
        : "No row fits these filters. Escape shows all again.",
    );
  }

  private drawMode(): void {
    for (const tab of this.tabs) tab.setAttribute("aria-selected", String(tab.dataset["mode"] === this.mode));
    this.table.element.hidden = this.mode !== "trajectories";
    this.groups.element.hidden = this.mode !== "groups";
  }
}
