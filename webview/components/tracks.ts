import { scaleLinear } from "d3";
import type { TrackData } from "../../src/protocol/webviewMessages";
import { onResize, oncePerFrame } from "./canvas";
import { button } from "./controls";
import { el } from "./element";
import { StepAxis } from "./stepAxis";
import { onThemeChange } from "./theme";
import { TrackRow, type TokenPositions, type TrackActions } from "./trackRow";
import { trackTable, type TrackTable } from "./trackTable";

export interface TracksActions extends TrackActions {
  onStep(step: number): void;
  onAdd(): void;
  copy(text: string): void;
}

/** All tracks over one step axis with one cursor; a table says the same in words. */
export class Tracks {
  readonly element = el("div", { class: "tracks" });
  readonly axis = new StepAxis();
  private readonly body = el("div", {
    class: "tracks-body",
    role: "grid",
    tabIndex: 0,
    aria: { label: "Tracks" },
  });
  private readonly cursorMark = el("div", { class: "tracks-cursor" });
  private readonly emptyNote = el("p", { class: "quiet tracks-empty", text: "No tracks yet: + adds one." });
  private readonly ticks = el("div", { class: "tracks-ticks", aria: { hidden: "true" } });
  private readonly note = el("span", { class: "quiet tracks-note" });
  private readonly table: TrackTable;
  private readonly tableButton;
  private rows: TrackRow[] = [];
  private step = 0;
  private token: number | undefined;
  private chosen: string | undefined;
  private tokens: TokenPositions;
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(private readonly actions: TracksActions) {
    this.table = trackTable((step) => actions.onStep(step));
    this.table.element.hidden = true;
    this.tableButton = button({
      label: "Table",
      icon: "table",
      appearance: "icon",
      title: "Show the tracks as a table",
      onClick: () => this.showTable(this.table.element.hidden),
    });
    const head = el(
      "div",
      { class: "tracks-head" },
      el(
        "div",
        { class: "tracks-tools" },
        el("span", { class: "pane-title", text: "tracks" }),
        button({
          label: "Add track",
          icon: "add",
          appearance: "icon",
          title: "Add a track",
          onClick: () => actions.onAdd(),
        }).element,
        this.tableButton.element,
        this.note,
      ),
      this.ticks,
    );
    this.body.append(this.emptyNote, this.cursorMark);
    this.element.append(head, this.body, this.table.element);
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.pointer();
    onResize(this.body, () => this.resized());
    onThemeChange(this.redraw);
  }

  get selected(): TrackData | undefined {
    return this.rows.find((row) => row.data.key === this.chosen)?.data;
  }

  /** Puts tracks in; rows whose track is still there keep their place and limits. */
  set(tracks: readonly TrackData[], steps: number, tokens: TokenPositions): void {
    this.tokens = tokens;
    if (this.axis.count !== Math.max(1, steps)) this.axis.setCount(steps);
    const old = new Map(this.rows.map((row) => [row.data.key, row]));
    this.rows = tracks.map((track) => {
      const row = old.get(track.key) ?? new TrackRow(this.actions);
      row.set(track, this.axis, tokens);
      return row;
    });
    this.emptyNote.hidden = tracks.length > 0;
    const wanted = [...this.rows.map((row) => row.element), this.emptyNote, this.cursorMark];
    if (
      wanted.some((element, index) => this.body.children[index] !== element) ||
      this.body.children.length !== wanted.length
    )
      this.body.replaceChildren(...wanted);
    this.body.setAttribute("aria-rowcount", String(tracks.length));
    if (!this.rows.some((row) => row.data.key === this.chosen)) this.chosen = undefined;
    this.mark();
    this.table.set(tracks, steps);
    this.resized();
  }

  /** Tells where tokens lie once the steps that say so are loaded. */
  setTokens(tokens: TokenPositions): void {
    if (tokens === this.tokens) return;
    this.tokens = tokens;
    for (const row of this.rows) row.set(row.data, this.axis, tokens);
    this.redraw();
  }

  /** Draws anew when steps have arrived: they tell whose they are. */
  stepsArrived(): void {
    this.redraw();
  }

  select(key: string | undefined): void {
    this.chosen = key;
    this.mark();
  }

  setCursor(step: number, token: number | undefined): void {
    this.step = step;
    this.token = token;
    if (this.axis.zoomed && this.axis.reveal(step)) this.redraw();
    this.place();
    this.table.setCursor(step);
    for (const row of this.rows) row.point(step, token, false);
  }

  showTable(shown: boolean): void {
    this.table.element.hidden = !shown;
    this.body.hidden = shown;
    this.ticks.hidden = shown;
    this.tableButton.setTitle(shown ? "Show the tracks as plots" : "Show the tracks as a table");
    this.redraw();
  }

  private mark(): void {
    for (const row of this.rows) {
      row.element.classList.toggle("active", row.data.key === this.chosen);
      row.element.setAttribute("aria-selected", String(row.data.key === this.chosen));
    }
  }

  private resized(): void {
    const plot = this.rows.find((row) => row.canvas.isConnected)?.canvas;
    if (plot) this.axis.width = Math.max(1, plot.clientWidth);
    this.redraw();
  }

  private draw(): void {
    if (this.body.hidden) return;
    const canvas = this.rows.find((row) => row.canvas.isConnected)?.canvas;
    if (canvas) this.axis.width = Math.max(1, canvas.clientWidth);
    for (const row of this.rows) {
      row.draw(this.axis);
      row.point(this.step, this.token, false);
    }
    this.drawTicks();
    this.place();
  }

  private drawTicks(): void {
    const { axis } = this;
    this.ticks.hidden = this.rows.every((row) => !row.canvas.isConnected);
    const scale = scaleLinear([axis.from + 1, axis.to], [0, axis.width]);
    const values = scale
      .ticks(Math.max(2, Math.floor(axis.width / 70)))
      .filter((value) => Number.isInteger(value) && value >= 1 && value <= axis.count);
    this.ticks.replaceChildren(
      ...values.map((value) => {
        const tick = el("span", { class: "tick", text: String(value) });
        tick.style.left = `${axis.x(value - 0.5)}px`;
        return tick;
      }),
    );
    this.note.textContent = axis.zoomed ? `steps ${Math.floor(axis.from) + 1} to ${Math.ceil(axis.to)}` : "";
  }

  private place(): void {
    const canvas = this.rows.find((row) => row.canvas.isConnected)?.canvas;
    this.cursorMark.hidden = !canvas;
    if (!canvas) return;
    const left = canvas.getBoundingClientRect().left - this.body.getBoundingClientRect().left;
    const x = this.axis.x(this.step);
    const slot = this.axis.x(this.step + 1) - x;
    const width = slot < 6 ? 2 : slot;
    this.cursorMark.style.left = `${left + x + (slot - width) / 2}px`;
    this.cursorMark.style.width = `${width}px`;
    const last = this.rows.at(-1)!.element;
    this.cursorMark.style.height = `${last.offsetTop + last.offsetHeight}px`;
    this.cursorMark.classList.toggle("thin", width < 6);
  }

  private pointer(): void {
    const stepAt = (event: PointerEvent | WheelEvent): { step: number; x: number } | undefined => {
      const canvas = (event.target as Element).closest?.("canvas");
      if (!canvas) return undefined;
      const x = event.clientX - canvas.getBoundingClientRect().left;
      return { step: this.axis.step(x), x };
    };
    let dragging = false;
    this.body.addEventListener("pointerdown", (event) => {
      const at = stepAt(event);
      if (!at || event.button !== 0) return;
      dragging = true;
      const row = this.rows.find((each) => each.canvas === event.target);
      if (row && row.data.key !== this.chosen) this.actions.onSelect(row.data.key);
      this.actions.onStep(at.step);
    });
    window.addEventListener("pointerup", () => (dragging = false));
    this.body.addEventListener("pointermove", (event) => {
      const at = stepAt(event);
      if (!at) return;
      if (dragging && (event.buttons & 1) === 1) this.actions.onStep(at.step);
      for (const row of this.rows)
        row.point(at.step, row.data.level === "token" ? this.token : undefined, at.step !== this.step);
      this.note.textContent = `step ${at.step + 1}`;
    });
    this.body.addEventListener("pointerleave", () => {
      for (const row of this.rows) row.point(this.step, this.token, false);
      this.note.textContent = this.axis.zoomed
        ? `steps ${Math.floor(this.axis.from) + 1} to ${Math.ceil(this.axis.to)}`
        : "";
    });
    this.body.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return;
        const at = stepAt(event);
        if (!at) return;
        event.preventDefault();
        this.axis.zoom(event.deltaY > 0 ? 1.25 : 0.8, at.x);
        this.redraw();
      },
      { passive: false },
    );
    this.body.addEventListener("dblclick", (event) => {
      if (!(event.target instanceof HTMLCanvasElement) || !this.axis.zoomed) return;
      this.axis.reset();
      this.redraw();
    });
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.body) return;
    if (event.key === "c" && (event.ctrlKey || event.metaKey)) {
      // A selection of text is copied as text.
      if (window.getSelection()?.toString()) return;
      const row = this.rows.find((each) => each.data.key === this.chosen);
      if (row) this.actions.copy(row.words(this.step, this.token));
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const at = this.rows.findIndex((row) => row.data.key === this.chosen);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const next =
        this.rows[Math.max(0, Math.min(this.rows.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))];
      if (next) {
        this.actions.onSelect(next.data.key);
        next.element.scrollIntoView({ block: "nearest" });
      }
    } else if (event.key === "ArrowRight") this.actions.onStep(Math.min(this.axis.count - 1, this.step + 1));
    else if (event.key === "ArrowLeft") this.actions.onStep(Math.max(0, this.step - 1));
    else if (event.key === "Enter" && this.chosen !== undefined) this.actions.onExplain(this.chosen);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
