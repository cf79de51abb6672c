import * as vscode from "vscode";

/** Where the reader is: one step of one trajectory. */
export interface CursorMove {
  readonly trajectoryId: string;
  readonly stepIndex: number;
  /** The view that moved, so that it does not follow itself. */
  readonly origin: object;
}

/** The step cursor that all views share: moving it in one moves it in the others that show the same trajectory. */
export class SharedCursor implements vscode.Disposable {
  private readonly moves = new vscode.EventEmitter<CursorMove>();
  private readonly places = new Map<string, number>();
  readonly onMove = this.moves.event;

  move(trajectoryId: string, stepIndex: number, origin: object): void {
    if (this.places.get(trajectoryId) === stepIndex) return;
    // Oldest places are forgotten first: a reader who pages through a million rollouts must not fill the memory.
    this.places.delete(trajectoryId);
    this.places.set(trajectoryId, stepIndex);
    const oldest = this.places.keys().next().value;
    if (this.places.size > 500 && oldest !== undefined) this.places.delete(oldest);
    this.moves.fire({ trajectoryId, stepIndex, origin });
  }

  /** Last place in a trajectory, if the reader has been there. */
  of(trajectoryId: string): number | undefined {
    return this.places.get(trajectoryId);
  }

  dispose(): void {
    this.moves.dispose();
  }
}
