import * as vscode from "vscode";
import type { CreditFunctionNote, DatasetNote } from "../../services/annotationsContract";
import type { Host } from "../host";

/** How long an answer for one text is reused: lenses and hovers ask several times in a row. */
const FRESH_MS = 1_000;

export interface TrainerNote {
  readonly functions: readonly CreditFunctionNote[];
  readonly note: DatasetNote | undefined;
}

/** What the newest rollouts say about the credit functions of a Python document. */
export class TrainerNotes implements vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<void>();
  readonly onChange = this.changes.event;
  private readonly kept = new Map<
    string,
    { readonly version: number; readonly at: number; readonly note: Promise<TrainerNote | undefined> }
  >();
  private readonly subscription: vscode.Disposable;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly host: Host) {
    this.subscription = host.library.onChange(() => {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.kept.clear();
        this.changes.fire();
      }, FRESH_MS);
    });
  }

  of(document: vscode.TextDocument): Promise<TrainerNote | undefined> {
    const key = document.uri.toString();
    const known = this.kept.get(key);
    if (known?.version === document.version && Date.now() - known.at < FRESH_MS) return known.note;
    const note = this.read(document);
    this.kept.set(key, { version: document.version, at: Date.now(), note });
    note.catch(() => this.kept.delete(key));
    return note;
  }

  private async read(document: vscode.TextDocument): Promise<TrainerNote | undefined> {
    if (document.uri.scheme !== "file") return undefined;
    const source = document.getText();
    const { library } = this.host;
    // Most Python files hold no such function: they are told apart by their text alone, before anything is started.
    if (
      !/\bdef\s+\w*(reward|score|advantage|return)/i.test(source) &&
      !/register_adv|reward_func/.test(source)
    )
      return undefined;
    await library.ready();
    const found = await library.services.annotations.script(document.uri.fsPath, source);
    if (!found) return undefined;
    const nearest = found.datasets[0];
    return {
      functions: found.functions,
      note: nearest && (await library.services.annotations.dataset(nearest.id)),
    };
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.subscription.dispose();
    this.changes.dispose();
  }
}
