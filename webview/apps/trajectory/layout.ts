import { onResize } from "../../components/canvas";
import { el } from "../../components/element";
import { splitter } from "../../components/splitter";

/** Sizes and open panes, kept between visits. */
export interface LayoutState {
  listWidth: number;
  explainWidth: number;
  tracksHeight: number;
  explainOpen: boolean;
  bottomTab: "tracks" | "explain";
}

const NARROW = 1000;

export interface Panes {
  readonly list: HTMLElement;
  readonly detail: HTMLElement;
  readonly explain: HTMLElement;
  readonly tracks: HTMLElement;
}

/** Steps, detail and explanation side by side over the tracks; where it is narrow the explanation is a tab below. */
export class Layout {
  readonly element = el("main", { class: "panes" });
  private readonly upper = el("div", { class: "upper" });
  private readonly lower = el("div", { class: "lower" });
  private readonly tabs = el("div", { class: "tabs", role: "tablist", hidden: true });
  private narrow = false;

  constructor(
    private readonly panes: Panes,
    private state: LayoutState,
    private readonly keep: (state: LayoutState) => void,
    private readonly changed: () => void,
  ) {
    const list = splitter({
      label: "Width of the step list",
      direction: "vertical",
      after: false,
      size: () => panes.list.clientWidth,
      onSize: (size, done) => this.resize({ listWidth: size }, done),
    });
    this.explainSplitter = splitter({
      label: "Width of the explanation",
      direction: "vertical",
      after: true,
      size: () => panes.explain.clientWidth,
      onSize: (size, done) => this.resize({ explainWidth: size }, done),
    });
    const tracks = splitter({
      label: "Height of the tracks",
      direction: "horizontal",
      after: true,
      size: () => this.lower.clientHeight,
      onSize: (size, done) => this.resize({ tracksHeight: size }, done),
    });
    this.upper.append(panes.list, list, panes.detail, this.explainSplitter, panes.explain);
    this.lower.append(this.tabs, panes.tracks);
    this.element.append(this.upper, tracks, this.lower);
    for (const tab of ["tracks", "explain"] as const) {
      this.tabs.append(
        el("button", {
          class: "tab",
          role: "tab",
          text: tab,
          data: { tab },
          on: { click: () => this.update({ bottomTab: tab }) },
        }),
      );
    }
    onResize(this.element, () => this.apply());
    this.apply();
  }

  private readonly explainSplitter: HTMLElement;

  get explainVisible(): boolean {
    return this.narrow ? this.state.bottomTab === "explain" : this.state.explainOpen;
  }

  showExplain(shown: boolean): void {
    this.update(this.narrow ? { bottomTab: shown ? "explain" : "tracks" } : { explainOpen: shown });
  }

  private resize(part: Partial<LayoutState>, done: boolean): void {
    this.state = { ...this.state, ...part };
    this.apply();
    if (done) this.keep(this.state);
  }

  private update(part: Partial<LayoutState>): void {
    this.state = { ...this.state, ...part };
    this.keep(this.state);
    this.apply();
    this.changed();
  }

  private apply(): void {
    const width = this.element.clientWidth;
    const height = this.element.clientHeight;
    if (width === 0) return;
    const { panes, state } = this;
    const wasNarrow = this.narrow;
    this.narrow = width < NARROW;
    this.element.classList.toggle("narrow", this.narrow);
    this.tabs.hidden = !this.narrow;
    const home = this.narrow ? this.lower : this.upper;
    if (panes.explain.parentElement !== home) home.append(panes.explain);
    panes.explain.hidden = !this.explainVisible;
    this.explainSplitter.hidden = this.narrow || !state.explainOpen;
    panes.tracks.hidden = this.narrow && state.bottomTab === "explain";
    for (const tab of this.tabs.children)
      tab.setAttribute("aria-selected", String((tab as HTMLElement).dataset["tab"] === state.bottomTab));
    const explainWidth =
      this.narrow || !state.explainOpen ? 0 : Math.max(180, Math.min(state.explainWidth, width * 0.4));
    const listWidth = Math.max(150, Math.min(state.listWidth, width - explainWidth - 240));
    panes.list.style.width = `${this.narrow ? Math.min(listWidth, width * 0.4) : listWidth}px`;
    panes.explain.style.width = this.narrow ? "" : `${explainWidth}px`;
    this.lower.style.height = `${Math.max(70, Math.min(state.tracksHeight, height - 120))}px`;
    if (wasNarrow !== this.narrow) this.changed();
  }
}
