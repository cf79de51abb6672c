import type * as vscode from "vscode";
import { encodeNumbers } from "../../protocol/wireNumbers";
import { shownMessage } from "../ui/credentialMask";
import type { Failures } from "../ui/failures";

/** One webview's line to the host: checked messages in, tagged numbers out, errors as a sentence in the view. */
export class ViewChannel<To extends { readonly type: string }, From extends { readonly type: string }>
  implements vscode.Disposable
{
  private readonly subscription: vscode.Disposable;
  private readonly newestIds = new Map<string, number>();
  private closed = false;
  private heard = false;

  /**
   * @param parse gives undefined for what the view must not send
   * @param handle answers one message; what it throws is shown in the view
   */
  constructor(
    private readonly panel: vscode.WebviewPanel,
    private readonly failures: Failures,
    parse: (message: unknown) => From | undefined,
    handle: (message: From) => Promise<void> | void,
    private readonly toError: (message: string, hint: string) => To,
  ) {
    this.subscription = panel.webview.onDidReceiveMessage(async (raw: unknown) => {
      const message = parse(raw);
      if (!message) {
        failures.note(
          new Error("A view sent a message that is not part of the protocol; it was ignored."),
          "read a message",
        );
        return;
      }
      this.heard = true;
      if ("id" in message && typeof message.id === "number") this.newestIds.set(message.type, message.id);
      try {
        await handle(message);
      } catch (error) {
        this.error(error, `answer "${message.type}"`);
      }
    });
    panel.onDidDispose(() => this.dispose());
  }

  /** False once a newer request of the same kind has come: its answer is the one that counts. */
  isNewest(type: From["type"], id: number): boolean {
    return (this.newestIds.get(type) ?? id) === id;
  }

  /** True once the view has come up and said something. */
  get ready(): boolean {
    return this.heard;
  }

  post(message: To): void {
    // A closed view wants nothing any more, and a hidden one asks again when it is shown.
    if (!this.closed) void this.panel.webview.postMessage(encodeNumbers(shownMessage(message)));
  }

  /** Shows a failure in the view; the log gets the details. */
  error(error: unknown, what: string): void {
    const data = this.failures.note(error, what);
    this.post(this.toError(data.message, data.hint));
  }

  dispose(): void {
    this.closed = true;
    this.subscription.dispose();
  }
}
