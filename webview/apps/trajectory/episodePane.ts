import type { TrajectoryHead } from "../../../src/protocol/webviewMessages";
import { ColumnPlots } from "../../components/columnPlots";
import { significant } from "../../components/format";

/** Numbers of an action shown in the step list at most. */
const WORDS = 4;

/** States and actions of an episode without text, fetched column by column. */
export class EpisodePane {
  readonly plots: ColumnPlots;
  private head: TrajectoryHead | undefined;
  private waiting: string[] = [];

  constructor(
    private readonly request: (name: string) => void,
    onStep: (step: number) => void,
  ) {
    this.plots = new ColumnPlots(onStep);
    this.plots.element.hidden = true;
  }

  get numeric(): boolean {
    return (this.head?.columns.length ?? 0) > 0;
  }

  setHead(head: TrajectoryHead): void {
    const same = this.head?.row.id === head.row.id;
    this.head = head;
    this.plots.element.hidden = !this.numeric;
    if (same || !this.numeric) return;
    this.plots.set(head.columns, head.stepCount);
    this.waiting = head.columns.map((column) => column.name);
    this.next();
  }

  receive(name: string, start: number, data: Float32Array | Float64Array): void {
    if (!this.plots.receive(name, start, data) || this.waiting[0] !== name) return;
    this.waiting.shift();
    this.next();
  }

  /** The action of a step in short, for the list; undefined for trajectories with text. */
  words(step: number): string | undefined {
    if (!this.numeric) return undefined;
    const columns = this.head!.columns;
    const action = columns.find((column) => column.role === "action") ?? columns[0]!;
    const values = this.plots.at(action.name, step);
    if (values.length === 0) return "";
    return `${action.name} ${values.slice(0, WORDS).map(significant).join(", ")}${values.length > WORDS ? ", …" : ""}`;
  }

  /** Columns are asked for one at a time, so that a newer request never cancels an older one. */
  private next(): void {
    const name = this.waiting[0];
    if (name !== undefined) this.request(name);
  }
}
