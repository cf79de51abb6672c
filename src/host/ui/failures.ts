import * as vscode from "vscode";
import { Failure, failureData } from "../../model/failure";

/** A button under a message. */
export interface FailureAction {
  readonly title: string;
  run(): unknown;
}

/** True for what a user's own cancelling throws; that is no failure. */
export function isCancellation(error: unknown): boolean {
  return (
    error instanceof vscode.CancellationError ||
    (error instanceof Error && (error.name === "AbortError" || error.name === "Canceled")) ||
    (error instanceof Failure && error.code === "cancelled")
  );
}

/** Shows what went wrong in one sentence with what to do; the stack goes to the log alone. */
export class Failures {
  constructor(private readonly log: vscode.LogOutputChannel) {}

  /**
   * @param what the attempt, for the log: "open the trajectory"
   * @param actions buttons before "Show Log"
   */
  show(error: unknown, what: string, actions: readonly FailureAction[] = []): void {
    if (isCancellation(error)) return;
    const data = this.note(error, what);
    const showLog: FailureAction = { title: "Show Log", run: () => this.log.show() };
    const all = [...actions, showLog];
    const text = [data.message, data.hint].map(sentence).join(" ");
    void vscode.window.showErrorMessage(text, ...all.map((action) => action.title)).then((title) => {
      all.find((action) => action.title === title)?.run();
    });
  }

  /** Writes a failure to the log without a notification, for what is shown elsewhere. */
  note(error: unknown, what: string): { message: string; hint: string; code: string } {
    const data = failureData(error);
    this.log.error(`Could not ${what}: ${data.message} ${data.hint}`);
    if (error instanceof Error && !(error instanceof Failure) && error.stack) this.log.error(error.stack);
    return data;
  }

  /**
   * Wraps a command so that whatever it throws is shown.
   * @param what the attempt, asked for once something was thrown
   */
  guarded<A extends unknown[], R>(
    what: () => string,
    action: (...args: A) => Promise<R> | R,
  ): (...args: A) => Promise<R | undefined> {
    return async (...args) => {
      try {
        return await action(...args);
      } catch (error) {
        this.show(error, what());
        return undefined;
      }
    };
  }
}

const sentence = (text: string): string =>
  /[.!?]$/.test(text.trim()) || text.trim() === "" ? text.trim() : `${text.trim()}.`;
