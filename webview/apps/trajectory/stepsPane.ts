import {
  WINDOW_LIMIT,
  type StepWindowItem,
  type TrackData,
  type TrajectoryHead,
} from "../../../src/protocol/webviewMessages";
import { select, textField, type Field } from "../../components/controls";
import { el } from "../../components/element";
import { count, plural } from "../../components/format";
import { stepList } from "../../components/stepList";
import { stepSeries, stepTracks, type StepSeries } from "../../components/stepSeries";
import type { VirtualList } from "../../components/virtualList";
import { KEPT, WindowCache } from "../../components/windowCache";
import { StepFilter } from "./stepFilter";

/** Steps around the cursor that are fetched even when the list shows others. */
const AROUND = 40;

export interface StepsPaneActions {
  request(start: number, end: number): void;
  onStep(step: number): void;
  keepSeries(key: string): void;
  /** Words for steps without text. */
  words(step: number): string | undefined;
}

/** The steps of the trajectory with their filter and the number shown beside each. */
export class StepsPane {
  readonly element: HTMLElement;
  private readonly list: VirtualList;
  private readonly cache: WindowCache<StepWindowItem>;
  private readonly filter = new StepFilter();
  private readonly field: Field;
  private readonly found = el("span", { class: "quiet number" });
  private readonly by = select({
    label: "Number shown beside each step",
    onChange: (key) => {
      this.choose(key);
      this.actions.keepSeries(key);
    },
  });
  private tracks: readonly TrackData[] = [];
  private series: StepSeries | undefined;
  private total = 0;
  private step = 0;

  constructor(
    private readonly actions: StepsPaneActions,
    private readonly preferredSeries: () => string | undefined,
  ) {
    this.cache = new WindowCache((start, end) => actions.request(start, end), WINDOW_LIMIT);
    this.list = stepList({
      stepAt: (row) => this.filter.stepAt(row),
      item: (step) => this.cache.get(step),
      words: (step) => actions.words(step),
      series: () => this.series,
      onStep: (step) => actions.onStep(step),
      onRange: (start, end) => {
        if (!this.filter.active) this.cache.want(start, end);
      },
    });
    this.field = textField({
      label: "Filter the steps",
      placeholder: "filter (/)",
      onInput: (text) => this.apply(text),
      onEnter: () => this.list.focus(),
      onEscape: () => this.list.focus(),
    });
    this.element = el(
      "section",
      { class: "pane list-pane", aria: { label: "Steps" } },
      el("div", { class: "pane-head" }, this.field.element, this.found, this.by.element),
      this.list.element,
    );
  }

  item(step: number): StepWindowItem | undefined {
    return this.cache.get(step);
  }

  /** True when every step is here. */
  get complete(): boolean {
    return this.cache.loaded === this.total;
  }

  items(): Iterable<[number, StepWindowItem]> {
    return this.cache.entries();
  }

  /** @param fresh another trajectory than before */
  setHead(head: TrajectoryHead, fresh: boolean): void {
    this.total = head.stepCount;
    if (fresh) {
      this.cache.clear();
      this.filter.apply("", []);
      this.field.setValue("");
      this.found.textContent = "";
      this.series = undefined;
    }
    this.cache.setTotal(head.stepCount);
    this.list.setCount(this.filter.count(head.stepCount));
  }

  receive(start: number, items: readonly StepWindowItem[]): void {
    this.cache.receive(start, items);
    if (this.filter.active) this.apply(this.filter.wanted);
    this.list.refresh();
  }

  /** @param shown key of the series to show now, when it is one of steps; absent = the reader's choice, else the best */
  setTracks(tracks: readonly TrackData[], shown?: string): void {
    this.tracks = stepTracks(tracks);
    this.by.setChoices(
      this.tracks.map((track) => ({
        id: track.key,
        title: track.title,
      })),
      undefined,
    );
    this.by.element.hidden = this.tracks.length === 0;
    const has = (key: string | undefined): boolean => this.tracks.some((track) => track.key === key);
    if (shown !== undefined && has(shown)) this.actions.keepSeries(shown);
    const kept = this.preferredSeries();
    this.choose(has(kept) ? kept : this.tracks[0]?.key);
  }

  setCursor(step: number): void {
    this.step = step;
    this.list.setCursor(this.filter.rowOf(step));
    this.cache.want(Math.max(0, step - AROUND), Math.min(this.total, step + AROUND));
  }

  /** The step `offset` rows away from the cursor, inside the filter. */
  beside(offset: number): number | undefined {
    const row = this.filter.rowOf(this.step) + offset;
    return row >= 0 && row < this.filter.count(this.total) ? this.filter.stepAt(row) : undefined;
  }

  refresh(): void {
    this.list.refresh();
  }

  focusFilter(): void {
    this.field.focus();
  }

  private choose(key: string | undefined): void {
    const track = this.tracks.find((each) => each.key === key);
    this.series = track ? stepSeries(track) : undefined;
    if (track) this.by.element.value = track.key;
    this.list.refresh();
  }

  private apply(text: string): void {
    this.filter.apply(text, this.cache.entries());
    const shown = this.filter.count(this.total);
    this.list.setCount(shown);
    this.found.textContent = this.filter.active ? `${count(shown)} of ${plural(this.total, "step")}` : "";
    this.list.setCursor(this.filter.rowOf(this.step), this.filter.active);
    if (this.filter.active) this.loadForFilter();
    this.list.refresh();
  }

  /** Fetches the first steps that the filter has not seen. */
  private loadForFilter(): void {
    const total = Math.min(this.total, KEPT);
    for (let index = 0; index < total; index++) {
      if (this.cache.get(index)) continue;
      this.cache.want(index, Math.min(total, index + WINDOW_LIMIT));
      return;
    }
  }
}
