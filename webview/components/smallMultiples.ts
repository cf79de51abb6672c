import type { TrainingStepSummary } from "../../src/model/summary";
import { onResize, oncePerFrame } from "./canvas";
import { button, type Button } from "./controls";
import { el, setText } from "./element";
import { count } from "./format";
import { onThemeChange } from "./theme";
import { TrainingPlot, type BrushedSteps } from "./trainingPlot";
import { trainingSeries, type TrainingSeries } from "./trainingSeries";
import { VirtualList, type RowView } from "./virtualList";

/** Small plots over training steps with one brush and one pointer for all; a table says the same in numbers. */
export class SmallMultiples {
  readonly element = el("section", { class: "multiples", aria: { label: "Training steps" } });
  private readonly grid = el("div", {
    class: "multiples-grid",
    tabIndex: 0,
    role: "group",
    aria: {
      label: "Plots over training steps: arrow keys move, Shift extends the selection, Escape clears it",
    },
  });
  private readonly table = el("div", { class: "multiples-table", hidden: true });
  private readonly tableHead = el("div", { class: "table-head multiples-row" });
  private readonly list: VirtualList;
  private readonly tableButton: Button;
  private steps: readonly TrainingStepSummary[] = [];
  private series: readonly TrainingSeries[] = [];
  private plots: readonly TrainingPlot[] = [];
  private brushed: BrushedSteps | undefined;
  private pointed: number | undefined;
  /** Where an extension by keys began. */
  private anchor = 0;
  private readonly redraw = oncePerFrame(() => {
    for (const plot of this.plots) plot.draw(this.steps, this.brushed);
    this.read();
  });

  /** @param onBrush the selection changed; undefined = all steps */
  constructor(private readonly onBrush: (steps: BrushedSteps | undefined) => void) {
    this.list = new VirtualList({
      role: "grid",
      label: "Training steps as a table",
      createRow: () => this.row(),
      onActivate: (index) => this.choose(index, index),
    });
    this.table.append(this.tableHead, this.list.element);
    this.tableButton = button({
      label: "Table",
      icon: "table",
      appearance: "icon",
      title: "Show the plots as a table",
      class: "multiples-toggle",
      onClick: () => this.showTable(this.table.hidden),
    });
    this.element.append(this.grid, this.table, this.tableButton.element);
    this.grid.addEventListener("keydown", (event) => this.key(event));
    onResize(this.grid, this.redraw);
    onThemeChange(this.redraw);
  }

  set(steps: readonly TrainingStepSummary[], components: readonly string[]): void {
    this.steps = steps
      .filter((step) => step.trainingStep !== undefined)
      .sort((a, b) => a.trainingStep! - b.trainingStep!);
    this.series = trainingSeries(steps, components);
    const several = this.steps.length > 1;
    this.element.classList.toggle("line", !several);
    this.tableButton.element.hidden = !several;
    if (!several) return this.drawLine(steps[0]);
    const kind = (series: TrainingSeries): string => `${series.id} ${series.lines.length}`;
    if (this.series.map(kind).join() === this.plots.map((plot) => kind(plot.series)).join()) {
      this.plots.forEach((plot, index) => (plot.series = this.series[index]!));
    } else {
      this.plots = this.series.map(
        (series) =>
          new TrainingPlot(series, {
            onBrush: (from, to) => this.choose(from, to),
            onPoint: (index) => this.point(index),
          }),
      );
      this.grid.replaceChildren(...this.plots.map((plot) => plot.element));
    }
    this.tableHead.replaceChildren(
      el("span", { text: "step" }),
      el("span", { text: "trajectories" }),
      ...this.series.map((series) => el("span", { text: series.title, title: series.meaning })),
    );
    this.list.setCount(this.steps.length);
    this.redraw();
  }

  /** Shows a selection that came from elsewhere. */
  setBrushed(steps: BrushedSteps | undefined): void {
    this.brushed = steps;
    this.redraw();
  }

  private showTable(shown: boolean): void {
    this.table.hidden = !shown;
    this.grid.hidden = shown;
    this.tableButton.setTitle(shown ? "Show the table as plots" : "Show the plots as a table");
    this.redraw();
  }

  /** One training step has nothing to plot: its numbers stand on one line. */
  private drawLine(step: TrainingStepSummary | undefined): void {
    this.plots = [];
    if (!step) return this.grid.replaceChildren();
    const fact = (
      series: TrainingSeries,
      name: string,
      value: number | undefined,
      main: boolean,
    ): HTMLElement =>
      el(
        "span",
        { class: "number", title: series.meaning },
        el("span", { class: "quiet", text: `${name} ` }),
        el("span", { class: main ? "strong" : "", text: series.format(value) }),
      );
    const facts = this.series.flatMap((series) =>
      series.lines
        .filter((each) => each.at(step) !== undefined)
        .map((each, index) =>
          fact(series, index === 0 ? series.title : each.name, each.at(step), index === 0),
        ),
    );
    this.grid.replaceChildren(...facts);
  }

  /** Selects steps by their position in the list; undefined clears. */
  private choose(from: number | undefined, to: number | undefined): void {
    const first = from === undefined ? undefined : this.steps[from]?.trainingStep;
    const last = to === undefined ? undefined : this.steps[to]?.trainingStep;
    const next = first === undefined || last === undefined ? undefined : { from: first, to: last };
    const same = next?.from === this.brushed?.from && next?.to === this.brushed?.to;
    this.brushed = next;
    this.redraw();
    if (!same) this.onBrush(next);
  }

  private point(index: number | undefined): void {
    this.pointed = index;
    this.read();
  }

  /** Writes the numbers of the step under the pointer, or of the last one. */
  private read(): void {
    const step = this.steps[this.pointed ?? this.steps.length - 1];
    if (!step) return;
    for (const plot of this.plots) plot.read(step, this.pointed !== undefined);
  }

  private key(event: KeyboardEvent): void {
    if (this.plots.length === 0) return;
    const last = this.steps.length - 1;
    const at = this.pointed ?? last;
    if (event.key === "Escape") {
      this.point(undefined);
      this.choose(undefined, undefined);
    } else if (event.key === "Enter") {
      this.anchor = at;
      this.choose(at, at);
    } else {
      const moves: Readonly<Record<string, number>> = {
        ArrowLeft: at - 1,
        ArrowRight: at + 1,
        Home: 0,
        End: last,
      };
      const target = moves[event.key];
      if (target === undefined) return;
      const next = Math.max(0, Math.min(last, target));
      if (!event.shiftKey) this.anchor = next;
      this.point(next);
      if (event.shiftKey) this.choose(Math.min(this.anchor, next), Math.max(this.anchor, next));
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private row(): RowView {
    const element = el("div", { class: "multiples-row" });
    return {
      element,
      update: (index) => {
        const step = this.steps[index]!;
        const texts = [
          String(step.trainingStep),
          count(step.trajectories),
          ...this.series.map((series) => series.format(series.lines[0]!.at(step))),
        ];
        while (element.childElementCount < texts.length)
          element.append(el("span", { class: "number", role: "gridcell" }));
        while (element.childElementCount > texts.length) element.lastElementChild!.remove();
        texts.forEach((text, at) => setText(element.children[at] as HTMLElement, text));
      },
    };
  }
}
