import type { StepWindowItem } from "../../../src/protocol/webviewMessages";

/** True when any text of a step holds `wanted`, in any case. */
function stepMatches(item: StepWindowItem, wanted: string): boolean {
  const { action, thought, observation, role, kind, toolCalls } = item.step;
  const small = wanted.toLowerCase();
  return [action, thought, observation, role, kind, ...(toolCalls ?? []).map((call) => call.name)].some(
    (text) => text?.toLowerCase().includes(small) ?? false,
  );
}

/**
 * Which steps the list shows. Steps that are not loaded yet stay out until they are, so a filter over a long
 * trajectory fills up as its windows arrive.
 */
export class StepFilter {
  private text = "";
  private shown: number[] | undefined;

  get active(): boolean {
    return this.shown !== undefined;
  }

  get wanted(): string {
    return this.text;
  }

  /** Number of rows of the list. */
  count(steps: number): number {
    return this.shown ? this.shown.length : steps;
  }

  stepAt(row: number): number {
    return this.shown ? (this.shown[row] ?? 0) : row;
  }

  /** Row of a step, or the nearest row before it. */
  rowOf(step: number): number {
    if (!this.shown) return step;
    let row = -1;
    for (let index = 0; index < this.shown.length && this.shown[index]! <= step; index++) row = index;
    return row;
  }

  apply(text: string, items: Iterable<[number, StepWindowItem]>): void {
    this.text = text.trim();
    if (this.text === "") {
      this.shown = undefined;
      return;
    }
    this.shown = [...items]
      .filter(([, item]) => stepMatches(item, this.text))
      .map(([index]) => index)
      .sort((a, b) => a - b);
  }
}
