/** Tallest element that browsers lay out exactly; above it, scroll positions are scaled. */
const TALLEST_PIXELS = 8_000_000;

/**
 * Maps rows to a scroll bar of limited height. Positions are kept in "virtual" pixels (row height times row), which
 * doubles hold exactly for any list; the scroll bar shows them scaled when the list is taller than a browser can be.
 */
export class ScrollSpace {
  private rows = 0;
  private viewport = 0;

  constructor(
    readonly rowHeight: number,
    private readonly tallest = TALLEST_PIXELS,
  ) {}

  setRows(rows: number): void {
    this.rows = rows;
  }

  setViewport(pixels: number): void {
    this.viewport = pixels;
  }

  get virtualHeight(): number {
    return this.rows * this.rowHeight;
  }

  /** Height of the element that makes the scroll bar. */
  get scrollHeight(): number {
    return Math.min(this.virtualHeight, this.tallest);
  }

  get scaled(): boolean {
    return this.virtualHeight > this.tallest;
  }

  /** Largest virtual position of the viewport's upper edge. */
  get end(): number {
    return Math.max(0, this.virtualHeight - this.viewport);
  }

  toVirtual(scrollTop: number): number {
    if (!this.scaled) return Math.min(scrollTop, this.end);
    const range = this.scrollHeight - this.viewport;
    return range <= 0 ? 0 : Math.min(1, Math.max(0, scrollTop / range)) * this.end;
  }

  toScroll(virtualTop: number): number {
    if (!this.scaled) return virtualTop;
    const range = this.scrollHeight - this.viewport;
    return this.end === 0 ? 0 : (virtualTop / this.end) * range;
  }

  clamp(virtualTop: number): number {
    return Math.min(this.end, Math.max(0, virtualTop));
  }

  /** Rows in view from `virtualTop`: half-open [start, end). */
  visible(virtualTop: number): { start: number; end: number } {
    const start = Math.max(0, Math.floor(virtualTop / this.rowHeight));
    return { start, end: Math.min(this.rows, Math.ceil((virtualTop + this.viewport) / this.rowHeight)) };
  }

  /** Position that brings a row fully into view with the least movement. */
  reveal(row: number, virtualTop: number): number {
    const top = row * this.rowHeight;
    if (top < virtualTop) return this.clamp(top);
    if (top + this.rowHeight > virtualTop + this.viewport)
      return this.clamp(top + this.rowHeight - this.viewport);
    return virtualTop;
  }
}
