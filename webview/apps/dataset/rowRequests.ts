import type { RowQuery } from "../../../src/protocol/storeCalls";
import type { FromDatasetView } from "../../../src/protocol/webviewMessages";

type RowsRequest = Extract<FromDatasetView, { type: "rows" }>;

interface Waiting {
  readonly query: RowQuery;
  readonly start: number;
  readonly end: number;
  readonly answered: (total: number, start: number, rows: readonly unknown[]) => void;
}

/**
 * Sends row requests one at a time. The host answers only the newest, so what the table needs goes out at once, and
 * background questions (how many rows has this filter?) wait for a pause and are asked again if they were overtaken.
 */
export class RowRequests {
  private id = 0;
  private tableId = 0;
  private underWay: { id: number; waiting: Waiting } | undefined;
  private tableBusy = false;
  private queue: Waiting[] = [];

  constructor(private readonly post: (message: RowsRequest) => void) {}

  /** Asks for rows of the table. */
  table(query: RowQuery, start: number, end: number): void {
    if (this.underWay) this.queue.unshift(this.underWay.waiting);
    this.underWay = undefined;
    this.tableBusy = true;
    this.tableId = ++this.id;
    this.post({ type: "rows", id: this.id, query, start, end });
  }

  /** Drops background questions, for a new selection. */
  forget(): void {
    this.queue = [];
    this.underWay = undefined;
  }

  /** Asks in the background. */
  ask(query: RowQuery, start: number, end: number, answered: Waiting["answered"]): void {
    this.queue.push({ query, start, end, answered });
    this.next();
  }

  /** @returns true when the answer is the table's */
  receive(id: number, start: number, rows: readonly unknown[], total: number): boolean {
    if (this.underWay?.id === id) {
      const { waiting } = this.underWay;
      waiting.answered(total, start, rows);
      if (start + rows.length >= Math.min(waiting.end, total) || rows.length === 0) {
        this.underWay = undefined;
        this.next();
      }
      return false;
    }
    if (id !== this.tableId) return false;
    this.tableBusy = false;
    setTimeout(() => this.next(), 30);
    return true;
  }

  private next(): void {
    if (this.tableBusy || this.underWay) return;
    const waiting = this.queue.shift();
    if (!waiting) return;
    this.underWay = { id: ++this.id, waiting };
    this.post({ type: "rows", id: this.id, query: waiting.query, start: waiting.start, end: waiting.end });
  }
}
