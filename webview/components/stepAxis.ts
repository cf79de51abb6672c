/** The horizontal axis that all tracks share: steps [from, to) over `width` pixels. */
export class StepAxis {
  from = 0;
  to = 1;
  width = 1;
  private steps = 1;

  get count(): number {
    return this.steps;
  }

  get zoomed(): boolean {
    return this.from > 0 || this.to < this.steps;
  }

  setCount(steps: number): void {
    this.steps = Math.max(1, steps);
    this.reset();
  }

  reset(): void {
    this.from = 0;
    this.to = this.steps;
  }

  /** Left edge of a position in steps; a step covers [step, step + 1). */
  x(position: number): number {
    return ((position - this.from) / (this.to - this.from)) * this.width;
  }

  /** The step under a pixel, inside the trajectory. */
  step(x: number): number {
    const position = this.from + (x / this.width) * (this.to - this.from);
    return Math.max(0, Math.min(this.steps - 1, Math.floor(position)));
  }

  /** Zooms around a pixel; at least five steps stay in view. */
  zoom(factor: number, x: number): void {
    const span = Math.min(this.steps, Math.max(Math.min(5, this.steps), (this.to - this.from) * factor));
    const centre = this.from + (x / this.width) * (this.to - this.from);
    this.from = Math.max(0, Math.min(this.steps - span, centre - (x / this.width) * span));
    this.to = this.from + span;
  }

  /** Moves a zoomed axis so that a step is in view. True when it moved. */
  reveal(step: number): boolean {
    const span = this.to - this.from;
    if (step >= this.from && step + 1 <= this.to) return false;
    this.from = Math.max(0, Math.min(this.steps - span, step + 0.5 - span / 2));
    this.to = this.from + span;
    return true;
  }
}
