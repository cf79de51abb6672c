import type { DatasetInfo, TrajectoryRow } from "../../../src/model/summary";
import type { RowQuery, SortKey } from "../../../src/protocol/storeCalls";
import { onResize } from "../../components/canvas";
import type { Recorded } from "../../../src/model/trajectory";
import { el, setText } from "../../components/element";
import { exact } from "../../components/format";
import { VirtualList } from "../../components/virtualList";
import type { WindowCache } from "../../components/windowCache";
import { groupColumns, type GroupFacts } from "./groupColumns";
import { fittingColumns, tableColumns, type Column, type TableScales } from "./columns";

export interface TableActions {
  open(row: TrajectoryRow, beside: boolean): void;
  onSort(sort: SortKey, descending: boolean): void;
  copy(text: string): void;
}

/** The texts stand at the left, beside the members' numbers; the advantages beside the rewards that they come from. */
function inGroup(columns: readonly Column[], own: readonly Column[]): readonly Column[] {
  const [texts, advantages] = [own.slice(-1), own.slice(0, -1)];
  const first = columns.findIndex((column) => column.id !== "member");
  const behind = columns.findIndex((column) => column.id === "reward") + 1;
  return [
    // Members are told apart by their number: it stays however narrow the table gets.
    ...columns.slice(0, first).map((column) => ({ ...column, dispensable: 0 })),
    ...texts,
    ...columns.slice(first, behind),
    ...advantages,
    ...columns.slice(behind),
  ];
}

/** A row's numbers with every digit, and where they are from, for pasting. */
function rowText(row: TrajectoryRow): string {
  const numbers: (readonly [string, Recorded])[] = [
    ["reward", row.reward],
    ["advantage", row.advantage],
    ...Object.entries(row.components),
    ["steps", row.stepCount],
    ["tokens", row.tokenCount],
    ["training step", row.trainingStep],
  ];
  return [
    row.title,
    ...numbers.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}\t${exact(value)}`),
    `from\t${row.path} row ${row.row}${row.part > 0 ? `, part ${row.part}` : ""}`,
  ].join("\n");
}

/** The table of trajectories: sortable columns over a virtual list. */
export class TrajectoryTable {
  readonly element = el("div", { class: "table" });
  readonly list: VirtualList;
  private readonly head = el("div", { class: "table-head table-row", role: "row" });
  private columns: readonly Column[] = [];
  private shown: readonly Column[] = [];
  private query: RowQuery = {};
  private sampled: string | undefined;
  private group: GroupFacts | undefined;
  /** All columns before those that do not fit are left out; undefined = to be made anew. */
  private every: readonly Column[] | undefined;
  private readonly scales: TableScales = {
    reward: { low: 0, high: 0 },
    advantage: 0,
    components: new Map(),
  };

  constructor(
    private readonly rows: WindowCache<TrajectoryRow>,
    private readonly actions: TableActions,
  ) {
    this.list = new VirtualList({
      role: "grid",
      label: "Trajectories",
      createRow: () => this.row(),
      onActivate: (index, event) => {
        const row = rows.get(index);
        if (row) actions.open(row, event.ctrlKey || event.metaKey || event.altKey);
      },
      onRange: (start, end) => rows.want(start, end),
    });
    this.element.append(this.head, this.list.element);
    this.list.element.addEventListener("keydown", (event) => {
      if (event.key !== "c" || !(event.ctrlKey || event.metaKey) || window.getSelection()?.toString()) return;
      const row = rows.get(this.list.cursor);
      if (!row) return;
      actions.copy(rowText(row));
      event.preventDefault();
      event.stopPropagation();
    });
    onResize(this.element, () => this.fit());
  }

  /** Shows the columns of one group, or those of every row again. */
  setGroup(facts: GroupFacts | undefined): void {
    if (facts === this.group) return;
    this.group = facts;
    this.every = undefined;
    this.shown = [];
    this.fit();
  }

  /** Chooses the columns once rows are there to tell what they hold; later rows only widen the bars. */
  setSample(dataset: DatasetInfo, sample: readonly TrajectoryRow[]): void {
    for (const row of sample) {
      if (typeof row.reward === "number" && Number.isFinite(row.reward)) {
        this.scales.reward.low = Math.min(this.scales.reward.low, row.reward);
        this.scales.reward.high = Math.max(this.scales.reward.high, row.reward);
      }
      if (typeof row.advantage === "number" && Number.isFinite(row.advantage))
        this.scales.advantage = Math.max(this.scales.advantage, Math.abs(row.advantage));
      for (const [name, value] of Object.entries(row.components))
        if (typeof value === "number" && Number.isFinite(value))
          this.scales.components.set(name, Math.max(this.scales.components.get(name) ?? 0, Math.abs(value)));
    }
    const columns = tableColumns(dataset, [...sample]);
    const ids = columns.map((column) => column.id).join();
    if (sample.length === 0 || ids === this.sampled) return;
    // Columns come, but never go while one looks at them.
    if (this.sampled !== undefined && this.columns.length >= columns.length) return;
    this.sampled = ids;
    this.columns = columns;
    this.every = undefined;
    this.shown = [];
    this.fit();
  }

  setQuery(query: RowQuery): void {
    this.query = query;
    this.drawHead();
  }

  private fit(): void {
    const width = this.element.clientWidth;
    if (width === 0) return;
    const shown = fittingColumns((this.every ??= this.everyColumn()), width);
    if (shown.length === this.shown.length && shown.every((column, index) => column === this.shown[index]))
      return;
    this.shown = shown;
    this.element.style.setProperty("--columns", shown.map((column) => column.size).join(" "));
    this.drawHead();
    this.list.refresh();
  }

  /** The columns of the rows, or of one group. */
  private everyColumn(): readonly Column[] {
    const { group } = this;
    if (!group) return this.columns;
    // The title, the training step and the trainer's own advantage say the same of all members, or less.
    const told = new Set(["title", "trainingStep", ...(group.advantages.length > 0 ? ["advantage"] : [])]);
    return inGroup(
      this.columns.filter((column) => !told.has(column.id)),
      groupColumns(group),
    );
  }

  private drawHead(): void {
    this.head.replaceChildren(
      ...this.shown.map((column) => {
        const { sort } = column;
        const sorted = sort !== undefined && (this.query.sort ?? "row") === sort;
        const cell = el("div", {
          class: column.numeric ? "cell numeric" : "cell",
          role: "columnheader",
          title: column.hint,
        });
        if (sort === undefined) cell.textContent = column.title;
        else {
          cell.setAttribute(
            "aria-sort",
            sorted ? (this.query.descending === true ? "descending" : "ascending") : "none",
          );
          const next = sorted ? this.query.descending !== true : sort === "reward" || sort === "advantage";
          cell.append(
            el("button", {
              class: "link sort",
              title: `${column.hint}; click to sort`,
              text: `${column.title}${sorted ? (this.query.descending === true ? " ↓" : " ↑") : ""}`,
              on: { click: () => this.actions.onSort(sort, next) },
            }),
          );
        }
        return cell;
      }),
    );
  }

  private row(): { element: HTMLElement; update(index: number): void } {
    const element = el("div", { class: "table-row" });
    let drawn: readonly Column[] = [];
    let updates: ((row: TrajectoryRow, scales: TableScales) => void)[] = [];
    return {
      element,
      update: (index) => {
        if (drawn !== this.shown) {
          drawn = this.shown;
          element.replaceChildren();
          updates = drawn.map((column) => {
            const cell = el("div", {
              class: column.numeric ? "cell numeric number" : "cell",
              role: "gridcell",
            });
            element.append(cell);
            return column.create(cell);
          });
        }
        const row = this.rows.get(index);
        element.classList.toggle("waiting", !row);
        if (row) for (const update of updates) update(row, this.scales);
        else if (element.firstElementChild && updates.length > 0)
          setText(element.firstElementChild as HTMLElement, "…");
      },
    };
  }
}
