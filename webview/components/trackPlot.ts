import type { StepAxis } from "./stepAxis";
import { theme } from "./theme";

/** A series to draw: `position` gives where entry `index` lies on the step axis. */
export interface PlottedSeries {
  readonly values: ArrayLike<number>;
  readonly signed: boolean;
  readonly low: number;
  readonly high: number;
  /** Position of an entry in steps, of its middle. */
  position(index: number): number;
  /** Entries in [from, to) of the axis, as half-open index range. */
  range(from: number, to: number): readonly [number, number];
  readonly colour?: string;
  /** Confidence intervals, aligned with the values. */
  readonly interval?: { readonly low: ArrayLike<number>; readonly high: ArrayLike<number> };
}

const MARGIN = 3;

/** Draws bars around zero for signed series and a line for the others; gaps stay gaps, cut bars get a notch. */
export function drawSeries(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  axis: StepAxis,
  series: PlottedSeries,
): void {
  const { low, high } = series;
  const y = (value: number): number =>
    MARGIN + (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low)) * (height - 2 * MARGIN);
  const [first, end] = series.range(axis.from, axis.to);
  if (series.signed) {
    drawZero(context, width, y(0));
    drawBars(context, width, axis, series, y, first, end);
  } else {
    if (low < 0 && high > 0) drawZero(context, width, y(0));
    drawLine(context, width, axis, series, y, first, end);
  }
  if (series.interval && end - first <= width / 4) drawIntervals(context, axis, series, y, first, end);
}

/** A whisker with feet for each interval. */
function drawIntervals(
  context: CanvasRenderingContext2D,
  axis: StepAxis,
  { interval, position }: PlottedSeries,
  y: Scale,
  first: number,
  end: number,
): void {
  context.strokeStyle = theme().foreground;
  context.lineWidth = 1;
  context.beginPath();
  for (let index = first; index < end; index++) {
    const [low, high] = [interval!.low[index] as number, interval!.high[index] as number];
    if (!Number.isFinite(low) || !Number.isFinite(high)) continue;
    const x = Math.round(axis.x(position(index))) + 0.5;
    context.moveTo(x, y(low));
    context.lineTo(x, y(high));
    for (const bound of [low, high]) {
      context.moveTo(x - 3, Math.round(y(bound)) + 0.5);
      context.lineTo(x + 3, Math.round(y(bound)) + 0.5);
    }
  }
  context.stroke();
}

/** One number for the whole trajectory: a level from zero to the number, over the parts of the axis that earned it. */
export function drawLevel(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  value: number,
  signed: boolean,
  low: number,
  high: number,
  spans: readonly (readonly [number, number])[],
): void {
  const { positive, negative, highContrast } = theme();
  const y = (each: number): number =>
    MARGIN + (1 - (Math.min(high, Math.max(low, each)) - low) / (high - low)) * (height - 2 * MARGIN);
  const zero = y(Math.min(high, Math.max(low, 0)));
  const level = y(value);
  context.fillStyle = signed && value < 0 ? negative : positive;
  for (const [from, to] of spans) {
    if (!highContrast) {
      context.globalAlpha = 0.25;
      context.fillRect(from, Math.min(zero, level), to - from, Math.abs(level - zero));
      context.globalAlpha = 1;
    }
    context.fillRect(from, level - 1, to - from, 2);
  }
  drawZero(context, width, zero);
}

/** Pixels of the axis over the steps that are credited; all of it where none is known to be. */
export function creditedSpans(
  axis: StepAxis,
  credited: (step: number) => boolean,
): readonly (readonly [number, number])[] {
  const spans: [number, number][] = [];
  const end = Math.min(axis.count, Math.ceil(axis.to));
  for (let step = Math.max(0, Math.floor(axis.from)); step < end; step++) {
    if (!credited(step)) continue;
    const last = spans.at(-1);
    const from = axis.x(step);
    if (last && from - last[1] < 0.5) last[1] = axis.x(step + 1);
    else spans.push([from, axis.x(step + 1)]);
  }
  return spans.length > 0 ? spans : [[0, axis.width]];
}

function drawZero(context: CanvasRenderingContext2D, width: number, zero: number): void {
  context.save();
  context.setLineDash([]);
  context.strokeStyle = theme().neutral;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(0, Math.round(zero) + 0.5);
  context.lineTo(width, Math.round(zero) + 0.5);
  context.stroke();
  context.restore();
}

type Scale = (value: number) => number;

function drawBars(
  context: CanvasRenderingContext2D,
  width: number,
  axis: StepAxis,
  series: PlottedSeries,
  y: Scale,
  first: number,
  end: number,
): void {
  const { positive, negative, highContrast, background } = theme();
  const zero = y(0);
  const each = end > first ? width / Math.max(1, end - first) : width;
  const bar = (x: number, thickness: number, value: number): void => {
    const top = y(value);
    const height = Math.max(1, Math.abs(top - zero));
    context.fillStyle = value < 0 ? negative : positive;
    // Zero is a number, not a gap: it gets a mark across its line.
    if (value === 0) context.fillRect(x, zero - 1.5, thickness, 3);
    else context.fillRect(x, Math.min(top, zero), thickness, height);
    // In high contrast what is below zero is hollow, so that neither hue nor place alone must tell it.
    if (highContrast && value < 0 && thickness > 4 && height > 4) {
      context.fillStyle = background;
      context.fillRect(x + 1.5, Math.min(top, zero) + 1.5, thickness - 3, height - 3);
    }
    if ((value > series.high || value < series.low) && thickness > 3) {
      context.fillStyle = theme().foreground;
      context.fillRect(x, value > 0 ? MARGIN - 2 : top + 1, thickness, 1);
    }
  };
  if (each >= 1) {
    const thickness = each < 4 ? each : Math.min(18, each * 0.7);
    for (let index = first; index < end; index++) {
      const value = series.values[index] as number;
      if (!Number.isFinite(value)) continue;
      bar(axis.x(series.position(index)) - thickness / 2, thickness, value);
    }
    return;
  }
  // Many entries a pixel: the largest on either side of zero stands for them, so that no peak is lost.
  const columns = Math.ceil(width) + 1;
  const above = new Float64Array(columns);
  const below = new Float64Array(columns);
  for (let index = first; index < end; index++) {
    const value = series.values[index] as number;
    if (!Number.isFinite(value)) continue;
    const column = Math.floor(axis.x(series.position(index)));
    if (column < 0 || column >= columns) continue;
    if (value > above[column]!) above[column] = value;
    if (value < below[column]!) below[column] = value;
  }
  for (let column = 0; column < columns; column++) {
    if (above[column]! > 0) bar(column, 1, above[column]!);
    if (below[column]! < 0) bar(column, 1, below[column]!);
  }
}

function drawLine(
  context: CanvasRenderingContext2D,
  width: number,
  axis: StepAxis,
  series: PlottedSeries,
  y: Scale,
  first: number,
  end: number,
): void {
  const { positive } = theme();
  context.strokeStyle = context.fillStyle = series.colour ?? positive;
  context.lineWidth = 1.5;
  const dense = end - first > width * 2;
  const points = end - first <= width / 8;
  context.beginPath();
  let open = false;
  let column = -1;
  let low = NaN;
  let high = NaN;
  const flush = (): void => {
    if (column < 0 || Number.isNaN(low)) return;
    if (open) context.lineTo(column + 0.5, y(high));
    else context.moveTo(column + 0.5, y(high));
    context.lineTo(column + 0.5, y(low) + 0.5);
    open = true;
  };
  for (let index = Math.max(0, first - 1); index < Math.min(series.values.length, end + 1); index++) {
    const value = series.values[index] as number;
    if (!Number.isFinite(value)) {
      if (dense) flush();
      column = -1;
      low = high = NaN;
      open = false;
      continue;
    }
    const x = axis.x(series.position(index));
    if (dense) {
      const pixel = Math.floor(x);
      if (pixel !== column) {
        flush();
        column = pixel;
        low = high = value;
      } else {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    } else {
      if (open) context.lineTo(x, y(value));
      else context.moveTo(x, y(value));
      open = true;
    }
  }
  if (dense) flush();
  context.stroke();
  for (let index = first; index < end; index++) {
    const value = series.values[index] as number;
    if (!Number.isFinite(value)) continue;
    const alone =
      !Number.isFinite((series.values[index - 1] as number | undefined) ?? NaN) &&
      !Number.isFinite((series.values[index + 1] as number | undefined) ?? NaN);
    if (!points && !alone) continue;
    context.beginPath();
    context.arc(axis.x(series.position(index)), y(value), 2.5, 0, 2 * Math.PI);
    context.fill();
  }
}
