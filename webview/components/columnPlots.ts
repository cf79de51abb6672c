import type { NumericColumn } from "../../src/model/trajectory";
import { beginDrawing, onResize, oncePerFrame } from "./canvas";
import { el, setText, setTitle } from "./element";
import { exact, plural, significant } from "./format";
import { robustLimits, type Limits } from "./limits";
import { StepAxis } from "./stepAxis";
import { divergingColour, onThemeChange, sequentialColour, theme } from "./theme";
import { drawSeries } from "./trackPlot";

export type ColumnShape = Omit<NumericColumn, "data">;

/** Up to this many dimensions are lines; more are a heat map, one row a dimension. */
const LINES = 6;
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4]];

const flag = (shape: ColumnShape): boolean => shape.role === "terminated" || shape.role === "truncated";

interface Plot {
  readonly shape: ColumnShape;
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly values: HTMLElement;
  readonly data: Float64Array[];
  filled: number;
  limits: Limits | undefined;
}

/** States and actions of a numeric episode: one plot a column over the shared steps. */
export class ColumnPlots {
  readonly element = el("div", {
    class: "columns",
    tabIndex: 0,
    role: "region",
    aria: { label: "States and actions" },
  });
  private readonly axis = new StepAxis();
  private plots: Plot[] = [];
  private step = 0;
  private readonly cursor = el("div", { class: "tracks-cursor" });
  private readonly redraw = oncePerFrame(() => this.draw());

  constructor(private readonly onStep: (step: number) => void) {
    onResize(this.element, this.redraw);
    onThemeChange(this.redraw);
    const pointed = (event: PointerEvent): void => {
      if (!(event.target instanceof HTMLCanvasElement) || (event.buttons & 1) === 0) return;
      this.onStep(this.axis.step(event.clientX - event.target.getBoundingClientRect().left));
    };
    this.element.addEventListener("pointerdown", pointed);
    this.element.addEventListener("pointermove", pointed);
  }

  /** Sets the columns; their numbers follow by `receive`. */
  set(columns: readonly ColumnShape[], steps: number): void {
    this.axis.setCount(steps);
    // What the episode did comes before the flags that say when it ended.
    this.plots = [...columns]
      .sort((a, b) => Number(flag(a)) - Number(flag(b)))
      .map((shape) => {
        const canvas = el("canvas", {
          class: "column-canvas",
          role: "img",
          aria: {
            label: `${shape.name}: ${plural(shape.width, "dimension")} over ${plural(shape.rows, "step")}`,
          },
        });
        const values = el("div", { class: "column-values number" });
        const label = el(
          "div",
          { class: "column-label", title: `${shape.name}, ${shape.role}, ${shape.rows} by ${shape.width}` },
          el("span", { class: "track-title", text: shape.name }),
          // A flag is named once, and so is what its name says already.
          !flag(shape) &&
            shape.name !== shape.role &&
            shape.name !== `${shape.role}s` &&
            el("span", { class: "quiet", text: ` ${shape.role}` }),
          values,
        );
        return {
          shape,
          canvas,
          values,
          element: el(
            "div",
            { class: shape.width > LINES ? "column tall" : flag(shape) ? "column flag" : "column" },
            label,
            canvas,
          ),
          data: [],
          filled: 0,
          limits: undefined,
        };
      });
    this.element.replaceChildren(...this.plots.map((plot) => plot.element), this.cursor);
    this.redraw();
  }

  /** Takes a piece of a column, row-major from entry `start`. True when the column is complete. */
  receive(name: string, start: number, data: Float32Array | Float64Array): boolean {
    const plot = this.plots.find((each) => each.shape.name === name);
    if (!plot) return true;
    const { width, rows } = plot.shape;
    while (plot.data.length < width) plot.data.push(new Float64Array(rows).fill(NaN));
    for (let at = 0; at < data.length; at++) {
      const entry = start + at;
      const series = plot.data[entry % width];
      if (series) series[Math.floor(entry / width)] = data[at]!;
    }
    plot.filled = Math.max(plot.filled, start + data.length);
    const all = new Float64Array(plot.data.reduce((total, series) => total + series.length, 0));
    plot.data.reduce((offset, series) => (all.set(series, offset), offset + series.length), 0);
    plot.limits = robustLimits(all, false);
    this.redraw();
    return plot.filled >= width * rows;
  }

  /** Numbers of one column at a step, for the step list. */
  at(name: string, step: number): readonly number[] {
    return (
      this.plots.find((plot) => plot.shape.name === name)?.data.map((series) => series[step] ?? NaN) ?? []
    );
  }

  setCursor(step: number): void {
    this.step = step;
    this.redraw();
  }

  private draw(): void {
    const first = this.plots[0];
    if (!first || first.canvas.clientWidth === 0) return;
    this.axis.width = first.canvas.clientWidth;
    for (const plot of this.plots) this.drawPlot(plot);
    const left = first.canvas.offsetLeft;
    const x = this.axis.x(this.step);
    const slot = this.axis.x(this.step + 1) - x;
    const width = slot < 6 ? 2 : slot;
    this.cursor.style.left = `${left + x + (slot - width) / 2}px`;
    this.cursor.style.width = `${width}px`;
    this.cursor.style.height = `${this.element.scrollHeight}px`;
    this.cursor.classList.toggle("thin", width < 6);
  }

  private drawPlot(plot: Plot): void {
    const { shape, data, limits } = plot;
    this.drawValues(plot);
    const drawing = beginDrawing(plot.canvas);
    if (!drawing || !limits) return;
    const { context, width, height } = drawing;
    if (shape.width > LINES) {
      const each = height / shape.width;
      const across = Math.max(1, width / this.axis.count);
      const diverging = limits.low < 0 && limits.high > 0;
      const extreme = Math.max(-limits.low, limits.high);
      const stride = Math.max(1, Math.floor(this.axis.count / width));
      data.forEach((series, dimension) => {
        for (let step = 0; step < series.length; step += stride) {
          const value = series[step]!;
          if (!Number.isFinite(value)) continue;
          context.fillStyle = diverging
            ? divergingColour(value, extreme)
            : sequentialColour(value, limits.low, limits.high);
          context.fillRect(
            this.axis.x(step),
            dimension * each,
            across * stride + 0.5,
            Math.max(1, each - 0.5),
          );
        }
      });
      return;
    }
    data.forEach((values, dimension) => {
      context.setLineDash([...(DASHES[dimension % DASHES.length] ?? [])]);
      drawSeries(context, width, height, this.axis, {
        values,
        signed: false,
        low: limits.low,
        high: limits.high,
        colour: shape.width === 1 ? theme().positive : theme().series[dimension % theme().series.length]!,
        position: (index) => index + 0.5,
        range: (from, to) => [Math.max(0, Math.floor(from)), Math.min(values.length, Math.ceil(to))],
      });
      context.setLineDash([]);
    });
  }

  private drawValues(plot: Plot): void {
    const numbers = this.at(plot.shape.name, this.step);
    const shown = numbers.slice(0, LINES);
    while (plot.values.childElementCount > shown.length) plot.values.lastElementChild!.remove();
    while (plot.values.childElementCount < shown.length)
      plot.values.append(el("span", { class: "column-value" }, el("i", { class: "swatch" }), el("span")));
    shown.forEach((value, dimension) => {
      const item = plot.values.children[dimension] as HTMLElement;
      const label = plot.shape.labels?.[dimension];
      setText(
        item.lastElementChild as HTMLElement,
        `${label !== undefined ? `${label} ` : shown.length > 1 ? `[${dimension}] ` : ""}${flag(plot.shape) ? exact(value) : significant(value)}`,
      );
      setTitle(
        item,
        `${plot.shape.name}${label !== undefined ? ` ${label}` : `[${dimension}]`} = ${exact(value)}`,
      );
      const swatch = item.firstElementChild as HTMLElement;
      // One line alone needs no legend, and a heat map has none.
      swatch.hidden = plot.shape.width === 1 || plot.shape.width > LINES;
      swatch.style.borderTopColor =
        plot.shape.width === 1 ? theme().positive : theme().series[dimension % theme().series.length]!;
      swatch.style.borderTopStyle =
        dimension === 0 ? "solid" : dimension === 2 || dimension === 4 ? "dotted" : "dashed";
    });
  }
}
