import {
  bisectCenter,
  brushX,
  extent,
  line,
  scaleLinear,
  select as choose,
  type D3BrushEvent,
  type ScaleLinear,
  type Selection,
} from "d3";
import type { TrainingStepSummary } from "../../src/model/summary";
import { el, setText } from "./element";
import { count } from "./format";
import { spreadLabels } from "./labelSpread";
import type { TrainingSeries } from "./trainingSeries";

/** Training steps that a brush covers, both ends included. */
export interface BrushedSteps {
  readonly from: number;
  readonly to: number;
}

export interface TrainingPlotActions {
  /** Positions in the list of steps; undefined clears. */
  onBrush(from: number | undefined, to: number | undefined): void;
  /** Position of the step under the pointer. */
  onPoint(index: number | undefined): void;
}

type Root = Selection<SVGSVGElement, unknown, null, undefined>;

const HEIGHT = 74;
/** Lower edge of the drawing; the labels stand below. */
const FLOOR = HEIGHT - 14;
const DASHES = ["", "5 3", "2 2", "7 3 2 3", "1 3", "9 4"];
/** Height of a name beside the end of its line, and the share of the width that names may take at most. */
const NAME_PIXELS = 11;
const NAME_SHARE = 0.42;
/** From the end of a line to its name. */
const LEADER = 12;

/** One small plot over training steps: lines that differ in hue and dash, named at their ends, with a brush. */
export class TrainingPlot {
  readonly element: HTMLElement;
  private readonly svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  private readonly reading = el("span", { class: "number strong" });
  private x: ScaleLinear<number, number> = scaleLinear();
  private steps: readonly TrainingStepSummary[] = [];
  /** The brush is being put in place, not pulled. */
  private placing = false;

  constructor(
    public series: TrainingSeries,
    private readonly actions: TrainingPlotActions,
  ) {
    this.svg.setAttribute("role", "img");
    this.svg.setAttribute("aria-label", `${series.title} over training steps: ${series.meaning}`);
    const caption = el(
      "figcaption",
      { title: series.meaning },
      el("span", { class: "quiet", text: series.title }),
      this.reading,
    );
    this.element = el("figure", { class: "multiple" }, caption, this.svg);
    this.svg.addEventListener("pointermove", (event) =>
      actions.onPoint(this.nearest(event.clientX - this.svg.getBoundingClientRect().left)),
    );
    this.svg.addEventListener("pointerleave", () => actions.onPoint(undefined));
  }

  /** @param steps with their numbers, in order; at least two */
  draw(steps: readonly TrainingStepSummary[], brushed: BrushedSteps | undefined): void {
    const width = this.element.clientWidth - 8;
    if (width <= 0) return;
    this.steps = steps;
    const [low, high] = this.limits();
    const [first, last] = [steps[0]!.trainingStep!, steps[steps.length - 1]!.trainingStep!];
    const y = scaleLinear([low, high], [FLOOR - 2, 4]);
    const root: Root = choose(this.svg).attr("width", width).attr("height", HEIGHT);
    root.selectAll("*").remove();
    // Names stand beside the lines, never on them.
    const right = width - 2 - this.drawNames(root, width, y);
    this.x = scaleLinear([first, last], [2, right]);
    const rule = (value: number, name: string): void => {
      const at = y(value);
      root.append("line").attr("class", name).attr("x1", 0).attr("x2", right).attr("y1", at).attr("y2", at);
    };
    rule(low, "ground");
    rule(high, "ground");
    if (low < 0 && high > 0) rule(0, "ground zero");
    this.drawLines(root, width, y);
    const label = (x: number, anchor: string, text: string): number =>
      root
        .append("text")
        .attr("class", "label")
        .attr("x", x)
        .attr("y", HEIGHT - 3)
        .attr("text-anchor", anchor)
        .text(text)
        .node()!
        .getComputedTextLength();
    const limits = `${this.series.format(low)} to ${this.series.format(high)}`;
    const taken = Math.max(label(2, "start", count(first)), label(right, "end", count(last)));
    const middle = label((2 + right) / 2, "middle", limits);
    // Where the three do not fit side by side, the limits say more than the first step.
    if (middle / 2 + taken + 6 > (right - 2) / 2) {
      const [start, , centred] = root.selectAll<SVGTextElement, unknown>("text.label:not(.name)").nodes();
      start?.remove();
      choose(centred!).attr("x", 2).attr("text-anchor", "start");
    }
    root.append("line").attr("class", "pointer").attr("y1", 2).attr("y2", FLOOR).attr("visibility", "hidden");
    this.drawBrush(root, brushed);
  }

  /** Writes the numbers of a step. */
  read(step: TrainingStepSummary, pointed: boolean): void {
    const parts = this.series.lines.map(
      (each, at) => `${at === 0 ? "" : `${each.name} `}${this.series.format(each.at(step))}`,
    );
    setText(this.reading, `${pointed ? `step ${step.trainingStep}: ` : ""}${parts[0]}`);
    this.reading.title = parts.join("\n");
    const x = this.x(step.trainingStep!);
    choose(this.svg)
      .select(".pointer")
      .attr("visibility", pointed ? "visible" : "hidden")
      .attr("x1", x)
      .attr("x2", x);
  }

  private limits(): readonly [number, number] {
    const numbers = this.series.lines
      .flatMap((each) => this.steps.map((step) => each.at(step)))
      .filter((value): value is number => value !== undefined && Number.isFinite(value));
    let [low = 0, high = 1] = extent(numbers);
    if (this.series.share) low = 0;
    if (low === high) [low, high] = low === 0 ? [0, 1] : [Math.min(0, low), Math.max(0, high)];
    return [low, high];
  }

  /**
   * Names the lines but the first at the right, each as near to the end of its line as the others allow.
   * @returns pixels that the names take
   */
  private drawNames(root: Root, width: number, y: ScaleLinear<number, number>): number {
    const named = this.series.lines.flatMap((each, index) => {
      const end = this.steps.findLast((step) => Number.isFinite(each.at(step) ?? NaN));
      return index === 0 || !end ? [] : [{ name: each.name, index, end: y(each.at(end)!) }];
    });
    const places = spreadLabels(
      named.map((each) => each.end),
      NAME_PIXELS,
      6,
      FLOOR - 4,
    );
    if (named.length === 0 || !places) return 0;
    const most = width * NAME_SHARE - LEADER;
    const group = root.append("g").attr("class", "names");
    let widest = 0;
    const texts = named.map(({ name }, at) => {
      const text = group
        .append("text")
        .attr("class", "label name")
        .attr("y", places[at]! + 4)
        .text(name);
      const node = text.node()!;
      for (let kept = name.length - 1; kept > 1 && node.getComputedTextLength() > most; kept--)
        text.text(`${name.slice(0, kept)}…`);
      text.append("title").text(name);
      widest = Math.max(widest, node.getComputedTextLength());
      return text;
    });
    const left = width - 2 - widest;
    named.forEach(({ index, end }, at) => {
      texts[at]!.attr("x", left);
      group
        .append("line")
        .attr("class", `leader series s${index}`)
        .attr("x1", left - LEADER + 2)
        .attr("y1", end)
        .attr("x2", left - 3)
        .attr("y2", places[at]!);
    });
    return widest + LEADER;
  }

  private drawLines(root: Root, width: number, y: ScaleLinear<number, number>): void {
    this.series.lines.forEach((each, index) => {
      const points = this.steps.filter((step) => Number.isFinite(each.at(step) ?? NaN));
      const path = line<TrainingStepSummary>(
        (step) => this.x(step.trainingStep!),
        (step) => y(each.at(step)!),
      ).defined((step) => Number.isFinite(each.at(step) ?? NaN));
      root
        .append("path")
        .attr("class", `series s${index}`)
        .attr("d", path([...this.steps]))
        .attr("stroke-dasharray", DASHES[index] ?? "");
      if (this.steps.length <= width / 10) {
        root
          .append("g")
          .attr("class", `points s${index}`)
          .selectAll("circle")
          .data(points)
          .join("circle")
          .attr("r", index === 0 ? 2 : 1.5)
          .attr("cx", (step) => this.x(step.trainingStep!))
          .attr("cy", (step) => y(each.at(step)!));
      }
    });
  }

  private drawBrush(root: Root, brushed: BrushedSteps | undefined): void {
    const brush = brushX<unknown>()
      .extent([
        [0, 0],
        [this.x.range()[1]! + 2, FLOOR],
      ])
      .on("end", (event: D3BrushEvent<unknown>) => {
        if (this.placing || !event.sourceEvent) return;
        const span = event.selection as [number, number] | null;
        if (!span) return this.actions.onBrush(undefined, undefined);
        const inside = this.steps.flatMap((step, index) => {
          const x = this.x(step.trainingStep!);
          return x >= span[0] - 1 && x <= span[1] + 1 ? [index] : [];
        });
        const nearest = this.nearest((span[0] + span[1]) / 2);
        this.actions.onBrush(inside[0] ?? nearest, inside.at(-1) ?? nearest);
      });
    this.placing = true;
    root
      .append("g")
      .attr("class", "brush")
      .call(brush)
      .call(brush.move, brushed ? [this.x(brushed.from) - 2, this.x(brushed.to) + 2] : null);
    this.placing = false;
  }

  private nearest(x: number): number {
    return bisectCenter(
      this.steps.map((step) => step.trainingStep!),
      this.x.invert(x),
    );
  }
}
