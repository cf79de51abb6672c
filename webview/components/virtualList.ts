import { oncePerFrame, onResize } from "./canvas";
import { el } from "./element";
import { ScrollSpace } from "./scrollSpace";

const ROW_HEIGHT = 22;

/** One reusable row: `update` puts another index into it. */
export interface RowView {
  readonly element: HTMLElement;
  update(index: number): void;
}

export interface VirtualListOptions {
  readonly role: "grid" | "listbox" | "tree";
  readonly label: string;
  createRow(): RowView;
  /** The row was clicked or Enter was pressed on it. */
  onActivate?(index: number, event: MouseEvent | KeyboardEvent): void;
  /** The cursor was moved by the user. */
  onCursor?(index: number): void;
  /** Rows [start, end) are in view. */
  onRange?(start: number, end: number): void;
  /** Further keys; true = handled. */
  onKey?(event: KeyboardEvent, index: number): boolean;
}

let lists = 0;

/** A list of any length in fixed rows: one tab stop, arrow keys, row positions told to screen readers. */
export class VirtualList {
  readonly element: HTMLElement;
  private readonly spacer = el("div", { class: "vlist-spacer", role: "presentation" });
  private readonly pane = el("div", { class: "vlist-pane", role: "presentation" });
  private readonly space = new ScrollSpace(ROW_HEIGHT);
  private readonly rows = new Map<number, RowView>();
  private readonly spare: RowView[] = [];
  private readonly id = `list${++lists}`;
  private rowCount = 0;
  private virtualTop = 0;
  private ownScroll = -1;
  private active = -1;
  private readonly queue: () => void;

  constructor(private readonly options: VirtualListOptions) {
    this.element = el(
      "div",
      { class: "vlist", role: options.role, tabIndex: 0, aria: { label: options.label } },
      this.spacer,
    );
    this.spacer.append(this.pane);
    this.queue = oncePerFrame(() => this.render());
    this.element.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("click", (event) => {
      const index = this.indexOf(event.target);
      if (index === undefined) return;
      this.move(index);
      options.onActivate?.(index, event);
    });
    this.element.addEventListener("focus", () => {
      if (this.active < 0 && this.rowCount > 0) this.setCursor(this.space.visible(this.virtualTop).start);
    });
    onResize(this.element, () => this.resized());
  }

  get count(): number {
    return this.rowCount;
  }

  get cursor(): number {
    return this.active;
  }

  /** Tells how many rows there are; the position is kept as far as it still exists. */
  setCount(count: number): void {
    this.rowCount = count;
    this.space.setRows(count);
    this.element.setAttribute("aria-rowcount", String(count));
    if (this.active >= count) this.active = count - 1;
    this.resized();
  }

  /** Puts the cursor on a row without telling `onCursor`. */
  setCursor(index: number, reveal = true): void {
    this.active = Math.max(-1, Math.min(this.rowCount - 1, index));
    if (reveal && this.active >= 0) this.scrollToVirtual(this.space.reveal(this.active, this.virtualTop));
    this.queue();
  }

  /** Draws the visible rows again after their data changed. */
  refresh(): void {
    this.queue();
  }

  /** Brings the first row to the top. */
  toStart(): void {
    this.scrollToVirtual(0);
  }

  focus(): void {
    this.element.focus();
  }

  private resized(): void {
    const height = this.element.clientHeight;
    this.space.setViewport(height);
    this.spacer.style.height = `${this.space.scrollHeight}px`;
    this.pane.style.height = `${Math.min(height, this.space.scrollHeight)}px`;
    this.scrollToVirtual(this.space.clamp(this.virtualTop));
    this.queue();
  }

  private scrollToVirtual(virtualTop: number): void {
    this.virtualTop = this.space.clamp(virtualTop);
    const target = this.space.toScroll(this.virtualTop);
    if (Math.abs(this.element.scrollTop - target) >= 0.5) {
      this.element.scrollTop = target;
      this.ownScroll = this.element.scrollTop;
    }
    this.queue();
  }

  private scrolled(): void {
    // A scroll that this list asked for must not be read back: scaled positions would lose their fraction.
    if (this.ownScroll >= 0 && Math.abs(this.element.scrollTop - this.ownScroll) < 1) {
      this.ownScroll = -1;
      return;
    }
    this.ownScroll = -1;
    this.virtualTop = this.space.toVirtual(this.element.scrollTop);
    this.queue();
  }

  private wheel(event: WheelEvent): void {
    if (!this.space.scaled || event.ctrlKey || event.deltaY === 0) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? ROW_HEIGHT : event.deltaMode === 2 ? this.element.clientHeight : 1;
    this.scrollToVirtual(this.virtualTop + event.deltaY * unit);
  }

  private indexOf(target: EventTarget | null): number | undefined {
    const row = target instanceof Element ? target.closest<HTMLElement>("[data-index]") : null;
    return row ? Number(row.dataset["index"]) : undefined;
  }

  private move(index: number): void {
    this.setCursor(index);
    this.options.onCursor?.(this.active);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.element || this.rowCount === 0) return;
    if (this.options.onKey?.(event, this.active)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.altKey || ((event.ctrlKey || event.metaKey) && event.key !== "Enter")) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW_HEIGHT) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.rowCount - 1,
    };
    const target = moves[event.key];
    if (target !== undefined) this.move(Math.max(0, Math.min(this.rowCount - 1, target)));
    else if ((event.key === "Enter" || event.key === " ") && this.active >= 0)
      this.options.onActivate?.(this.active, event);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private createRow(): RowView {
    const row = this.options.createRow();
    row.element.classList.add("vlist-row");
    row.element.setAttribute(
      "role",
      this.options.role === "grid" ? "row" : this.options.role === "tree" ? "treeitem" : "option",
    );
    this.pane.append(row.element);
    return row;
  }

  private render(): void {
    const { start, end } = this.space.visible(this.virtualTop);
    for (const [index, row] of this.rows) {
      if (index >= start && index < end) continue;
      this.rows.delete(index);
      this.spare.push(row);
    }
    for (let index = start; index < end; index++) {
      let row = this.rows.get(index);
      if (!row) {
        // A row that left is filled anew where it stands: taking elements out and in again costs a layout.
        row = this.spare.pop() ?? this.createRow();
        row.element.dataset["index"] = String(index);
        row.element.id = `${this.id}-${index}`;
        row.element.setAttribute(
          this.options.role === "grid" ? "aria-rowindex" : "aria-posinset",
          String(index + 1),
        );
        if (this.options.role !== "grid") row.element.setAttribute("aria-setsize", String(this.rowCount));
        this.rows.set(index, row);
      }
      row.element.style.transform = `translateY(${index * ROW_HEIGHT - this.virtualTop}px)`;
      row.element.classList.toggle("active", index === this.active);
      row.element.setAttribute("aria-selected", String(index === this.active));
      row.update(index);
    }
    for (const row of this.spare.splice(0)) row.element.remove();
    if (this.active >= start && this.active < end)
      this.element.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else this.element.removeAttribute("aria-activedescendant");
    if (end > start) this.options.onRange?.(start, end);
  }
}
