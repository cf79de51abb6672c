import {
  bisectCenter,
  brushX,
  extent,
  line,
  scaleLinear,
  select as choose,
  type BrushBehavior,
  type D3BrushEvent,
  type ScaleLinear,
} from "d3";
import type { TrainingStepSummary } from "../../src/model/summary";
import { onResize, oncePerFrame } from "./canvas";
import { button } from "./controls";
import { el, setText } from "./element";
import { count } from "./format";
import { onThemeChange } from "./theme";
import { trainingSeries, type TrainingSeries } from "./trainingSeries";
import { VirtualList } from "./virtualList";

/** Training steps that the brush covers, both ends included. */
export interface BrushedSteps {
  readonly from: number;
  readonly to: number;
}

interface Plot {
  readonly series: TrainingSeries;
  readonly element: HTMLElement;
  readonly svg: SVGSVGElement;
  readonly reading: HTMLElement;
  x: ScaleLinear<number, number>;
  brush: BrushBehavior<unknown> | undefined;
}

const HEIGHT = 74;
const DASHES = ["", "5 3", "2 2", "7 3 2 3", "1 3", "9 4"];

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
  private readonly tableButton;
  private steps: readonly TrainingStepSummary[] = [];
  private series: readonly TrainingSeries[] = [];
  private plots: Plot[] = [];
  private brushed: BrushedSteps | undefined;
  private pointed: number | undefined;
  private anchor = 0;
  private moving = false;
  private readonly redraw = oncePerFrame(() => this.draw());

  /** @param onBrush the selection changed; undefined = all steps */
  constructor(private readonly onBrush: (steps: BrushedSteps | undefined) => void) {
    this.list = new VirtualList({
      role: "grid",
      label: "Training steps as a table",
      createRow: () => this.row(),
      onActivate: (index) => this.chooseSteps(index, index),
    });
    this.table.append(this.tableHead, this.list.element);
    this.tableButton = button({
      label: "Table",
      icon: "table",
      appearance: "icon",
      title: "Show the plots as a table",
      class: "multiples-toggle",
      onClick: () => {
        this.table.hidden = !this.table.hidden;
        this.grid.hidden = !this.table.hidden;
        this.tableButton.setTitle(this.grid.hidden ? "Show the table as plots" : "Show the plots as a table");
        this.redraw();
      },
    });
    this.element.append(this.grid, this.table, this.tableButton.element);
    this.grid.addEventListener("keydown", (event) => this.key(event));
    onResize(this.grid, this.redraw);
    onThemeChange(this.redraw);
  }

  set(steps: readonly TrainingStepSummary[], components: readonly string[]): void {
    const numbered = steps
      .filter((step) => step.trainingStep !== undefined)
      .sort((a, b) => a.trainingStep! - b.trainingStep!);
    this.series = trainingSeries(steps, components);
    this.steps = numbered;
    const several = numbered.length > 1;
    this.element.classList.toggle("line", !several);
    this.tableButton.element.hidden = !several;
    if (!several) return this.drawLine(steps[0]);
    const ids = this.series.map((series) => `${series.id} ${series.lines.length}`).join();
    if (ids !== this.plots.map((plot) => `${plot.series.id} ${plot.series.lines.length}`).join()) {
      this.plots = this.series.map((series) => this.plot(series));
      this.grid.replaceChildren(...this.plots.map((plot) => plot.element));
    } else this.plots = this.plots.map((plot, index) => ({ ...plot, series: this.series[index]! }));
    this.tableHead.replaceChildren(
      el("span", { text: "step" }),
      el("span", { text: "trajectories" }),
      ...this.series.map((series) => el("span", { text: series.title, title: series.meaning })),
    );
    this.list.setCount(numbered.length);
    this.redraw();
  }

  /** Shows a selection that came from elsewhere. */
  setBrushed(steps: BrushedSteps | undefined): void {
    this.brushed = steps;
    this.redraw();
  }

  /** One training step has nothing to plot: its numbers stand on one line. */
  private drawLine(step: TrainingStepSummary | undefined): void {
    this.plots = [];
    if (!step) return this.grid.replaceChildren();
    const facts = this.series.flatMap((series) =>
      series.lines
        .filter((each) => each.at(step) !== undefined)
        .map((each, index) =>
          el(
            "span",
            { class: "number", title: series.meaning },
            el("span", { class: "quiet", text: `${index === 0 ? series.title : each.name} ` }),
            el("span", { class: index === 0 ? "strong" : "", text: series.format(each.at(step)) }),
          ),
        ),
    );
    this.grid.replaceChildren(...facts);
  }

  private plot(series: TrainingSeries): Plot {
    const reading = el("span", { class: "number strong" });
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${series.title} over training steps: ${series.meaning}`);
    const element = el(
      "figure",
      { class: "multiple" },
      el(
        "figcaption",
        { title: series.meaning },
        el("span", { class: "quiet", text: series.title }),
        reading,
      ),
      svg,
    );
    svg.addEventListener("pointermove", (event) =>
      this.point(this.nearest(event.clientX - svg.getBoundingClientRect().left)),
    );
    svg.addEventListener("pointerleave", () => this.point(undefined));
    return { series, element, svg, reading, x: scaleLinear(), brush: undefined };
  }

  private nearest(x: number): number {
    const plot = this.plots[0];
    return plot
      ? bisectCenter(
          this.steps.map((step) => step.trainingStep!),
          plot.x.invert(x),
        )
      : 0;
  }

  private draw(): void {
    for (const plot of this.plots) this.drawPlot(plot);
    this.read();
  }

  private drawPlot(plot: Plot): void {
    const width = plot.element.clientWidth - 8;
    if (width <= 0) return;
    const { series, svg } = plot;
    const { steps } = this;
    const numbers = series.lines
      .flatMap((each) => steps.map((step) => each.at(step)))
      .filter((value): value is number => value !== undefined && Number.isFinite(value));
    let [low = 0, high = 1] = extent(numbers);
    if (series.share) low = 0;
    if (low === high) [low, high] = low === 0 ? [0, 1] : [Math.min(0, low), Math.max(0, high)];
    const [first, last] = [steps[0]!.trainingStep!, steps[steps.length - 1]!.trainingStep!];
    plot.x = scaleLinear([first, last], [2, width - 2]);
    const y = scaleLinear([low, high], [HEIGHT - 16, 4]);
    const root = choose(svg).attr("width", width).attr("height", HEIGHT);
    root.selectAll("*").remove();
    const ground = root.append("g").attr("class", "ground");
    for (const value of [low, high])
      ground.append("line").attr("x1", 0).attr("x2", width).attr("y1", y(value)).attr("y2", y(value));
    if (low < 0 && high > 0)
      ground
        .append("line")
        .attr("class", "zero")
        .attr("x1", 0)
        .attr("x2", width)
        .attr("y1", y(0))
        .attr("y2", y(0));
    series.lines.forEach((each, index) => {
      const path = line<TrainingStepSummary>(
        (step) => plot.x(step.trainingStep!),
        (step) => y(each.at(step)!),
      ).defined((step) => Number.isFinite(each.at(step) ?? NaN));
      root
        .append("path")
        .attr("class", `series s${index}`)
        .attr("d", path([...steps]))
        .attr("stroke-dasharray", DASHES[index] ?? "");
      if (steps.length <= width / 10) {
        const points = steps.filter((step) => Number.isFinite(each.at(step) ?? NaN));
        root
          .append("g")
          .attr("class", `points s${index}`)
          .selectAll("circle")
          .data(points)
          .join("circle")
          .attr("r", index === 0 ? 2 : 1.5)
          .attr("cx", (step) => plot.x(step.trainingStep!))
          .attr("cy", (step) => y(each.at(step)!));
      }
    });
    const labels = root.append("g").attr("class", "labels");
    series.lines.slice(1).forEach((each) => {
      const end = [...steps].reverse().find((step) => Number.isFinite(each.at(step) ?? NaN));
      if (!end) return;
      const above = y(each.at(end)!);
      labels
        .append("text")
        .attr("x", width - 4)
        .attr("y", above < 16 ? above + 12 : above - 4)
        .attr("text-anchor", "end")
        .text(each.name.length > 18 ? `${each.name.slice(0, 17)}…` : each.name);
    });
    labels
      .append("text")
      .attr("x", 2)
      .attr("y", HEIGHT - 3)
      .text(count(first));
    labels
      .append("text")
      .attr("x", width - 2)
      .attr("y", HEIGHT - 3)
      .attr("text-anchor", "end")
      .text(count(last));
    labels
      .append("text")
      .attr("x", width / 2)
      .attr("y", HEIGHT - 3)
      .attr("text-anchor", "middle")
      .text(`${series.format(low)} to ${series.format(high)}`);
    root
      .append("line")
      .attr("class", "pointer")
      .attr("y1", 2)
      .attr("y2", HEIGHT - 14)
      .attr("visibility", "hidden");
    plot.brush = brushX()
      .extent([
        [0, 0],
        [width, HEIGHT - 14],
      ])
      .on("end", (event: D3BrushEvent<unknown>) => {
        if (this.moving || !event.sourceEvent) return;
        const span = event.selection as [number, number] | null;
        if (!span) return this.chooseSteps(undefined, undefined);
        const inside = steps
          .map((_, index) => index)
          .filter((index) => {
            const x = plot.x(steps[index]!.trainingStep!);
            return x >= span[0] - 1 && x <= span[1] + 1;
          });
        const nearest = this.nearest((span[0] + span[1]) / 2);
        this.chooseSteps(inside[0] ?? nearest, inside.at(-1) ?? nearest);
      });
    const layer = root.append("g").attr("class", "brush").call(plot.brush);
    this.moving = true;
    layer.call(
      plot.brush.move,
      this.brushed ? [plot.x(this.brushed.from) - 2, plot.x(this.brushed.to) + 2] : null,
    );
    this.moving = false;
  }

  /** Selects steps by their position in the list; undefined clears. */
  private chooseSteps(from: number | undefined, to: number | undefined): void {
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
    const index = this.pointed ?? this.steps.length - 1;
    const step = this.steps[index];
    if (!step) return;
    for (const plot of this.plots) {
      const parts = plot.series.lines.map(
        (each, at) => `${at === 0 ? "" : `${each.name} `}${plot.series.format(each.at(step))}`,
      );
      setText(plot.reading, `${this.pointed === undefined ? "" : `step ${step.trainingStep}: `}${parts[0]}`);
      plot.reading.title = parts.join("\n");
      choose(plot.svg)
        .select(".pointer")
        .attr("visibility", this.pointed === undefined ? "hidden" : "visible")
        .attr("x1", plot.x(step.trainingStep!))
        .attr("x2", plot.x(step.trainingStep!));
    }
  }

  private key(event: KeyboardEvent): void {
    if (this.plots.length === 0) return;
    const last = this.steps.length - 1;
    const at = this.pointed ?? last;
    if (event.key === "Escape") {
      this.point(undefined);
      this.chooseSteps(undefined, undefined);
    } else if (event.key === "Enter") {
      this.anchor = at;
      this.chooseSteps(at, at);
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
      if (event.shiftKey) this.chooseSteps(Math.min(this.anchor, next), Math.max(this.anchor, next));
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private row(): { element: HTMLElement; update(index: number): void } {
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
